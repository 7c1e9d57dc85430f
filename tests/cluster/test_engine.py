"""The engine on a real API server: create, no-op, drift, conflicts, prune, check mode, interruption, early failure.

Every test has a stack, a state namespace and a namespace of its own (ik-eng-*), and leaves none of them behind.
"""

import base64
import json
import os
import subprocess
import time
import uuid
from dataclasses import dataclass, field

import pytest

from module_utils.ingresskit.api.client import connect
from module_utils.ingresskit.api.resources import BUILTIN, Ref
from module_utils.ingresskit.engine.ahead import delete_ahead
from module_utils.ingresskit.engine.apply import apply, preview, raise_errors
from module_utils.ingresskit.engine.ownership import Owner, own
from module_utils.ingresskit.engine.plan import intact, plan, plan_removal
from module_utils.ingresskit.engine.prune import forget, prune, spare
from module_utils.ingresskit.engine.snapshot import complete, observe
from module_utils.ingresskit.engine.verify import verify
from module_utils.ingresskit.engine.wait import wait
from module_utils.ingresskit.errors import ClusterError, ConflictError, IngresskitError, WaitError
from module_utils.ingresskit.images import ECHO, NGINX
from module_utils.ingresskit.state import store
from module_utils.ingresskit.state.release import Note

CONTEXT = os.environ.get("INGRESSKIT_CONTEXT", "kind-ingresskit")
KEY = "a very private key"


def manifest(kind, name, namespace=None, api_version="v1", **content):
    """A manifest in one line."""
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {}) | content.pop("metadata", {})
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **content}


def config_map(name, namespace, **data):
    return manifest("ConfigMap", name, namespace, data=data)


def secret(name, namespace, **data):
    return manifest("Secret", name, namespace, stringData=data)


def deployment(name, namespace, image=str(ECHO), replicas=1, **container):
    labels = {"app": name}
    probe = {"tcpSocket": {"port": 8080}, "periodSeconds": 1}
    main = {"name": name, "image": image, "imagePullPolicy": "Never", "readinessProbe": probe}
    spec = {"containers": [main | container]}
    spec |= {"terminationGracePeriodSeconds": 0}
    return manifest(
        "Deployment", name, namespace, "apps/v1",
        spec={
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    )  # fmt: skip


def service(name, namespace):
    return manifest(
        "Service", name, namespace, spec={"selector": {"app": name}, "ports": [{"port": 80, "targetPort": 8080}]}
    )


def ingress(name, namespace, host):
    backend = {"service": {"name": "tea", "port": {"number": 80}}}
    path = {"path": "/", "pathType": "Prefix", "backend": backend}
    rules = [{"host": host, "http": {"paths": [path]}}]
    return manifest(
        "Ingress", name, namespace, "networking.k8s.io/v1", spec={"ingressClassName": "ik-eng-none", "rules": rules}
    )


def kubectl(*args, stdin=None):
    """What an operator does beside the toolkit."""
    command = ["kubectl", "--context", CONTEXT, *args]
    return subprocess.run(command, check=True, capture_output=True, text=True, input=stdin).stdout


@dataclass
class Stack:
    """A driver as small as can be: the order of calls that engine/__init__.py tells."""

    owner: Owner
    namespace: str
    api: object
    objects: list = field(default_factory=list)

    def planned(self, objects=None, *, thorough=False, **options):
        record = store.load(self.api, self.owner)
        seen = observe(self.api, self.owner, record)
        self.intact = intact(seen, record)
        wanted = own(self.objects if objects is None else objects, self.owner.stack, self.owner.state_namespace)
        seen = complete(self.api, seen, wanted, record)
        changes = plan(wanted, seen, record, **options)
        changes.raise_conflicts()
        if thorough:
            changes = verify(self.api, changes, record)
        return record, wanted, spare(self.api, changes)

    def check(self, objects=None, *, adopt=False, **options):
        record, _, changes = self.planned(objects, adopt=adopt)
        changes = preview(self.api, changes, record, **options)
        raise_errors(changes)
        return changes

    def run(
        self, objects=None, *, wait_for=0, diff=False, force_conflicts=False, adopt=False, thorough=False, **options
    ):
        if objects is not None:
            self.objects = objects
        rules = {"force_conflicts": force_conflicts, "adopt": adopt}
        record, wanted, changes = self.planned(thorough=thorough, **rules)
        if not changes.changed:
            return changes
        pending = store.begin(self.api, self.owner, record, changes, Note("test"))
        ready = False
        try:
            changes = delete_ahead(self.api, changes)
            changes = apply(self.api, changes, record, diff=diff, force_conflicts=force_conflicts, **options)
            raise_errors(changes)
            if wait_for:
                wait(self.api, wanted, self.owner, timeout=wait_for)
            changes = prune(self.api, changes, diff=diff)
            raise_errors(changes)
            ready = True
        finally:
            store.finish(self.api, self.owner, pending, changes, ready=ready)
        return changes

    def remove(self, timeout=0):
        record = store.load(self.api, self.owner)
        changes = spare(self.api, plan_removal(observe(self.api, self.owner, record), record))
        changes = prune(self.api, changes, timeout=timeout)
        raise_errors(changes)
        return changes, forget(self.api, self.owner)

    def ref(self, kind, name, api_version="v1"):
        return Ref.of(manifest(kind, name, self.namespace, api_version))

    def get(self, kind, name, api_version="v1"):
        return self.api.get(self.ref(kind, name, api_version))

    def exists(self, kind, name, api_version="v1"):
        live = self.get(kind, name, api_version)
        return live is not None and "deletionTimestamp" not in live["metadata"]

    def here(self):
        """The namespace as part of the stack."""
        return manifest("Namespace", self.namespace)


@pytest.fixture(scope="module")
def api():
    return connect(os.environ.get("INGRESSKIT_KUBECONFIG"), CONTEXT, timeout=30)


@pytest.fixture
def stack(api):
    run = uuid.uuid4().hex[:6]
    made = Stack(Owner(f"eng-{run}", f"ik-eng-{run}-state"), f"ik-eng-{run}", api)
    yield made
    doomed = [obj["metadata"]["name"] for obj in api.list_metadata(BUILTIN["v1", "Namespace"]).items]
    for name in doomed:
        if name.startswith(f"ik-eng-{run}"):
            api.delete(Ref("", "Namespace", "", name))


def actions(changes):
    return {str(change.ref).replace(change.ref.namespace + "/", ""): change.action for change in changes}


def test_create_then_nothing_to_do_then_remove(stack):
    objects = [
        ingress("cafe", stack.namespace, "cafe.example.com"),
        deployment("tea", stack.namespace),
        service("tea", stack.namespace),
        config_map("page", stack.namespace, text="hello"),
        secret("cert", stack.namespace, key=KEY),
        stack.here(),
    ]
    first = stack.run(objects, wait_for=60)
    assert first.summary() == "6 created"
    kinds = [change.ref.kind for change in first]
    assert (kinds[0], kinds[-1]) == ("Namespace", "Ingress")
    assert store.load(stack.api, stack.owner).result == "deployed"

    before, writes = stack.api.calls.copy(), stack.api.writes
    second = stack.run()
    assert second.summary() == "6 unchanged"
    assert not second.changed
    assert stack.api.writes == writes
    sent = stack.api.calls - before
    assert sent["list"] == 6, "one LIST per kind"
    assert sent["get"] == 1, "the release record"

    parent = stack.api.get(Ref("", "Secret", stack.owner.state_namespace, stack.owner.record_name))
    assert parent["metadata"]["labels"]["applyset.kubernetes.io/id"] == stack.owner.id
    assert (
        "Ingress.networking.k8s.io" in parent["metadata"]["annotations"]["applyset.kubernetes.io/contains-group-kinds"]
    )

    changes, notes = stack.remove(timeout=60)
    assert changes.summary() == "6 deleted"
    assert len(notes) == 2, notes  # the record and the state namespace
    assert stack.api.get(Ref("", "Namespace", "", stack.namespace)) is None
    state = stack.api.get(Ref("", "Namespace", "", stack.owner.state_namespace))
    assert state is None or "deletionTimestamp" in state["metadata"]


def test_drift_by_an_update_is_named_and_repaired(stack):
    stack.run([stack.here(), config_map("page", stack.namespace, text="ours", other="x")])
    kubectl("-n", stack.namespace, "patch", "cm", "page", "--type=merge", "-p", '{"data":{"text":"theirs"}}')
    _, _, planned = stack.planned()
    assert [str(change) for change in planned.of("configured")] == [
        f"ConfigMap {stack.namespace}/page configured (kubectl-patch took .data.text)"
    ]
    assert stack.run().summary() == "1 configured, 1 unchanged"
    assert stack.get("ConfigMap", "page")["data"]["text"] == "ours"
    assert not stack.run().changed


def test_removed_field_removed_label_and_deleted_object_are_repaired(stack):
    objects = [stack.here(), *(config_map(name, stack.namespace, text="ours") for name in ("field", "label", "object"))]
    stack.run(objects)
    kubectl("-n", stack.namespace, "patch", "cm", "field", "--type=json", "-p", '[{"op":"remove","path":"/data/text"}]')
    kubectl("-n", stack.namespace, "label", "cm", "label", "applyset.kubernetes.io/part-of-")
    kubectl("-n", stack.namespace, "delete", "cm", "object")
    changes = stack.run()
    assert changes.summary() == "1 created, 2 configured, 1 unchanged"
    assert all(stack.get("ConfigMap", name)["data"]["text"] == "ours" for name in ("field", "label", "object"))
    assert not stack.run().changed


def test_replicas_scaled_by_hand_are_repaired(stack):
    stack.run([stack.here(), deployment("tea", stack.namespace, replicas=1)])
    kubectl("-n", stack.namespace, "scale", "deployment/tea", "--replicas=2")
    assert stack.run().of("configured")[0].reason == "kubectl took .spec.replicas"
    assert stack.get("Deployment", "tea", "apps/v1")["spec"]["replicas"] == 1


def test_field_of_another_apply_manager_is_a_conflict(stack):
    stack.run([stack.here(), config_map("page", stack.namespace, text="ours")])
    theirs = json.dumps(config_map("page", stack.namespace, text="theirs"))
    kubectl("apply", "--server-side", "--force-conflicts", "--field-manager=argocd", "-f", "-", stdin=theirs)
    writes = stack.api.writes
    with pytest.raises(ConflictError, match=r"ConfigMap .*/page: argocd took \.data\.text .*force_conflicts"):
        stack.run()
    assert stack.api.writes == writes, "found before anything was sent"
    assert stack.run(force_conflicts=True).summary() == "1 configured, 1 unchanged"
    assert stack.get("ConfigMap", "page")["data"]["text"] == "ours"


def test_field_that_was_never_ours_is_a_conflict(stack):
    stack.run([stack.here(), config_map("page", stack.namespace, text="ours")])
    kubectl("-n", stack.namespace, "patch", "cm", "page", "--type=merge", "-p", '{"data":{"new":"theirs"}}')
    objects = [stack.here(), config_map("page", stack.namespace, text="ours", new="ours")]
    with pytest.raises(ConflictError, match=r"\.data\.new belongs to kubectl-patch"):
        stack.check(objects)
    with pytest.raises(ConflictError, match=r"\.data\.new belongs to kubectl-patch"):
        stack.run(objects)
    assert stack.get("ConfigMap", "page")["data"]["new"] == "theirs"
    assert store.load(stack.api, stack.owner).result == "failed"


def test_namesake_stops_the_run_before_anything_is_sent(stack):
    kubectl("create", "ns", stack.namespace)
    kubectl("-n", stack.namespace, "create", "cm", "page", "--from-literal=text=theirs")
    writes = stack.api.writes
    many = [config_map(f"page-{number}", stack.namespace, text="ours") for number in range(6)]  # a LIST, not GETs
    for others in ([], many):
        with pytest.raises(ConflictError, match=r"ConfigMap .*/page: exists and is not ours: rename it"):
            stack.run([config_map("page", stack.namespace, text="ours"), *others])
    assert stack.api.writes == writes
    assert stack.get("ConfigMap", "page")["data"]["text"] == "theirs"


def test_foreign_namespace_is_used_but_never_owned(stack):
    kubectl("create", "ns", stack.namespace)
    first = stack.run([stack.here(), config_map("page", stack.namespace, text="ours")])
    assert first.summary() == "1 created, 1 skipped"
    assert not stack.run().changed
    changes, _ = stack.remove()
    assert changes.summary() == "1 deleted"
    live = stack.api.get(Ref("", "Namespace", "", stack.namespace))
    assert live["metadata"]["labels"] == {"kubernetes.io/metadata.name": stack.namespace}


def test_missing_namespace_is_an_error_before_anything_is_sent(stack):
    writes = stack.api.writes
    with pytest.raises(ClusterError, match=f"the namespace {stack.namespace} does not exist"):
        stack.run([config_map("page", stack.namespace, text="ours")])
    assert stack.api.writes == writes


def test_dropped_objects_are_pruned_but_not_kept_or_foreign_ones(stack):
    kept = config_map("kept", stack.namespace, a="b") | {
        "metadata": {"name": "kept", "namespace": stack.namespace, "annotations": {"ingresskit.io/keep": "true"}}
    }
    stays = config_map("stays", stack.namespace, a="b")
    stack.run([stack.here(), stays, kept, config_map("goes", stack.namespace, a="b")])
    kubectl("-n", stack.namespace, "create", "cm", "foreign", "--from-literal=a=b")
    copy = config_map("copy", stack.namespace, a="b")
    copy["metadata"]["labels"] = stack.owner.labels  # as a controller does that copies labels to what it makes
    kubectl("create", "-f", "-", stdin=json.dumps(copy))
    kubectl("-n", stack.namespace, "annotate", "cm", "goes", "touched=since")  # moves its resourceVersion
    changes = stack.run([stack.here(), stays])
    assert changes.summary() == "1 deleted, 2 unchanged, 1 skipped"
    assert not stack.exists("ConfigMap", "goes")
    assert all(stack.exists("ConfigMap", name) for name in ("stays", "kept", "foreign", "copy"))
    assert not stack.run().changed


def test_namespace_with_something_foreign_in_it_stays(stack):
    other = f"{stack.namespace}-b"
    stack.run([stack.here(), config_map("ours", stack.namespace, a="b"), manifest("Namespace", other)])
    kubectl("-n", stack.namespace, "create", "cm", "foreign", "--from-literal=a=b")
    changes = stack.run([manifest("Namespace", other)])
    assert actions(changes)[f"Namespace {stack.namespace}"] == "skipped"
    assert f"kept: ConfigMap {stack.namespace}/foreign lives in it" in "\n".join(changes.messages())
    assert not stack.exists("ConfigMap", "ours")
    assert stack.exists("ConfigMap", "foreign")
    assert not stack.run().changed, "said again, but nothing is written"
    changes, _ = stack.remove()
    assert actions(changes) == {f"Namespace {stack.namespace}": "skipped", f"Namespace {other}": "deleted"}
    assert stack.exists("ConfigMap", "foreign")


def test_check_mode_before_the_namespace_exists(stack):
    stack.objects = [
        stack.here(),
        config_map("page", stack.namespace, text="new"),
        secret("cert", stack.namespace, key=KEY),
    ]
    writes = stack.api.writes
    changes = stack.check()
    assert changes.summary() == "3 created"
    shown = {diff["after_header"]: diff for diff in changes.diff()}
    assert "text: new" in shown[f"ConfigMap {stack.namespace}/page (after)"]["after"]
    assert shown[f"ConfigMap {stack.namespace}/page (after)"]["before"] == ""
    assert stack.api.writes == writes
    assert stack.api.get(Ref("", "Namespace", "", stack.namespace)) is None


def test_secret_values_are_masked_in_diffs_and_messages(stack):
    stack.run([stack.here(), secret("cert", stack.namespace, key=KEY, same="equal value")])
    newer = [stack.here(), secret("cert", stack.namespace, key=KEY + " (new)", same="equal value", more="added")]
    for changes in (stack.check(newer), stack.run(newer, diff=True)):
        (diff,) = changes.diff()
        assert "key: '*** (before)'" in diff["before"]
        assert "key: '*** (after)'" in diff["after"]
        assert "same: '***'" in diff["before"]
        assert "same: '***'" in diff["after"]
        told = json.dumps(changes.diff()) + repr(changes) + str(changes.messages())
        for value in (KEY, "equal value"):
            assert value not in told
            assert base64.b64encode(value.encode()).decode() not in told


def test_check_mode_tells_the_truth_about_what_looks_changed(stack):
    """A quantity in another notation is another manifest, but no change for the API server."""
    limits = {"limits": {"cpu": "1000m"}}
    stack.run([stack.here(), deployment("tea", stack.namespace, replicas=0, resources=limits)])
    same = [stack.here(), deployment("tea", stack.namespace, replicas=0, resources={"limits": {"cpu": "1"}})]
    assert not stack.check(same).changed


def test_interrupted_run_converges(stack, monkeypatch):
    """Killed after a write: the record written ahead knows all objects, and trusts none of those being changed."""
    page, gone = config_map("page", stack.namespace, text="one"), config_map("gone", stack.namespace, text="one")
    stack.run([stack.here(), page, gone])

    class Killed(BaseException):
        pass

    applied = []
    real = stack.api.apply

    def dying(obj, **options):
        if applied:
            raise Killed
        applied.append(obj)
        return real(obj, **options)

    upgrade = [
        stack.here(),
        config_map("page", stack.namespace, text="two"),
        config_map("new", stack.namespace, text="two"),
    ]
    record, _, changes = stack.planned(upgrade)
    store.begin(stack.api, stack.owner, record, changes, Note())
    monkeypatch.setattr(stack.api, "apply", dying)
    with pytest.raises(Killed):
        apply(stack.api, changes, record, workers=1)
    monkeypatch.undo()
    pending = store.load(stack.api, stack.owner)
    assert pending.result == "pending"
    assert {ref.name for ref in pending.objects} == {stack.namespace, "page", "new", "gone"}

    # the inventory goes back to what was there before the kill: what the killed run wrote must not be taken for that
    assert stack.run([stack.here(), page, gone]).changed
    assert stack.get("ConfigMap", "page")["data"]["text"] == "one"
    assert not stack.exists("ConfigMap", "new")
    assert store.load(stack.api, stack.owner).result == "deployed"
    assert not stack.run().changed


def test_second_run_at_once_is_refused(stack):
    stack.run([stack.here()])
    record, _, changes = stack.planned([stack.here(), config_map("page", stack.namespace, a="b")])
    store.begin(stack.api, stack.owner, record, changes, Note())
    with pytest.raises(ConflictError, match="another run for the stack"):
        store.begin(stack.api, stack.owner, record, changes, Note())


def test_generated_content_is_kept_without_being_sent(stack):
    """A Secret whose inputs did not change is rendered without data: it stays, also where its labels change."""

    def generated(inputs, data=None, **labels):
        meta = {"annotations": {"ingresskit.io/inputs": inputs}, "labels": labels}
        body = {"data": {"key": base64.b64encode(data.encode()).decode()}} if data else {}
        return manifest("Secret", "cert", stack.namespace, metadata=meta, **body)

    stack.run([stack.here(), generated("h1", "generated once")])
    assert not stack.run([stack.here(), generated("h1")]).changed
    assert stack.ref("Secret", "cert") in stack.intact
    assert stack.run([stack.here(), generated("h1", tier="web")]).summary() == "1 configured, 1 unchanged"
    assert base64.b64decode(stack.get("Secret", "cert")["data"]["key"]) == b"generated once"

    kubectl("-n", stack.namespace, "patch", "secret", "cert", "--type=merge", "-p", '{"stringData":{"key":"edited"}}')
    stack.planned([stack.here(), generated("h1", "made anew", tier="web")])
    assert stack.ref("Secret", "cert") not in stack.intact
    stack.run([stack.here(), generated("h1", "made anew", tier="web")])
    assert base64.b64decode(stack.get("Secret", "cert")["data"]["key"]) == b"made anew"


def test_immutable_field_names_the_option_and_recreates(stack):
    stack.run([stack.here(), deployment("tea", stack.namespace, replicas=0)])
    other = deployment("tea", stack.namespace, replicas=0)
    other["spec"]["selector"]["matchLabels"] = other["spec"]["template"]["metadata"]["labels"] = {"app": "other"}
    with pytest.raises(ClusterError, match=r"Deployment .*/tea: .*immutable: set ingress_apply\.recreate: true"):
        stack.run([stack.here(), other])
    uid = stack.get("Deployment", "tea", "apps/v1")["metadata"]["uid"]
    assert stack.check(recreate=True).summary() == "1 configured, 1 unchanged"
    stack.run(recreate=True)
    live = stack.get("Deployment", "tea", "apps/v1")
    assert live["spec"]["selector"]["matchLabels"] == {"app": "other"}
    assert live["metadata"]["uid"] != uid


def test_invalid_object_is_named_and_later_stages_wait(stack):
    broken = service("tea", stack.namespace)
    broken["spec"]["prots"] = [{}]
    objects = [
        stack.here(),
        broken,
        config_map("page", stack.namespace, a="b"),
        ingress("cafe", stack.namespace, "a.example"),
    ]
    with pytest.raises(ClusterError, match=r"^Service .*/tea: \.spec\.prots: field not declared in schema$"):
        stack.run(objects)
    assert stack.exists("ConfigMap", "page")
    assert not stack.exists("Ingress", "cafe", "networking.k8s.io/v1")
    assert store.load(stack.api, stack.owner).result == "failed"
    objects[1] = service("tea", stack.namespace)
    stack.run(objects)
    assert stack.exists("Ingress", "cafe", "networking.k8s.io/v1")


def test_custom_resource_beside_its_definition(stack):
    group = f"{stack.owner.stack}.example.com"
    schema = {
        "openAPIV3Schema": {
            "type": "object",
            "properties": {"spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
        }
    }
    names = {"kind": "Middleware", "plural": "middlewares", "singular": "middleware"}
    crd = manifest(
        "CustomResourceDefinition", f"middlewares.{group}", None, "apiextensions.k8s.io/v1",
        spec={"group": group, "names": names, "scope": "Namespaced",
              "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}]},
    )  # fmt: skip
    resource = manifest("Middleware", "strip", stack.namespace, f"{group}/v1", spec={"list": []})
    objects = [resource, stack.here(), crd]
    assert stack.check(objects).summary() == "3 created"
    assert stack.run(objects).summary() == "3 created"
    assert not stack.run().changed
    foreign = manifest("Middleware", "foreign", stack.namespace, f"{group}/v1", spec={})
    kubectl("create", "-f", "-", stdin=json.dumps(foreign))
    changes, _ = stack.remove()
    assert actions(changes)[f"CustomResourceDefinition middlewares.{group}"] == "skipped"
    assert stack.api.get(Ref.of(foreign)) is not None
    kubectl("delete", "crd", f"middlewares.{group}")


@pytest.mark.parametrize(
    ("container", "reason"),
    [
        ({"image": "ik-eng.invalid/none:1", "imagePullPolicy": "Never"}, "ErrImageNeverPull"),
        ({"image": "127.0.0.1:1/none:1", "imagePullPolicy": "Always"}, "ErrImagePull|ImagePullBackOff"),
        ({"command": ["/no/such/program"]}, "RunContainerError|CrashLoopBackOff|CreateContainerError|StartError"),
        ({"image": str(NGINX), "args": ["-no-such-flag"]}, "ended 2 times, last with exit code"),
        ({"resources": {"requests": {"cpu": "900"}}}, "cannot be scheduled: .*Insufficient cpu"),
    ],
    ids=["never-pull", "pull", "start", "crash", "schedule"],
)  # fmt: skip
def test_pod_that_cannot_start_fails_early_with_the_reason(stack, container, reason):
    image = container.pop("image", str(ECHO))
    wanted = own([stack.here(), deployment("tea", stack.namespace, image, **container)], *owner_of(stack))
    apply_all(stack, wanted)
    started = time.monotonic()
    with pytest.raises(WaitError, match=rf"(?s)^Deployment {stack.namespace}/tea cannot become ready: .*({reason})"):
        wait(stack.api, wanted, stack.owner, timeout=60, grace=1)
    assert time.monotonic() - started < 40


def test_quota_and_timeout_tell_what_is_missing(stack):
    quota = manifest("ResourceQuota", "none", stack.namespace, spec={"hard": {"pods": "0"}})
    wanted = own([stack.here(), quota, deployment("tea", stack.namespace)], *owner_of(stack))
    apply_all(stack, wanted)
    with pytest.raises(WaitError, match=r"FailedCreate: .*exceeded quota"):
        wait(stack.api, wanted, stack.owner, timeout=60, grace=1)
    with pytest.raises(WaitError, match=r"1 of 1 not ready after 1 s:\nDeployment .*/tea: 0 of 1 updated"):
        wait(stack.api, wanted, stack.owner, timeout=1, grace=60)


def test_wait_reports_progress_and_endpoints(stack):
    wanted = own(
        [
            stack.here(),
            deployment("tea", stack.namespace),
            service("tea", stack.namespace),
            ingress("cafe", stack.namespace, "b.example"),
        ],
        *owner_of(stack),
    )
    apply_all(stack, wanted)
    seen = []
    statuses = wait(
        stack.api, wanted, stack.owner, timeout=30, progress=lambda missing, total: seen.append((missing, total))
    )
    assert {str(status.ref.kind) for status in statuses} == {"Deployment", "Service"}
    assert all(status.state == "ready" for status in statuses)
    assert seen[0][0][0].startswith(f"Deployment {stack.namespace}/tea: ") and seen[0][1] == 2
    with pytest.raises(WaitError, match=r"Ingress .*/cafe: no address yet"):
        wait(stack.api, wanted, stack.owner, timeout=0.5, ingress_needs_address=True)


def owner_of(stack):
    return stack.owner.stack, stack.owner.state_namespace


def apply_all(stack, wanted):
    seen = complete(stack.api, observe(stack.api, stack.owner, None), wanted, None)
    changes = apply(stack.api, plan(wanted, seen, None))
    raise_errors(changes)


def test_cluster_out_of_reach_is_one_clear_line(tmp_path):
    config = {
        "apiVersion": "v1", "kind": "Config", "current-context": "x",
        "clusters": [{"name": "x", "cluster": {"server": "https://127.0.0.1:9"}}],
        "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
        "users": [{"name": "x", "user": {"token": "secret-token"}}],
    }  # fmt: skip
    path = tmp_path / "config"
    path.write_text(json.dumps(config))
    started = time.monotonic()
    with pytest.raises(IngresskitError) as caught:
        connect(str(path), None, timeout=300)
    message = str(caught.value)
    assert message.startswith("ingress_cluster.context: the API server https://127.0.0.1:9 (context 'x' in ")
    assert "Connection refused" in message
    assert "\n" not in message
    assert time.monotonic() - started < 5


def test_wrong_credentials_and_certificate(tmp_path):
    raw = json.loads(kubectl("config", "view", "--raw", "--minify", "--flatten", "-o", "json"))
    raw["users"][0]["user"] = {"token": "secret-token"}
    (tmp_path / "token").write_text(json.dumps(raw))
    with pytest.raises(ClusterError, match=r"^ingress_cluster\.context: the API server refuses its credentials"):
        connect(str(tmp_path / "token"), None, timeout=300)
    del raw["clusters"][0]["cluster"]["certificate-authority-data"]
    (tmp_path / "ca").write_text(json.dumps(raw))
    with pytest.raises(ClusterError, match=r"not to be trusted .*certificate-authority"):
        connect(str(tmp_path / "ca"), None, timeout=300)


def test_missing_rights_are_named(stack):
    kubectl("create", "ns", stack.namespace)
    kubectl("-n", stack.namespace, "create", "sa", "weak")
    token = kubectl("-n", stack.namespace, "create", "token", "weak").strip()
    transport = stack.api._transport
    weak = type(stack.api)(_with_token(transport, token))
    with pytest.raises(ClusterError) as caught:
        complete(
            weak,
            observe(weak, stack.owner, None),
            own([config_map("a", stack.namespace, b="c")], *owner_of(stack)),
            None,
        )
    user = f"system:serviceaccount:{stack.namespace}:weak"
    assert f'the user "{user}" may not list configmaps in namespace {stack.namespace}: grant that by RBAC' in str(
        caught.value
    )


def _with_token(transport, token):
    from dataclasses import replace

    from module_utils.ingresskit.api.credentials import StaticToken
    from module_utils.ingresskit.api.transport import Transport

    return Transport(replace(transport._access, credentials=StaticToken(token)), timeout=5, workers=2)
