"""Secrets as ciphertext: what is encrypted, what stays as it is, and that plain text goes nowhere else.

The program here is a test double of sops (its cipher is base64 backwards, with a number that is new each time); the real
one is asked in tests/cluster/test_sops.py.
"""

import base64
import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from module_utils.ingresskit.errors import InventoryError
from module_utils.ingresskit.render.sealing import known_sealed, same_outside
from module_utils.ingresskit.render.yaml_files import with_header
from module_utils.ingresskit.rendering import render_for_git

from .certificates import certificate, key_pem

DOUBLE = """#!{python}
# TEST DOUBLE of sops
import base64, json, os, pathlib, re, sys
here = pathlib.Path({folder!r})
with (here / "calls").open("a") as calls:
    calls.write(json.dumps([sys.argv[1:], os.getcwd()]) + "\\n")
(here / "key-file").write_text(os.environ.get("SOPS_AGE_KEY_FILE", ""))
number = len((here / "calls").read_text().splitlines())
document = json.loads(pathlib.Path("/dev/stdin").read_text())
def each(change):
    for field in set(document) & {{"data", "stringData"}}:
        document[field] = {{key: change(value) for key, value in document[field].items()}}
if "--encrypt" in sys.argv:
    recipients = sys.argv[sys.argv.index("--age") + 1].split(",")
    each(lambda text: f"ENC[AES256_GCM,{{number}},{{base64.b64encode(text.encode()).decode()[::-1]}}]")
    document["sops"] = {{"age": [{{"recipient": each, "enc": "x"}} for each in recipients], "lastmodified": "2026-08-01T12:00:00Z"}}
    document["sops"]["encrypted_regex"] = sys.argv[sys.argv.index("--encrypted-regex") + 1]
elif not os.environ.get("SOPS_AGE_KEY"):
    sys.exit("Failed to get the data key\\n\\nno identity matched any of the recipients")
else:
    each(lambda text: base64.b64decode(re.match(r"ENC.AES256_GCM,[0-9]+,(.*).$", text)[1][::-1]).decode())
    del document["sops"]
print(json.dumps(document))
"""
ME, YOU = "age1qqqq", "age1zzzz"
ROOT = Path(__file__).parents[2]
LONG = 9000  # days: the clock is the real one
CERT, KEY = certificate("a.example", days=LONG).decode(), key_pem().decode()
HASH = "$2y$05$c4naryc4naryc4naryc4nO"
CANARY = "c4nary-password"
OPAQUE = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "a", "namespace": "b"},
    "stringData": {"p": CANARY},
}


@pytest.fixture
def sops(tmp_path, monkeypatch):
    """Its calls: arguments and folder of each."""
    program = tmp_path / "bin/sops"
    program.parent.mkdir()
    program.write_text(DOUBLE.format(python=sys.executable, folder=str(tmp_path)))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    monkeypatch.delenv("SOPS_AGE_KEY", raising=False)
    (tmp_path / "calls").touch()

    def calls():
        found = [json.loads(line) for line in (tmp_path / "calls").read_text().splitlines()]
        (tmp_path / "calls").write_text("")
        return found

    return calls


def inventory(*recipients, cert=CERT, key=KEY, **more):
    apps = {"cafe": {"tls": {"cert": cert, "key": key}, "hosts": {"a.example": "tea:80"}}}
    git = {"tool": "flux", "sops": {"age": list(recipients or [ME])}}
    return {
        "ingress_controller": {"kind": "nginx", "default_tls": {"secret": "d"}},
        "ingress_apps": apps,
        "ingress_git": git,
    } | more


def files(said, before=None):
    return render_for_git(said, Path("/"), before=before)[1]


def users(password):
    options = {"basic_auth": {"users": {"jo": password}}}
    app = {"tls": {"cert": CERT, "key": KEY}, "hosts": {"a.example": "tea:80"}, "options": options}
    return inventory(ingress_apps={"cafe": app})


def secrets(found):
    return {name: yaml.safe_load(text) for name, text in found.items() if "kind: Secret\n" in text}


TLS = "apps/cafe/secret-cafe-tls.yaml"


def test_a_key_stands_there_as_ciphertext_alone(sops):
    found = files(inventory(ME, YOU))
    (secret,) = secrets(found).values()
    assert all(text.startswith("ENC[") for text in secret["data"].values())
    assert [each["recipient"] for each in secret["sops"]["age"]] == [ME, YOU]
    assert secret["metadata"]["name"] == "cafe-tls" and secret["type"] == "kubernetes.io/tls"
    assert "secret-cafe-tls.yaml" in found["apps/kustomization.yaml"]
    ((arguments, folder),) = sops()
    assert arguments == [
        "--encrypt", "--age", f"{ME},{YOU}", "--encrypted-regex", "^(data|stringData)$",
        "--input-type", "json", "--output-type", "json", "/dev/stdin",
    ]  # fmt: skip
    assert folder == "/", "no .sops.yaml of the repository has a say"
    text = "".join(found.values())
    assert "PRIVATE KEY" not in text and base64.b64encode(KEY.encode()).decode() not in text


def test_what_has_not_changed_stays_byte_for_byte(sops):
    before = files(inventory())
    assert len(sops()) == 1
    assert files(inventory(), before) == before
    assert sops() == [], "nobody has to decrypt a certificate to know it"


CHANGES = {
    "another key": inventory(cert=certificate("a.example", number=1, days=LONG).decode(), key=key_pem(1).decode()),
    "another certificate of the same key": inventory(cert=certificate("a.example", days=LONG + 1).decode()),
    "another recipient": inventory(YOU),
    "one recipient more": inventory(ME, YOU),
    "other labels": inventory(ingress_stack_name="other") | {"ingress_git": {"tool": "argocd", "sops": {"age": [ME]}}},
}


@pytest.mark.parametrize("said", CHANGES.values(), ids=CHANGES)
def test_what_has_changed_is_encrypted_anew(sops, said):
    before = files(inventory())
    after = files(said, before)
    assert after[TLS] != before[TLS] and [call[0][0] for call in sops()] == ["--encrypt"] * 2


def test_the_hash_beside_a_key_is_of_the_key_too(sops):
    first, second = (secrets(files(inventory(cert=CERT, key=each)))[TLS] for each in (KEY, KEY + "\n"))
    marks = [each["metadata"]["annotations"]["ingresskit.io/content"] for each in (first, second)]
    assert marks[0] != marks[1] and all(re.fullmatch("[0-9a-f]{32}", mark) for mark in marks)


def test_of_a_password_no_hash_is_told_anywhere(sops, monkeypatch):
    one, other = (files(users(each)) for each in (CANARY, "another"))
    hidden = {"data", "sops"}
    for name in one:
        first, second = (yaml.safe_load(each[name]) for each in (one, other))
        if name.startswith("apps/cafe/secret-"):
            first, second = ({k: v for k, v in each.items() if k not in hidden} for each in (first, second))
        if name == TLS:
            continue
        assert first == second, f"{name} tells of the password"
    assert CANARY not in "".join(one.values()) and "$2y$" not in "".join(one.values())


@pytest.mark.parametrize("said", [users(CANARY), users(HASH), inventory(ingress_extra_objects=[OPAQUE])])
def test_only_who_may_decrypt_can_tell_that_a_password_is_the_same(sops, monkeypatch, said):
    before = files(said)
    with pytest.raises(InventoryError) as caught:
        files(said, before)
    assert str(caught.value).startswith("ingress_git.sops: cannot decrypt Secret ")
    assert "SOPS_AGE_KEY_FILE" in str(caught.value) and "no identity matched" in str(caught.value)
    assert CANARY not in str(caught.value)
    monkeypatch.setenv("SOPS_AGE_KEY", "x")
    assert files(said, before) == before
    assert CANARY not in json.dumps(sops()) and HASH not in json.dumps(sops())


def test_another_password_is_seen_by_who_may_decrypt(sops, monkeypatch):
    monkeypatch.setenv("SOPS_AGE_KEY", "x")
    before = files(users(CANARY))
    after = files(users("another"), before)
    assert [name for name in after if after[name] != before[name]] == ["apps/cafe/secret-cafe-users.yaml"]


@pytest.mark.parametrize("kind", [{"kind": "traefik"}, {"kind": "ingress-nginx", "accept_retired": True}])
def test_users_behind_who_names_by_their_hash_are_refused(sops, kind):
    with pytest.raises(
        InventoryError, match=r"cafe.options.basic_auth.users: behind .* a hash of the passwords is part"
    ):
        files(users(CANARY) | {"ingress_controller": kind})
    assert sops() == []


def test_a_file_that_is_broken_is_written_anew(sops):
    assert known_sealed(["a: [\nsops:\n", "a: 1\n", "kind: x\nsops: y\n"]) == {}
    before = files(inventory())
    after = files(inventory(), before | {TLS: before[TLS].replace("metadata:", "metadata: [")})
    assert secrets(after)[TLS]["data"] != secrets(before)[TLS]["data"]


BROKEN = [
    "kind: Secret\nsops: {}\n",
    "apiVersion: v1\nkind: Secret\nmetadata: a\n\nsops: {}\n",
    "apiVersion: v1\nkind: Secret\nmetadata: {name: [a]}\n\nsops: {}\n",
    "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: [a]\n\nsops: {}\n",
    "apiVersion: 1\nkind: Secret\nmetadata: {name: a}\n\nsops: {}\n",
    "a: 2026-99-99\n\nsops: {}\n",
    "- a\n\nsops:\n",
]


@pytest.mark.parametrize("broken", BROKEN)
def test_of_a_stream_only_the_broken_document_is_none(sops, broken):
    whole = files(inventory())[TLS]
    assert len(known_sealed([f"{whole}---\n{broken}"])) == 1
    assert known_sealed([f"\nsops:\n---\n{broken}"]) == {}


PUT = {
    "plain text": lambda secret: secret["data"].update({"tls.key": base64.b64encode(KEY.encode()).decode()}),
    "nothing": lambda secret: secret["data"].update({"tls.key": ""}),
    "another pattern": lambda secret: secret["sops"].update({"encrypted_regex": "^none$"}),
}


@pytest.mark.parametrize("put", PUT.values(), ids=PUT)
def test_what_was_put_in_place_of_ciphertext_does_not_stay(sops, put):
    before = files(inventory())
    secret = yaml.safe_load(before[TLS])
    put(secret)
    changed = before | {TLS: with_header(yaml.safe_dump(secret))}
    after = files(inventory(), changed)
    assert after != changed and all(each.startswith("ENC[AES256_GCM,") for each in secrets(after)[TLS]["data"].values())


def test_an_empty_value_has_no_ciphertext():
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}, "data": {"a": ""}}
    sealed = secret | {"sops": {"encrypted_regex": "^(data|stringData)$", "age": [{"recipient": ME}]}}
    assert same_outside(secret, sealed, [ME])
    assert not same_outside(secret | {"data": {"a": "eA=="}}, sealed, [ME])


def test_the_key_file_is_told_from_where_ansible_was_started(sops, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SOPS_AGE_KEY_FILE", "keys/age.agekey")
    files(inventory())
    assert (tmp_path / "key-file").read_text() == str(tmp_path / "keys/age.agekey")


def test_kubectls_note_of_a_secret_is_left_out(sops):
    """It is the whole object, in the clear."""
    noted = {"kubectl.kubernetes.io/last-applied-configuration": json.dumps(OPAQUE), "a": "b"}
    secret = OPAQUE | {"metadata": OPAQUE["metadata"] | {"annotations": noted}}
    git = {"tool": "flux", "smoke": True, "sops": {"age": [ME]}}
    found = files(inventory(ingress_extra_objects=[secret], ingress_git=git))
    assert CANARY not in "".join(found.values())
    assert secrets(found)["apps/b/secret-a.yaml"]["metadata"]["annotations"] == {"a": "b"}


def test_a_stream_keeps_its_ciphertext_too(sops):
    said = inventory(ingress_git={"layout": "stream", "sops": {"age": [ME]}})
    before = files(said)
    assert files(said, before) == before and "ENC[" in before["manifests.yaml"]


def test_the_job_names_the_secret_and_is_run_anew_for_another_certificate(sops):
    def job(said, before=None):
        found = files(said | {"ingress_git": {"tool": "flux", "smoke": True, "sops": {"age": [ME]}}}, before)
        (config,) = (yaml.safe_load(text) for name, text in found.items() if "/configmap-edge-smoke" in name)
        return found, config["metadata"]["annotations"]["ingresskit.io/release"], config["data"]["hosts.yml"]

    before, mark, text = job(inventory())
    assert "secret: cafe-tls" in text and "BEGIN" not in text
    assert job(inventory(), before)[1] == mark
    assert job(CHANGES["another key"], before)[1] != mark


def test_what_prints_manifests_prints_no_ciphertext(sops, tmp_path):
    """It would be another one each time that Argo CD asks."""
    variables = inventory() | {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": {"one": variables}}}))
    path = f"{os.environ['PATH']}:{Path(sys.executable).parent}"
    ran = subprocess.run(
        [sys.executable, ROOT / "bin/ingresskit-render", "-i", tmp_path / "hosts.yml"],
        capture_output=True, text=True, check=False, cwd=ROOT, env={**os.environ, "PATH": path},
    )  # fmt: skip
    assert (ran.returncode, ran.stdout) == (1, ""), ran.stderr
    assert "ingress_git.sops: ciphertext differs each time" in ran.stderr


def test_argo_cd_does_not_decrypt(sops):
    prepared, _ = render_for_git(inventory(ingress_git={"tool": "argocd", "sops": {"age": [ME]}}), Path("/"))
    assert [finding.path for finding in prepared.findings] == ["ingress_git.sops"]


FAULTS = {
    "no sops": ({"PATH": "/nowhere"}, [ME], "ingress_git.sops: the program sops is not on PATH: install it"),
    "no recipient": ({}, [], "ingress_git.sops.age"),
    "a private key": ({}, ["AGE-SECRET-KEY-1C4NARY"], r"ingress_git.sops.age\[0\]: is a private key"),
    "something else": ({}, ["me"], r"ingress_git.sops.age\[0\]: is no recipient of age"),
}


@pytest.mark.parametrize(("environment", "recipients", "said"), FAULTS.values(), ids=FAULTS)
def test_what_is_wrong_is_told(sops, monkeypatch, environment, recipients, said):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InventoryError, match=said) as caught:
        files(inventory() | {"ingress_git": {"sops": {"age": recipients}}})
    assert "C4NARY" not in str(caught.value)


def test_without_sops_it_is_named_as_a_way(sops):
    with pytest.raises(InventoryError, match=r"ingress_apps.cafe.tls: .*encrypted \(ingress_git.sops\)"):
        files(inventory(ingress_git={}))
    said = inventory() | {"ingress_apps": {"cafe": {"tls": {"self_signed": True}, "hosts": {"a.example": "tea:80"}}}}
    with pytest.raises(InventoryError, match=r"ingress_apps.cafe.tls: .*the stack's CA, which a cluster keeps"):
        files(said)
