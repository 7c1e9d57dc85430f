"""The toolkit's Job under Argo CD and Flux, the real ones: site.yml from Git, with the engine's wait and its way back."""

from __future__ import annotations

import json

import pytest
import yaml

from tests.cluster.double import obj, until
from tests.cluster.flux import Flux
from tests.cluster.playbook import kubectl
from tests.cluster.toolkitjob import CAFE, FILES, WRONG, Toolkit

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
EXAMPLE = "https://git.example.com/platform/ingress.git"
SOON = 300  # seconds: a Job on a machine that does much else beside


@pytest.fixture
def under_argocd(tmp_path):
    made = Toolkit(tmp_path, "ik-toolkit-argocd")
    gone(made)
    yield made
    gone(made)


def gone(toolkit):
    kubectl("delete", "application", toolkit.name, "-n", "argocd", "--ignore-not-found")
    toolkit.clear()


def test_argocd_syncs_by_the_job_at_the_very_commit(under_argocd):
    toolkit = under_argocd
    toolkit.repo.commit(toolkit.deploy("argocd", "no-such-revision"), "how it is deployed")
    first = toolkit.commit()
    application = yaml.safe_load(
        (FILES / "argocd/application.yaml").read_text().replace(EXAMPLE, toolkit.repo.url_inside)
    )
    application["metadata"]["name"] = toolkit.name
    apply(application)
    assert synced(toolkit, first)["phase"] == "Succeeded"
    assert f"{first} is commit {first}" in toolkit.ended().passed().said
    assert toolkit.routes() == CAFE

    bad = toolkit.commit(WRONG)  # nothing else differs from the commit before
    assert synced(toolkit, bad)["phase"] == "Failed"
    toolkit.ended().failed(f"{bad} is commit {bad}", "/coffee", "returned to revision")
    assert toolkit.routes() == CAFE

    mended = toolkit.commit()
    assert synced(toolkit, mended)["phase"] == "Succeeded"
    assert f"{mended} is commit {mended}" in toolkit.ended().passed().said
    until(lambda: sync_status(toolkit) == "Synced", 60, every=1)  # former ConfigMaps are gone


def sync_status(toolkit):
    return kubectl("get", "application", toolkit.name, "-n", "argocd", "-o", "jsonpath={.status.sync.status}")


def synced(toolkit, revision):
    """The operation that brought a revision, when it is over."""
    kubectl("annotate", "application", toolkit.name, "-n", "argocd", "argocd.argoproj.io/refresh=normal", "--overwrite")

    def look():
        live = json.loads(kubectl("get", "application", toolkit.name, "-n", "argocd", "-o", "json"))
        done = live.get("status", {}).get("operationState", {})
        mine = done.get("syncResult", {}).get("revision") == revision
        return done if mine and done["phase"] in ("Succeeded", "Failed", "Error") else None

    return until(look, SOON, every=1)


@pytest.fixture
def under_flux(tmp_path):
    """Flux may do what an administrator may, on behalf of an account in its namespace."""
    made = Toolkit(tmp_path, "ik-toolkit-flux")
    released(made)
    namespace, group = f"{made.name}-sync", "rbac.authorization.k8s.io"
    subject = {"kind": "ServiceAccount", "name": "flux", "namespace": namespace}
    admin = {"apiGroup": group, "kind": "ClusterRole", "name": "cluster-admin"}
    apply(
        obj("v1", "Namespace", namespace),
        obj("v1", "ServiceAccount", "flux", namespace),
        obj(f"{group}/v1", "ClusterRoleBinding", namespace, roleRef=admin, subjects=[subject]),
        obj(
            "source.toolkit.fluxcd.io/v1", "GitRepository", "ingress", namespace,
            spec={"url": made.repo.url_inside, "interval": "10m", "ref": {"branch": "main"}},
        ),
    )  # fmt: skip
    yield made
    released(made)


def released(toolkit):
    name = f"{toolkit.name}-sync"
    kubectl("delete", "namespace", name, "--ignore-not-found")
    kubectl("delete", "clusterrolebinding", name, "--ignore-not-found")
    toolkit.clear()


def test_flux_is_ready_when_the_job_is_done_and_fails_with_it(under_flux, tmp_path):
    toolkit = under_flux
    flux = Flux(f"{toolkit.name}-sync", toolkit.repo, "deploy/prod", tmp_path)
    sync = yaml.safe_load((FILES / "flux/sync.yaml").read_text())
    sync["metadata"]["namespace"] = flux.namespace
    sync["spec"]["serviceAccountName"] = "flux"

    first = toolkit.commit()
    deployed = flux.release(toolkit.deploy("flux", first), "release the first")
    apply(sync)
    assert reconciled(flux, deployed) == "ReconciliationSucceeded"
    assert f"{first} is commit {first}" in toolkit.ended().passed().said
    assert toolkit.routes() == CAFE

    bad = toolkit.commit(WRONG)
    deployed = flux.release(toolkit.deploy("flux", bad), "release the second")
    assert reconciled(flux, deployed) == "HealthCheckFailed"
    toolkit.ended().failed(f"{bad} is commit {bad}", "/coffee", "returned to revision")
    assert toolkit.routes() == CAFE


def reconciled(flux, revision):
    """How it ended that Flux applied a revision."""

    def look():
        found = json.loads(
            flux.kubectl("get", "kustomizations.kustomize.toolkit.fluxcd.io", "ingresskit", "-o", "json")
        )
        status = found.get("status", {})
        ready = next((each for each in status.get("conditions", []) if each["type"] == "Ready"), None)
        over = ready and ready["status"] != "Unknown" and revision in status.get("lastAttemptedRevision", "")
        return ready["reason"] if over else None

    return until(look, SOON, every=1)


def apply(*objects):
    kubectl(
        "apply", "--server-side", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    )
