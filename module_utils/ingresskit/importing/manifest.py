"""Ingress manifests of every version the API has had, as one kind of value.

What changed: https://kubernetes.io/docs/reference/using-api/deprecation-guide/#ingress-v122. What the API server would
refuse is a fault, for nobody can tell what was meant by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from ..model.apps import PathType
from ..model.base import check_host, check_label, check_name, check_port
from ..model.problems import nearest
from .cursor import Cursor

CURRENT = "networking.k8s.io/v1"
FORMER = ("networking.k8s.io/v1beta1", "extensions/v1beta1")
VERSIONS = (CURRENT, *FORMER)
CLASS_ANNOTATION = "kubernetes.io/ingress.class"
PATH_TYPES = get_args(PathType)


@dataclass(frozen=True)
class Backend:
    service: str
    port: int | str


@dataclass(frozen=True)
class Entry:
    """One path; ``backend`` is None where it is a resource, not a Service."""

    path: str
    type: str
    backend: Backend | None
    at: str


@dataclass(frozen=True)
class Rule:
    """A host ("*" where the manifest names none) with its paths; none: the default backend answers."""

    host: str
    entries: tuple[Entry, ...]
    at: str


@dataclass(frozen=True)
class Tls:
    hosts: tuple[str, ...]
    secret: str | None
    at: str


@dataclass(frozen=True)
class Ingress:
    """A manifest as it was meant, whatever its version; ``at`` is file:line."""

    name: str
    namespace: str
    at: str
    class_name: str | None
    annotations: dict[str, str]
    labels: dict[str, str]
    default: Entry | None
    rules: tuple[Rule, ...]
    tls: tuple[Tls, ...]
    master: str | None = None  # the Ingress of its namespace to which F5's controller adds it

    def __str__(self) -> str:
        return f"Ingress {self.namespace}/{self.name}"


def is_ingress(cursor: Cursor) -> bool:
    """Whether a document is an Ingress of Kubernetes, of whatever version."""
    group = str(cursor["apiVersion"].value).partition("/")[0]
    return bool(cursor["kind"].value == "Ingress" and group in ("extensions", "networking.k8s.io"))


def read_ingress(cursor: Cursor, namespace: str, path_type: str) -> Ingress | None:
    """The Ingress of a document, None where it has none that could be read; its faults are noted in the document.

    ``namespace``: where the manifest names none. ``path_type``: that of entries without one, which only former versions
    allow.
    """
    version, meta, spec = cursor["apiVersion"], cursor["metadata"], cursor["spec"]
    if version.value not in VERSIONS:
        version.fault(f"must be one of {', '.join(VERSIONS)}")
        return None
    cursor.mapping(("apiVersion", "kind", "metadata", "spec", "status"))
    if not (meta.mapping() and spec.mapping()):
        return None
    reader = _Reader(version.value in FORMER, path_type)
    annotations = meta["annotations"].texts()
    class_name = spec["ingressClassName"].text() if spec["ingressClassName"] else annotations.get(CLASS_ANNOTATION)
    name, default = meta["name"].text(check_name), reader.default(spec)
    rules, tls = [reader.rule(each) for each in spec["rules"].items()], [_tls(each) for each in spec["tls"].items()]
    if not any(spec[key] for key in ("backend", "defaultBackend", "rules")) or spec["rules"].value == []:
        spec.fault(f"needs rules or {reader.default_key}: it says nothing now")
    if name is None:
        return None
    return Ingress(
        name,
        (meta["namespace"].text(check_label) if meta["namespace"] else None) or namespace,
        cursor.at,
        class_name,
        annotations,
        meta["labels"].texts(),
        default,
        tuple(rule for rule in rules if rule),
        tuple(entry for entry in tls if entry),
    )


@dataclass(frozen=True)
class _Reader:
    """What differs from version to version."""

    former: bool
    path_type: str

    @property
    def default_key(self) -> str:
        return "backend" if self.former else "defaultBackend"

    def default(self, spec: Cursor) -> Entry | None:
        other = "defaultBackend" if self.former else "backend"
        if spec[other]:
            spec[other].fault(f"is called {self.default_key} in this version of the API")
        spec.mapping(("ingressClassName", "backend", "defaultBackend", "rules", "tls"))
        cursor = spec[self.default_key]
        return Entry("/", "Prefix", self.backend(cursor), cursor.at) if cursor else None

    def rule(self, cursor: Cursor) -> Rule | None:
        if not cursor.mapping(("host", "http")):
            return None
        host: str | None = "*"
        if cursor["host"].value not in (None, ""):
            host = cursor["host"].text(_named_host)
        paths = cursor["http"]
        if paths and not paths.mapping(("paths",)):
            return None
        if paths and not paths["paths"]:
            paths.fault("paths is missing: a rule with http has a path at least")
        entries = [self.entry(each) for each in paths["paths"].items()]
        return Rule(host, tuple(entry for entry in entries if entry), cursor.at) if host else None

    def entry(self, cursor: Cursor) -> Entry | None:
        if not cursor.mapping(("path", "pathType", "backend")):
            return None
        path = cursor["path"].text(_rooted) if cursor["path"].value not in (None, "") else ""
        kind = self.kind(cursor["pathType"], bare=not path)
        backend = cursor["backend"]
        if not backend:
            backend.fault("is missing: who is to answer this path?")
        if path is None or kind is None or not backend:
            return None
        if not path and kind == "Exact":
            cursor["path"].fault("is missing: Exact needs a path")
            return None
        # without a path everything matches, whatever the type
        return Entry(path or "/", kind if path else "Prefix", self.backend(backend), cursor.at)

    def kind(self, cursor: Cursor, *, bare: bool) -> str | None:
        if not cursor:
            if not self.former:
                cursor.fault(f"is missing: {CURRENT} wants one of {', '.join(PATH_TYPES)}")
            return self.path_type if self.former else None
        return cursor.text(_path_type)

    def backend(self, cursor: Cursor) -> Backend | None:
        """The Service, None where it is a resource or cannot be read."""
        mine, other = ("serviceName", "service") if self.former else ("service", "serviceName")
        if not cursor.mapping():
            return None
        if cursor[other] and not cursor[mine]:
            cursor.fault(_OF_ANOTHER_VERSION[self.former])
            return None
        cursor.mapping(("serviceName", "servicePort", "resource") if self.former else ("service", "resource"))
        if cursor["resource"]:
            return None
        return self._former_backend(cursor) if self.former else _current_backend(cursor["service"])

    def _former_backend(self, cursor: Cursor) -> Backend | None:
        service, port = cursor["serviceName"].text(check_label), _port(cursor["servicePort"])
        return Backend(service, port) if service and port else None


_OF_ANOTHER_VERSION = {
    False: "serviceName and servicePort are of the v1beta1 versions: in networking.k8s.io/v1 it is "
    "service: {name: tea-svc, port: {number: 80}}",
    True: "service is of networking.k8s.io/v1: in the v1beta1 versions it is serviceName and servicePort",
}


def _current_backend(cursor: Cursor) -> Backend | None:
    if not cursor.mapping(("name", "port")):
        return None
    service, given = cursor["name"].text(check_label), cursor["port"]
    if not given.mapping(("name", "number")):
        return None
    if bool(given["name"]) == bool(given["number"]):
        given.fault("needs exactly one of number and name")
        return None
    number = given["number"]
    if number and isinstance(number.value, str) and not number.value.isdigit():
        number.fault(f"must be a number: a port's name goes to name: {number.value}")
        return None
    port = _port(number if number else given["name"])
    return Backend(service, port) if service and port else None


def _port(cursor: Cursor) -> int | str | None:
    if not cursor:
        cursor.fault("is missing: a port number, or the name of a port")
        return None
    try:
        return check_port(cursor.value)
    except ValueError as error:
        cursor.fault(str(error))
        return None


def _tls(cursor: Cursor) -> Tls | None:
    if not cursor.mapping(("hosts", "secretName")):
        return None
    hosts = [each.text(_named_host) for each in cursor["hosts"].items()]
    secret = cursor["secretName"].text(check_name) if cursor["secretName"].value not in (None, "") else None
    return Tls(tuple(host for host in hosts if host), secret, cursor.at)


def _named_host(value: str) -> None:
    if value == "*":
        raise ValueError("is no host: leave host out to serve every host")
    check_host(value)


def _rooted(value: str) -> None:
    if not value.startswith("/"):
        raise ValueError(f"a path begins with '/': write {'/' + value!r}")


def _path_type(value: str) -> None:
    if value not in PATH_TYPES:
        guess = nearest(value, PATH_TYPES)
        hint = f"; did you mean {guess!r}?" if guess else ""
        raise ValueError(f"{value!r} is not one of {', '.join(PATH_TYPES)}{hint}")
