"""Definitions of custom resources: where they come from, and every way in which that can fail."""

import hashlib
import http.server
import threading

import pytest
import yaml

from module_utils.ingresskit import crds, model
from module_utils.ingresskit.controllers import CONTROLLERS, controller_for
from module_utils.ingresskit.controllers.nginx import Nginx
from module_utils.ingresskit.converge import render_offline
from module_utils.ingresskit.errors import InventoryError
from module_utils.ingresskit.facts import Facts
from module_utils.ingresskit.preflight import check

CRD = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "policies.k8s.nginx.org"},
    "spec": {"group": "k8s.nginx.org", "names": {"kind": "Policy", "plural": "policies"}, "versions": []},
}
TEXT = yaml.safe_dump_all([CRD, None, CRD | {"metadata": {"name": "other"}, "status": {"x": 1}}]).encode()
HASH = hashlib.sha256(TEXT).hexdigest()
OTHER_HASH = "0" * 64


def load(folder, kind="nginx", custom_resources=True, dialect=None, **said):
    variables = {"kind": kind, "custom_resources": custom_resources} | ({"crds": said} if said else {})
    controller = model.load({"ingress_controller": variables}).controller
    return crds.definitions(controller, dialect or controller_for(controller), folder)


def refusal(folder, **said):
    with pytest.raises(InventoryError) as caught:
        load(folder, **said)
    return str(caught.value)


def names(found):
    return [each["metadata"]["name"] for each in found]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "ingresskit" / "crds"


# -- PATH and none ----------------------------------------------------------------------------------------------------


def test_a_file_from_the_inventorys_folder(tmp_path):
    (tmp_path / "crds.yaml").write_bytes(TEXT)
    for said in ({"source": "crds.yaml"}, {"source": str(tmp_path / "crds.yaml"), "sha256": HASH}):
        found = load(tmp_path, **said)
        assert names(found) == ["policies.k8s.nginx.org", "other"]
        assert all("status" not in each for each in found)


def test_a_folder_in_the_order_of_its_names(tmp_path):
    for name, crd in (("b.yml", "second"), ("a.json", "first"), ("note.txt", "none")):
        (tmp_path / name).write_text(yaml.safe_dump(CRD | {"metadata": {"name": crd}}))
    assert names(load(tmp_path, source=".")) == ["first", "second"]
    assert "ingress_controller.crds.sha256: goes with one file" in refusal(tmp_path, source=".", sha256=HASH)


def test_none_and_custom_resources_that_are_off_bring_nothing(tmp_path):
    assert load(tmp_path, source="none") == ()
    assert load(tmp_path, custom_resources=False) == ()


@pytest.mark.parametrize(
    ("content", "said", "words"),
    [
        (None, {}, "crds.source: there is no file"),
        (TEXT, {"sha256": OTHER_HASH}, f"has another hash: {HASH}"),
        (b"a: [", {}, "crds.yaml, line 2: is no YAML"),
        (b"kind: Deployment", {}, "holds a Deployment: only CustomResourceDefinitions belong there"),
        (b"[]", {}, "holds a list"),
        (b"", {}, "holds no CustomResourceDefinition"),
    ],
)
def test_a_file_that_is_no_good(tmp_path, content, said, words):
    if content is not None:
        (tmp_path / "crds.yaml").write_bytes(content)
    assert words in refusal(tmp_path, source="crds.yaml", **said)


# -- upstream ---------------------------------------------------------------------------------------------------------


class Upstream(Nginx):
    """A controller whose definitions are served on this machine."""

    def __init__(self, port):
        self.port = port

    def definitions_url(self, controller):
        return f"http://127.0.0.1:{self.port}/crds.yaml"


@pytest.fixture
def upstream():
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(TEXT)

        def log_message(self, *_):
            """Not on the terminal."""

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Upstream(server.server_port), asked
    server.shutdown()
    server.server_close()


def test_upstreams_file_is_fetched_once_for_all_runs(tmp_path, upstream, cache):
    dialect, asked = upstream
    for _ in range(2):
        assert names(load(tmp_path, dialect=dialect, sha256=HASH)) == ["policies.k8s.nginx.org", "other"]
    assert asked == ["/crds.yaml"]
    (cache / f"{HASH}.yaml").write_text("kind: Evil")  # what is kept is checked as well
    assert load(tmp_path, dialect=dialect, sha256=HASH)
    assert len(asked) == 2


def test_another_file_than_expected_is_not_used_and_not_kept(tmp_path, upstream, cache):
    assert f"has another hash: {HASH}" in refusal(tmp_path, dialect=upstream[0], sha256=OTHER_HASH)
    assert not list(cache.glob("*"))


def test_a_download_needs_a_hash_and_both_remedies_are_told(tmp_path):
    said = refusal(tmp_path)
    assert said.startswith("ingress_controller.crds.sha256: is needed")
    assert "v5.5.4/deploy/crds.yaml | sha256sum" in said
    assert "PATH" in said and "none" in said


def test_an_upstream_out_of_reach_names_the_other_ways(tmp_path):
    said = refusal(tmp_path, dialect=Upstream(1), sha256=OTHER_HASH)
    assert said.startswith("ingress_controller.crds.source: cannot fetch http://127.0.0.1:1/crds.yaml: ")
    assert "PATH" in said and "none" in said


@pytest.mark.parametrize(("kind", "version"), [("nginx", "v5.6.1"), ("traefik", "v3.8.0")])
def test_the_file_belongs_to_the_version(kind, version):
    controller = model.load({"ingress_controller": {"kind": kind, "version": version}}).controller
    url = CONTROLLERS[kind].definitions_url(controller)
    assert url.startswith("https://raw.githubusercontent.com/")
    assert f"/{version}/" in url


# -- in the stack -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["nginx", "traefik"])
def test_they_are_rendered_with_the_stack(tmp_path, kind):
    (tmp_path / "crds.yaml").write_bytes(TEXT)
    controller = {"kind": kind, "custom_resources": True, "crds": {"source": "crds.yaml"}}
    _, objects = render_offline({"ingress_controller": controller}, tmp_path)
    assert names(each for each in objects if each["kind"] == "CustomResourceDefinition") == names(
        load(tmp_path, source="crds.yaml")
    )


def test_with_none_the_cluster_must_serve_them():
    stack = model.load({"ingress_controller": {"custom_resources": True, "crds": {"source": "none"}}})
    dialect = controller_for(stack.controller)
    served = dict.fromkeys(dialect.definitions, True)
    assert not check(stack, dialect, Facts(served=served))
    (found,) = check(stack, dialect, Facts(served=served | {"policies.k8s.nginx.org": False}))
    assert (found.level, found.path) == ("error", "ingress_controller.crds.source")
    assert "does not serve policies.k8s.nginx.org: install them" in found.message


def test_traefik_watches_its_own_kinds_only_if_asked():
    for custom_resources in (False, True):
        stack = model.load({"ingress_controller": {"kind": "traefik", "custom_resources": custom_resources}})
        dialect = controller_for(stack.controller)
        objects = dialect.objects(stack, Facts())
        groups = [each["apiGroups"] for obj in objects if obj["kind"] == "ClusterRole" for each in obj["rules"]]
        assert (["traefik.io"] in groups) == custom_resources
        assert ("--providers.kubernetescrd=true" in dialect.args(stack)) == custom_resources


def test_traefik_of_another_class_takes_what_is_annotated_with_it():
    for name, wanted in ((None, False), ("edge", True)):
        controller = {"kind": "traefik", "custom_resources": True} | ({"class_name": name} if name else {})
        stack = model.load({"ingress_controller": controller})
        flags = controller_for(stack.controller).args(stack)
        assert (f"--providers.kubernetescrd.ingressclass={name}" in flags) == wanted


def test_a_controller_without_kinds_of_its_own_says_so():
    said = {"kind": "ingress-nginx", "accept_retired": True, "custom_resources": True}
    stack = model.load({"ingress_controller": said})
    found = {each.path: each.message for each in check(stack, controller_for(stack.controller), Facts())}
    assert "has no custom resources" in found["ingress_controller.custom_resources"]
