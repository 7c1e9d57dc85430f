"""The smoke part of a render: what its Job carries and what it may is enough to prove the stack. Names: ik-render.

The Job's inventory is asked from this machine with the rights of its ServiceAccount and no others; the Job itself runs
in the tests of the toolkit's image, of Argo CD and of Flux.
"""

import json

import pytest
import yaml

from tests.cluster.certificates import issued, secret_of
from tests.cluster.playbook import HOST, KEY_TEXT, Project, Site, create, kubectl, proven

NAME = "ik-render"
SPACES = {"controller": f"{NAME}-controller", "cafe": f"{NAME}-cafe"}


@pytest.fixture(scope="module", params=["nginx", "traefik"])
def applied(request, tmp_path_factory):
    """The folder of a render, applied by kubectl as Flux would: the parts one after the other, and no release record."""
    site = Site(tmp_path_factory.mktemp("render"), name=NAME)
    site.write(inventory(site, request.param))
    site.play("playbooks/render.yml").passed()
    folder = site.folder / f"rendered/kind/{NAME}"
    delete(folder)
    try:
        for part in ("stack", "apps"):
            kubectl("apply", "--server-side", "-k", str(folder / part))
        pair = issued(HOST)
        create(*(secret_of("cafe-tls", namespace, pair) for namespace in SPACES.values()))
        kubectl("apply", "--server-side", "-k", str(folder / "smoke"))
        kubectl("rollout", "status", "--timeout=120s", "-n", SPACES["controller"], "deployment")
        yield folder
    finally:
        delete(folder)


def inventory(site, kind):
    cafe = site.cafe(tls={"secret": "cafe-tls"})
    default = {"default_tls": {"secret": "cafe-tls"}} if kind == "nginx" else {}
    return site.inventory(kind, {"cafe": cafe}, controller=default, ingress_git={"smoke": True})


def delete(folder):
    kubectl("delete", "--ignore-not-found", "-k", str(folder / "smoke"), "-k", str(folder))


@pytest.fixture
def job(applied, tmp_path):
    """A folder with the inventory of the Job's ConfigMap, and its ServiceAccount as the only user."""
    config = yaml.safe_load((applied / f"smoke/{SPACES['controller']}/configmap-{NAME}-smoke.yaml").read_text())
    project = Project(tmp_path)
    project.text("hosts.yml", config["data"]["hosts.yml"])
    access = json.loads(kubectl("config", "view", "--raw", "--minify", "--flatten", "-o", "json"))
    access["users"][0]["user"]["as"] = f"system:serviceaccount:{SPACES['controller']}:{NAME}-smoke"
    (tmp_path / "kubeconfig").write_text(json.dumps(access))
    project.env["KUBECONFIG"] = str(tmp_path / "kubeconfig")
    return project


def test_it_proves_every_route(job):
    assert not KEY_TEXT.search((job.folder / "inventory/hosts.yml").read_text())
    run = job.play("playbooks/smoke.yml").passed()
    assert proven(run, f"https://{HOST}")


def test_a_route_that_fails_fails_the_job(job, applied):
    scale = ("scale", "deployment", "tea", "-n", SPACES["cafe"])
    kubectl(*scale, "--replicas=0")
    kubectl("wait", "--for=delete", "pod", "-l", "app.kubernetes.io/name=tea", "-n", SPACES["cafe"], "--timeout=60s")
    job.play("playbooks/smoke.yml", ingress_smoke={"wait": 0}).failed("/tea")
    kubectl(*scale, "--replicas=1")
    kubectl("rollout", "status", "-n", SPACES["cafe"], "deployment/tea", "--timeout=60s")


def test_without_the_certificate_it_says_so(job):
    role = ("role", f"{NAME}-smoke", "-n", SPACES["cafe"])
    kubectl("patch", *role, "--type=json", "-p", '[{"op": "replace", "path": "/rules", "value": []}]')
    job.play("playbooks/smoke.yml").failed("may not get secrets in namespace")
