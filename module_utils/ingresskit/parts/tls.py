"""One TLS Secret (module ``ingress_tls``)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any

from pydantic import AfterValidator

from ..controllers import controller_for
from ..errors import InventoryError, Problem
from ..facts import Facts
from ..manifests import Object
from ..model.base import DnsLabel, DnsName, HostName
from ..model.certificates import CertificateUse
from ..model.stack import Stack
from ..model.tls import Ca, TlsSource
from ..preflight import Finding
from ..preflight.certificates import check_certificates
from ..render.namespaces import namespaces
from ..render.secrets import tls_secrets
from .params import Params, part_name, read
from .subject import Subject

Files = list[tuple[str, str]]


def _named(host: str) -> str:
    if host == "*":
        raise ValueError("a certificate names hosts: write them, or a wildcard such as '*.example.com'")
    return host


class Identity(Params):
    name: DnsName
    namespace: DnsLabel

    @property
    def part(self) -> str:
        return part_name("tls", self.namespace, self.name)


class TlsParams(Identity):
    source: TlsSource
    hosts: list[Annotated[HostName, AfterValidator(_named)]] = []
    ca: Ca = Ca()

    @property
    def use(self) -> CertificateUse:
        return CertificateUse(self.namespace, self.name, tuple(self.hosts), self.source, "source")


def load(parameters: Mapping[str, Any]) -> Subject:
    """The Secret as a part of its stack. Raises InventoryError."""
    params = read(TlsParams, parameters)
    _can_be_made(params)
    stack = params.stack_with(ingress_ca=params.ca)
    keys = ("cert_file", "key_file")
    files = [(f"source.{key}", name) for key in keys if (name := getattr(params.source, key)) is not None]
    return Subject(
        stack,
        controller_for(stack.controller),
        [params.use],
        files,
        check=partial(_check, params.use, files),
        render=partial(_render, stack, params.use),
        part=params.part,
    )


def identify(parameters: Mapping[str, Any]) -> tuple[Stack, str]:
    """Where the part is and how it is called, without its content. Raises InventoryError."""
    params = read(Identity, parameters)
    return params.stack_with(), params.part


def _can_be_made(params: TlsParams) -> None:
    source = params.source
    if source.secret is not None:
        how = "give cert_file and key_file, cert and key, issuer or self_signed"
        raise InventoryError([Problem("source.secret", f"is a Secret that exists, there is nothing to make: {how}")])
    if source.issuer is not None and source.issuer.by == "annotation":
        how = "leave it out for a Certificate, or give app.tls.issuer to ingress_route"
        raise InventoryError([Problem("source.issuer.by", f"an annotation belongs to an Ingress: {how}")])
    if not params.hosts and source.kind in ("issuer", "self_signed"):
        raise InventoryError([Problem("hosts", f"is missing: {source.kind} issues a certificate for the hosts given")])


def _check(use: CertificateUse, files: Files, facts: Facts) -> list[Finding]:
    return list(check_certificates([use], files, facts))


def _render(stack: Stack, use: CertificateUse, facts: Facts) -> list[Object]:
    objects = list(tls_secrets([use], facts))
    return [*namespaces(stack, controller_for(stack.controller), objects), *objects]
