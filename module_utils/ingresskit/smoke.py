"""Smoke test of a stack: the inventory's promises, asked on the wire at the address the cluster gives."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .api.failures import Forbidden
from .controllers import IngressController
from .converge import Prepared, connect_to, owner_of, prepare
from .facts import Facts
from .model.stack import Stack
from .observe import existing_secrets, recorded_authority
from .oracle import probes
from .oracle.streams import not_asked
from .oracle.types import Probe, SmokeReport, Target
from .reach import reached
from .render.default_backend import error_texts, page_of
from .render.secrets import uses_of
from .report.progress import Pace, proving
from .report.rows import base_url

if TYPE_CHECKING:
    from .api.client import KubeApi
    from .state.release import Release


Say = Callable[[str], None]


def smoke(inventory: Mapping[str, Any], base_dir: Path, say: Say | None = None) -> tuple[SmokeReport, str | None]:
    """The report, and the CA certificates (PEM) that the routes were verified with. ``say`` hears what still fails.

    A failed route is in the report, not raised. Raises InventoryError or ClusterError where nothing could be asked.
    """
    from .state import store  # not needed to load the module

    prepared = prepare(inventory, base_dir)
    api = connect_to(prepared.stack)
    try:
        record = store.load(api, owner_of(prepared.stack))
    except Forbidden:  # the record tells the stack's CA: whoever needs none need not be allowed to read it
        if any(use.source.kind == "self_signed" for use in prepared.subject.certificates):
            raise
        record = None
    return ask(prepared, api, record, wait=prepared.stack.ingress_smoke.wait, say=say)


def ask(
    prepared: Prepared,
    api: KubeApi,
    record: Release | None,
    *,
    wait: float,
    budget: float = math.inf,
    say: Say | None = None,
) -> tuple[SmokeReport, str | None]:
    """The same for an inventory that is loaded, with ``wait`` seconds of patience; what has had no turn after
    ``budget`` seconds is not asked. Raises ClusterError."""
    from .api.facts import test_doubles  # not needed to load the module
    from .probe import run
    from .probe.tls import days_left

    stack, dialect = prepared.stack, prepared.dialect
    facts = existing_secrets(api, prepared.subject.certificates, stack, prepared.facts, issued=True)
    authority, now = recorded_authority(record), datetime.now(UTC)
    ca = trusted(stack, dialect, facts, authority.bundle(now) if authority else None)
    namespace = dialect.namespace(stack.controller)
    asked = probes(stack, dialect, page_of(stack, facts), error_texts(stack, facts))
    with reached(api, stack, dialect) as targets:
        begun = time.monotonic()
        timeout, progress = stack.ingress_smoke.timeout, _progress(len(asked), targets, say)
        first, *further = targets
        results = run(
            asked, first, ca_pem=ca, timeout=timeout, wait=wait, budget=budget, progress=progress, further=further
        )
    selector = ",".join(f"{key}={value}" for key, value in dialect.pod_labels(stack).items())
    report = SmokeReport(
        stack=stack.name,
        target=first,
        results=tuple(results),
        notes=(*(f"TEST DOUBLE: {each}" for each in test_doubles(api, namespace, selector)), *_unproven(stack)),
        controller=f"{stack.controller.kind} {dialect.version(stack.controller)}",
        days_left=days_left(results, now),
        seconds=time.monotonic() - begun,
        further=tuple(further),
    )
    return report, ca


def _unproven(stack: Stack) -> Iterator[str]:
    for name in not_asked(stack):
        yield f"{name} is not asked: what is behind a UDP port need not answer"


def _progress(total: int, targets: Sequence[Target], say: Say | None) -> Callable[[Sequence[tuple[Probe, str]]], None]:
    """What the prober calls while it asks."""
    pace, at = Pace(say), {target.way: target for target in targets}

    def tell(unproven: Sequence[tuple[Probe, str]]) -> None:
        failing = [f"{base_url(probe.request, at[probe.way])}{probe.request.path}: {why}" for probe, why in unproven]
        pace.tell(proving(failing, total))

    return tell


def trusted(stack: Stack, dialect: IngressController, facts: Facts, authority: str | None) -> str | None:
    """What the routes' certificates are verified against: the stack's CA (``authority``: its bundle) and the
    certificates the inventory gives.

    A given certificate is its own anchor: whoever signed it, it is the one that must be served.
    """
    found = [authority] if authority else []
    found += [pem for pem in _given(stack, dialect, facts) if pem]
    return "\n".join(dict.fromkeys(pem.strip() for pem in found)) + "\n" if found else None


def _given(stack: Stack, dialect: IngressController, facts: Facts) -> Iterator[str | None]:
    for use in uses_of(stack, dialect):
        match use.source.kind:
            case "files":
                yield facts.files[str(use.source.cert_file)].decode()
            case "inline":
                yield use.source.cert
            case "secret" | "issuer":
                secret = facts.secrets.get((use.namespace, use.secret))
                yield secret.certificate if secret else None
