"""A stack of few objects and no Pods, brought by the real driver: for tests that need very many runs of it."""

from __future__ import annotations

import json
import multiprocessing
import time
from contextlib import suppress

from module_utils.ingresskit.api import client, transport
from module_utils.ingresskit.api.client import connect
from module_utils.ingresskit.api.resources import BUILTIN, Ref
from module_utils.ingresskit.converge import converge, remove
from module_utils.ingresskit.engine.ownership import Owner
from module_utils.ingresskit.engine.parallel import each
from module_utils.ingresskit.settings import Settings
from module_utils.ingresskit.state import store
from tests.cluster.double import ingress, obj, path
from tests.cluster.playbook import CONTEXT, kubectl, namespaces

# Processes are forked from a server that has everything loaded: a run begins in some 20 ms, and can be killed for good.
PROCESSES = multiprocessing.get_context("forkserver")
LOADED = ("tests.cluster.smallstack", "module_utils.ingresskit.tls", "module_utils.ingresskit.transaction")
FOLLOWERS = {"Event", "EndpointSlice", "Endpoints", "ControllerRevision", "ReplicaSet", "Pod", "Lease"}
VOLATILE = {"uid", "resourceVersion", "creationTimestamp", "managedFields", "generation"}


def app(namespace, *hosts, service="web:80"):
    return {"namespace": namespace, "tls": {"self_signed": True}, "hosts": dict.fromkeys(hosts, service)}


class SmallStack:
    """Its names begin with ``name``. Its two namespaces are somebody else's, and two objects in one of them are too."""

    def __init__(self, name, context=CONTEXT):
        self.name, self.home, self.state, self.context = name, name, f"{name}-state", context
        self.api = connect(None, context, timeout=60)
        PROCESSES.set_forkserver_preload(list(LOADED))

    def inventory(self, *apps, kubeconfig=None, **more):
        """Apps by the name of their one host; ``NAME=service`` gives another Service."""
        routes = {}
        for entry in apps:
            name, _, service = entry.partition("=")
            routes[name] = app(self.home, f"{name}.example", service=service or "web:80")
        where = {"kubeconfig": str(kubeconfig), "context": "faulty"} if kubeconfig else {"context": self.context}
        controller = {"kind": "nginx", "namespace": self.home, "class_name": self.name, "replicas": 0, "pdb": None}
        return {
            "ingress_cluster": {**where, "state_namespace": self.state, "timeout": 60},
            "ingress_stack_name": self.name,
            "ingress_controller": {**controller, "network_policy": False, "expose": {"type": "ClusterIP"}},
            "ingress_apps": routes,
            "ingress_smoke": {"enabled": False},
            **more,
        }

    def bring(self, *apps, **more):
        return converge(self.inventory(*apps, **more), Settings())

    def remove(self, **more):
        return remove(self.inventory(**more), Settings())

    def process(self, inventory, state="present", **tuned):
        """A run that can be killed; not started yet. ``tuned``: see ``run``."""
        return PROCESSES.Process(target=run, args=(json.dumps(inventory), state), kwargs=tuned, daemon=True)

    def record(self):
        return store.load(self.api, Owner(self.name, self.state))

    def prepare(self):
        """The namespaces, and in them what is not ours. Returns the foreign objects."""
        for namespace in (self.home, self.state):
            kubectl("create", "namespace", namespace)
        theirs = [
            obj("v1", "ConfigMap", "theirs", self.home, data={"kept": "yes"}),
            ingress("theirs", self.home, "theirs.example", path(), class_name=self.name),
        ]
        for one in theirs:
            self.api.create(one)
        return [Ref.of(one) for one in theirs]

    def clear(self):
        """What a test, or one that was killed, left: the stack, the namespaces and all in them."""
        mine = [name for name in namespaces() if name in (self.home, self.state)]
        if mine:
            self.unlock()
            self.remove()
            kubectl("delete", "namespaces", "--ignore-not-found", "--wait=false", *mine)
            end = time.monotonic() + 60
            while set(mine) & set(kubectl("get", "namespaces", "-o", "jsonpath={.items[*].metadata.name}").split()):
                assert time.monotonic() < end, f"{mine} do not go"
                time.sleep(0.2)

    def unlock(self):
        """A killed run's lease ends by itself after some seconds, which a test of its own waits for; not all do."""
        for lease in self.api.list_metadata(BUILTIN["coordination.k8s.io/v1", "Lease"], self.state).items:
            self.api.delete(Ref.of(lease))

    def versions(self, refs):
        return {ref: self.api.get(ref)["metadata"]["resourceVersion"] for ref in refs}

    def labelled(self):
        """Everything in the cluster that says it belongs to the stack: what it is, without what differs by chance."""
        kinds = [resource for resource in BUILTIN.values() if resource.kind not in FOLLOWERS]
        lists = each(lambda kind: self._of(kind, f"ingresskit.io/stack={self.name}"), kinds, 8)
        return {str(Ref.of(live)): content(live) for items in lists for live in items}

    def _of(self, resource, selector):
        return [
            live for live in self.api.list_objects(resource, selector=selector).items
            if not live["metadata"].get("deletionTimestamp") and live.get("type") != "ingresskit.io/history"
        ]  # fmt: skip


def standing(name):
    """For a fixture: a stack, before and after which nothing of it is in the cluster."""
    made = SmallStack(name)
    made.clear()
    yield made
    made.clear()


def content(live):
    """A live object without what the server and the clock make of it. Of Secrets only which keys they hold."""
    meta = {key: value for key, value in live["metadata"].items() if key not in VOLATILE}
    meta["annotations"] = sorted(meta.get("annotations") or {})
    rest = {key: value for key, value in live.items() if key not in ("metadata", "status")}
    if live["kind"] == "Secret":
        rest["data"] = sorted(live.get("data") or {})
        if live["type"] == "ingresskit.io/release":
            meta.pop("annotations")
    if live["kind"] == "Service":
        rest["spec"] = {key: value for key, value in rest["spec"].items() if not key.startswith("clusterIP")}
    return {"metadata": meta, **rest}


def run(inventory, state, read=transport.READ, page=client.PAGE):
    """In a process of its own: one run of the driver. A run that fails ends the process with 1. ``read``: seconds of
    silence after which a call is sent again; ``page``: objects a LIST asks for at a time."""
    transport.READ, client.PAGE = read, page
    act = converge if state == "present" else remove
    with suppress(BrokenPipeError):
        act(json.loads(inventory), Settings())
