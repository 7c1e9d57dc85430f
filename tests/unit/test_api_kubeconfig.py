"""Which cluster and which credentials the inventory's two keys mean, and what is said where they mean none."""

import base64
import json
import stat
import time

import pytest

from module_utils.ingresskit.api import kubeconfig
from module_utils.ingresskit.api.kubeconfig import resolve
from module_utils.ingresskit.errors import ClusterError

PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


@pytest.fixture(autouse=True)
def no_pod(monkeypatch, tmp_path):
    monkeypatch.setattr(kubeconfig, "SERVICE_ACCOUNT", tmp_path / "serviceaccount")


def config(name="one", current=None, user=None, **cluster):
    return {
        "current-context": name if current is None else current,
        "clusters": [{"name": name, "cluster": {"server": f"https://{name}.example:6443/"} | cluster}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "users": [{"name": name, "user": user or {"token": f"token-of-{name}"}}],
    }


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(path)


def test_the_files_own_context(tmp_path):
    path = write(tmp_path / "a", config())
    access = resolve(path, None, {})
    assert access.server == "https://one.example:6443"
    assert access.credentials.authorization() == "Bearer token-of-one"
    assert access.origin == f"context 'one' in {path}"
    assert access.verify


def test_a_named_context_wins(tmp_path):
    both = config()
    other = config("two")
    for key in ("clusters", "contexts", "users"):
        both[key] += other[key]
    assert resolve(write(tmp_path / "a", both), "two", {}).server == "https://two.example:6443"


def test_several_files_are_merged_and_the_first_wins(tmp_path):
    """https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/#merging-kubeconfig-files"""
    first = write(tmp_path / "a", config("one", current=""))
    second = write(tmp_path / "b", config("two"))
    third = config("one", current="one")
    third["clusters"][0]["cluster"]["server"] = "https://shadowed.example"
    env = {"KUBECONFIG": ":".join([first, str(tmp_path / "missing"), second, write(tmp_path / "c", third)])}
    assert resolve(None, None, env).server == "https://two.example:6443", "current-context of the first file to set it"
    assert resolve(None, "one", env).server == "https://one.example:6443", "the first file to name a cluster"


def test_home_is_the_default(tmp_path):
    write(tmp_path / ".kube" / "config", config())
    assert resolve(None, None, {"HOME": str(tmp_path)}).server == "https://one.example:6443"


def test_a_pod_uses_its_service_account(tmp_path):
    write(tmp_path / "serviceaccount" / "token", "pod-token\n")
    write(tmp_path / "serviceaccount" / "ca.crt", PEM)
    env = {"HOME": str(tmp_path), "KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}
    access = resolve(None, None, env)
    assert (access.server, access.ca_pem) == ("https://10.96.0.1:443", PEM)
    assert access.credentials.authorization() == "Bearer pod-token"
    with pytest.raises(ClusterError, match=r"^ingress_cluster\.context: there is no kubeconfig"):
        resolve(None, "one", env)


ENTRY = "clusters: [{name: one}]"
FAULTS = {
    "missing file": (None, None, r"^ingress_cluster\.kubeconfig: .*/missing does not exist: correct the path"),
    "empty file": ("", None, r"^ingress_cluster\.kubeconfig: .* is not a kubeconfig"),
    "not YAML": ("a: [b\nc", None, r"^ingress_cluster\.kubeconfig: .* is not valid YAML \(line \d\)"),
    "not a kubeconfig": ("[1]", None, r"^ingress_cluster\.kubeconfig: .* is not a kubeconfig"),
    "half an entry": (ENTRY, None, r"^ingress_cluster\.kubeconfig: .* entry of clusters has no name"),
    "no current context": (
        config(current=""), None, r"^ingress_cluster\.context: .* sets no current-context: name one of one$"
    ),
    "unknown context": (config(), "prod", r"^ingress_cluster\.context: .* has no context 'prod': name one of one$"),
    "no server": (config(server=None), None, r"^ingress_cluster\.context: .* cluster 'one', which has no server"),
    "unknown user": (config() | {"users": []}, None, r"^ingress_cluster\.context: .* user 'one', which is not there"),
    "CA file missing": (
        config(**{"certificate-authority": "ca.crt"}), None,
        r"^ingress_cluster\.kubeconfig: certificate-authority .*/ca\.crt cannot be read",
    ),
    "CA data broken": (
        config(**{"certificate-authority-data": "A"}), None,
        r"^ingress_cluster\.kubeconfig: certificate-authority-data is not base64 of PEM",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("content", "context", "message"), FAULTS.values(), ids=FAULTS)
def test_faults_name_the_key_in_one_line(tmp_path, content, context, message):
    path = str(tmp_path / "missing") if content is None else write(tmp_path / "a", content)
    with pytest.raises(ClusterError, match=message) as caught:
        resolve(path, context, {})
    assert "\n" not in str(caught.value)
    assert "token-of" not in str(caught.value)


def test_no_kubeconfig_at_all_tells_where_it_was_looked_for(tmp_path):
    with pytest.raises(ClusterError, match=rf"no kubeconfig found \(tried {tmp_path}/\.kube/config\)"):
        resolve(None, None, {"HOME": str(tmp_path)})


def test_certificates_from_data_and_from_files_beside_the_config(tmp_path):
    write(tmp_path / "pki" / "client.crt", PEM)
    write(tmp_path / "pki" / "client.key", "KEY")
    user = {"client-certificate": "pki/client.crt", "client-key": "pki/client.key"}
    data = base64.b64encode(PEM.encode()).decode()
    access = resolve(write(tmp_path / "a", config(user=user, **{"certificate-authority-data": data})), None, {})
    assert access.ca_pem == PEM
    pair = access.credentials.key_pair()
    assert (pair.certificate, pair.key) == (PEM, "KEY")
    assert "KEY" not in repr(pair)


@pytest.mark.parametrize(
    ("user", "header"),
    [
        ({"username": "u", "password": "p"}, "Basic dTpw"),
        ({"token": "t"}, "Bearer t"),
        ({"client-certificate-data": "QQ==", "client-key-data": "QQ=="}, None),
        ({"as": "admin"}, None),
    ],
)
def test_ways_to_prove_who_one_is(tmp_path, user, header):
    access = resolve(write(tmp_path / "a", config(user=user)), None, {})
    assert access.credentials.authorization() == header
    assert access.headers == ({"Impersonate-User": "admin"} if "as" in user else {})


def test_cluster_options(tmp_path):
    options = {"insecure-skip-tls-verify": True, "tls-server-name": "kube", "proxy-url": "http://proxy:3128"}
    access = resolve(write(tmp_path / "a", config(**options)), None, {})
    assert (access.verify, access.server_name, access.proxy) == (False, "kube", "http://proxy:3128")


def test_token_file_is_read_again_after_a_refusal(tmp_path):
    write(tmp_path / "token", "old\n")
    credentials = resolve(write(tmp_path / "a", config(user={"tokenFile": "token"})), None, {}).credentials
    assert credentials.authorization() == "Bearer old"
    write(tmp_path / "token", "new\n")
    assert credentials.authorization() == "Bearer old"
    assert credentials.renew()
    assert credentials.authorization() == "Bearer new"


def plugin(tmp_path, script):
    path = tmp_path / "bin" / "login"
    write(path, f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    command = {"apiVersion": "client.authentication.k8s.io/v1", "command": "./bin/login", "args": ["one"]}
    command["env"] = [{"name": "REGION", "value": "eu"}]
    return resolve(write(tmp_path / "a", config(user={"exec": command})), None, {}).credentials


def credential(expires):
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + expires))
    return f'{{"kind":"ExecCredential","status":{{"token":"$REGION-$1-$n","expirationTimestamp":"{stamp}"}}}}'


@pytest.mark.parametrize(("expires", "runs"), [(3600, 1), (5, 2)])
def test_exec_plugin_runs_once_per_token(tmp_path, expires, runs):
    count = tmp_path / "count"
    script = f"echo x >> {count}; n=$(wc -l < {count}); cat <<EOF\n{credential(expires)}\nEOF"
    credentials = plugin(tmp_path, script)
    assert credentials.authorization() == "Bearer eu-one-1"
    assert credentials.authorization() == f"Bearer eu-one-{runs}"
    credentials.renew()
    assert credentials.authorization() == f"Bearer eu-one-{runs + 1}"


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo expired login >&2; exit 3", "exec plugin ./bin/login ended with 3: expired login$"),
        ("exit 1", "ended with 1: it said nothing$"),
        ("echo hello", "did not print an ExecCredential"),
    ],
)
def test_exec_plugin_that_fails(tmp_path, script, message):
    with pytest.raises(ClusterError, match=message) as caught:
        plugin(tmp_path, script).authorization()
    assert str(caught.value).startswith("ingress_cluster.context: context 'one' in ")


def test_exec_plugin_that_is_not_installed(tmp_path):
    command = {"apiVersion": "v1", "command": "no-such-login", "installHint": "get it from x"}
    credentials = resolve(write(tmp_path / "a", config(user={"exec": command})), None, {}).credentials
    with pytest.raises(
        ClusterError, match=r"no-such-login cannot be started \(No such file or directory\): get it from x"
    ):
        credentials.authorization()
