"""The inventory that is measured: N objects as N/2 apps, each an Ingress and a TLS Secret. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from benchmarks.names import CONTROLLER_NAMESPACE, DOMAIN, STACK, STATE_NAMESPACE, namespace_of
from module_utils.ingresskit.facts import KeyPair
from module_utils.ingresskit.tls import issue, new_authority

Variables = dict[str, Any]


def stack(kubeconfig: str, context: str, timeout: int) -> Variables:
    """The stack without an app. Its controller has no Pod: one that takes up N Ingresses would compete with whatever is
    measured for the processor, and says nothing about the engines."""
    return {
        "ingress_stack_name": STACK,
        "ingress_cluster": {
            "kubeconfig": kubeconfig,
            "context": context,
            "state_namespace": STATE_NAMESPACE,
            "timeout": timeout,
        },
        "ingress_controller": {
            "kind": "nginx",
            "namespace": CONTROLLER_NAMESPACE,
            "class_name": STACK,
            "replicas": 0,
            "expose": {"type": "ClusterIP"},
        },
        "ingress_smoke": {"enabled": False},
    }


def apps(objects: int, pairs: Sequence[KeyPair], *, per_app: bool = False) -> Variables:
    """``objects`` / 2 apps by name; ``pairs`` are their certificates: one for all, or one each."""
    return {name: _app(name, pairs[index % len(pairs)], per_app) for index, name in enumerate(names(objects))}


def names(objects: int) -> list[str]:
    """The apps' names; every app is two objects. Raises ValueError for an odd or negative number."""
    if objects % 2 or objects < 0:
        raise ValueError(f"{objects} objects: every app is two, an Ingress and a Secret: give an even number")
    return [f"app-{number:05}" for number in range(1, objects // 2 + 1)]


def certificates(objects: int, now: datetime, *, each: bool) -> list[KeyPair]:
    """A wildcard certificate for all apps or, with ``each``, one for every app, all from one CA of the benchmark's."""
    authority = new_authority(STACK, now)
    hosts = [f"{name}.{DOMAIN}" for name in names(objects)] if each else [f"*.{DOMAIN}"]
    return [issue(authority, [host], now) for host in hosts]


def _app(name: str, pair: KeyPair, per_app: bool) -> Variables:
    return {
        "namespace": namespace_of(name, per_app=per_app),
        "tls": {"cert": pair.certificate, "key": pair.key},
        "hosts": {f"{name}.{DOMAIN}": {"paths": {"/": "web:80", "/api": "api:8080"}}},
    }
