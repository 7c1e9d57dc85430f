"""The tree for Git: halves, order, kustomizations; and the command that prints a stack's manifests."""

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from module_utils.ingresskit.converge import render_offline
from module_utils.ingresskit.errors import InventoryError
from module_utils.ingresskit.render.tree import FLUX_KEEP, KEEP, PLACES, WAVE
from module_utils.ingresskit.render.yaml_files import present_files, with_header
from module_utils.ingresskit.rendering import render_for_git

from .certificates import key_pem

ROOT = Path(__file__).parents[2]
HOST = "cafe.example.com"
APPS = {
    "cafe": {
        "tls": {"secret": "cafe-tls"},
        "hosts": {HOST: {"paths": {"/tea": "tea-svc:80"}}},
        "workloads": {"tea": {}},
    }
}
BASE = {"ingress_controller": {"kind": "traefik"}, "ingress_apps": APPS}


def rendered(**git):
    _, files = render_for_git({**BASE, "ingress_git": git}, ROOT)
    return files


def objects(text):
    return [each for each in yaml.safe_load_all(text) if each]


def names(text):
    return [f"{each['kind']} {each['metadata']['name']}" for each in objects(text)]


def test_the_controller_and_the_apps_are_kustomizations_of_their_own():
    files = rendered()
    for folder in ("stack", "apps"):
        listed = objects(files[f"{folder}/kustomization.yaml"])[0]["resources"]
        there = {name.removeprefix(f"{folder}/") for name in files if name.startswith(f"{folder}/")}
        assert set(listed) == there - {"kustomization.yaml"}
        assert len(listed) == len(set(listed))
    assert objects(files["kustomization.yaml"])[0]["resources"] == ["stack", "apps"]
    apps = [name for name in files if name.startswith("apps/")]
    assert "apps/cafe/ingress-cafe.yaml" in apps and "apps/cluster/namespace-cafe.yaml" in apps
    assert not any("traefik" in name for name in apps)
    assert "stack/cluster/namespace-traefik.yaml" in files


@pytest.mark.parametrize("kind", ["nginx", "traefik"])
def test_the_rights_of_a_controller_in_watched_namespaces_come_with_it(kind):
    """The apps are applied once it is ready, which it is not without its rights."""
    controller = {"kind": kind, "watch_namespaces": ["cafe"], "default_tls": {"secret": "edge-tls"}}
    files = render_for_git({**BASE, "ingress_controller": controller}, ROOT)[1]
    rights = [name for name in files if name.startswith("stack/cafe/")]
    assert {Path(name).name.partition("-")[0] for name in rights} == {"role", "rolebinding"}
    assert "stack/cluster/namespace-cafe.yaml" in files
    assert "apps/cafe/ingress-cafe.yaml" in files and "apps/cluster/namespace-cafe.yaml" not in files


def test_every_object_is_in_the_tree_once_and_as_the_engine_would_apply_it():
    _, files = render_for_git(BASE, ROOT)
    expected = render_offline(BASE, ROOT)[1]
    found = [each for name, text in files.items() if not name.endswith("kustomization.yaml") for each in objects(text)]
    assert sorted(map(str, found)) == sorted(map(str, expected))


def test_the_stream_has_the_same_objects_in_the_order_of_application():
    (text, kustomization) = (rendered(layout="stream")[name] for name in ("manifests.yaml", "kustomization.yaml"))
    found = names(text)
    assert found[0].startswith("Namespace ") and found[-1] == "Ingress cafe"
    assert len(found) == len(set(found)) == sum(1 for name in rendered() if not name.endswith("kustomization.yaml"))
    assert objects(kustomization)[0]["resources"] == ["manifests.yaml"]


def test_argo_cd_is_told_the_order_and_others_are_not():
    def waves(**git):
        texts = [text for name, text in rendered(**git).items() if not name.endswith("kustomization.yaml")]
        found = [each for text in texts for each in objects(text)]
        marks = ((each["kind"], each["metadata"].get("annotations", {}).get(WAVE)) for each in found)
        return {kind: int(wave) for kind, wave in marks if wave is not None}

    assert waves() == waves(tool="flux") == {}
    told = waves(tool="argocd")
    assert (
        told["Namespace"] == 0 < told["ClusterRole"] < told["ClusterRoleBinding"] < told["Deployment"] < told["Ingress"]
    )
    files = rendered(tool="argocd")
    assert f"{WAVE}: '6'" in files["apps/cafe/ingress-cafe.yaml"]
    assert f"{WAVE}: '0'" in files["apps/cluster/namespace-cafe.yaml"]


def test_argo_cd_deletes_no_namespace_with_everybodys_objects_in_it():
    files = rendered(tool="argocd")
    (namespace,) = objects(files["apps/cluster/namespace-cafe.yaml"])
    assert namespace["metadata"]["annotations"] == {WAVE: "0", **KEEP}
    assert not [name for name, text in files.items() if "Prune=false" in text and "namespace-" not in name]


def test_nor_does_flux():
    files = rendered(tool="flux")
    for name in ("apps/cluster/namespace-cafe.yaml", "stack/cluster/namespace-traefik.yaml"):
        assert objects(files[name])[0]["metadata"]["annotations"] == FLUX_KEEP
    assert not [name for name, text in files.items() if "fluxcd.io/prune" in text and "namespace-" not in name]


KEY = key_pem(0).decode()
PLACES_OF_KEYS = {
    "as text": {"data": {"key.pem": KEY}},
    "as base64": {"binaryData": {"a": base64.b64encode(KEY.encode()).decode()}},
    "as base64, after something else": {"binaryData": {"a": base64.b64encode(b"a\n" + KEY.encode()).decode()}},
    "as JSON": {"data": {"a": json.dumps({"key": KEY})}},
    "in an annotation": {"metadata": {"name": "a", "namespace": "b", "annotations": {"a": KEY}}},
}


def with_extra(**more):
    extra = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "b"}, **more}
    return render_for_git({**BASE, "ingress_extra_objects": [extra]}, ROOT)[1]


@pytest.mark.parametrize("place", PLACES_OF_KEYS.values(), ids=PLACES_OF_KEYS)
def test_no_private_key_stands_in_a_file(place):
    with pytest.raises(InventoryError, match=r"^ConfigMap b/a: a private key would stand in its file") as caught:
        with_extra(**place)
    assert KEY.splitlines()[1] not in str(caught.value)


def test_public_ones_may():
    public = "-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n"
    assert with_extra(data={"a": public}, binaryData={"b": base64.b64encode(public.encode()).decode()})


def test_who_applies_the_files_chooses_no_namespace():
    with pytest.raises(InventoryError, match=r"ingress_extra_objects\[0\].metadata.namespace: is missing"):
        with_extra(metadata={"name": "a"})
    assert with_extra(apiVersion="example.com/v1", kind="Widget", metadata={"name": "a"}), (
        "whose scope nobody knows here"
    )


def test_the_users_own_wave_stays():
    extra = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "a", "namespace": "b", "annotations": {WAVE: "-5"}},
    }
    _, files = render_for_git({**BASE, "ingress_extra_objects": [extra], "ingress_git": {"tool": "argocd"}}, ROOT)
    assert f"{WAVE}: '-5'" in files["apps/b/configmap-a.yaml"]


def test_only_what_a_render_of_this_stack_may_have_left_is_its_own(tmp_path):
    places = ["kustomization.yaml", "manifests.yaml", "stack/kustomization.yaml", "apps/cafe/service-a.yaml"]
    others = ["one/edge/apps/cafe/service-a.yaml", "apps/cafe/deep/a.yaml", "cafe/service-a.yaml", "notes.yaml"]
    for name in (*places, *others):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(with_header("a: 1\n"))
    assert set(present_files(tmp_path, PLACES)) == set(places)


@pytest.fixture
def inventory(tmp_path):
    hosts = {"all": {"hosts": {"one": {}, "two": {}}, "vars": {"ansible_connection": "local", **BASE}}}
    hosts["all"]["vars"]["ansible_python_interpreter"] = sys.executable
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump(hosts))
    return tmp_path / "hosts.yml"


def command(inventory, *arguments, path=None):
    environment = {
        **os.environ,
        "PATH": path or f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "KUBECONFIG": "/none",
    }
    line = [sys.executable, str(ROOT / "bin/ingresskit-render"), "-i", str(inventory), *arguments]
    return subprocess.run(line, capture_output=True, text=True, env=environment, cwd=ROOT, check=False)


def test_the_command_prints_manifests_and_nothing_else(inventory):
    ran = command(inventory, "--limit", "one")
    assert ran.returncode == 0, ran.stderr
    assert names(ran.stdout) == names(rendered(layout="stream")["manifests.yaml"]), "in the order of application"
    assert "PLAY RECAP" in ran.stderr
    assert command(inventory, "--limit", "one").stdout == ran.stdout


def test_check_mode_is_the_gate_of_a_pipeline(inventory, tmp_path):
    def play(*arguments):
        line = [
            str(Path(sys.executable).parent / "ansible-playbook"),
            str(ROOT / "playbooks/render.yml"),
            "-i",
            str(inventory),
        ]
        environment = {
            **os.environ,
            "PWD": str(tmp_path),
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "KUBECONFIG": "/none",
        }
        ran = subprocess.run(
            [*line, *arguments], capture_output=True, text=True, env=environment, cwd=tmp_path, check=False
        )
        return ran.returncode, ran.stdout + ran.stderr

    assert play("--limit", "one")[0] == 0
    assert play("--limit", "one", "--check")[0] == 0
    route = tmp_path / "rendered/one/edge/apps/cafe/ingress-cafe.yaml"
    as_it_was = route.read_text()
    route.write_text(as_it_was.replace("/tea", "/coffee"))
    code, said = play("--limit", "one", "--check", "--diff")
    assert code != 0
    assert "rendered/one/edge is not what the inventory says" in " ".join(said.split())
    assert any("-" in line and "/coffee" in line for line in said.splitlines())
    assert "/coffee" in route.read_text(), "check mode writes nothing"
    assert play("--limit", "one")[0] == 0
    assert route.read_text() == as_it_was


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "one/edge, two/edge: these are manifests for several clusters; choose one with --limit"),
        (("--limit", "three"), "three"),
        (("--limit", "one", "--check"), "--check: run playbooks/render.yml for that"),
        (("--limit", "one", "-e", '{"ingress_apps": {"cafe": {"tls": {"self_signed": true}, "hosts": {"a.example": "a:80"}}}}'), "ingress_apps.cafe.tls"),
    ],
)  # fmt: skip
def test_what_cannot_be_rendered_prints_nothing_and_fails(inventory, arguments, said):
    ran = command(inventory, *arguments)
    assert ran.returncode != 0
    assert ran.stdout == ""
    assert said in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_missing_ansible_is_told(inventory, tmp_path):
    ran = command(inventory, "--limit", "one", path=str(tmp_path))
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "ansible-playbook is not on PATH" in ran.stderr
