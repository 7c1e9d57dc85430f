"""TLS Secrets: from files, from inline PEM, or issued by the stack's CA."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from datetime import datetime

from ..controllers import IngressController
from ..controllers.base import option_levels
from ..errors import InventoryError, Problem
from ..facts import Facts, KeyPair, KnownCertificate, text_of
from ..manifests import Object, manifest, present
from ..model.certificates import CertificateUse, certificates
from ..model.stack import Stack
from ..model.tls import Algorithm, Issuer, SelfSigned

INPUTS = "ingresskit.io/inputs"
NOT_AFTER = "ingresskit.io/not-after"


def uses_of(stack: Stack, dialect: IngressController) -> list[CertificateUse]:
    """Every certificate of the stack behind this controller."""
    controller = stack.controller
    return certificates(stack, dialect.namespace(controller), dialect.implied_default_tls(controller))


def tls_secrets(uses: Iterable[CertificateUse], facts: Facts) -> Iterator[Object]:
    """The Secrets that are ours to make; one that is kept comes without ``data``."""
    for use in uses:
        match use.source.kind:
            case "files":
                pair = KeyPair(text_of(str(use.source.cert_file), facts), text_of(str(use.source.key_file), facts))
                yield _given(use, pair, f"{use.path}.cert_file")
            case "inline":
                yield _given(use, KeyPair(str(use.source.cert), str(use.source.key)), f"{use.path}.cert")
            case "issuer" if use.source.issuer and use.source.issuer.by == "certificate":
                yield _certificate(use, use.source.issuer)
            case "self_signed":
                yield _issued(use, facts)


def to_issue(uses: Iterable[CertificateUse], facts: Facts) -> list[CertificateUse]:
    """Those of the self-signed ``uses`` whose certificate is missing, changed or due: they need the CA's key."""
    return [use for use in uses if _kept(use, facts) is None]


def _given(use: CertificateUse, pair: KeyPair, at: str) -> Object:
    """A key that stands in the certificate's file as well stays out of ``tls.crt``, which anybody may be shown."""
    from .. import tls

    try:
        return _secret(use, KeyPair(tls.without_keys(pair.certificate), pair.key))
    except ValueError as problem:
        raise InventoryError([Problem(at, str(problem))]) from None


def _kept(use: CertificateUse, facts: Facts) -> KnownCertificate | None:
    """The certificate issued earlier, if it still is what the inventory asks for and not due for renewal."""
    known = facts.known.get((use.namespace, use.secret))
    if known is None or facts.now is None or facts.authority is None:
        return None
    from .. import tls  # cryptography is loaded only where certificates are made

    authority = facts.authority.certificate
    same = known.inputs == tls.inputs_hash(use.hosts, authority, _algorithm(use))
    return known if same and not tls.due(datetime.fromisoformat(known.not_after), facts.now, authority) else None


def _algorithm(use: CertificateUse) -> Algorithm:
    return (use.source.self_signed or SelfSigned()).algorithm


def _issued(use: CertificateUse, facts: Facts) -> Object:
    kept = _kept(use, facts)
    if kept is not None:
        return _secret(use, None, {INPUTS: kept.inputs, NOT_AFTER: kept.not_after})
    if facts.now is None or facts.authority is None or facts.authority.key is None:
        how = "give cert_file and key_file, secret or issuer instead"
        if use.path == "ingress_controller.default_tls":
            how = f"the page for unknown hosts needs a default certificate; set ingress_controller.default_tls: {how}"
        raise InventoryError([Problem(use.path, f"self_signed needs a cluster, where the stack's CA is kept: {how}")])
    from .. import tls

    algorithm = _algorithm(use)
    pair = tls.issue(facts.authority, use.hosts, facts.now, algorithm)
    end = tls.inspect(pair.certificate).not_after.isoformat()
    inputs = tls.inputs_hash(use.hosts, facts.authority.certificate, algorithm)
    return _secret(use, pair, {INPUTS: inputs, NOT_AFTER: end})


def _certificate(use: CertificateUse, issuer: Issuer) -> Object:
    """cert-manager's request for a certificate (cert-manager.io/docs/usage/certificate); it makes the Secret."""
    spec = {
        "secretName": use.secret,
        "dnsNames": list(use.hosts),
        "issuerRef": {"group": issuer.group, "kind": issuer.kind, "name": issuer.name},
        "privateKey": {"algorithm": "ECDSA", "size": 256, "rotationPolicy": "Always"},
    }
    return manifest("Certificate", use.secret, use.namespace, spec=spec)


def without_keys(uses: Iterable[CertificateUse], stack: Stack, dialect: IngressController) -> Iterator[Problem]:
    """A problem for each certificate, each extra Secret and each user whose secrets would stand in rendered files; of
    those that are to be encrypted, for what would be told all the same."""
    sealed = stack.ingress_git.sops is not None
    for path, options in option_levels(stack):
        if options.basic_auth is not None and options.basic_auth.users is not None:
            why = "rendered files hold no password, hashed or not: use secret"
            if sealed and dialect.names_tell_passwords:
                why = f"behind {dialect.title} a hash of the passwords is part of a name, in the clear: use secret"
            if not sealed or dialect.names_tell_passwords:
                yield Problem(f"{path}.basic_auth.users", why)
    for index, each in enumerate(stack.ingress_extra_objects):
        if not sealed and each.get("kind") == "Secret" and (each.get("data") or each.get("stringData")):
            why = f"rendered files hold no Secret's content: {_ENCRYPT}, or have the cluster make it"
            yield Problem(f"ingress_extra_objects[{index}]", why)
    for use in uses:
        if use.source.kind == "self_signed":
            why = "is made from the stack's CA, which a cluster keeps: use secret or issuer"
        elif not sealed and use.source.kind in ("files", "inline"):
            why = f"would put its key there: use secret or issuer, or {_ENCRYPT}"
        else:
            continue
        yield Problem(use.path, f"rendered files hold no private key, and this source {why}")


_ENCRYPT = "have it encrypted (ingress_git.sops)"
_NOTED = "kubectl.kubernetes.io/last-applied-configuration"  # by ``kubectl apply``: the whole object, in the clear


def without_note(obj: Object) -> Object:
    """A Secret that was taken from a cluster, without its content among its annotations."""
    metadata = obj["metadata"]
    annotations = metadata.get("annotations")
    if obj["kind"] != "Secret" or not annotations or _NOTED not in annotations:
        return obj
    left = {name: value for name, value in annotations.items() if name != _NOTED}
    others = {key: value for key, value in metadata.items() if key != "annotations"}
    return {**obj, "metadata": {**others, **present(annotations=left)}}


def _secret(use: CertificateUse, pair: KeyPair | None, annotations: dict[str, str] | None = None) -> Object:
    secret = manifest("Secret", use.secret, use.namespace, annotations=annotations, type="kubernetes.io/tls")
    if pair is not None:
        texts = {"tls.crt": pair.certificate, "tls.key": pair.key}
        secret["data"] = {key: base64.b64encode(text.encode()).decode() for key, text in texts.items()}
    return secret
