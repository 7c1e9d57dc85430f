"""What a smoke test asks, what it must get, and what it got: plain values without I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

OPEN = "OPEN"  # instead of a method: a connection, and nothing said
Scheme = Literal["http", "https", "tcp"]
Tls = Literal["verified", "any", "rejected", "none"]
Kind = Literal[
    "route", "redirect", "login", "canary", "body-size", "unknown-path", "unknown-host", "error-page", "extra", "stream"
]


@dataclass(frozen=True)
class Request:
    """One HTTP request as it goes on the wire. ``path`` is sent as it is, never normalised or re-quoted."""

    scheme: Scheme
    host: str  # Host header (without port) and TLS server name
    path: str
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    login: tuple[str, str] | None = field(default=None, repr=False)  # user and password: for the wire alone
    body_size: int = 0  # bytes of no meaning that it carries

    @property
    def port(self) -> str:
        """The port of the controller's Service that it goes to, by name; ``host`` is that with tcp."""
        return self.host if self.scheme == "tcp" else self.scheme


@dataclass(frozen=True)
class Header:
    """A header of the answer. ``words``: parts that it must have, in any case and order, ``x*`` for one that begins so;
    none for a header that must only be there. None: it must not be there."""

    name: str
    words: tuple[str, ...] | None


@dataclass(frozen=True)
class Expected:
    """The answer the inventory promises; every field that is set must hold."""

    status: tuple[int, ...] = ()  # one of these; empty: anything a backend may say (not 404, 502, 503, 504)
    backend: str | None = None  # "namespace/service" that answers
    identity: Literal["echo", "if-echo"] = "if-echo"  # echo: the body must be the echo backend's and name ``backend``
    location: str | None = None  # regular expression the whole Location header matches
    body_contains: str | None = None
    tls: Tls = "none"  # verified: chain and name hold against the CA; rejected: the handshake must fail
    others: tuple[str, ...] = ()  # backends that may answer as well
    headers: tuple[Header, ...] = ()
    path: str | None = None  # that the echo backend was asked for
    passed: tuple[tuple[str, str | None], ...] = ()  # request headers as the echo backend got them; None: not at all
    turned_away: tuple[int, ...] = ()  # statuses that may meet this client instead: nothing else counts then


@dataclass(frozen=True)
class Probe:
    """A request with its expected answer. ``source`` is the inventory key it proves, ``way`` the further way in that it
    is asked at (name of its Service), "" the first one."""

    request: Request
    expected: Expected
    source: str
    kind: Kind = "route"
    way: str = ""


@dataclass(frozen=True)
class TlsInfo:
    """What the TLS handshake showed; ``verified`` is False with the reason in ``error``."""

    verified: bool
    version: str = ""
    subject: str = ""
    issuer: str = ""
    sans: tuple[str, ...] = ()
    not_after: datetime | None = None
    fingerprint: str = ""  # sha256 of the leaf, hex
    error: str = ""


@dataclass(frozen=True)
class Echoed:
    """What the echo backend says it was asked; credentials are left out."""

    path: str
    headers: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Answer:
    """What came back. ``backend`` is "namespace/service" where the body is the echo backend's JSON, else None."""

    status: int  # 0: a connection that stayed open, and nothing was said
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""  # at most the first 64 KiB
    backend: str | None = None
    pod: str | None = None
    tls: TlsInfo | None = None
    asked: Echoed | None = field(default=None, repr=False)  # where ``backend`` is set


@dataclass(frozen=True)
class ProbeResult:
    """A probe's verdict. Where it is not ``ok``, ``reason`` tells what was expected and what came."""

    probe: Probe
    ok: bool
    answer: Answer | None = None
    error: str = ""
    reason: str = ""
    attempts: int = 1
    seconds: float = 0.0  # from the first attempt to the verdict


@dataclass(frozen=True)
class Target:
    """Where the controller is reached: one address and its two ports."""

    address: str
    http_port: int | None
    https_port: int | None
    note: str = ""  # how it was found, e.g. "NodePort on node ingresskit-control-plane"
    way: str = ""  # as of a probe
    near: Target | None = (
        None  # where connections begin that a port-forward takes there; None: they go there themselves
    )

    streams: tuple[tuple[str, int], ...] = ()  # ports that are passed on: "tcp-5432" and where it is reached

    def port(self, name: str) -> int | None:
        """Where a port of the Service is reached."""
        return {"http": self.http_port, "https": self.https_port, **dict(self.streams)}.get(name)


@dataclass(frozen=True)
class SmokeReport:
    """All results of one run and what a reader must know about them (a test double, for instance)."""

    stack: str
    target: Target  # of the first way in
    results: tuple[ProbeResult, ...]
    notes: tuple[str, ...] = ()
    controller: str = ""  # e.g. "nginx 5.5.4"
    days_left: tuple[tuple[str, int], ...] = field(default=())  # host -> days its certificate is still valid
    ca_file: str | None = None
    seconds: float = 0.0  # from the first request to the last verdict; 0: not measured
    further: tuple[Target, ...] = ()  # of the other ways in

    @property
    def targets(self) -> tuple[Target, ...]:
        return (self.target, *self.further)

    def at(self, probe: Probe) -> Target:
        """Where a probe was sent."""
        return next(target for target in self.targets if target.way == probe.way)
