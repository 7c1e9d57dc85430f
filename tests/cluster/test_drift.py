"""Drift on a real cluster: every way to change something by hand is told with its author, and nothing is written."""

import json
from xml.etree import ElementTree as ET

import pytest

from module_utils.ingresskit.api.resources import BUILTIN, Ref
from module_utils.ingresskit.drift import drift
from module_utils.ingresskit.engine.ownership import Owner
from module_utils.ingresskit.rendering import render_for_git
from module_utils.ingresskit.report import drift_result
from tests.cluster.double import make_pair, obj, tls_secret, until
from tests.cluster.faultproxy import FaultProxy
from tests.cluster.playbook import HOSTS, KEY_TEXT, create, kubectl
from tests.cluster.smallstack import standing

pytestmark = pytest.mark.timeout(300)
CANARY = "Q0FOQVJZ"  # base64, so that it may stand in a Secret


@pytest.fixture(scope="module")
def stack():
    for made in standing("ik-adrift"):
        made.prepare()
        yield made


def compared(stack, inventory, tmp_path):
    """The module's result, after having seen that no object was written to."""
    refs = [Ref.of(live) for kind in WRITABLE for live in stack.api.list_metadata(kind, stack.home).items]
    before = stack.versions(refs)
    calls = drift_result(drift(inventory, tmp_path), tmp_path)
    assert stack.versions(refs) == before, "nothing was written"
    return calls


WRITABLE = [BUILTIN["v1", kind] for kind in ("ConfigMap", "Secret", "Service", "ServiceAccount")] + [
    BUILTIN["networking.k8s.io/v1", "Ingress"],
    BUILTIN["rbac.authorization.k8s.io/v1", "Role"],
]


def found(result):
    return {each["object"]: each for each in result["drifted"]}


def only_field(each):
    (field,) = each["fields"]
    return field["path"], field["inventory"], field["cluster"], field["author"]


def backend(name):
    return json.dumps([{"op": "replace", "path": "/spec/rules/0/http/paths/0/backend/service/name", "value": name}])


def test_each_with_its_author(stack, tmp_path):
    stack.bring("a", "b", "c", "d")
    inventory = stack.inventory("a", "b", "c", "d")
    clean = compared(stack, inventory, tmp_path)
    assert clean["drifted"] == [] and not clean.get("failed")
    assert clean["ingresskit_report"]["ok"] and clean["changed"] is False

    home, labels = stack.home, Owner(stack.name, stack.state).labels
    kubectl("patch", "ingress", "a", "-n", home, "--type=json", "-p", backend("other"))
    apply = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "b", "namespace": home}}
    taken = json.dumps(apply | {"spec": {"ingressClassName": "elsewhere"}})
    kubectl("apply", "--server-side", "--field-manager=other-tool", "--force-conflicts", "-f", "-", stdin=taken)
    kubectl("delete", "ingress", "c", "-n", home)
    kubectl("patch", "secret", "d-tls", "-n", home, "-p", json.dumps({"data": {"tls.key": CANARY}}))
    kubectl("scale", "deployment", "nginx-ingress", "-n", home, "--replicas=1")
    kubectl("label", "service", "nginx-ingress", "-n", home, "ingresskit.io/stack-")
    create(obj("v1", "ConfigMap", "added", home, metadata={"labels": labels}))

    result = compared(stack, inventory, tmp_path)
    seen = found(result)
    assert {name: each["state"] for name, each in seen.items()} == {
        f"Ingress {home}/a": "changed", f"Ingress {home}/b": "changed", f"Ingress {home}/c": "missing",
        f"Secret {home}/d-tls": "changed", f"Deployment {home}/nginx-ingress": "changed",
        f"Service {home}/nginx-ingress": "changed", f"ConfigMap {home}/added": "extra",
    }  # fmt: skip
    path, wanted, live, author = only_field(seen[f"Ingress {home}/a"])
    assert (path, wanted, live) == (".spec.rules[0].http.paths[0].backend.service.name", "web", "other")
    assert (author["manager"], author["operation"]) == ("kubectl-patch", "Update")
    assert author["time"].startswith("20")
    path, wanted, live, author = only_field(seen[f"Ingress {home}/b"])
    assert (path, live, author["manager"], author["operation"]) == (
        ".spec.ingressClassName", "elsewhere", "other-tool", "Apply"
    )  # fmt: skip
    path, wanted, live, author = only_field(seen[f"Deployment {home}/nginx-ingress"])
    assert (path, wanted, live, author["subresource"]) == (".spec.replicas", 0, 1, "scale")
    path, wanted, live, author = only_field(seen[f"Secret {home}/d-tls"])
    assert (path, wanted, live, author["manager"]) == (".data.tls.key", "***", "***", "kubectl-patch")
    assert only_field(seen[f"Service {home}/nginx-ingress"]) == (
        ".metadata.labels.ingresskit.io/stack", stack.name, None, None
    )  # fmt: skip
    assert [each["manager"] for each in seen[f"ConfigMap {home}/added"]["authors"]] == ["kubectl-create"]
    assert_told(result, home, tmp_path)

    kubectl("delete", "configmap", "added", "-n", home)
    stack.bring("a", "b", "c", "d", ingress_apply={"force_conflicts": True})
    assert compared(stack, inventory, tmp_path)["drifted"] == []


def assert_told(result, home, folder):
    """In words and files, and no word of a key in any of them."""
    text = result["ingresskit_report"]["text"]
    assert (
        f"Ingress {home}/a: CHANGED\n  .spec.rules[0].http.paths[0].backend.service.name: web -> other (kubectl-patch"
        in text
    )
    assert f"Ingress {home}/c: MISSING: it was deleted" in text
    assert result["failed"] and f"Ingress {home}/a: changed: .spec.rules[0]" in result["msg"]
    written = json.loads((folder / "drift.json").read_text())
    assert written["drifted"] == result["drifted"]
    suite = ET.parse(folder / "drift.xml").getroot()
    assert suite.get("failures") == "7" and int(suite.get("tests")) == len(suite.findall(".//testcase"))
    for said in (json.dumps(result), *(path.read_text() for path in folder.iterdir())):
        assert CANARY not in said and not KEY_TEXT.search(said)


def test_the_inventory_may_be_what_has_changed(stack, tmp_path):
    stack.bring("a", "b")
    result = compared(stack, stack.inventory("a=other:80", "c"), tmp_path)
    seen, home = found(result), stack.home
    assert only_field(seen[f"Ingress {home}/a"])[3]["manager"] == "ingresskit"
    assert "the inventory says something else than at revision" in seen[f"Ingress {home}/a"]["reason"]
    assert seen[f"Ingress {home}/b"]["state"] == "extra"
    assert seen[f"Ingress {home}/b"]["reason"] == "the inventory does not name it: the next run deletes it"
    assert "it is new in the inventory" in seen[f"Ingress {home}/c"]["reason"]


@pytest.fixture
def reader(stack):
    """A user who may read everything, and write nothing, not even in a dry run."""
    binding = ("clusterrolebinding", "ik-adrift-reader")
    kubectl("create", "clusterrole", binding[1], "--verb=get,list", "--resource=*.*")
    kubectl("create", *binding, f"--clusterrole={binding[1]}", f"--user={binding[1]}")
    yield binding[1]
    kubectl("delete", "clusterrole,clusterrolebinding", binding[1])


def test_rights_to_read_are_enough(stack, reader, tmp_path):
    stack.bring("a", "b")
    with FaultProxy() as proxy:
        inventory = stack.inventory("a", "b", kubeconfig=proxy.kubeconfig(tmp_path, {"as": reader}))
        assert until(
            lambda: not compared(stack, inventory, tmp_path)["drifted"], 30
        )  # rights take effect after a while
        kubectl("patch", "ingress", "a", "-n", stack.home, "--type=json", "-p", backend("other"))
        result = compared(stack, inventory, tmp_path)
        assert not proxy.writes
    assert result["notes"] == [
        "1 object compared by reading alone: the user may not patch, which a server's dry run needs"
    ]
    (each,) = result["drifted"]
    path, wanted, live, author = only_field(each)
    assert (path, wanted, live) == (".spec.rules[0].http.paths[0].backend.service.name", "web", "other")
    assert author["manager"] == "kubectl-patch"


@pytest.fixture
def from_git(tmp_path):
    """A stack that kubectl has brought from rendered files, with Flux's marks on an Ingress of it. No record, no labels."""
    for made in standing("ik-gitdrift"):
        made.prepare()
        create(*(tls_secret(f"{name}-pair", made.home, make_pair(f"{name}.example")) for name in ("a", "b")))
        inventory = made.inventory("a", "b", ingress_git={"layout": "stream"})
        for name, app in inventory["ingress_apps"].items():
            app["tls"] = {"secret": f"{name}-pair"}
        _, files = render_for_git(inventory, tmp_path)
        (text,) = (text for name, text in files.items() if not name.endswith("kustomization.yaml"))
        (tmp_path / "all.yaml").write_text(text)
        manager = "--field-manager=kustomize-controller"
        kubectl("apply", "--server-side", manager, "-f", str(tmp_path / "all.yaml"))
        marks = ("kustomize.toolkit.fluxcd.io/name=edge", "kustomize.toolkit.fluxcd.io/namespace=flux-system")
        kubectl("label", "ingress", "a", "-n", made.home, manager, *marks)
        yield made, inventory
        kubectl("delete", "-f", str(tmp_path / "all.yaml"), "--ignore-not-found", "--wait=false")


def test_whoever_brought_it(from_git, tmp_path):
    stack, inventory = from_git
    clean = compared(stack, inventory, tmp_path)
    assert clean["drifted"] == [], clean["ingresskit_report"]["text"]
    assert clean["brought_by"] == ["Flux's Kustomization flux-system/edge"]
    kubectl("patch", "ingress", "a", "-n", stack.home, "--type=json", "-p", backend("other"))
    kubectl("delete", "ingress", "b", "-n", stack.home)
    seen = found(compared(stack, inventory, tmp_path))
    assert {name: each["state"] for name, each in seen.items()} == {
        f"Ingress {stack.home}/a": "changed", f"Ingress {stack.home}/b": "missing"
    }  # fmt: skip
    assert only_field(seen[f"Ingress {stack.home}/a"])[3]["manager"] == "kubectl-patch"


@pytest.fixture
def beside():
    for made in standing("ik-beside"):
        made.prepare()
        yield made


def test_a_fleet_of_which_one_drifts(stack, beside, project):
    """The play fails, names both, and tells of the one; after site.yml the next is clean."""
    members = {"one": stack.inventory("a"), "two": beside.inventory("a")}
    project.dump("hosts.yml", {"all": {"hosts": dict.fromkeys(members, HOSTS)}})
    for name, inventory in members.items():
        project.dump(f"host_vars/{name}.yml", inventory)
    project.play("site.yml", "-f", "2").passed()
    kubectl("patch", "ingress", "a", "-n", beside.home, "--type=json", "-p", backend("other"))
    told = project.play("playbooks/drift.yml", "-f", "2").failed(
        "two      ik-beside  1 of 12 objects DIFFER: 1 changed     DIFFERS\n",
        "one      ik-adrift  12 objects are as the inventory says  clean\n",
        f"Ingress {beside.home}/a: CHANGED",
        "web -> other (kubectl-patch, Update",
    )
    assert f"Ingress {stack.home}/a" not in told.output
    assert json.loads((project.folder / "artifacts/two/ik-beside/drift.json").read_text())["drifted"]
    assert ET.parse(project.folder / "artifacts/one/ik-adrift/drift.xml").getroot().get("failures") == "0"
    project.play("site.yml", "-f", "2").passed()
    project.play("playbooks/drift.yml").passed()
