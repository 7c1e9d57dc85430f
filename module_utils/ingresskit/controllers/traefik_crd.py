"""Traefik's custom resources (doc.traefik.io, "Kubernetes CRD"): its provider for them, for objects of the user's."""

from __future__ import annotations

from collections.abc import Sequence

from .workload import rule

GROUP = "traefik.io"
PLURALS = (
    "ingressroutes ingressroutetcps ingressrouteudps middlewares middlewaretcps serverstransports serverstransporttcps "
    "tlsoptions tlsstores traefikservices"
)
DEFINITIONS = tuple(f"{plural}.{GROUP}" for plural in PLURALS.split())
RULES = [
    rule(GROUP, PLURALS, "get list watch"),
    rule("", "configmaps", "get list watch"),  # certificates of authorities; without it the provider never starts
]
STANDARD_CLASS = "traefik"  # objects without a class are of this one
PROVIDER = "--providers.kubernetescrd"


def provider_args(class_name: str, watched: Sequence[str]) -> list[str]:
    """The flags of the provider. One that is told a class takes only what is annotated with it."""
    flags = [f"{PROVIDER}=true", f"{PROVIDER}.allowemptyservices=true"]
    if watched:
        flags.append(f"{PROVIDER}.namespaces={','.join(watched)}")
    return flags if class_name == STANDARD_CLASS else [*flags, f"{PROVIDER}.ingressclass={class_name}"]
