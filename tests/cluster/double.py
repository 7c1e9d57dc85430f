"""What the tests of the nginx double share: raw manifests, requests with a chosen SNI, waiting."""

from __future__ import annotations

import base64
import datetime
import http.client
import json
import socket
import ssl
import time
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from kubernetes import client, config
from kubernetes.stream import stream

from module_utils.ingresskit.images import ECHO, NGINX

RESTRICTED_POD = {
    "runAsUser": 101, "runAsGroup": 101, "fsGroup": 101, "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}  # fmt: skip
RESTRICTED = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
WRITABLE = {"etc": "/etc/nginx", "lib": "/var/lib/nginx", "cache": "/var/cache/nginx"}
CLUSTER_RULES = [
    {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]},
    {"apiGroups": [""], "resources": ["services", "secrets", "pods"], "verbs": ["list", "watch"]},
    {"apiGroups": ["networking.k8s.io"], "resources": ["ingresses"], "verbs": ["list", "watch"]},
    {"apiGroups": ["networking.k8s.io"], "resources": ["ingresses/status"], "verbs": ["update"]},
    {"apiGroups": ["networking.k8s.io"], "resources": ["ingressclasses"], "verbs": ["get"]},
    {"apiGroups": [""], "resources": ["events"], "verbs": ["create", "patch"]},
]
OWN_RULES = [
    {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "watch"]},
    {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "update"]},
    {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["get", "create", "update"]},
]


def obj(api, kind, name, namespace=None, **body):
    meta = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": api, "kind": kind, "metadata": meta | body.pop("metadata", {}), **body}


def make_pair(host):
    """A self-signed certificate for a host and its key, PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(
            name, name, key.public_key(), x509.random_serial_number(), now, now + datetime.timedelta(1)
        )
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return certificate.public_bytes(serialization.Encoding.PEM), key.private_bytes(*form)


def tls_secret(name, namespace, pair, kind="kubernetes.io/tls"):
    data = {"tls.crt": base64.b64encode(pair[0]).decode(), "tls.key": base64.b64encode(pair[1]).decode()}
    return obj("v1", "Secret", name, namespace, type=kind, data=data)


def path(text="/", service="tea", kind="Prefix", port=80):
    return {"path": text, "pathType": kind, "backend": {"service": {"name": service, "port": {"number": port}}}}


def ingress(name, namespace, host, *paths, class_name, tls=None, annotations=None, **more):
    rule = {"http": {"paths": list(paths)}} | ({"host": host} if host else {})
    spec = {"ingressClassName": class_name, "rules": [rule]} | more
    if tls is not None:
        spec["tls"] = [{"hosts": [host], "secretName": tls}]
    return obj(
        "networking.k8s.io/v1", "Ingress", name, namespace, spec=spec, metadata={"annotations": annotations or {}}
    )


def echo(name, namespace, replicas=1):
    """An echo Deployment with its Service."""
    refs = {"POD_NAME": "metadata.name", "POD_NAMESPACE": "metadata.namespace", "NODE_NAME": "spec.nodeName"}
    env = [{"name": key, "valueFrom": {"fieldRef": {"fieldPath": field_}}} for key, field_ in refs.items()]
    container = {
        "name": "echo", "image": str(ECHO), "imagePullPolicy": "Never",
        "env": [*env, {"name": "SERVICE", "value": name}],
        "ports": [{"name": "http", "containerPort": 8080}], "securityContext": RESTRICTED,
        "readinessProbe": {"httpGet": {"path": "/.ingresskit/healthz", "port": 8080}, "periodSeconds": 1},
    }  # fmt: skip
    pod = {"containers": [container], "securityContext": {**RESTRICTED_POD, "runAsUser": 65534},
           "automountServiceAccountToken": False, "terminationGracePeriodSeconds": 5}  # fmt: skip
    labels = {"app": name}
    spec = {
        "replicas": replicas,
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": pod},
    }
    ports = [{"name": "http", "port": 80, "targetPort": "http"}]
    return [
        obj("apps/v1", "Deployment", name, namespace, spec=spec),
        obj("v1", "Service", name, namespace, spec={"selector": labels, "ports": ports}),
    ]


def controller_pod(name, namespace, args):
    """The double as F5's manifests run the real one: restricted profile, and the three emptyDirs observed."""
    mounts = [{"name": key, "mountPath": at} for key, at in WRITABLE.items()]
    refs = {"POD_NAME": "metadata.name", "POD_NAMESPACE": "metadata.namespace"}
    main = {
        "name": "nginx-ingress", "image": str(NGINX), "imagePullPolicy": "Never", "args": args, "volumeMounts": mounts,
        "env": [{"name": key, "valueFrom": {"fieldRef": {"fieldPath": field_}}} for key, field_ in refs.items()],
        "ports": [{"name": "http", "containerPort": 80}, {"name": "https", "containerPort": 443}],
        "readinessProbe": {"httpGet": {"path": "/nginx-ready", "port": 8081}, "periodSeconds": 1},
        "securityContext": {**RESTRICTED, "capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}},
    }  # fmt: skip
    seed = {
        "name": "seed", "image": str(NGINX), "imagePullPolicy": "Never", "securityContext": RESTRICTED,
        "command": ["cp", "-vdR", "/etc/nginx/.", "/mnt/etc"],
        "volumeMounts": [{"name": "etc", "mountPath": "/mnt/etc"}],
    }  # fmt: skip
    return {
        "serviceAccountName": "double", "securityContext": RESTRICTED_POD, "initContainers": [seed],
        "containers": [main], "volumes": [{"name": key, "emptyDir": {}} for key in WRITABLE],
        "terminationGracePeriodSeconds": 10,
    }  # fmt: skip


@dataclass
class Answer:
    """What came back over the wire; `error` instead of a status where no handshake or answer came about."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    certificate: bytes = b""
    error: str = ""

    @property
    def json(self):
        return json.loads(self.body)


def ask(address, port, host, target="/", *, tls=False, sni=None, headers=None, method="GET", body=None, context=None):
    """One request on a connection of its own. With `tls` the certificate is not verified, but kept."""
    try:
        with socket.create_connection((address, port), 5) as plain:
            channel = _handshake(plain, host if sni is None else sni, context) if tls else plain
            with channel:
                connection = http.client.HTTPConnection(host)
                connection.sock = channel
                connection.request(method, target, body, {"Host": host, "Connection": "close", **(headers or {})})
                response = connection.getresponse()
                certificate = channel.getpeercert(binary_form=True) if tls else b""
                found = {name.lower(): value for name, value in response.getheaders()}
                return Answer(response.status, found, response.read(), certificate)
    except (OSError, http.client.HTTPException) as error:
        return Answer(error=f"{type(error).__name__}: {error}")


def alpn(address, port, sni):
    """What the server picks when the client offers HTTP/2 and HTTP/1.1."""
    context = _unverified()
    context.set_alpn_protocols(["h2", "http/1.1"])
    with socket.create_connection((address, port), 5) as plain, _handshake(plain, sni, context) as channel:
        return channel.selected_alpn_protocol()


def _unverified():
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _handshake(plain, sni, context):
    return (context or _unverified()).wrap_socket(plain, server_hostname=sni or None)


def until(check, seconds=20, *, every=0.1):
    """Wait until `check()` is true and return its value; the last value is in the failure."""
    end = time.monotonic() + seconds
    while True:
        value = check()
        if value:
            return value
        assert time.monotonic() < end, f"not within {seconds} s: last {value!r}"
        time.sleep(every)


class Cluster:
    """Create, change, delete and read objects as plain dictionaries; cluster-scoped ones are remembered for the end."""

    PLURALS = {"Ingress": "ingresses", "IngressClass": "ingressclasses"}

    def __init__(self, api):
        self._api = api
        self.made = []

    def path(self, one):
        group = f"/api/{one['apiVersion']}" if "/" not in one["apiVersion"] else f"/apis/{one['apiVersion']}"
        namespace = one["metadata"].get("namespace")
        plural = self.PLURALS.get(one["kind"], one["kind"].lower() + "s")
        return f"{group}{f'/namespaces/{namespace}' if namespace else ''}/{plural}"

    def create(self, *objects):
        for one in objects:
            self.call("POST", self.path(one), one)
            if not one["metadata"].get("namespace"):
                self.made.append(one)

    def patch(self, one, change):
        kind = "application/merge-patch+json"
        return self.call("PATCH", f"{self.path(one)}/{one['metadata']['name']}", change, {"Content-Type": kind})

    def get(self, one):
        return self.call("GET", f"{self.path(one)}/{one['metadata']['name']}")

    def delete(self, *objects):
        for one in objects:
            self.call("DELETE", f"{self.path(one)}/{one['metadata']['name']}")

    def list(self, path_):
        return self.call("GET", path_)["items"]

    def log(self, namespace, pod):
        return self.call("GET", f"/api/v1/namespaces/{namespace}/pods/{pod}/log", raw=True)

    def events(self, one):
        """(reason, message, type) of the events on an object, oldest first."""
        meta = one["metadata"]
        selector = f"involvedObject.name={meta['name']},involvedObject.kind={one['kind']}"
        items = self.list(f"/api/v1/namespaces/{meta['namespace']}/events?fieldSelector={selector}")
        items.sort(key=lambda event: (event["lastTimestamp"] or event["eventTime"], event["metadata"]["name"]))
        return [(event["reason"], event["message"], event["type"]) for event in items]

    def run(self, namespace, pod, script):
        """Run a shell script in the controller's container."""
        core = client.CoreV1Api(self._api)
        more = {
            "command": ["sh", "-c", script],
            "container": "nginx-ingress",
            "stderr": True,
            "_preload_content": False,
        }
        channel = stream(core.connect_get_namespaced_pod_exec, pod, namespace, **more)
        try:
            channel.run_forever(timeout=10)
        finally:
            channel.sock.shutdown()  # its close() leaves the socket open once the server has closed

    def call(self, method, path_, body=None, headers=None, *, raw=False):
        head = {"Accept": "application/json", "Content-Type": "application/json", **(headers or {})}
        request = self._api.param_serialize(method, path_, header_params=head, body=body, auth_settings=["BearerToken"])
        method, url, head, body, _ = request
        response = self._api.rest_client.request(method, url, headers=head, body=body)
        data = response.read()
        if response.status >= 300:
            raise ApiError(f"{method} {path_}: {response.status} {data.decode()}")
        return data.decode() if raw else json.loads(data)


class ApiError(Exception):
    """The API server's refusal."""


def connect(context):
    """A Cluster for a context of the default kubeconfig."""
    return Cluster(config.new_client_from_config(context=context))
