"""What of rendered objects can be checked without an API server. ``faults`` lists everything wrong, in plain words.

Names and labels: kubernetes.io/docs/concepts/overview/working-with-objects. Fields and types: the models of the
kubernetes client. Pods: the Pod Security Standard "restricted".
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any

from kubernetes import client

from module_utils.ingresskit.controllers.traefik_routes import NEVER, ROUTER
from module_utils.ingresskit.manifests import Object

LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
SUBDOMAIN = re.compile(rf"(?=.{{1,253}}$){LABEL.pattern}(\.{LABEL.pattern})*")
DNS_1035 = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
PORT_NAME = re.compile(r"(?=.*[a-z])[a-z0-9]([-a-z0-9]{0,13}[a-z0-9])?")
CLUSTER_WIDE = {"Namespace", "ClusterRole", "ClusterRoleBinding", "IngressClass"}
KINDS = """ClusterRole ClusterRoleBinding ConfigMap DaemonSet Deployment Ingress IngressClass Job Namespace NetworkPolicy
PodDisruptionBudget Role RoleBinding Secret Service ServiceAccount"""
MODELS = {kind: f"V1{kind}" for kind in KINDS.split()} | {"HorizontalPodAutoscaler": "V2HorizontalPodAutoscaler"}
MAY_BE_EMPTY = {
    "emptyDir",
    "apiGroups",
    "namespaceSelector",
}  # an empty mapping says "of the default kind"; "" is the core group's name
VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}


def faults(objects: list[Object], outside: Collection[str] = ()) -> list[str]:
    """Everything wrong. ``outside``: "service ns/name:port" and "secret ns/name" that others bring."""
    stack = _Stack(objects, outside)
    found = [f"{_ref(obj)}: {fault}" for obj in objects for fault in _of_object(obj)]
    found += stack.twins()
    found += [f"{_ref(obj)}: {fault}" for obj in objects for fault in stack.of(obj)]
    return found


def pod_of(obj: Object) -> Object | None:
    """The Pod spec of a workload."""
    return obj["spec"]["template"]["spec"] if obj["kind"] in ("Deployment", "DaemonSet", "Job") else None


def restricted(pod: Object) -> Iterator[str]:
    """What Pod Security admission would say (kubernetes.io/docs/concepts/security/pod-security-standards/#restricted)."""
    for field in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.get(field):
            yield f"{field} is set"
    for volume in pod.get("volumes", ()):
        if not set(volume) - {"name"} <= VOLUMES:
            yield f"volume {volume['name']} is of a kind that restricted forbids"
    outer = pod.get("securityContext", {})
    for container in [*pod.get("initContainers", ()), *pod["containers"]]:
        inner = {**outer, **container.get("securityContext", {})}
        capabilities = inner.get("capabilities", {})
        checks = {
            "may run as root": inner.get("runAsNonRoot") is not True or inner.get("runAsUser") == 0,
            "may escalate its privileges": inner.get("allowPrivilegeEscalation") is not False,
            "is privileged": inner.get("privileged", False),
            "keeps capabilities": capabilities.get("drop") != ["ALL"],
            "adds capabilities": not set(capabilities.get("add", ())) <= {"NET_BIND_SERVICE"},
            "has no seccomp profile": inner.get("seccompProfile", {}).get("type")
            not in ("RuntimeDefault", "Localhost"),
            "has a host port": any("hostPort" in port for port in container.get("ports", ())),
        }
        yield from (f"container {container['name']} {text}" for text, wrong in checks.items() if wrong)


def _ref(obj: Object) -> str:
    return f"{obj['kind']} {_place(obj)}"


def _place(obj: Object) -> str:
    return f"{obj['metadata'].get('namespace', '')}/{obj['metadata']['name']}"


def _of_object(obj: Object) -> Iterator[str]:
    """What an object alone tells."""
    kind, metadata = obj["kind"], obj["metadata"]
    form = {"Service": DNS_1035, "Namespace": LABEL}.get(kind, SUBDOMAIN)
    if not form.fullmatch(metadata["name"]):
        yield f"{metadata['name']!r} is no name for a {kind}"
    if ("namespace" in metadata) == (kind in CLUSTER_WIDE):
        yield "has a namespace although it is cluster-wide" if kind in CLUSTER_WIDE else "has no namespace"
    yield from _labels(metadata.get("labels", {}), LABEL_VALUE)
    yield from _labels(metadata.get("annotations", {}), re.compile(".*", re.DOTALL))
    yield from _empty(obj, "")
    if kind in MODELS:
        yield from _fields(obj, MODELS[kind], kind)
    pod = pod_of(obj)
    if pod is not None:
        yield from _workload(obj, pod)


def _labels(labels: dict[str, Any], values: re.Pattern[str]) -> Iterator[str]:
    for key, value in labels.items():
        prefix, slash, name = key.rpartition("/")
        if (slash and not SUBDOMAIN.fullmatch(prefix)) or not name or not LABEL_VALUE.fullmatch(name):
            yield f"{key!r} is no label key"
        if not isinstance(value, str) or not values.fullmatch(value):
            yield f"{value!r} is no value for {key}"


def _empty(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key not in MAY_BE_EMPTY:
                yield from _empty(inner, f"{path}.{key}")
        if not value:
            yield f"{path} is an empty mapping"
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _empty(inner, f"{path}[{index}]")
        if not value:
            yield f"{path} is an empty list"
    elif value is None or value == "":
        yield f"{path} is {'null' if value is None else 'an empty string'}"


SCALARS = {"str": str, "int": int, "bool": bool, "bytes": str, "object": object}


def _fields(value: Any, wanted: str, path: str) -> Iterator[str]:
    """Unknown fields and values of another type, by the client's models: what strict validation would refuse."""
    if wanted in SCALARS:
        if not isinstance(value, SCALARS[wanted]) or (wanted == "int" and isinstance(value, bool)):
            yield f"{path} is not of type {wanted}"
    elif not isinstance(value, list if wanted.startswith("List[") else dict):
        yield f"{path} is not of type {wanted}"
    elif wanted.startswith("List["):
        for index, each in enumerate(value):
            yield from _fields(each, wanted[5:-1], f"{path}[{index}]")
    elif wanted.startswith("Dict["):
        for key, each in value.items():
            yield from _fields(each, wanted.partition(", ")[2][:-1], f"{path}.{key}")
    else:
        yield from _known(value, getattr(client, wanted), path)


def _known(value: Object, model: Any, path: str) -> Iterator[str]:
    types = {model.attribute_map[name]: kind for name, kind in model.openapi_types.items()}
    for key, each in value.items():
        if key in types:
            yield from _fields(each, types[key], f"{path}.{key}")
        else:
            yield f"{path}.{key} is not a field of {model.__name__}"


def _workload(obj: Object, pod: Object) -> Iterator[str]:
    spec = obj["spec"]
    labels = spec["template"]["metadata"]["labels"]
    yield from _labels(labels, LABEL_VALUE)
    yield from _labels(spec["template"]["metadata"].get("annotations", {}), re.compile(".*", re.DOTALL))
    if obj["kind"] != "Job" and not spec["selector"]["matchLabels"].items() <= labels.items():
        yield "its selector does not select its own Pods"
    volumes = {volume["name"] for volume in pod.get("volumes", ())}
    for container in [*pod.get("initContainers", ()), *pod["containers"]]:
        ports = {port["name"]: (port["containerPort"], port["protocol"]) for port in container.get("ports", ())}
        if len(ports) != len(container.get("ports", ())) or len(set(ports.values())) != len(ports):
            yield f"container {container['name']} has a port twice"
        yield from (f"{name!r} is no port name" for name in ports if not PORT_NAME.fullmatch(name))
        mounted = {mount["name"] for mount in container.get("volumeMounts", ())}
        yield from (f"volume {name} is mounted but not there" for name in sorted(mounted - volumes))
        for probe in ("readinessProbe", "livenessProbe", "startupProbe"):
            for port in (how["port"] for how in container.get(probe, {}).values() if isinstance(how, dict)):
                if isinstance(port, str) and port not in ports:
                    yield f"{probe} asks the port {port}, which container {container['name']} has not"


# flag of a controller -> kind of the object that it names
FLAGS = {
    "-nginx-configmaps": "ConfigMap",
    "-ingress-class": "IngressClass",
    "-external-service": "Service",
    "-default-server-tls-secret": "Secret",
    "-global-configuration": "GlobalConfiguration",
    "--providers.kubernetesingress.ingressclass": "IngressClass",
    "--providers.kubernetesingressnginx.ingressclass": "IngressClass",
    "--providers.kubernetesingressnginx.defaultbackendservice": "Service",
    "--providers.kubernetesingressnginx.publishservice": "Service",
    "--ingress-class": "IngressClass",
    "--configmap": "ConfigMap",
    "--default-backend-service": "Service",
    "--default-ssl-certificate": "Secret",
    "--publish-service": "Service",
    "--tcp-services-configmap": "ConfigMap",
    "--udp-services-configmap": "ConfigMap",
    "--providers.kubernetesingress.ingressendpoint.publishedservice": "Service",
}
INGRESS_NGINX = "nginx.ingress.kubernetes.io/"
NOTES = {f"{INGRESS_NGINX}auth-secret": "Secret", f"{INGRESS_NGINX}custom-headers": "ConfigMap"}


class _Stack:
    """The checks that need the other objects."""

    def __init__(self, objects: list[Object], outside: Collection[str]) -> None:
        self.objects, self.outside = objects, set(outside)
        self.here = {(obj["kind"], _place(obj)): obj for obj in objects}
        self.workloads = [obj for obj in objects if pod_of(obj) is not None]
        self.routes: dict[tuple[str, str, str, str], str] = {}

    def twins(self) -> Iterator[str]:
        if len(self.here) < len(self.objects):
            yield f"{len(self.objects) - len(self.here)} objects have the name of another one"

    def of(self, obj: Object) -> Iterator[str]:
        check = getattr(self, f"_{obj['kind'].lower()}", None)
        yield from check(obj) if check else ()

    def _has(self, kind: str, namespace: str, name: str) -> bool:
        return (kind, f"{namespace}/{name}") in self.here

    def _selected(self, namespace: str, labels: dict[str, str]) -> list[Object]:
        return [
            each
            for each in self.workloads
            if each["metadata"]["namespace"] == namespace
            and labels
            and labels.items() <= each["spec"]["template"]["metadata"]["labels"].items()
        ]

    def _service(self, obj: Object) -> Iterator[str]:
        if obj["spec"].get("type") == "ExternalName":
            return
        selected = self._selected(obj["metadata"]["namespace"], obj["spec"]["selector"])
        if len(selected) != 1:
            yield f"selects {len(selected)} workloads"
        offered = {
            port["name"] for each in selected for box in pod_of(each)["containers"] for port in box.get("ports", ())
        }
        for port in obj["spec"]["ports"]:
            if isinstance(port["targetPort"], str) and port["targetPort"] not in offered:
                yield f"targetPort {port['targetPort']} is not a port of the Pods"
        for key in ("name", "port", "nodePort"):
            apart = () if key == "name" else ("protocol",)
            values = [tuple(map(port.get, (key, *apart))) for port in obj["spec"]["ports"] if key in port]
            if len(set(values)) < len(values):
                yield f"has a {key} twice"

    def _deployment(self, obj: Object) -> Iterator[str]:
        namespace, pod = obj["metadata"]["namespace"], pod_of(obj) or {}
        scaled = any(
            each["kind"] == "HorizontalPodAutoscaler"
            and each["spec"]["scaleTargetRef"]["name"] == obj["metadata"]["name"]
            for each in self.objects
            if each["metadata"].get("namespace") == namespace
        )
        if scaled == ("replicas" in obj["spec"]):
            yield "has replicas beside an autoscaler" if scaled else "has neither replicas nor an autoscaler"
        yield from self._pod(namespace, pod)

    def _daemonset(self, obj: Object) -> Iterator[str]:
        yield from self._pod(obj["metadata"]["namespace"], pod_of(obj) or {})

    def _pod(self, namespace: str, pod: Object) -> Iterator[str]:
        labels = self.here.get(("Namespace", f"/{namespace}"), {"metadata": {}})["metadata"].get("labels", {})
        if labels.get("pod-security.kubernetes.io/enforce") == "restricted":
            yield from restricted(pod)
        account = pod.get("serviceAccountName")
        if account and not self._has("ServiceAccount", namespace, account):
            yield f"there is no ServiceAccount {account}"
        volumes = pod.get("volumes", ())
        for source in [
            *volumes,
            *(each for volume in volumes for each in volume.get("projected", {}).get("sources", ())),
        ]:
            if "configMap" in source and not self._has("ConfigMap", namespace, source["configMap"]["name"]):
                yield f"there is no ConfigMap {source['configMap']['name']}"
            if "secret" in source and not source["secret"].get("optional"):
                secret = source["secret"]
                yield from self._need_secret(namespace, secret.get("secretName") or secret["name"])
        for each in pod.get("imagePullSecrets", ()):
            yield from self._need_secret(namespace, each["name"])
        for argument in (each for container in pod["containers"] for each in container.get("args", ())):
            yield from self._argument(namespace, *argument.partition("=")[::2])

    def _argument(self, namespace: str, flag: str, value: str) -> Iterator[str]:
        kind = FLAGS.get(flag)
        if kind is None:
            return
        place = value.replace("$(POD_NAMESPACE)", namespace)
        home = "" if kind in CLUSTER_WIDE else namespace
        where, _, name = place.rpartition("/")
        if kind == "Secret":
            yield from self._need_secret(where, name)
        elif not self._has(kind, where or home, name):
            yield f"{flag} names no {kind} {where or home}/{name}"

    def _need_secret(self, namespace: str, name: str) -> Iterator[str]:
        made = self._has("Secret", namespace, name) or any(
            obj["kind"] == "Certificate" and obj["spec"]["secretName"] == name
            for obj in self.objects
            if obj["metadata"].get("namespace") == namespace
        )
        if not made and f"secret {namespace}/{name}" not in self.outside:
            yield f"there is no Secret {namespace}/{name}"

    def _ingress(self, obj: Object) -> Iterator[str]:
        namespace, spec = obj["metadata"]["namespace"], obj["spec"]
        if not self._has("IngressClass", "", spec["ingressClassName"]):
            yield f"there is no IngressClass {spec['ingressClassName']}"
        hosts = {rule.get("host", "") for rule in spec["rules"]}
        for entry in spec.get("tls", ()):
            yield from (f"its tls names {host}, its rules do not" for host in entry["hosts"] if host not in hosts)
            yield from self._need_secret(namespace, entry["secretName"])
        for rule in spec["rules"]:
            for path in rule.get("http", {}).get("paths", ()):  # none: a master
                yield from self._route(obj, rule.get("host", ""), path)
        for note, value in obj["metadata"].get("annotations", {}).items():
            kind = NOTES.get(note)
            if kind == "Secret":
                yield from self._need_secret(namespace, value)
            elif kind is not None and not self._has(kind, *value.split("/")):
                yield f"{note} names no {kind} {value}"

    def _virtualserver(self, obj: Object) -> Iterator[str]:
        """F5's routes, its VirtualServerRoutes' and TransportServers': classes, Services, Secrets, Policies, routes."""
        namespace, spec = obj["metadata"]["namespace"], obj["spec"]
        if not self._has("IngressClass", "", spec["ingressClassName"]):
            yield f"there is no IngressClass {spec['ingressClassName']}"
        if "tls" in spec:
            yield from self._need_secret(namespace, spec["tls"]["secret"])
        for upstream in spec.get("upstreams", ()):
            yield from self._need_port(namespace, upstream["service"], upstream["port"])
        for route in spec.get("routes", spec.get("subroutes", ())):
            for policy in route.get("policies", ()):
                if not self._has("Policy", namespace, policy["name"]):
                    yield f"there is no Policy {policy['name']}"
            where, _, name = route.get("route", "").partition("/")
            if name and not self._has("VirtualServerRoute", where, name):
                yield f"there is no VirtualServerRoute {route['route']}"

    _virtualserverroute = _transportserver = _virtualserver

    def _route(self, obj: Object, host: str, path: Object) -> Iterator[str]:
        annotations = obj["metadata"].get("annotations", {})
        never = "never" if annotations.get(f"{ROUTER}priority") == str(NEVER) else ""
        beside = annotations.get(f"{INGRESS_NGINX}canary", never)
        route = host, path["path"], path["pathType"], beside
        if self.routes.setdefault(route, _place(obj)) != _place(obj):
            yield f"{' '.join(route).rstrip()} is a route of {self.routes[route]} as well"
        service = path["backend"]["service"]
        port = service["port"]
        yield from self._need_port(obj["metadata"]["namespace"], service["name"], port.get("number", port.get("name")))

    def _need_port(self, namespace: str, name: str, wanted: Any) -> Iterator[str]:
        found = self.here.get(("Service", f"{namespace}/{name}"))
        if found is None and f"service {namespace}/{name}:{wanted}" not in self.outside:
            yield f"there is no Service {namespace}/{name}"
        if found is not None and wanted not in {
            each[key] for each in found["spec"]["ports"] for key in ("name", "port")
        }:
            yield f"the Service {name} has no port {wanted}"

    def _rolebinding(self, obj: Object) -> Iterator[str]:
        namespace = obj["metadata"].get("namespace", "")
        role = obj["roleRef"]
        if not self._has(role["kind"], namespace if role["kind"] == "Role" else "", role["name"]):
            yield f"there is no {role['kind']} {role['name']}"
        for subject in obj["subjects"]:
            if not self._has(subject["kind"], subject["namespace"], subject["name"]):
                yield f"there is no {subject['kind']} {subject['name']}"

    _clusterrolebinding = _rolebinding

    def _horizontalpodautoscaler(self, obj: Object) -> Iterator[str]:
        target = obj["spec"]["scaleTargetRef"]
        if not self._has(target["kind"], obj["metadata"]["namespace"], target["name"]):
            yield f"there is no {target['kind']} {target['name']}"

    def _poddisruptionbudget(self, obj: Object) -> Iterator[str]:
        if len(self._selected(obj["metadata"]["namespace"], obj["spec"]["selector"]["matchLabels"])) != 1:
            yield "does not select one workload"

    def _networkpolicy(self, obj: Object) -> Iterator[str]:
        """Entry ports from anywhere, metrics from inside the cluster, what only probes ask from nowhere."""
        chosen = self._selected(obj["metadata"]["namespace"], obj["spec"]["podSelector"]["matchLabels"])
        boxes = [box for each in chosen for box in pod_of(each)["containers"]]
        served = {port["name"]: port["containerPort"] for box in boxes for port in box["ports"]}
        entries = {number for name, number in served.items() if re.match(r"https?$|tcp-|udp-", name)}
        metrics = {number for name, number in served.items() if name in ("metrics", "status")}
        open_to: dict[bool, set[int]] = {True: set(), False: set()}
        for rule in obj["spec"].get("ingress", ()):
            open_to["from" not in rule] |= {port["port"] for port in rule["ports"]}
        if open_to[True] != entries or not open_to[False] <= metrics:
            yield f"lets in to {open_to}, served are {served}"
