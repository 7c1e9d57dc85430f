"""Where a certificate comes from, and what the stack's own CA is like."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from .base import DnsName, Model

CERT_MANAGER = "cert-manager.io"
Algorithm = Literal["ecdsa", "rsa"]


def _file_name(value: str) -> str:
    if "-----BEGIN" in value:
        raise ValueError("takes the name of a file, and this is PEM text: give that as cert and key")
    return value


FileName = Annotated[str, AfterValidator(_file_name)]


class SelfSigned(Model):
    """A certificate of the stack's own CA. ``true`` is the short form."""

    algorithm: Annotated[Algorithm, Field(description="Of the key: ecdsa (P-256), or rsa (2048 bits).")] = "ecdsa"


class Issuer(Model):
    """An issuer of cert-manager or of one of its external issuers. Its name alone is the short form.

    https://cert-manager.io/docs/usage/certificate/ and https://cert-manager.io/docs/usage/ingress/
    """

    name: Annotated[DnsName, Field(description="Name of the issuer; an Issuer is in the app's namespace.")]
    kind: Annotated[
        str, Field(pattern=r"^[A-Z][A-Za-z0-9]*$", description="Issuer, ClusterIssuer, or the group's.")
    ] = "Issuer"
    group: Annotated[DnsName, Field(description="Other than cert-manager's for an external issuer.")] = CERT_MANAGER
    by: Annotated[
        Literal["certificate", "annotation"],
        Field(
            description="A Certificate of ours, which works with every route and names exactly the hosts; or the "
            "annotation of the Ingress, from which cert-manager's ingress-shim makes one."
        ),
    ] = "certificate"

    @model_validator(mode="after")
    def _kind(self) -> Self:
        if self.group == CERT_MANAGER and self.kind not in ("Issuer", "ClusterIssuer"):
            raise ValueError(f"kind {self.kind} is none of {CERT_MANAGER}: Issuer or ClusterIssuer, or set its group")
        return self


class Ca(Model):
    """The stack's own CA. All of it but ``rotate`` is for the next one that is made."""

    algorithm: Annotated[Algorithm, Field(description="Of its key: ecdsa (P-256), or rsa (3072 bits).")] = "ecdsa"
    days: Annotated[int, Field(ge=1, le=36500, description="How long a CA lives.")] = 3650
    overlap: Annotated[
        int, Field(ge=0, description="Days that a new CA is trusted beside the old one before it signs.")
    ] = 30
    rotate: Annotated[
        str | None,
        Field(min_length=1, description="Any text; another one than that of the last run has a new CA made now."),
    ] = None

    @model_validator(mode="after")
    def _room(self) -> Self:
        if self.overlap > self.days / 3:
            raise ValueError(f"overlap ({self.overlap}) is at most a third of days ({self.days})")
        return self


def _self_signed(value: Any) -> Any:
    if value is False:
        raise ValueError("false says nothing; remove it, or set tls to null for an app without TLS")
    return {} if value is True else value


def _issuer(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


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
    issuer: Annotated[
        Issuer | None,
        BeforeValidator(_issuer, json_schema_input_type=str | Issuer | None),
        Field(description="A cert-manager issuer: its name, or a mapping."),
    ] = None
    self_signed: Annotated[
        SelfSigned | None,
        BeforeValidator(_self_signed, json_schema_input_type=Literal[True] | SelfSigned | None),
        Field(description="Issue from the stack's own CA, kept in the cluster: true, or a mapping."),
    ] = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        pairs = (("cert_file", "key_file"), ("cert", "key"))
        for one, other in pairs:
            if (getattr(self, one) is None) != (getattr(self, other) is None):
                raise ValueError(f"{one} and {other} go together: the other one is missing")
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
