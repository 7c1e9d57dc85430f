"""Gathers the facts: the clock, the files the inventory names, and what the cluster knows of certificates."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import authority as ca
from .api.failures import Forbidden
from .api.resources import BUILTIN, Object, Ref
from .controllers.base import DEFAULT_CLASS
from .controllers.monitoring import DEFINITION as MONITORS
from .controllers.traefik_dynamic import NAME as DYNAMIC
from .controllers.traefik_dynamic import references, with_former
from .engine.ownership import STACK
from .errors import ClusterError, ConflictError, Problem
from .facts import Authority, ExistingSecret, Facts, KnownCertificate
from .model.certificates import CertificateUse
from .model.controller import Controller, Crds
from .model.duplicates import duplicate_keys
from .model.tls import Ca
from .preflight.passwords import HTPASSWD_KEYS, password_places
from .render.secrets import INPUTS, NOT_AFTER, to_issue
from .state.release import UNKNOWN, content_of

if TYPE_CHECKING:
    from .api.client import Api
    from .controllers import IngressController
    from .engine.ownership import Owner
    from .engine.snapshot import Snapshot
    from .model.stack import Stack
    from .state.release import Release
    from .state.store import Past

INVENTORY_SUFFIXES = ("", ".yml", ".yaml")  # what Ansible reads as YAML
AUTHORITY = "authority"  # key of what is known of the CA in the release record's extras


def local_facts(names: Iterable[str], base_dir: Path) -> Facts:
    """The clock and the files of the inventory; relative names start at ``base_dir``. Never raises for a file."""
    files: dict[str, bytes] = {}
    unreadable: dict[str, str] = {}
    for name in names:
        try:
            path = base_dir / Path(name).expanduser()
            files[name] = path.read_bytes()
        except OSError as error:
            what = "there is no file" if isinstance(error, FileNotFoundError) else f"cannot read ({error.strerror})"
            absolute = name.startswith(("/", "~"))
            relative = "" if absolute else " (relative names are meant from the inventory's folder)"
            unreadable[name] = f"{what} {path}{relative}"
        except (RuntimeError, ValueError):  # ~ of an unknown user, a null byte
            unreadable[name] = f"{name!r} is not the name of a file"
    return Facts(now=datetime.now(UTC), files=files, unreadable=unreadable)


def inventory_problems(base_dir: Path) -> list[Problem]:
    """Keys given twice in the inventory's own YAML files: by the time Ansible hands us its variables one is lost."""
    found = []
    for pattern in ("*", "group_vars/**/*", "host_vars/**/*"):
        for path in sorted(base_dir.glob(pattern)):
            if path.suffix not in INVENTORY_SUFFIXES or not path.is_file():
                continue
            with suppress(OSError, UnicodeDecodeError):
                found += duplicate_keys(path.read_text(encoding="utf-8"), path.relative_to(base_dir).as_posix())
    return found


def existing_secrets(
    api: Api, uses: Iterable[CertificateUse], stack: Stack, facts: Facts, *, issued: bool = False
) -> Facts:
    """The facts with every Secret that the inventory refers to: its certificate, never its key; users and hashes. One
    GET for each; what is ours to make is not read. With ``issued``, for a smoke test: certificates alone, those that
    cert-manager makes among them."""
    kinds = ("secret", "issuer") if issued else ("secret",)
    places = {(use.namespace, use.secret) for use in uses if use.source.kind in kinds}
    passwords = {} if issued else password_places(stack)
    live = {place: api.get(_secret_ref(*place)) for place in sorted(places | passwords.keys())}
    htpasswd = {place: text for place in passwords if (text := _htpasswd(live[place])) is not None}
    return replace(facts, secrets={place: _existing(secret) for place, secret in live.items()}, htpasswd=htpasswd)


def _htpasswd(secret: dict[str, Any] | None) -> str | None:
    data = (secret or {}).get("data") or {}
    return next((_text(secret, key) for key in HTPASSWD_KEYS if secret and key in data), None)


def served_kinds(api: Api, controller: Controller, dialect: IngressController, facts: Facts) -> Facts:
    """The facts with what the cluster serves of the controller's own kinds, where the user brings their definitions,
    and of ServiceMonitors, where one is wanted."""
    foreign = controller.custom_resources and (controller.crds or Crds()).source == "none"
    wanted = [*(dialect.definitions if foreign else ()), *([MONITORS] if controller.metrics.service_monitor else ())]
    if not wanted:
        return facts
    served = {f"{each.plural}.{each.group}" for each in api.discover()}
    return replace(facts, served={name: name in served for name in wanted})


def default_classes(api: Api, controller: Controller, facts: Facts) -> Facts:
    """The facts with the cluster's default IngressClasses, where the inventory asks for its own to be one."""
    if not controller.default_class:
        return facts
    try:
        items = api.list_metadata(BUILTIN["networking.k8s.io/v1", "IngressClass"]).items
    except Forbidden:  # told with the right to make one
        return facts
    default = [each["metadata"] for each in items if _is_default(each)]
    return replace(facts, default_classes={each["name"]: (each.get("labels") or {}).get(STACK, "") for each in default})


def _is_default(ingress_class: Object) -> bool:
    return (ingress_class["metadata"].get("annotations") or {}).get(DEFAULT_CLASS) == "true"


def certificate_facts(
    api: Api, uses: Iterable[CertificateUse], facts: Facts, seen: Snapshot, intact: Iterable[Ref],
    record: Release | None, wish: Ca | None = None,
) -> Facts:  # fmt: skip
    """The facts with the stack's CA and the certificates it has issued; the CA's Secret is read only if something is to
    be issued, or ``wish`` or the time asks for another CA.

    A new one is made in memory: ``save_authority`` keeps it. Raises ClusterError where the one that is there cannot
    sign.
    """
    uses, wish = [use for use in uses if use.source.kind == "self_signed"], wish or Ca()
    now = facts.now
    if not uses or now is None:
        return facts
    known = recorded_authority(record) if record and record.result == "deployed" else None
    facts = replace(facts, known=_known(seen, intact), authority=known)
    if known is not None and not to_issue(uses, facts) and not ca.is_due(known, wish, now):
        return facts
    kept = _load_authority(api, seen.owner)
    return replace(facts, authority=ca.advanced(kept, seen.owner.stack, wish, now))


def recorded_authority(record: Release | None) -> Authority | None:
    """The stack's CA as its release record knows it, without keys."""
    return ca.from_record(record.extras.get(AUTHORITY)) if record else None


def save_authority(api: Api, owner: Owner, facts: Facts) -> None:
    """Keeps a CA that this run has made or changed in the state namespace.

    Raises ConflictError where another run has made or changed one meanwhile: nobody could verify what is issued by
    ours.
    """
    ours = facts.authority
    if ours is None or ours.key is None:
        return
    from .api.failures import Conflict

    try:
        _save_authority(api, owner, ours)
    except Conflict as error:
        if _load_authority(api, owner) != ours:  # else it was made by ourselves, and the answer was lost
            raise _raced(owner) from error


def _save_authority(api: Api, owner: Owner, ours: Authority) -> None:
    live = api.get(_secret_ref(owner.state_namespace, owner.ca_name))
    kept = _authority_of(live) if live else None
    if kept == ours:
        return
    if kept is not None and not ca.descends(ours, kept):
        raise _raced(owner)
    metadata = {"name": owner.ca_name, "namespace": owner.state_namespace, "labels": owner.state_labels}
    if live is not None:
        metadata["resourceVersion"] = live["metadata"]["resourceVersion"]
    texts = {
        "tls.crt": ours.certificate,
        "tls.key": ours.key,
        "successor.crt": ours.successor,
        "successor.key": ours.successor_key,
        "state": json.dumps(ca.recorded(ours)),
    }
    data = {key: base64.b64encode(text.encode()).decode() for key, text in texts.items() if text}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "kubernetes.io/tls", "data": data}
    if live is None:
        api.create(secret)
    else:
        api.update(secret)


def _raced(owner: Owner) -> ConflictError:
    return ConflictError(f"another run has made the CA of the stack {owner.stack} meanwhile: run again")


def with_former_dynamic(api: Api, objects: list[Object], seen: Snapshot) -> list[Object]:
    """Objects to be brought, Traefik's dynamic configuration with what live Ingresses and Services still name: they are
    changed after it. One GET, and one of the Secret beside it; none where another controller is brought."""
    places = (Ref.of(obj) for obj in objects if obj["kind"] == "ConfigMap" and obj["metadata"]["name"] == DYNAMIC)
    place = next(places, None)
    if place is None or place not in seen.owned:
        return objects
    secret = _secret_ref(str(place.namespace), DYNAMIC)
    files = api.get(secret) if secret in seen.owned else None
    return with_former(objects, api.get(place), files, references(seen.owned.values()))


def with_certificates_in_place(api: Api, past: Past, seen: Snapshot, record: Release) -> list[Object]:
    """The objects of a past revision; but a certificate that has been renewed since then stays as it is, and so does a
    Secret whose content is not kept. Reads only the Secrets that differ. Raises ClusterError where one is gone."""
    return [_in_place(api, obj, past, seen, record) for obj in past.objects]


def _in_place(api: Api, obj: Object, past: Past, seen: Snapshot, record: Release) -> Object:
    ref = Ref.of(obj)
    changed = obj["kind"] == "Secret" and content_of(obj, record) != record.objects.get(ref, UNKNOWN).content
    if not changed and ref not in past.unknown:
        return obj
    live = api.get(ref) if ref in seen.owned else None
    if ref in past.unknown:
        if live is None:
            number = past.line.number
            raise ClusterError(f"{ref}: its content in revision {number} is not kept, and it is gone: create it")
        return obj | {"data": live["data"]}
    return obj | {"data": live["data"]} if live and _renewed(live, obj) else obj


def _renewed(live: Object, former: Object) -> bool:
    """Whether the certificate in place does what the former one did: it covers the same names and ends no sooner."""
    from . import tls

    try:
        now, before = tls.inspect(_text(live, "tls.crt")), tls.inspect(_text(former, "tls.crt"))
    except ValueError:  # not a certificate at all
        return False
    return now.not_after >= before.not_after and all(tls.covers(now.sans, name) for name in before.sans)


def _load_authority(api: Api, owner: Owner) -> Authority | None:
    """The CA with its keys. Raises ClusterError where they are not good for signing."""
    from . import tls

    secret = api.get(_secret_ref(owner.state_namespace, owner.ca_name))
    if secret is None:
        return None
    try:
        found = _authority_of(secret)
        tls.check_pair(found.certificate.encode(), str(found.key).encode())
        if found.successor is not None:
            tls.check_pair(found.successor.encode(), str(found.successor_key).encode())
    except (ValueError, KeyError, TypeError) as problem:
        where = f"Secret {owner.state_namespace}/{owner.ca_name}"
        remedy = "restore it, or delete it and run again for a new CA (clients have to trust that one then)"
        raise ClusterError(f"the stack's CA cannot sign ({where}): {problem}; {remedy}") from None
    return found


def _authority_of(secret: Object) -> Authority:
    data = secret.get("data") or {}
    said = json.loads(_text(secret, "state")) if "state" in data else {}
    return ca.with_keys(
        said,
        certificate=_text(secret, "tls.crt"),
        key=_text(secret, "tls.key"),
        successor=_text(secret, "successor.crt") if "successor.crt" in data else None,
        successor_key=_text(secret, "successor.key") if "successor.key" in data else None,
    )


def _known(seen: Snapshot, intact: Iterable[Ref]) -> dict[tuple[str, str], KnownCertificate]:
    found = {}
    for ref in intact:
        annotations = (seen.owned[ref]["metadata"].get("annotations") or {}) if ref.kind == "Secret" else {}
        if INPUTS in annotations and NOT_AFTER in annotations:
            found[ref.namespace or "", ref.name] = KnownCertificate(annotations[INPUTS], annotations[NOT_AFTER])
    return found


def _existing(secret: dict[str, Any] | None) -> ExistingSecret | None:
    if secret is None:
        return None
    data = secret.get("data") or {}
    certificate = _text(secret, "tls.crt") if data.get("tls.crt") else None
    return ExistingSecret(secret.get("type", ""), certificate, bool(data.get("tls.key")), tuple(sorted(data)))


def _text(secret: dict[str, Any], key: str) -> str:
    return base64.b64decode((secret.get("data") or {}).get(key, "")).decode(errors="replace")


def _secret_ref(namespace: str, name: str) -> Ref:
    return Ref.of({"apiVersion": "v1", "kind": "Secret", "metadata": {"namespace": namespace, "name": name}})
