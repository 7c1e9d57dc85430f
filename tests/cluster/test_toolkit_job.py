"""The toolkit's container as a Job in the cluster: site.yml from a Git checkout, with its ServiceAccount alone."""

from __future__ import annotations

import json

import pytest

from module_utils.ingresskit.images import TOOLKIT
from tests.cluster.double import until
from tests.cluster.playbook import kubectl
from tests.cluster.toolkitjob import CAFE, CANARY, UNREADY, WRONG, Toolkit, said

pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def toolkit(tmp_path_factory):
    made = Toolkit(tmp_path_factory.mktemp("toolkit"), "ik-toolkit")
    made.clear()
    yield made
    made.clear()


@pytest.fixture
def good(toolkit):
    """A revision that is installed, and the Job that has proven it last."""
    if toolkit.settled is None or toolkit.settled != toolkit.good[0]:
        revision = toolkit.commit()
        toolkit.good = revision, toolkit.run(revision).passed()
    return toolkit.good


def test_a_revision_is_installed_and_proven_from_inside(toolkit, good):
    """At a ClusterIP, straight: the ServiceAccount may not even forward ports."""
    revision, first = good
    assert f"{revision} is commit {revision}" in first.said
    assert "routes proven" in first.said and "port-forward" not in first.said
    assert toolkit.routes() == CAFE
    again = toolkit.run(revision).passed()
    assert "changed=0" in again.said and "routes proven" in again.said
    assert CANARY not in first.said + again.said


def test_it_runs_without_root_and_writes_nowhere_but_in_its_own_volumes(toolkit, good):
    _, first = good
    (container,), (checkout,) = first.pod["spec"]["containers"], first.pod["spec"]["initContainers"]
    for each in (container, checkout):
        assert each["image"] == str(TOOLKIT)
        assert each["securityContext"]["readOnlyRootFilesystem"]
    labels = json.loads(kubectl("get", "namespace", toolkit.home, "-o", "jsonpath={.metadata.labels}"))
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted", "by which the API server has let it in"
    mounts = {each["mountPath"] for each in checkout["volumeMounts"]}
    assert not [path for path in mounts if "serviceaccount" in path], "what talks to Git has no token"
    assert "/etc/ingresskit/git" not in {each["mountPath"] for each in container["volumeMounts"]}


def test_a_wrong_route_fails_the_job_and_the_revision_before_is_back(toolkit, good):
    bad = toolkit.commit(WRONG)
    toolkit.run(bad).failed("/coffee", "returned to revision", "failed=1")
    assert toolkit.routes() == CAFE


def test_a_job_that_is_deleted_gives_the_lock_back_to_the_next_one(toolkit, good):
    """As Argo CD does it with BeforeHookCreation: SIGTERM to process 1 of the container."""
    toolkit.start(toolkit.commit(workloads=UNREADY))
    until(lambda: any("waiting for" in said(pod) for pod in toolkit.pods()), 120, every=0.5)
    lease = ["get", "leases", "-n", toolkit.site.namespace("state"), "-o", "name"]
    assert kubectl(*lease)
    kubectl("delete", "job", toolkit.job, "-n", toolkit.home, "--wait=false")
    until(lambda: not toolkit.pods(), 120)
    assert not kubectl(*lease), "given back, not left to end by itself"
    assert toolkit.release()["result"] == "failed"
    toolkit.run(good[0]).passed()
    assert toolkit.routes() == CAFE


def test_a_revision_that_is_not_there_fails_the_job_before_anything_is_sent(toolkit):
    toolkit.commit()
    assert "PLAY" not in toolkit.run("v99").failed("ingresskit-checkout: the repository has no revision v99").said


@pytest.mark.slow
def test_what_never_gets_ready_fails_the_job_and_the_revision_before_is_back(toolkit, good):
    toolkit.run(toolkit.commit(workloads=UNREADY, patience=20)).failed("coffee", "returned to revision")
    assert toolkit.routes() == CAFE


@pytest.mark.slow
def test_another_playbook_proves_alone(toolkit, good):
    run = toolkit.run(good[0], PLAYBOOK="/opt/ingresskit/playbooks/smoke.yml").passed()
    assert "routes proven" in run.said and "changed=0" in run.said
