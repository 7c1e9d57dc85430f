"""What the dialects have in common: entries that take options, the table of who reads what, and values as text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter, ValidationError

from ..model.options import Options
from .manifest import Backend, Ingress

Said = Mapping[str, str]  # annotations without the prefix of their controller
HSTS = "strict-transport-security"
_UNITS = {"ms": 0.001, "": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "M": 2592000, "y": 31536000}
_TIME = re.compile(r"(\d+)(ms|[smhdwMy]?)\s*")


class UnsaidError(Exception):
    """Annotations that no option says; the text tells why. ``partly``: what of them could be said has been."""

    def __init__(self, why: str, *, partly: bool = False) -> None:
        self.partly = partly
        super().__init__(why)


@dataclass
class Entry:
    """One path in the making: its ``options`` are what the annotations come to for it. ``level``: where they stood in
    the inventory it was rendered from, told by its Ingress's name; "" where that is not known."""

    path: str
    type: str
    backend: Backend
    at: str
    secured: bool = False  # whether its host has a certificate
    options: dict[str, Any] = field(default_factory=dict)
    level: str = ""
    given: tuple[str, str] = ("", "")  # path and type as they stand in the manifest


@dataclass(frozen=True)
class Beside:
    """What Ingresses refer to, as far as it is among the manifests: Traefik's middlewares by the names that annotations
    call them, the rest of its dynamic configuration; ConfigMaps, Services and F5's Policies by namespace/name."""

    middlewares: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    dynamic: Mapping[str, Any] = field(default_factory=dict)
    config_maps: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    services: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    policies: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Place:
    """What a reader may need beside the annotations: the Ingress, and what else is among the manifests."""

    ingress: Ingress
    beside: Beside


@dataclass(frozen=True)
class Reader:
    """``names`` of annotations that together say ``option``; ``read`` gives it to the entries or raises UnsaidError."""

    option: str
    names: tuple[str, ...]
    read: Callable[[Said, list[Entry], Place], None]


def simple(option: str, name: str, value: Callable[[str], Any]) -> Reader:
    """An option of all entries that one annotation says; ``value`` gives None where it says nothing."""

    def read(said: Said, entries: list[Entry], __: Place) -> None:
        give(entries, option, value(said[name]))

    return Reader(option, (name,), read)


def give(entries: Iterable[Entry], option: str, value: Any) -> None:
    """Sets an option of entries. Raises UnsaidError where the contract does not take the value."""
    if value is None:
        return
    try:
        _CHECK.validate_python({option: value})
    except ValidationError as error:
        fault = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise UnsaidError(f"its value is none that the option {option} takes: {fault}") from None
    for entry in entries:
        entry.options[option] = value


_CHECK = TypeAdapter(Options)


def of_service(entries: Iterable[Entry], service: str) -> list[Entry]:
    """The entries whose backend is this Service."""
    return [entry for entry in entries if entry.backend.service == service]


def boolean(text: str) -> bool:
    """A switch as Go's strconv.ParseBool takes it."""
    value = text.strip().lower()
    if value not in ("true", "false", "t", "f", "1", "0"):
        raise UnsaidError(f"{text!r} is no value for it: it had no effect")
    return value in ("true", "t", "1")


def number(text: str) -> int:
    """A whole number."""
    if not text.strip().isdigit():
        raise UnsaidError(f"{text!r} is no value for it: it had no effect")
    return int(text)


def seconds(text: str) -> int:
    """A time of NGINX (https://nginx.org/en/docs/syntax.html), such as 90, 30s or 1h 30m, in seconds."""
    parts = _TIME.findall(text.strip())
    if not parts or _TIME.sub("", text.strip()):
        raise UnsaidError(f"{text!r} is no value for it: it had no effect")
    total = sum(int(amount) * _UNITS[unit] for amount, unit in parts)
    if total != int(total):
        raise UnsaidError(f"{text!r} is no whole number of seconds")
    return int(total)


def items(text: str, separator: str = ",") -> list[str]:
    """The entries of a list in one text."""
    return [part.strip() for part in text.split(separator) if part.strip()]


def present(**fields: Any) -> dict[str, Any]:
    """The fields that say something."""
    return {name: value for name, value in fields.items() if value is not None}


def literal(path: str) -> bool:
    """Whether a path is no regular expression."""
    return not re.search(r"[\\^$*+?()\[\]{}|]", path)


def add_headers(entries: Iterable[Entry], side: str, headers: Mapping[str, str]) -> None:
    """Headers of requests or responses beside those that the entries have already; HSTS is an option of its own."""
    hsts = next((value for name, value in headers.items() if name.lower() == HSTS), None)
    others = {name: value for name, value in headers.items() if name.lower() != HSTS}
    for entry in entries:
        if side == "response" and hsts and entry.secured:
            give([entry], "hsts", hsts_of(hsts))
        if others:
            before = entry.options.get("headers", {})
            give([entry], "headers", {**before, side: before.get(side, {}) | others})


def hsts_of(value: str) -> dict[str, Any]:
    """The header Strict-Transport-Security as the option."""
    words = [word.strip().lower() for word in value.split(";")]
    age = next((word.partition("=")[2] for word in words if word.startswith("max-age=")), "")
    flags = {"include_subdomains": "includesubdomains" in words, "preload": "preload" in words}
    return {"max_age": number(age)} | {name: True for name, said in flags.items() if said}
