"""What an inventory can say, on a real cluster: certificates, hosts, layers, configuration; and the rest of the playbooks."""

import json
import ssl
from pathlib import Path

import pytest

from tests.cluster.double import ask, make_pair, tls_secret, until
from tests.cluster.playbook import (
    HOST,
    KEY_TEXT,
    config_map,
    create,
    leaf,
    proven,
    secret,
    theirs,
    verdicts,
)

pytestmark = pytest.mark.timeout(300)
PORTS = (30028, 30029)


def der(pair):
    return ssl.PEM_cert_to_DER_cert(pair[0].decode())


def files(folder, pair, name="cafe"):
    """A pair as files, and the tls source that names them."""
    for suffix, text in zip(("crt", "key"), pair, strict=True):
        (folder / f"{name}.{suffix}").write_bytes(text)
    return {"cert_file": str(folder / f"{name}.crt"), "key_file": str(folder / f"{name}.key")}


def test_certificates_of_every_source_are_served(kind, shared, node, foreign, tmp_path):
    pairs = {name: make_pair(f"{name}.example.com") for name in ("filed", "inline", "given")}
    given = foreign(shared.namespace(f"given-{kind}"))
    apps = {"cafe": shared.cafe(), **certified(shared, given, pairs, files(tmp_path, pairs["filed"]))}
    create(tls_secret("given-tls", given, pairs["given"]))
    untouched = secret(given, "given-tls")
    assert proven(shared.site(kind, apps), *(f"https://{name}.example.com" for name in pairs))
    assert {name: leaf(node, shared, f"{name}.example.com") for name in pairs} == {
        name: der(pair) for name, pair in pairs.items()
    }

    pairs["filed"] = make_pair("filed.example.com")
    files(tmp_path, pairs["filed"])
    rotated = shared.play().passed()
    assert proven(rotated)
    assert [change["object"] for change in rotated.stack["objects"] if change["action"] == "configured"] == [
        f"Secret {shared.namespace('cafe')}/filed-tls"
    ]
    assert leaf(node, shared, "filed.example.com") == der(pairs["filed"])

    assert f"Namespace {given}" not in shared.site(kind).output
    assert secret(given, "given-tls") == untouched


def certified(site, given, pairs, filed):
    """An app for each source of certificates; one of them in a namespace that is not ours."""
    cert, key = (text.decode() for text in pairs["inline"])
    tea = {"namespace": site.namespace("cafe")}
    return {
        "filed": {**tea, "tls": filed, "hosts": {"filed.example.com": "tea-svc:80"}},
        "inline": {**tea, "tls": {"cert": cert, "key": key}, "hosts": {"inline.example.com": "tea-svc:80"}},
        "given": {
            "namespace": given,
            "tls": {"secret": "given-tls"},
            "hosts": {"given.example.com": "cake-svc:80"},
            "workloads": {"cake": {}},
        },
    }


def test_what_no_rule_matches_and_hosts_without_a_name(kind, shared, node):
    cafe = shared.namespace("cafe")

    def answer(path):
        return ask(node, shared.ports[0], "nobody.example.org", path)

    fallback = {"fallback": {"namespace": cafe, "default_backend": "coffee-svc:80"}}
    run = shared.site(kind, {"cafe": shared.cafe(), **fallback}, ingress_extra_objects=[config_map(cafe)])
    assert proven(run)
    until(lambda: b"coffee-svc" in answer("/no/rule").body)
    assert theirs(cafe) == "yes"

    anyhost = {"anyhost": {"namespace": cafe, "hosts": {"*": {"paths": {"/foo": "tea-svc:80"}}}}}
    run = shared.site(kind, {"cafe": shared.cafe(), **anyhost})
    assert proven(run)
    assert f"ConfigMap {cafe}/theirs deleted" in run.output
    until(lambda: b"tea-svc" in answer("/foo").body)
    until(lambda: answer("/no/rule").status == 404)


def test_layers_and_config_map_entries_take_effect(shared, node):
    shared.stand()

    def order():
        return ask(node, shared.ports[1], HOST, "/tea", tls=True, method="POST", body=b"x" * 2000)

    assert order().status == 200
    paths = {"/coffee": None, "/cake": "tea-svc:80"}
    prod = {
        "ingress_apps__prod": {"cafe": {"hosts": {HOST: {"paths": paths}}}},
        "ingress_controller__prod": {"config": {"client-max-body-size": "1k"}},
    }
    shared.write(shared.inventory(), groups={"prod": prod})
    run = shared.play().passed()
    assert proven(run, f"https://{HOST}:{shared.ports[1]}/cake")
    assert not any("/coffee" in url for url in verdicts(run))
    until(lambda: order().status == 413)


def test_info_and_preflight(shared, node):
    shared.stand()
    ran = shared.play("playbooks/preflight.yml").passed()
    assert [each for each in ran.of("ingress_preflight")["findings"] if each["level"] == "error"] == []
    tasks = [{"ingress_info": {"inventory": shared.inventory()}}]
    (shared.folder / "info.yml").write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": tasks}]))
    said = shared.play(shared.folder / "info.yml").passed().of("ingress_info")
    assert said["installed"]
    assert f"Ingress {shared.namespace('cafe')}/cafe" in said["release"]["objects"]
    ports = dict(zip(("http_port", "https_port"), shared.ports, strict=True))
    assert ports.items() <= said["target"].items()
    assert said["target"]["address"] == node
    assert said["ca_certificate"].startswith("-----BEGIN CERTIFICATE-----")


def test_render_needs_no_cluster(project):
    project.env = {"KUBECONFIG": "/nonexistent"}
    cafe = {"tls": {"secret": "cafe-tls"}, "hosts": {HOST: {"paths": {"/tea": "tea-svc:80"}}}, "workloads": {"tea": {}}}
    bakery = {"hosts": {"bakery.example.com": "bun-svc:80"}}
    project.write({"ingress_stack_name": "files", "ingress_apps": {"cafe": cafe, "bakery": bakery}})
    assert project.play("playbooks/render.yml").passed().changed
    first = rendered(project)
    assert Path("apps/cafe/ingress-cafe.yaml") in first
    assert not [name for name, text in first.items() if KEY_TEXT.search(text.decode())]
    assert not project.play("playbooks/render.yml").passed().changed
    assert rendered(project) == first

    theirs = project.folder / "rendered" / "kind" / "files" / "apps" / "bakery" / "kustomization.yaml"
    theirs.write_text("resources: []\n")
    project.write({"ingress_stack_name": "files", "ingress_apps": {"cafe": cafe}})
    assert project.play("playbooks/render.yml").passed().changed
    assert [path.name for path in theirs.parent.iterdir()] == [theirs.name]
    assert Path("apps/cafe/ingress-cafe.yaml") in rendered(project)


def rendered(project):
    """File name -> content of what was rendered."""
    folder = project.folder / "rendered" / "kind" / "files"
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_render_refuses_what_would_write_a_key(project):
    project.env = {"KUBECONFIG": "/nonexistent"}
    app = {"tls": {"self_signed": True}, "hosts": {HOST: "tea-svc:80"}}
    project.write({"ingress_stack_name": "files", "ingress_apps": {"cafe": app}})
    project.play("playbooks/render.yml").failed("ingress_apps.cafe.tls", "secret", "issuer")
    assert not (project.folder / "rendered").exists()
