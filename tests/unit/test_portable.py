"""The inventory that goes into the smoke Job: what is left out, and that it promises the same."""

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from module_utils.ingresskit import model
from module_utils.ingresskit.controllers import controller_for
from module_utils.ingresskit.converge import prepare
from module_utils.ingresskit.errors import InventoryError
from module_utils.ingresskit.facts import Facts
from module_utils.ingresskit.observe import local_facts
from module_utils.ingresskit.oracle import identity, probes
from module_utils.ingresskit.render import render
from module_utils.ingresskit.render.default_backend import error_texts, page_of
from module_utils.ingresskit.render.portable import hosts_file, portable
from module_utils.ingresskit.rendering import render_for_git
from tests.golden.stacks import CASES, ROOT

from .certificates import NOW, certificate, key_pem

CANARY = "c4nary"
HASH = "$2y$05$c4naryc4naryc4naryc4nO"
PAIR = {"cert": certificate("a.example").decode(), "key": key_pem().decode()}
FILES = {"cert_file": "tls/c4nary.crt", "key_file": "tls/c4nary.key"}


def carried(inventory, **files):
    """The variables as the Job has them, and the stack that they are of."""
    stack = model.load(inventory)
    facts = Facts(now=NOW, files={name: text.encode() for name, text in files.items()})
    return portable(model.merged(inventory)[0], stack, facts), stack


def app(**more):
    return {"ingress_apps": {"cafe": {"hosts": {"a.example": "tea:80"}} | more}}


def host(**more):
    return {"ingress_apps": {"cafe": {"hosts": {"a.b.example": {"paths": {"/": "tea:80"}} | more}}}}


def path(**more):
    return host(paths={"/": {"service": "tea", "port": 80} | more})


def auth(**said):
    return {"options": {"basic_auth": said}}


CAFE = "ingress_apps", "cafe"
SITE = (*CAFE, "hosts", "a.b.example")
TABLE = {
    "another view of the cluster": (
        {"ingress_cluster": {"kubeconfig": "/home/c4nary", "context": "c4nary", "timeout": 9}},
        ("ingress_cluster",), {"timeout": 9},
    ),
    "nothing left to say of it": ({"ingress_cluster": {"context": "c4nary"}}, ("ingress_cluster",), None),
    "how it is written": ({"ingress_git": {"smoke": True}}, ("ingress_git",), None),
    "how it is applied": ({"ingress_apply": {"history": 3}}, ("ingress_apply",), None),
    "app files, which are read": ({"ingress_app_files": []}, ("ingress_app_files",), None),
    "a key in line": (app(tls=PAIR), (*CAFE, "tls"), {"secret": "cafe-tls"}),
    "files of an app": (app(tls=FILES), (*CAFE, "tls"), {"secret": "cafe-tls"}),
    "files of a host": (host(tls=FILES), (*SITE, "tls"), {"secret": "cafe-a-b-example-tls"}),
    "files of an owner": (
        {"ingress_hosts": {"*.b.example": {"namespace": "x", "tls": FILES}}},
        ("ingress_hosts", "*.b.example", "tls"), {"secret": "wildcard-b-example-tls"},
    ),
    "files of the default certificate": (
        {"ingress_controller": {"default_tls": FILES}},
        ("ingress_controller", "default_tls"), {"secret": "default-server-tls"},
    ),
    "a Secret stays": (app(tls={"secret": "mine"}), (*CAFE, "tls"), {"secret": "mine"}),
    "an issuer stays": (app(tls={"issuer": "le"}), (*CAFE, "tls"), {"issuer": "le"}),
    "users of an app": (app(**auth(users={"jo": CANARY})), (*CAFE, "options", "basic_auth"), {"secret": "users-1"}),
    "users of a host": (host(**auth(users={"jo": HASH})), (*SITE, "options", "basic_auth"), {"secret": "users-1"}),
    "users of a path": (
        path(**auth(users={"jo": HASH})), (*SITE, "paths", "/", "options", "basic_auth"), {"secret": "users-1"},
    ),
    "users of a long path": (
        host(paths=[{"path": "/", "service": "tea", "port": 80} | auth(users={"jo": HASH})]),
        (*SITE, "paths", 0, "options", "basic_auth"), {"secret": "users-1"},
    ),
    "users of an owner": (
        {"ingress_hosts": {"c.example": {"namespace": "x"} | auth(users={"jo": CANARY})}},
        ("ingress_hosts", "c.example", "options", "basic_auth"), {"secret": "users-1"},
    ),
    "users in a Secret stay": (app(**auth(secret="mine")), (*CAFE, "options", "basic_auth"), {"secret": "mine"}),
    "a page's file": (
        {"ingress_controller": {"default_backend": {"page": "pages/c4nary"}}},
        ("ingress_controller", "default_backend", "page"), "<h1>gone",
    ),
    "an error page's file, which has no tag": (
        {"ingress_controller": {"error_pages": {503: "pages/plain-c4nary"}}},
        ("ingress_controller", "error_pages", 503), "wait\n",
    ),
    "definitions from a file": (
        {"ingress_controller": {"custom_resources": True, "crds": {"source": "crds/c4nary.yaml"}}},
        ("ingress_controller", "crds"), {"source": "none"},
    ),
    "a Secret of the user's own": (
        {"ingress_extra_objects": [
            {"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "stringData": {"a": CANARY},
             "metadata": {"name": "a", "namespace": "b", "annotations": {"note": CANARY}, "labels": {"a": "b"}}, "immutable": True}
        ]},
        ("ingress_extra_objects", 0),
        {"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "metadata": {"name": "a", "namespace": "b"}},
    ),
    "a switched-off smoke test": ({"ingress_smoke": {"enabled": False}}, ("ingress_smoke",), {"enabled": True}),
    "a probe that knows a token": (
        {"ingress_smoke": {"extra": [
            {"host": "a.example", "headers": {"Authorization": CANARY}}, {"host": "a.example", "headers": {"X-A": CANARY}},
            {"host": "a.example", "headers": {"X-Forwarded-Access-Token": CANARY}},
            {"host": "a.example", "path": f"/a?api_key={CANARY}"},
            {"host": "a.example", "path": "/keys?page=1", "headers": {"accept": "b", "X-Forwarded-For": "::1"}},
        ]}},
        ("ingress_smoke",), {"enabled": True, "extra": [
            {"host": "a.example", "path": "/keys?page=1", "headers": {"accept": "b", "X-Forwarded-For": "::1"}},
        ]},
    ),
    "null stays null": (
        host(options={"hsts": None, "cors": {}}) | {}, (*SITE, "options"), {"hsts": None, "cors": {}},
    ),
}  # fmt: skip


def at(value, steps):
    for step in steps:
        value = value.get(step) if isinstance(value, dict) else value[step]
    return value


@pytest.mark.parametrize(("inventory", "steps", "expected"), TABLE.values(), ids=TABLE)
def test_what_becomes_of_each_key(inventory, steps, expected):
    pages = {"pages/c4nary": "<h1>gone", "pages/plain-c4nary": "wait"}
    found, stack = carried(inventory, **pages)
    assert at(found, steps[:1]) == expected if len(steps) == 1 else at(found, steps) == expected
    text = hosts_file(found, stack)
    assert CANARY not in text and "PRIVATE KEY" not in text and "BEGIN" not in text
    model.load(found)


def test_what_differs_still_does():
    """Two lists of users under one name would be one option; two apps that share a certificate keep it."""
    inventory = {
        "ingress_apps": {
            "a": {"hosts": {"a.example": "x:80"}, **auth(users={"jo": "1"})},
            "b": {"hosts": {"b.example": "x:80"}, **auth(users={"jo": "2"})},
            "c": {"hosts": {"c.example": "x:80"}, **auth(users={"jo": "1"})},
        }
    }
    apps = carried(inventory)[0]["ingress_apps"]
    names = [each["options"]["basic_auth"]["secret"] for each in apps.values()]
    assert names == ["users-1", "users-2", "users-1"]


def test_a_host_that_another_app_has_keeps_that_ones_certificate():
    shared = {"tls": PAIR, "hosts": {"a.example": {"paths": {"/b": "x:80"}}, "b.example": "x:80", "*": "x:80"}}
    inventory = {"ingress_apps": {"a": {"tls": PAIR, "hosts": {"a.example": {"paths": {"/a": "x:80"}}}}, "b": shared}}
    found, before = carried(inventory)
    after = model.load(found)
    assert found["ingress_apps"]["b"]["hosts"]["b.example"] == {"paths": {"/": "x:80"}, "tls": {"secret": "b-tls"}}
    assert {name: site.secret for name, site in after.sites.items()} == {
        name: site.secret for name, site in before.sites.items()
    }
    prepare(found, ROOT)


def test_a_host_with_the_same_certificate_in_two_apps_has_the_owners():
    apps = {name: {"hosts": {"a.example": {"tls": PAIR, "paths": {f"/{name}": "x:80"}}}} for name in ("a", "b")}
    found, before = carried({"ingress_apps": apps})
    assert found["ingress_apps"]["a"]["hosts"]["a.example"]["tls"] == {"secret": "a-a-example-tls"}
    assert found["ingress_apps"]["b"]["hosts"]["a.example"] == {"paths": {"/b": "x:80"}}
    assert model.load(found).sites["a.example"].secret == before.sites["a.example"].secret
    prepare(found, ROOT)


def promises(stack, facts):
    found = probes(stack, controller_for(stack.controller), page_of(stack, facts), error_texts(stack, facts))
    return [identity(probe) for probe in found]


def routes(stack, facts):
    return [obj for obj in render(stack, facts) if obj["kind"] in ("Ingress", "VirtualServer", "Service")]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_it_promises_and_renders_the_same_routes(case):
    before = prepare(case.variables(), ROOT)
    read = model.merged(case.variables())[0]
    after = prepare(portable(read, before.stack, before.facts), Path("/nowhere"))
    assert promises(after.stack, after.facts) == promises(before.stack, before.facts)
    facts = [Facts(files=each.facts.files) for each in (before, after)]
    assert routes(after.stack, facts[1]) == routes(before.stack, facts[0])


def as_ansible_reads(text, folder):
    (folder / "hosts.yml").write_text(text)
    command = [str(Path(sys.executable).parent / "ansible-inventory"), "-i", str(folder / "hosts.yml"), "--list"]
    environment = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "HOME": str(folder)}
    ran = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return json.loads(ran.stdout)["_meta"]["hostvars"]["edge"]


def test_ansible_takes_every_text_as_it_is(tmp_path):
    """What looks like a template was one: it has been templated when the stack was rendered."""
    odd = {
        "a": "{{ no }}",
        "b": "{% raw",
        "c": "{# d",
        "d": "yes",
        "e": "2020-01-01",
        "f": "a\n{{ b }}\n",
        "g": "'\"{{",
    }
    found, stack = carried(app(annotations=odd))
    text = hosts_file(found, stack)
    read = as_ansible_reads(text, tmp_path)
    told = read["ingress_apps"]["cafe"]["annotations"]
    assert {key: value["__ansible_unsafe"] if isinstance(value, dict) else value for key, value in told.items()} == odd
    assert read["ansible_python_interpreter"] == "{{ ansible_playbook_python }}"
    assert prepare(found, tmp_path).stack.apps["cafe"].annotations == odd


SMOKE = {
    "ingress_stack_name": "edge",
    "ingress_controller": {
        "kind": "traefik",
        "expose": [{"type": "NodePort", "address": "127.0.0.1"}, {"name": "inside", "type": "ClusterIP"}],
    },
    "ingress_apps": {
        "cafe": {"tls": {"secret": "cafe-tls"}, "hosts": {"a.example": "tea-svc:80"}, "workloads": {"tea": {}}},
        "shop": {"tls": {"issuer": "le"}, "hosts": {"b.example": "web:80"}},
    },
}


def rendered(tool="flux", **more):
    _, files = render_for_git({**SMOKE, "ingress_git": {"tool": tool, "smoke": True}} | more, ROOT)
    return files


def part(files, kind, folder="smoke"):
    names = [name for name in files if name.startswith(f"{folder}/") and f"/{kind}-" in name]
    return [yaml.safe_load(files[name]) for name in names]


def test_the_job_may_read_what_it_asks_for_and_nothing_else():
    roles = {role["metadata"]["namespace"]: role["rules"] for role in part(rendered(), "role")}
    told = {
        space: [(rule["resources"], rule["verbs"], rule.get("resourceNames")) for rule in rules]
        for space, rules in roles.items()
    }
    assert told == {
        "traefik": [(["services"], ["get"], ["inside", "traefik"]), (["pods"], ["list"], None)],
        "cafe": [(["secrets"], ["get"], ["cafe-tls"])],
        "shop": [(["secrets"], ["get"], ["shop-tls"])],
    }
    subjects = [each for binding in part(rendered(), "rolebinding") for each in binding["subjects"]]
    assert subjects == [{"kind": "ServiceAccount", "name": "edge-smoke", "namespace": "traefik"}] * 3


def test_argo_cd_runs_it_as_a_hook_and_others_by_its_own_kustomization():
    argo, flux = rendered("argocd"), rendered()
    assert yaml.safe_load(argo["kustomization.yaml"])["resources"] == ["stack", "apps", "smoke"]
    assert yaml.safe_load(flux["kustomization.yaml"])["resources"] == ["stack", "apps"]
    assert rendered("kubectl")["kustomization.yaml"] == flux["kustomization.yaml"]
    (hook,), (job,) = part(argo, "job"), part(flux, "job")
    assert hook["metadata"]["annotations"] == {
        "argocd.argoproj.io/hook": "PostSync",
        "argocd.argoproj.io/hook-delete-policy": "BeforeHookCreation",
    }
    assert "annotations" not in job["metadata"]
    for kind in ("configmap", "role", "rolebinding", "serviceaccount"):
        for each in part(argo, kind):
            assert "argocd.argoproj.io/hook" not in each["metadata"]["annotations"], "an ordinary object is pruned"
            assert each["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"] in ("1", "2")


def test_it_runs_anew_for_each_release_and_only_then():
    def release(**more):
        files = rendered(**more)
        (job,), (config,) = part(files, "job"), part(files, "configmap")
        mark = job["spec"]["template"]["metadata"]["annotations"]["ingresskit.io/release"]
        assert config["metadata"]["annotations"]["ingresskit.io/release"] == mark
        return mark

    marks = [
        release(),
        release(ingress_controller={**SMOKE["ingress_controller"], "replicas": 3}),
        release(ingress_smoke={"timeout": 7}),
        release(ingress_git={"tool": "flux", "smoke": {"timeout": 77}}),
    ]
    assert len(set(marks)) == len(marks)
    assert release() == marks[0]


def test_what_the_job_does_not_ask_is_told():
    extra = [{"host": "a.example"}, {"host": "a.example", "headers": {"Cookie": CANARY}}]
    said = {**SMOKE, "ingress_smoke": {"extra": extra}, "ingress_git": {"tool": "flux", "smoke": True}}
    prepared, files = render_for_git(said, ROOT)
    assert [finding.path for finding in prepared.findings] == ["ingress_smoke.extra[1]"]
    assert CANARY not in "".join(files.values())


def test_a_stream_ends_with_the_hook_or_has_the_job_beside_it():
    def stream(tool):
        return rendered(ingress_git={"tool": tool, "smoke": True, "layout": "stream"})

    last = list(yaml.safe_load_all(stream("argocd")["manifests.yaml"]))[-1]
    assert last["kind"] == "Job" and set(stream("argocd")) == {"manifests.yaml", "kustomization.yaml"}
    assert "kind: Job" not in stream("flux")["manifests.yaml"]
    assert "kind: Job" in stream("flux")["smoke/manifests.yaml"]


def test_an_inventory_that_the_job_would_refuse_is_an_error_here(monkeypatch):
    faulty = {"ingress_apps": {"a": {"hosts": {"a.example": {"paths": {"/": "nowhere"}}}}}}
    monkeypatch.setattr("module_utils.ingresskit.rendering.portable", lambda *_: faulty)
    with pytest.raises(
        InventoryError, match=r"ingress_git.smoke: the Job's inventory would be refused: ingress_apps\.a"
    ):
        rendered()


def test_an_inventory_that_no_config_map_holds():
    apps = {"a": {"hosts": {"a.example": "x:80"}, "annotations": {"example.com/a": "x" * 2**20}}}
    with pytest.raises(InventoryError, match=r"ingress_git.smoke: the inventory for the Job has \d+ bytes"):
        rendered(ingress_apps=apps)


def test_files_are_in_line_and_their_names_are_gone(tmp_path):
    (tmp_path / "apps").mkdir()
    (tmp_path / "apps/c4nary.yml").write_text(yaml.safe_dump({"ingress_apps": SMOKE["ingress_apps"]}))
    (tmp_path / "c4nary.html").write_text("<h1>503</h1>")
    inventory = {
        "ingress_controller": {"kind": "traefik", "error_pages": {"503": "c4nary.html"}},
        "ingress_controller__here": {"replicas": 3},
        "ingress_app_files": ["apps"],
        "ingress_git": {"tool": "argocd", "smoke": True},
    }
    _, files = render_for_git(inventory, tmp_path)
    (config,) = part(files, "configmap")
    text = config["data"]["hosts.yml"]
    assert CANARY not in text
    variables = yaml.safe_load(text.replace("!unsafe", ""))["all"]["hosts"]["edge"]
    stack = model.load(variables)
    assert list(stack.apps) == ["cafe", "shop"] and stack.controller.replicas == 3
    assert stack.controller.error_pages == {503: "<h1>503</h1>"}


def test_a_file_that_is_not_there_is_an_error_of_the_inventory(tmp_path):
    assert local_facts(["x"], tmp_path).unreadable
    with pytest.raises(InventoryError):
        carried({"ingress_controller": {"error_pages": {503: "x.html"}}})


def test_base64_of_a_key_is_gone_as_well():
    data = {"tls.key": base64.b64encode(key_pem()).decode()}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a", "namespace": "b"}, "data": data}
    found, stack = carried({"ingress_extra_objects": [secret]})
    assert data["tls.key"] not in hosts_file(found, stack)
