"""What an apply takes over, hands over, verifies and makes anew, on a real API server.

Every test has a stack, a state namespace and a namespace of its own (ik-apply-*), and leaves none of them behind.
"""

import json
import os
import threading
import time
import uuid
from contextlib import contextmanager

import pytest

from module_utils.ingresskit.api.client import connect
from module_utils.ingresskit.api.resources import BUILTIN, Ref
from module_utils.ingresskit.engine.apply import apply
from module_utils.ingresskit.engine.ownership import Owner
from module_utils.ingresskit.errors import ClusterError, ConflictError, ReleaseError
from module_utils.ingresskit.state import store
from module_utils.ingresskit.state.release import Note
from tests.cluster.smallstack import SmallStack
from tests.cluster.test_engine import (
    CONTEXT,
    KEY,
    Stack,
    config_map,
    deployment,
    ingress,
    kubectl,
    manifest,
    secret,
    service,
)

APPS = "apps/v1"
NETWORK = "networking.k8s.io/v1"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


@pytest.fixture(scope="module")
def api():
    return connection(timeout=60)


def connection(timeout):
    return connect(os.environ.get("INGRESSKIT_KUBECONFIG"), CONTEXT, timeout=timeout)


@pytest.fixture
def stack(api):
    run = uuid.uuid4().hex[:6]
    made = Stack(Owner(f"apply-{run}", f"ik-apply-{run}-state"), f"ik-apply-{run}", api)
    yield made
    for obj in api.list_metadata(BUILTIN["v1", "Namespace"]).items:
        if obj["metadata"]["name"].startswith(made.namespace):
            api.delete(Ref.of(obj))


@pytest.fixture
def inside(stack):
    """The stack, once it has its namespace."""
    stack.run([stack.here()])
    return stack


def by_kubectl(obj):
    """What kubectl apply makes of it: client-side, as most clusters were filled."""
    kubectl("apply", "-f", "-", stdin=json.dumps(obj))


def by_kubectl_server_side(obj):
    kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(obj))


def by_helm(obj):
    """What helm 3 leaves of an object: its entry in managedFields, its label and its notes."""
    metadata = obj["metadata"] | {
        "labels": {"app.kubernetes.io/managed-by": "Helm"},
        "annotations": {"meta.helm.sh/release-name": "cafe", "meta.helm.sh/release-namespace": "cafe"},
    }
    kubectl("create", "--field-manager=helm", "-f", "-", stdin=json.dumps(obj | {"metadata": metadata}))


def managers(live):
    return {(entry["manager"], entry["operation"]) for entry in live["metadata"]["managedFields"]}


# --- adopting --------------------------------------------------------------------------------------------------------


BROUGHT_BY = {"kubectl-client-side-apply": by_kubectl, "kubectl": by_kubectl_server_side, "helm": by_helm}


@pytest.mark.parametrize("manager", BROUGHT_BY)
def test_a_namesake_is_adopted_only_on_request(inside, manager):
    stack = inside
    BROUGHT_BY[manager](config_map("page", stack.namespace, text="theirs", old="theirs"))
    wanted = [stack.here(), config_map("page", stack.namespace, text="ours")]
    with pytest.raises(ConflictError, match=r"page: exists and is not ours.*or set ingress_apply\.adopt: true"):
        stack.run(wanted)

    shown = stack.check(wanted, adopt=True)
    (change,) = shown.of("configured")
    assert change.reason == f"adopted, was managed by {manager}"
    (diff,) = shown.diff()
    assert "old: theirs" in diff["before"]
    assert "old: theirs" not in diff["after"]
    assert "text: ours" in diff["after"]
    assert stack.get("ConfigMap", "page")["data"] == {"text": "theirs", "old": "theirs"}, "check mode writes nothing"

    done = stack.run(wanted, adopt=True, diff=True)
    assert done.summary() == "1 configured, 1 unchanged"
    assert done.diff()[0]["after"] == diff["after"], "check mode has told the truth"
    live = stack.get("ConfigMap", "page")
    assert live["data"] == {"text": "ours"}, "what only they held is gone"
    assert live["metadata"]["annotations"] == {"ingresskit.io/adopted": "true"}, "and so are their notes"
    assert live["metadata"]["labels"] == stack.owner.labels
    assert managers(live) == {("ingresskit", "Apply"), ("ingresskit", "Update")}, "the mark is not part of the render"
    assert not stack.run().changed
    assert not stack.run(adopt=True).changed

    stack.run([stack.here()])
    assert not stack.exists("ConfigMap", "page"), "adopted is ours: it goes as it came"


def test_an_object_older_than_managed_fields_is_adopted_at_once(inside):
    stack = inside
    by_kubectl(config_map("page", stack.namespace, text="theirs", old="theirs"))
    forget = [{"op": "replace", "path": "/metadata/managedFields", "value": [{}]}]
    kubectl("-n", stack.namespace, "patch", "cm", "page", "--type=json", "-p", json.dumps(forget))
    wanted = [stack.here(), config_map("page", stack.namespace, text="ours")]
    (shown,) = stack.check(wanted, adopt=True).diff()
    (done,) = stack.run(wanted, adopt=True, diff=True).diff()
    assert shown["after"] == done["after"]
    assert stack.get("ConfigMap", "page")["data"] == {"text": "ours"}
    assert not stack.run(adopt=True).changed


def test_no_secret_is_left_in_an_annotation_nor_shown(inside):
    stack = inside
    by_kubectl(secret("cert", stack.namespace, key="the old key"))
    wanted = [stack.here(), secret("cert", stack.namespace, key=KEY)]
    told = stack.check(wanted, adopt=True), stack.run(wanted, adopt=True, diff=True)
    assert LAST_APPLIED not in stack.get("Secret", "cert")["metadata"].get("annotations", {})
    for changes in told:
        text = json.dumps(changes.diff()) + repr(changes)
        assert not [value for value in ("the old key", KEY) if value in text]


def test_ours_is_freed_of_kubectl_on_request(inside):
    """A client-side apply over an object of ours: repaired as drift anyway, but what it added stays until taken over."""
    stack = inside
    page = config_map("page", stack.namespace, text="ours")
    stack.run([stack.here(), page])
    by_kubectl(config_map("page", stack.namespace, text="theirs", added="theirs"))
    assert stack.run().of("configured")[0].reason == "kubectl-client-side-apply took .data.text"
    assert stack.get("ConfigMap", "page")["data"] == {"text": "ours", "added": "theirs"}

    also = config_map("page", stack.namespace, text="ours", added="ours")
    with pytest.raises(
        ConflictError, match=r"\.data\.added belongs to kubectl-client-side-apply.*ingress_apply\.adopt"
    ):
        stack.run([stack.here(), also])
    changes = stack.run([stack.here(), page], adopt=True)
    assert changes.of("configured")[0].reason == "taken over from kubectl-client-side-apply"
    live = stack.get("ConfigMap", "page")
    assert live["data"] == {"text": "ours"}
    assert "annotations" not in live["metadata"]
    assert managers(live) == {("ingresskit", "Apply")}
    assert not stack.run(adopt=True).changed


def test_a_takeover_from_helm_4(inside):
    """Its entry is an Apply, which without the option is a conflict."""
    stack = inside
    stack.run([stack.here(), config_map("page", stack.namespace, text="ours")])
    theirs = json.dumps(config_map("page", stack.namespace, text="theirs", added="theirs"))
    kubectl("apply", "--server-side", "--force-conflicts", "--field-manager=helm", "-f", "-", stdin=theirs)
    with pytest.raises(
        ConflictError, match=r"helm took \.data\.text .*ingress_apply\.adopt: true to take over from helm"
    ):
        stack.run()
    assert stack.check(adopt=True).summary() == "1 configured, 1 unchanged"
    stack.run(adopt=True)
    assert stack.get("ConfigMap", "page")["data"] == {"text": "ours"}


def test_what_another_looks_after_is_never_adopted(inside):
    stack = inside
    labels = {"applyset.kubernetes.io/part-of": "applyset-x-v1"}
    theirs = config_map("page", stack.namespace, text="theirs")
    theirs["metadata"]["labels"] = labels
    kubectl("create", "-f", "-", stdin=json.dumps(theirs))
    wanted = [stack.here(), config_map("page", stack.namespace, text="ours")]
    with pytest.raises(ConflictError, match=r"exists and belongs to another ApplySet \(applyset-x-v1\): rename it"):
        stack.run(wanted, adopt=True)
    theirs["metadata"]["labels"] = {}
    server_side = ("apply", "--server-side", "--force-conflicts", "--field-manager=argocd", "-f", "-")
    kubectl("-n", stack.namespace, "label", "cm", "page", "applyset.kubernetes.io/part-of-")
    kubectl(*server_side, stdin=json.dumps(theirs))
    with pytest.raises(ConflictError, match=r"\.data\.text belongs to argocd"):
        stack.run(wanted, adopt=True)
    assert stack.get("ConfigMap", "page")["data"] == {"text": "theirs"}


def test_a_namespace_is_never_adopted(stack):
    kubectl("create", "ns", stack.namespace)
    stack.run([stack.here(), config_map("page", stack.namespace, text="ours")], adopt=True)
    stack.remove()
    assert stack.api.get(Ref("", "Namespace", "", stack.namespace)) is not None


def test_adopting_a_deployment_of_kubectl(inside):
    """With all the defaults a client-side apply owns: taken over, no Pod is exchanged for it."""
    stack = inside
    theirs = deployment("tea", stack.namespace, replicas=0)
    theirs["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "OLD", "value": "1"}]
    by_kubectl(theirs)
    by_kubectl(service("tea", stack.namespace))
    address = stack.get("Service", "tea")["spec"]["clusterIP"]
    wanted = [stack.here(), deployment("tea", stack.namespace, replicas=0), service("tea", stack.namespace)]
    shown = {diff["after_header"]: diff["after"] for diff in stack.check(wanted, adopt=True).diff()}
    done = {diff["after_header"]: diff["after"] for diff in stack.run(wanted, adopt=True, diff=True).diff()}
    assert shown == done
    live = stack.get("Deployment", "tea", APPS)
    assert "env" not in live["spec"]["template"]["spec"]["containers"][0]
    assert live["spec"]["progressDeadlineSeconds"] == 600, "the server's default"
    assert stack.get("Service", "tea")["spec"]["clusterIP"] == address
    assert not stack.run(adopt=True).changed


def test_killed_in_the_middle_of_a_takeover(inside, monkeypatch):
    """Their fields are ours already, but neither labels nor content: the next run goes on from there."""
    stack = inside
    by_kubectl(deployment("tea", stack.namespace, replicas=3))
    wanted = [stack.here(), unscaled("tea", stack.namespace), scaler("tea", stack.namespace)]

    class Killed(BaseException):
        pass

    def dying(*_, **__):
        raise Killed

    record, _, changes = stack.planned(wanted, adopt=True)
    store.begin(stack.api, stack.owner, record, changes, Note())
    monkeypatch.setattr(stack.api, "apply", dying)
    with pytest.raises(Killed):
        apply(stack.api, changes, record, workers=1)
    monkeypatch.undo()
    live = stack.get("Deployment", "tea", APPS)
    assert ("ingresskit", "Apply") in managers(live)
    assert "labels" not in live["metadata"]

    with numbers_of(stack, "tea") as numbers:
        stack.run(wanted, adopt=True)
    assert set(numbers) == {3}
    live = stack.get("Deployment", "tea", APPS)
    assert live["metadata"]["labels"] == stack.owner.labels
    assert live["metadata"]["annotations"]["ingresskit.io/adopted"] == "true"
    assert not stack.run(adopt=True).changed


@pytest.fixture
def small():
    """A stack that the real driver brings, with its history."""
    made = SmallStack(f"ik-apply-{uuid.uuid4().hex[:6]}")
    made.prepare()
    yield made
    made.clear()


def test_a_failed_release_leaves_what_it_adopted(small):
    """The return to the revision before would delete it, and nothing could bring it back."""
    small.bring("one")
    adopted = config_map("theirs", small.home, kept="ours")
    never = deployment("never", small.home, "ik-apply.invalid/none:1")
    writing = {"ingress_extra_objects": [adopted, never], "ingress_apply": {"adopt": True}}
    with pytest.raises(
        ReleaseError, match=r"(?s)Deployment .*/never cannot become ready: .*\nreturned to revision 1: "
    ):
        small.bring("one", **writing)
    assert small.api.get(Ref.of(never)) is None, "what the release made is gone"
    live = small.api.get(Ref.of(adopted))
    assert live["metadata"]["annotations"] == {"ingresskit.io/adopted": "true"}
    assert not live["metadata"].get("deletionTimestamp")


def test_verify_is_an_option_of_the_inventory(small):
    small.bring("one")
    ran = small.bring("one", ingress_apply={"verify": "dryrun"})
    assert not ran.changes.changed
    assert not {"create", "update", "patch", "delete"} & {verb for verb, count in ran.calls.items() if count}
    kept = [change for change in ran.changes if change.ref.kind == "Secret"]
    assert ran.calls["dryrun"] == len(ran.changes) - len(kept) - len(ran.changes.of("skipped"))


# --- autoscaling -----------------------------------------------------------------------------------------------------


def scaler(name, namespace, least=2):
    return manifest(
        "HorizontalPodAutoscaler", name, namespace, "autoscaling/v2",
        spec={
            "minReplicas": least, "maxReplicas": 5,
            "scaleTargetRef": {"apiVersion": APPS, "kind": "Deployment", "name": name},
            "metrics": [{"type": "Resource", "resource": {
                "name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}],
        },
    )  # fmt: skip


def unscaled(name, namespace):
    obj = deployment(name, namespace)
    del obj["spec"]["replicas"]
    return obj


@contextmanager
def numbers_of(stack, name):
    """Every number of replicas a Deployment has meanwhile."""
    resource, seen = BUILTIN[APPS, "Deployment"], []
    started = stack.api.list_metadata(resource, stack.namespace).resource_version
    watch = stack.api.watch(resource, stack.namespace, started)

    def follow():
        for event in watch:
            if event.type != "BOOKMARK" and event.object["metadata"]["name"] == name:
                seen.append(event.object["spec"]["replicas"])

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    try:
        yield seen
        time.sleep(0.5)  # for the last events
    finally:
        watch.close()
        thread.join(5)


@pytest.mark.parametrize("brought_by", ["us", "kubectl"])
def test_replicas_are_handed_to_an_autoscaler_and_back(inside, brought_by):
    stack = inside
    if brought_by == "us":
        stack.run([stack.here(), deployment("tea", stack.namespace, replicas=3)])
    else:
        by_kubectl(deployment("tea", stack.namespace, replicas=3))
    scaled = [stack.here(), unscaled("tea", stack.namespace), scaler("tea", stack.namespace)]
    (change,) = [each for each in stack.check(scaled, adopt=True) if each.ref.kind == "Deployment"]
    assert change.after["spec"]["replicas"] == 3
    with numbers_of(stack, "tea") as numbers:
        stack.run(scaled, adopt=True)
    assert set(numbers) == {3}, "neither one nor none"
    assert stack.get("Deployment", "tea", APPS)["spec"]["replicas"] == 3
    assert not stack.run().changed

    kubectl("-n", stack.namespace, "scale", "deployment/tea", "--replicas=4")  # as the autoscaler does: by the scale
    assert not stack.run().changed, "the number is no longer ours"
    back = [stack.here(), deployment("tea", stack.namespace, replicas=2)]
    assert stack.check(back).summary() == "1 configured, 1 deleted, 1 unchanged"
    with numbers_of(stack, "tea") as numbers:
        assert stack.run(back).summary() == "1 configured, 1 deleted, 1 unchanged"
    assert set(numbers) <= {4, 2}, "at once, and nothing between"
    assert not stack.run().changed


def test_replicas_come_back_from_a_handover_that_nobody_took(inside):
    stack = inside
    stack.run([stack.here(), deployment("tea", stack.namespace, replicas=0)])
    stack.run([stack.here(), unscaled("tea", stack.namespace)])
    assert ("ingresskit-handover", "Apply") in managers(stack.get("Deployment", "tea", APPS))
    stack.run([stack.here(), deployment("tea", stack.namespace, replicas=1)])
    assert stack.get("Deployment", "tea", APPS)["spec"]["replicas"] == 1


# --- verify: dryrun --------------------------------------------------------------------------------------------------


def test_verify_asks_the_server_about_every_object(inside):
    stack = inside
    limits = {"limits": {"cpu": "1000m"}}
    objects = [
        stack.here(),
        config_map("page", stack.namespace, text="ours"),
        deployment("tea", stack.namespace, replicas=0, resources=limits),
        secret("cert", stack.namespace, key=KEY),
    ]
    stack.run(objects)
    writes, before = stack.api.writes, stack.api.calls.copy()
    assert stack.run(thorough=True).summary() == "4 unchanged"
    assert stack.api.writes == writes
    assert (stack.api.calls - before)["dryrun"] == 4

    # another manifest, the same object: fast would send it, the dry run knows better
    objects[2] = deployment("tea", stack.namespace, replicas=0, resources={"limits": {"cpu": "1"}})
    assert stack.run(objects, thorough=True).summary() == "4 unchanged"
    assert stack.api.writes == writes


def test_verify_sees_what_managed_fields_hide(inside):
    """Somebody who restores managedFields after an edit: by hash and managedFields nothing has happened."""
    stack = inside
    stack.run([stack.here(), config_map("page", stack.namespace, text="ours")])
    entries = stack.get("ConfigMap", "page")["metadata"]["managedFields"]
    edit = [{"op": "replace", "path": "/data/text", "value": "theirs"}]
    hide = [{"op": "replace", "path": "/metadata/managedFields", "value": entries}]
    for operations in (edit, hide):
        kubectl("-n", stack.namespace, "patch", "cm", "page", "--type=json", "-p", json.dumps(operations))
    assert not stack.run().changed
    changes = stack.run(thorough=True)
    assert changes.of("configured")[0].reason == "the server's dry run differs in .data.text"
    assert stack.get("ConfigMap", "page")["data"]["text"] == "ours"
    assert not stack.run(thorough=True).changed


def test_verify_finds_what_would_be_refused_before_anything_is_sent(inside):
    stack = inside
    broken = service("tea", stack.namespace)
    broken["spec"]["prots"] = [{}]
    writes = stack.api.writes
    with pytest.raises(ClusterError, match=r"Service .*/tea: \.spec\.prots: field not declared in schema"):
        stack.run([stack.here(), config_map("page", stack.namespace, text="ours"), broken], thorough=True)
    assert stack.api.writes == writes


def test_verify_neither_reads_nor_loses_generated_content(inside):
    stack = inside

    def generated(*key):
        content = {"data": {"key": "a2V5"}} if key else {}
        metadata = {"annotations": {"ingresskit.io/inputs": "h1"}}
        return manifest("Secret", "cert", stack.namespace, metadata=metadata, type="Opaque", **content)

    stack.run([stack.here(), generated("key")])
    before = stack.api.calls.copy()
    assert not stack.run([stack.here(), generated()], thorough=True).changed
    assert (stack.api.calls - before)["get"] == 2, "the release record, and the Namespace to compare"
    assert stack.get("Secret", "cert")["data"] == {"key": "a2V5"}


# --- webhooks --------------------------------------------------------------------------------------------------------


def guard(stack):
    """A webhook on this stack's Ingresses, answered by a Service that has no Pod."""
    name = f"guard.{stack.namespace}.example.com"
    return manifest(
        "ValidatingWebhookConfiguration", name, None, "admissionregistration.k8s.io/v1",
        webhooks=[{
            "name": name,
            "admissionReviewVersions": ["v1"],
            "sideEffects": "None",
            "failurePolicy": "Fail",
            "timeoutSeconds": 2,
            "clientConfig": {"service": {"name": "tea", "namespace": stack.namespace, "port": 80}},
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": stack.namespace}},
            "rules": [{"apiGroups": ["networking.k8s.io"], "apiVersions": ["v1"], "resources": ["ingresses"],
                       "operations": ["CREATE", "UPDATE"], "scope": "*"}],
        }],
    )  # fmt: skip


def test_a_webhook_that_is_only_coming_up_is_waited_for(stack):
    hook = guard(stack)
    objects = [
        stack.here(),
        ingress("cafe", stack.namespace, "cafe.example.com"),
        service("tea", stack.namespace),
        hook,
    ]
    name = hook["metadata"]["name"]
    try:
        stack.api = connection(timeout=4)
        with pytest.raises(ClusterError) as caught:
            stack.run(objects)
        (line,) = str(caught.value).splitlines()
        assert line.startswith(f'Ingress {stack.namespace}/cafe: the admission webhook "{name}" does not answer (')
        assert "connection refused" in line or "no endpoints available" in line
        assert line.endswith("see to the Service and the Pods behind it, or delete its configuration")
        assert stack.exists("Service", "tea"), "what the webhook needs was applied before what it guards"

        stack.api = connection(timeout=60)
        timer = threading.Timer(3, kubectl, ("delete", "validatingwebhookconfiguration", name))
        timer.start()
        before = stack.api.calls["patch"]
        stack.run()
        timer.join()
        assert stack.exists("Ingress", "cafe", "networking.k8s.io/v1")
        assert stack.api.calls["patch"] - before > 3, "tried again until the webhook let it pass"
    finally:
        kubectl("delete", "validatingwebhookconfiguration", name, "--ignore-not-found")


# --- fields that cannot change ---------------------------------------------------------------------------------------


def job(image):
    pod = {"restartPolicy": "Never", "containers": [{"name": "c", "image": image}]}
    return {"suspend": True, "template": {"spec": pod}}


IMMUTABLE = {
    "Service, clusterIP": ("v1", "Service", {"spec": {"ports": [{"port": 80}]}},
                           {"spec": {"clusterIP": "None", "ports": [{"port": 80}]}}),
    "Job, template": ("batch/v1", "Job", {"spec": job("a")}, {"spec": job("b")}),
    "RoleBinding, roleRef": (
        "rbac.authorization.k8s.io/v1", "RoleBinding",
        *({"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}} for name in "ab"),
    ),
    "Secret, type": ("v1", "Secret", {"type": "Opaque"}, {"type": "example.com/other"}),
    "ConfigMap, immutable": ("v1", "ConfigMap", *({"immutable": True, "data": {"a": each}} for each in "ab")),
    "Secret, immutable": ("v1", "Secret", *({"immutable": True, "stringData": {"a": each}} for each in "ab")),
}  # fmt: skip


@pytest.mark.parametrize(("version", "kind", "old", "new"), IMMUTABLE.values(), ids=IMMUTABLE)
def test_an_immutable_field_names_the_option_and_is_made_anew_by_it(inside, version, kind, old, new):
    stack = inside
    stack.run([stack.here(), manifest(kind, "x", stack.namespace, version, **old)])
    uid = stack.get(kind, "x", version)["metadata"]["uid"]
    wanted = [stack.here(), manifest(kind, "x", stack.namespace, version, **new)]
    with pytest.raises(ClusterError, match=rf"^{kind} {stack.namespace}/x: .*: set ingress_apply\.recreate: true to"):
        stack.check(wanted)
    assert stack.check(wanted, recreate=True).summary() == "1 configured, 1 unchanged"
    assert stack.get(kind, "x", version)["metadata"]["uid"] == uid
    stack.run(wanted, recreate=True)
    assert stack.get(kind, "x", version)["metadata"]["uid"] != uid
    assert not stack.run().changed


def test_an_immutable_field_of_a_cluster_wide_object(inside):
    stack = inside

    def ingress_class(controller):
        spec = {"controller": f"example.com/{controller}"}
        return manifest("IngressClass", stack.namespace, None, "networking.k8s.io/v1", spec=spec)

    stack.run([stack.here(), ingress_class("a")])
    with pytest.raises(ClusterError, match=r"IngressClass .*immutable: set ingress_apply\.recreate: true"):
        stack.run([stack.here(), ingress_class("b")])
    stack.run([stack.here(), ingress_class("b")], recreate=True)
    live = stack.api.get(Ref("networking.k8s.io", "IngressClass", "", stack.namespace))
    assert live["spec"]["controller"] == "example.com/b"
    stack.remove()


def test_what_holds_data_is_never_made_anew(inside):
    stack = inside

    def claim(storage_class):
        resources = {"requests": {"storage": "1Mi"}}
        spec = {"storageClassName": storage_class, "accessModes": ["ReadWriteOnce"], "resources": resources}
        return manifest("PersistentVolumeClaim", "data", stack.namespace, spec=spec)

    stack.run([stack.here(), claim("ik-none-a")])
    with pytest.raises(ClusterError, match=r"PersistentVolumeClaim .*/data: .*immutable.*never made anew"):
        stack.run([stack.here(), claim("ik-none-b")], recreate=True)
    assert stack.get("PersistentVolumeClaim", "data")["spec"]["storageClassName"] == "ik-none-a"


def test_an_adopted_object_with_an_immutable_field_is_made_anew(inside):
    stack = inside
    theirs = deployment("tea", stack.namespace, replicas=0)
    theirs["spec"]["selector"]["matchLabels"] = theirs["spec"]["template"]["metadata"]["labels"] = {"app": "theirs"}
    by_kubectl(theirs)
    wanted = [stack.here(), deployment("tea", stack.namespace, replicas=0)]
    with pytest.raises(ClusterError, match=r"immutable: set ingress_apply\.recreate: true"):
        stack.run(wanted, adopt=True)
    stack.run(wanted, adopt=True, recreate=True)
    assert stack.get("Deployment", "tea", APPS)["spec"]["selector"]["matchLabels"] == {"app": "tea"}


# --- conflicts and drift ---------------------------------------------------------------------------------------------


def test_a_field_given_to_another_manager_is_no_conflict(inside):
    """What the remedy of a conflict says: dropped here, it stays there."""
    stack = inside
    stack.run([stack.here(), config_map("page", stack.namespace, text="ours", title="ours")])
    theirs = json.dumps(config_map("page", stack.namespace, title="theirs"))
    kubectl("apply", "--server-side", "--force-conflicts", "--field-manager=argocd", "-f", "-", stdin=theirs)
    with pytest.raises(ConflictError, match=r"argocd took \.data\.title"):
        stack.run()
    stack.run([stack.here(), config_map("page", stack.namespace, text="ours")])
    assert stack.get("ConfigMap", "page")["data"] == {"text": "ours", "title": "theirs"}
    assert not stack.run().changed


# --- routes come last, and new ones before changed ones --------------------------------------------------------------


def versions(stack, *names):
    return [int(stack.get("Ingress", name, NETWORK)["metadata"]["resourceVersion"]) for name in names]


def test_a_path_that_moves_to_another_ingress_is_never_nowhere(inside):
    stack = inside
    old = ingress("aaa", stack.namespace, "old.example")
    stack.run([stack.here(), old])
    stack.run(
        [
            stack.here(),
            ingress("aaa", stack.namespace, "changed.example"),
            ingress("zzz", stack.namespace, "old.example"),
        ]
    )
    changed, new = versions(stack, "aaa", "zzz")
    assert new < changed, "the new one was there before the old one let go"


def test_ingresses_wait_for_what_has_to_be_ready_before_them(inside):
    stack = inside
    stack.run([stack.here(), deployment("proxy", stack.namespace)], wait_for=60)
    seen = []

    def look(sent):
        seen.append({change.ref.kind for change in sent})
        assert stack.get("Ingress", "route", NETWORK) is None

    wanted = [stack.here(), deployment("proxy", stack.namespace, env=[{"name": "A", "value": "B"}])]
    stack.run([*wanted, ingress("route", stack.namespace, "a.example")], before_routes=look)
    assert seen == [{"Deployment"}]
    stack.run(
        [stack.here(), *wanted[1:], ingress("route", stack.namespace, "b.example")],
        before_routes=seen.append,
    )
    assert seen[1:] == [[]], "once, where an Ingress changes and nothing before it"
