"""Certificates that cert-manager makes because an Ingress asks for them by annotation.

Its ingress-shim makes a Certificate for every entry of ``spec.tls`` of an annotated Ingress, named as the entry's
Secret, and leaves alone one that another Ingress owns (cert-manager.io/docs/usage/ingress).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ..manifests import Object
from ..model.certificates import CertificateUse
from ..model.tls import CERT_MANAGER, Issuer

Place = tuple[str, str]  # namespace, Secret


def asked_by_annotation(uses: Iterable[CertificateUse]) -> dict[Place, CertificateUse]:
    """The certificates that an Ingress has to ask for, by their Secret."""
    by = ((use, use.source.issuer) for use in uses)
    return {(use.namespace, use.secret): use for use, issuer in by if issuer is not None and issuer.by == "annotation"}


def annotations_of(issuer: Issuer) -> dict[str, str]:
    """How an Ingress names its issuer; the short form for a ClusterIssuer excludes kind and group."""
    if issuer.group != CERT_MANAGER:
        named = {"issuer": issuer.name, "issuer-kind": issuer.kind, "issuer-group": issuer.group}
    else:
        named = {"cluster-issuer" if issuer.kind == "ClusterIssuer" else "issuer": issuer.name}
    return {f"{CERT_MANAGER}/{key}": value for key, value in named.items()}


def annotated(objects: list[Object], uses: Iterable[CertificateUse]) -> list[Object]:
    """The objects, each Ingress with the annotation that the certificates of its hosts need; what the inventory's raw
    annotations say there stays."""
    asked = asked_by_annotation(uses)
    return [_annotated(each, asked) for each in objects] if asked else objects


def _annotated(obj: Object, asked: Mapping[Place, CertificateUse]) -> Object:
    uses = [asked[place] for place in _secrets(obj) if place in asked]
    if not uses:
        return obj
    said = {key: value for use in uses if use.source.issuer for key, value in annotations_of(use.source.issuer).items()}
    metadata = obj["metadata"]
    return obj | {"metadata": metadata | {"annotations": said | metadata.get("annotations", {})}}


def refusals(objects: Iterable[Object], uses: Iterable[CertificateUse]) -> Iterator[tuple[CertificateUse, str]]:
    """Certificates that cannot be asked for by annotation, with the reason."""
    asked = asked_by_annotation(uses)
    named: dict[Place, list[Object]] = {place: [] for place in asked}
    for obj in objects:
        for place in _secrets(obj):
            if place in named:
                named[place].append(obj)
    for place, use in asked.items():
        if len(named[place]) != 1:
            count = f"{len(named[place])} Ingresses name" if named[place] else "no Ingress names"
            yield use, f"{count} the Secret {use.secret}, and cert-manager listens to exactly one"
            continue
        others = [each for each in _secrets(named[place][0]) if each not in asked or not _alike(asked[each], use)]
        if others:
            yield use, f"its Ingress names the Secret {others[0][1]}, too, which the same issuer would overwrite"


def _alike(one: CertificateUse, other: CertificateUse) -> bool:
    return one.source.issuer == other.source.issuer


def _secrets(obj: Object) -> list[Place]:
    if obj["kind"] != "Ingress":
        return []
    return [(obj["metadata"]["namespace"], entry["secretName"]) for entry in obj["spec"].get("tls", ())]
