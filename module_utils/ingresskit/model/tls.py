"""Where a certificate comes from."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from .base import DnsName, Model


def _file_name(value: str) -> str:
    if "-----BEGIN" in value:
        raise ValueError("takes the name of a file, and this is PEM text: give that as cert and key")
    return value


FileName = Annotated[str, AfterValidator(_file_name)]


class TlsSource(Model):
    """One of: ``cert_file`` with ``key_file``, ``cert`` with ``key``, ``secret``, ``issuer``, ``self_signed``."""

    cert_file: Annotated[
        FileName | None, Field(description="PEM file with the certificate and its chain, leaf first.")
    ] = None
    key_file: Annotated[FileName | None, Field(description="PEM file with the private key.")] = None
    cert: Annotated[str | None, Field(description="The certificate and its chain as PEM text.")] = None
    key: Annotated[str | None, Field(description="The private key as PEM text; keep it in a vault.")] = None
    secret: Annotated[
        DnsName | None, Field(description="An existing kubernetes.io/tls Secret in the app's namespace.")
    ] = None
    issuer: Annotated[DnsName | None, Field(description="A cert-manager issuer.")] = None
    self_signed: Annotated[bool | None, Field(description="Issue from the stack's own CA, kept in the cluster.")] = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        pairs = (("cert_file", "key_file"), ("cert", "key"))
        for one, other in pairs:
            if (getattr(self, one) is None) != (getattr(self, other) is None):
                raise ValueError(f"{one} and {other} go together: the other one is missing")
        if self.self_signed is False:
            raise ValueError("self_signed: false says nothing; remove it, or set tls to null for an app without TLS")
        given = [
            name for name in ("cert_file", "cert", "secret", "issuer", "self_signed") if getattr(self, name) is not None
        ]
        if len(given) != 1:
            found = ", ".join(given) or "none"
            raise ValueError(
                f"needs exactly one of cert_file + key_file, cert + key, secret, issuer, self_signed; found {found}"
            )
        return self

    @property
    def kind(self) -> Literal["files", "inline", "secret", "issuer", "self_signed"]:
        """The source in use."""
        if self.cert_file is not None:
            return "files"
        if self.cert is not None:
            return "inline"
        if self.secret is not None:
            return "secret"
        return "issuer" if self.issuer is not None else "self_signed"
