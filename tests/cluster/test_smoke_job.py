"""The smoke part of a render: its Job proves the stack from inside the cluster, with its own rights and no record.

Names: ik-render. Applied by kubectl here; behind Argo CD and Flux it is tested with them.
"""

import json
import re

import pytest

from tests.cluster.certificates import issued, secret_of
from tests.cluster.double import until
from tests.cluster.playbook import HOST, KEY_TEXT, Site, create, kubectl

pytestmark = pytest.mark.timeout(600)
NAME = "ik-render"
HOME, CAFE = f"{NAME}-controller", f"{NAME}-cafe"
JOB = ("job", f"{NAME}-smoke", "-n", HOME)


@pytest.fixture(scope="module", params=["nginx", "traefik"])
def applied(request, tmp_path_factory):
    """The folder of a render, applied as Flux would: the parts one after the other, and no release record."""
    site = Site(tmp_path_factory.mktemp("render"), name=NAME)
    site.write(inventory(site, request.param))
    site.play("playbooks/render.yml").passed()
    folder = site.folder / f"rendered/kind/{NAME}"
    delete(folder)
    try:
        for part in ("stack", "apps"):
            kubectl("apply", "--server-side", "-k", str(folder / part))
        pair = issued(HOST)
        create(*(secret_of("cafe-tls", namespace, pair) for namespace in (HOME, CAFE)))
        kubectl("rollout", "status", "--timeout=120s", "-n", HOME, "deployment")
        yield folder
    finally:
        delete(folder)


def inventory(site, kind):
    cafe = site.cafe(tls={"secret": "cafe-tls"})
    # the address is this machine's, as with kind's port mappings: no Pod meets anything there
    inside = {"type": "ClusterIP", "name": f"{NAME}-inside"}
    controller = {"expose": [{"type": "NodePort", "address": "127.0.0.1"}, inside]}
    controller |= {"default_tls": {"secret": "cafe-tls"}} if kind == "nginx" else {}
    return site.inventory(
        kind, {"cafe": cafe}, controller=controller, ingress_git={"smoke": True}, ingress_smoke={"wait": 20}
    )


def delete(folder):
    for each in (folder / "smoke", folder):  # kubectl takes one -k, the last
        kubectl("delete", "--ignore-not-found", "-k", str(each))


def run(folder):
    """Has the Job run anew; its condition and what it has printed."""
    kubectl("delete", *JOB, "--ignore-not-found")
    kubectl("apply", "--server-side", "-k", str(folder / "smoke"))
    until(ended, 240, every=1)
    return ended(), kubectl("logs", f"job/{NAME}-smoke", "-n", HOME)


def ended():
    conditions = json.loads(kubectl("get", *JOB, "-o", "json")).get("status", {}).get("conditions", ())
    return {each["type"] for each in conditions if each["status"] == "True"} & {"Complete", "Failed"}


def test_it_proves_every_route(applied):
    condition, said = run(applied)
    assert condition == {"Complete"}, said
    for path in ("/tea", "/coffee"):
        assert re.search(rf"{path} .* verified, \d+ d +proven", said), said
    assert re.search(rf"{NAME}-inside.*ClusterIP", said), said
    assert "of Pod" in said, "found by a Pod: nodes are not its business"
    assert not KEY_TEXT.search(said)


def test_it_fails_where_a_route_does(applied):
    scale = ("scale", "deployment", "tea", "-n", CAFE)
    kubectl(*scale, "--replicas=0")
    kubectl("wait", "--for=delete", "pod", "-l", "app.kubernetes.io/name=tea", "-n", CAFE, "--timeout=60s")
    condition, said = run(applied)
    kubectl(*scale, "--replicas=1")
    assert condition == {"Failed"} and "/tea" in said, said


def test_without_the_certificate_it_says_so(applied):
    role = ("role", f"{NAME}-smoke", "-n", CAFE)
    kubectl("apply", "--server-side", "-k", str(applied / "smoke"))
    kubectl("patch", *role, "--type=json", "-p", '[{"op": "replace", "path": "/rules", "value": []}]')
    kubectl("delete", *JOB, "--ignore-not-found")
    kubectl("apply", "--server-side", "-f", str(applied / f"smoke/{HOME}/job-{NAME}-smoke.yaml"))
    until(ended, 240, every=1)
    said = kubectl("logs", f"job/{NAME}-smoke", "-n", HOME)
    assert ended() == {"Failed"} and "may not get secrets in namespace" in " ".join(said.split()), said
