"""The real Argo CD's marks, by which what it looks after is known: refused, compared, and taken over once it has let go.

With Flux's this is in test_flux. The cluster needs what `python -m testbed load --gitops` brings.
"""

import json

import pytest

from module_utils.ingresskit.api.resources import Ref
from module_utils.ingresskit.converge import converge
from module_utils.ingresskit.drift import drift
from module_utils.ingresskit.errors import ConflictError
from module_utils.ingresskit.rendering import render_for_git
from module_utils.ingresskit.settings import Settings
from tests.cluster.double import make_pair, tls_secret, until
from tests.cluster.gitserver import Repo
from tests.cluster.playbook import create, kubectl
from tests.cluster.smallstack import standing

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
NAME = "ik-kept-argo"
SOON = 240
EDIT = [{"op": "replace", "path": "/spec/rules/0/http/paths/0/backend/service/name", "value": "other"}]


@pytest.fixture
def stack():
    let_go()
    for made in standing(NAME):
        made.prepare()
        create(tls_secret("pair", made.home, make_pair("a.example")))
        yield made
        let_go()


def let_go():
    """An Application without the finalizer leaves what it has applied."""
    kubectl("delete", "application", NAME, "-n", "argocd", "--ignore-not-found")


def inventory(stack, **more):
    made = stack.inventory("a", ingress_git={"layout": "stream"}, **more)
    made["ingress_apps"]["a"]["tls"] = {"secret": "pair"}
    return made


def commit(stack, folder, options):
    """Has Argo CD apply the rendered stack, and waits until it has."""
    _, files = render_for_git(inventory(stack), folder)
    repo = Repo(NAME, folder / "repository")
    repo.commit({f"stack/{name}": text for name, text in files.items()}, "the stack")
    source = {"repoURL": repo.url_inside, "targetRevision": "main", "path": "stack"}
    sync = {"automated": {}, "syncOptions": options, "retry": {"limit": 0}}
    spec = {"project": "default", "source": source, "syncPolicy": sync}
    spec["destination"] = {"server": "https://kubernetes.default.svc", "namespace": stack.home}
    meta = {"name": NAME, "namespace": "argocd"}
    create({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": meta, "spec": spec})
    until(lambda: kubectl("get", "application", NAME, "-n", "argocd", "-o", PHASE) == "Succeeded Synced", SOON, every=1)


PHASE = "jsonpath={.status.operationState.phase} {.status.sync.status}"


@pytest.mark.parametrize("options", [[], ["ServerSideApply=true"]], ids=["client-side", "server-side"])
def test_refused_compared_and_taken_over(stack, options, tmp_path):
    commit(stack, tmp_path, options)
    refused = f"^Argo CD's Application {NAME} looks after .* nothing was sent"
    with pytest.raises(ConflictError, match=refused):
        bring(stack, ingress_apply={"adopt": True})
    assert stack.record() is None, "nothing was sent"
    clean = drift(inventory(stack), tmp_path)
    assert (clean.objects, clean.brought) == ((), (f"Argo CD's Application {NAME}",))

    kubectl("patch", "ingress", "a", "-n", stack.home, "--type=json", "-p", json.dumps(EDIT))
    (found,) = drift(inventory(stack), tmp_path).objects
    assert [(each.wanted, each.live, each.author.manager) for each in found.fields] == [
        ("web", "other", "kubectl-patch")
    ]

    let_go()
    bring(stack, ingress_apply={"adopt_from": [NAME]})
    live = stack.api.get(Ref("networking.k8s.io", "Ingress", stack.home, "a"))
    assert "argocd" not in json.dumps(live["metadata"])
    assert live["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["name"] == "web"
    assert not bring(stack).changed
    assert not drift(inventory(stack), tmp_path).objects


def bring(stack, **more):
    return converge(inventory(stack, **more), Settings())
