"""A variant's stack in the cluster, and the requests of its cases."""

from __future__ import annotations

import base64
import json
import socket
import ssl
import zlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass

import grpc
import websocket

from tests.cluster.double import ask, obj
from tests.cluster.options.case import Case
from tests.cluster.options.variants import Variant
from tests.cluster.playbook import Run, Site, alone, create, kubectl, namespaces

AT_ONCE = 8  # proofs of one variant
THEIR_USERS = "guest:{SHA}+Q7DeXRskfBwutGPooegnIzNNRI="  # the password is "tea-for-two"


def client_of(node):
    """The address from which this machine asks the node."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((node, 80))
        return probe.getsockname()[0]


class Stand:
    """Brings the stack up in the background and has every case proven there; ``proof`` waits for one of them."""

    def __init__(self, variant: Variant, cases: list[Case], folder, node):
        self.variant, self.cases, self.node = variant, cases, node
        self.site: Site = variant.site(folder)
        self._held = ExitStack()
        self._workers = ThreadPoolExecutor(AT_ONCE + 1)
        self._run = self._workers.submit(self._bring)
        self._proofs = {each.name: self._workers.submit(self._prove, each) for each in cases}

    def run(self) -> Run:
        """The run of site.yml; raises where it did not get as far as asking the routes."""
        return self._run.result()

    def proof(self, case: Case):
        """Raises what the proof raised."""
        self._proofs[case.name].result()

    def proven(self):
        """Names of the cases whose proof holds."""
        return {name for name, proof in self._proofs.items() if proof.exception() is None}

    def kept(self):
        """What the cluster has of the stack: "kind/name" -> its text, with what Secrets hold as it was before base64."""
        found = {}
        mine = [name for name in namespaces() if name.startswith(f"{self.site.name}-")]
        for namespace in mine:
            listed = kubectl("get", "secrets,configmaps,ingresses,deployments,events", "-n", namespace, "-o", "json")
            for each in json.loads(listed)["items"]:
                data = each.get("data") or {} if each["kind"] == "Secret" else {}
                values = [unpacked(base64.b64decode(value)) for value in data.values()]
                found[f"{namespace}/{each['kind']}/{each['metadata']['name']}"] = "".join((json.dumps(each), *values))
        return found

    def clear(self):
        self._workers.shutdown(cancel_futures=True)
        self.site.clear()
        self._held.close()

    def _bring(self):
        self._held.enter_context(alone(self.site.name))
        if self.variant.custom_resources:
            self._held.enter_context(alone("definitions"))
        self.site.clear()  # what a killed run left
        inventory = self.variant.inventory(self.site, self.cases, f"{client_of(self.node)}/32")
        if any(each.apart for each in self.cases):
            their_users(self.site.namespace("theirs"))
        self.site.write(inventory)
        run = self.site.play()
        assert any(task["action"] == "ingress_smoke" for task in run.tasks), run.output
        return run

    def _prove(self, case):
        if self._run.exception():
            raise AssertionError(f"{self.site.name} did not come up: test_the_stack_proves_itself tells why")
        case.proof(Behind(self.site, self.variant, self.node, case))


def unpacked(content):
    """As text; the records of releases are compressed, some in pieces."""
    if content.startswith(b"\x1f\x8b"):
        content = zlib.decompressobj(wbits=31).decompress(content)
    return content.decode(errors="replace")


def their_users(namespace):
    """A Secret that somebody else made, as both dialects of nginx want theirs."""
    kubectl("delete", "namespace", namespace, "--ignore-not-found")  # one that is on its way out is waited for
    kubectl("create", "namespace", namespace)
    data = {"htpasswd": THEIR_USERS, "auth": THEIR_USERS}
    create(obj("v1", "Secret", "their-users", namespace, type="nginx.org/htpasswd", stringData=data))


@dataclass(frozen=True)
class Behind:
    """Asks the routes of one case, by hand: independent of what the toolkit's own prober knows."""

    site: Site
    variant: Variant
    node: str
    case: Case

    @property
    def host(self):
        return self.case.host

    @property
    def f5(self):
        return self.variant.kind == "nginx"

    def get(self, target, *, host=None, tls=True, **more):
        """One request on a connection of its own; ``more``: method, headers, body."""
        return ask(self.node, self.site.ports[tls], host or self.host, target, tls=tls, **more)

    def echo(self, target, **more):
        """What the backend says it was asked; the answer must be a 200 of its."""
        answer = self.get(target, **more)
        assert answer.status == 200, (target, answer)
        return answer.json

    def status(self, target, **more):
        return self.get(target, **more).status

    def services(self, target, times, **more):
        """Which Service answered how many of ``times`` requests."""
        return Counter(self.echo(target, **more)["service"] for _ in range(times))

    def pods(self, target, times, **more):
        return {self.echo(target, **more)["pod"] for _ in range(times)}

    def from_a_pod(self, target):
        """The status that another client gets: one of the Pods, at the controller's Service, over HTTP."""
        namespace = self.site.namespace("controller")
        services = json.loads(kubectl("get", "services", "-n", namespace, "-o", "json"))["items"]
        address = next(each["spec"]["clusterIP"] for each in services if each["spec"]["type"] == "NodePort")
        script = f"""if True:
            import http.client
            connection = http.client.HTTPConnection("{address}", timeout=5)
            connection.request("GET", "{target}", headers={{"Host": "{self.host}"}})
            print(connection.getresponse().status)"""
        apps = self.site.namespace("apps")
        return int(kubectl("exec", "-n", apps, "deployment/coffee", "--", "python3", "-c", script))

    def converse(self, target, *words):
        """What a WebSocket over TLS sends back for each word."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with socket.create_connection((self.node, self.site.ports[True]), 5) as plain:
            channel = context.wrap_socket(plain, server_hostname=self.host)
            talk = websocket.create_connection(f"wss://{self.host}{target}", socket=channel)
            try:
                return [talk.send(word) and talk.recv() for word in words]
            finally:
                talk.close()

    def call(self, method):
        """The answer to a unary gRPC call over TLS, which is verified. Raises grpc.RpcError."""
        authority = self.site.folder / "artifacts" / "kind" / self.site.name / "ca.crt"
        names = [("grpc.default_authority", self.host), ("grpc.ssl_target_name_override", self.host)]
        trust = grpc.ssl_channel_credentials(authority.read_bytes())
        with grpc.secure_channel(f"{self.node}:{self.site.ports[True]}", trust, names) as channel:
            return json.loads(channel.unary_unary(method)(b"", timeout=5))
