"""What a controller's configuration may say: kinds of values, and tables of keys that have them.

A value is told wrong before it is sent, as the controllers are quiet about it: F5's and ingress-nginx take the default
instead, a bad text breaks every reload after it, and Traefik does not start.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from .nginx_syntax import syntax_problem


@dataclass(frozen=True)
class Value:
    """A kind of value: in words, and the function that tells what is wrong with one ("": only that it is not it)."""

    allowed: str
    problem: Callable[[str], str | None]

    def refusal(self, text: str) -> str | None:
        """What to tell of a value; None where it is good."""
        problem = self.problem(text)
        if problem is None:
            return None
        return f"{problem}: allowed is {self.allowed}" if problem else f"must be {self.allowed}, not {text!r}"


def like(pattern: str, allowed: str) -> Value:
    """A value that matches an expression as a whole."""
    whole = re.compile(pattern)
    return Value(allowed, lambda text: None if whole.fullmatch(text) else "")


def one_of(*words: str) -> Value:
    return Value(", ".join(words[:-1]) + f" or {words[-1]}", lambda text: None if text in words else "")


def whole(low: int | None = None, high: int | None = None) -> Value:
    """A whole number between two bounds."""
    bounds = "" if low is None else f" from {low} on" if high is None else f" from {low} to {high}"

    def problem(text: str) -> str | None:
        number = int(text) if re.fullmatch(r"[-+]?\d{1,18}", text) else None
        fits = number is not None and (low is None or number >= low) and (high is None or number <= high)
        return None if fits else ""

    return Value(f"a whole number{bounds}", problem)


def listed(value: Value, *, allowed: str) -> Value:
    """Several, separated by commas."""

    def problem(text: str) -> str | None:
        return None if all(value.problem(each.strip()) is None for each in text.split(",")) else ""

    return Value(allowed, problem)


# Go's strconv.ParseBool, by which all three read it
BOOL = Value(
    "true or false",
    lambda text: (
        None if text in {"true", "false", "True", "False", "TRUE", "FALSE", "t", "f", "T", "F", "1", "0"} else ""
    ),
)
NUMBER = whole(0)
INTEGER = whole()
POSITIVE = whole(1)
PORT = whole(1, 65535)
FRACTION = like(r"\d+(\.\d+)?", "a number")
ANY = Value("any text", lambda text: None)
WORD = like(r"\S+", "one word")
# nginx.org/en/docs/syntax.html; units from large to small, and no blank: it would end the directive's parameter
TIME = like(
    r"(?=\d)(\d+y)?(\d+M)?(\d+w)?(\d+d)?(\d+h)?(\d+m)?(\d+s?)?(\d+ms)?", "a time of nginx: 90s, 5m, 1h30m, or seconds"
)
SIZE = like(r"\d+[kKmM]?", "a size of nginx: 16k, 1m, or bytes")
OFFSET = like(r"\d+[kKmMgG]?", "a size of nginx: 16k, 1m, 1g, or bytes")
BUFFERS = like(r"\d+ \d+[kKmM]?", "a number and a size of nginx: 8 4k")
# stands in nginx.conf as it is: it must not end the directive, nor begin a block
PARAMETERS = like(r"[^;{}\n]*\n?", "a text without ; { } and line breaks")
NAMES = like(r"[^\s;{}\"',]+( *, *[^\s;{}\"',]+)*", "names, separated by commas")
FORMAT = like(r"(?s)([^'\\]|\\.)*", "a text without ' (it stands between two of them)")
CODES = listed(whole(100, 599), allowed="HTTP codes, separated by commas")
REDIRECT = one_of("301", "302", "307", "308")
PROTOCOLS = like(r"(SSLv2|SSLv3|TLSv1(\.[123])?)( (SSLv2|SSLv3|TLSv1(\.[123])?))*", "versions of TLS: TLSv1.2 TLSv1.3")
ERROR_LEVEL = one_of("debug", "info", "notice", "warn", "error", "crit", "alert", "emerg")
_FAILURE = r"(error|timeout|denied|invalid_header|http_\d{3}|non_idempotent|off)"
UPSTREAM_FAILURES = like(rf"{_FAILURE}( {_FAILURE})*", "words of proxy_next_upstream: error timeout http_502 …")
ADDRESSES = like(r"[0-9a-fA-F:./]+( *, *[0-9a-fA-F:./]+)*", "addresses or CIDRs, separated by commas")
# goes into nginx.conf as a piece of configuration
SNIPPET = Value("complete directives of nginx, each with its ; or { }", syntax_problem)
# Go's time.ParseDuration, or seconds
DURATION = like(r"[-+]?((\d+(\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h))+|\d+", "a duration: 90s, 5m, 1h30m, or seconds")


@dataclass(frozen=True)
class ConfigTable:
    """The keys of ``config`` that a controller knows.

    ``reserved``: those that ingresskit sets or relies on itself, each with what to say instead. ``strict``: the
    controller does not start with a key that it does not know. ``folded``: capitals do not count, a key's parts are
    separated by dots, ``*`` in the table stands for any name, and ``key[0]`` is an entry of a list.
    """

    values: Mapping[str, Value]
    reserved: Mapping[str, str] = field(default_factory=dict)
    strict: bool = False
    folded: bool = False
    free: tuple[str, ...] = ()  # prefixes below which nothing is known
    plus: frozenset[str] = frozenset()  # keys that only the NGINX Plus build reads

    def value(self, key: str) -> Value | None:
        """The kind of value of a key; None where the key is not known."""
        known = self.values.get(self._plain(key))
        if known is not None or not self.folded:
            return known
        plain = self._plain(key)
        if plain.startswith(self.free):
            return ANY
        parts = plain.split(".")
        return next((value for pattern, value in self.values.items() if _matches(pattern.split("."), parts)), None)

    def reason(self, key: str) -> str | None:
        """Why a key is ingresskit's own; None where it is the user's."""
        return self.reserved.get(self._plain(key))

    def _plain(self, key: str) -> str:
        return re.sub(r"\[\d+\]", "", key).lower() if self.folded else key


def config_text(value: object) -> str:
    """A value as the controllers get it: YAML's true and false in the lower case that they read."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def keys(value: Value, words: str) -> dict[str, Value]:
    """Rows of a table: keys that have one kind of value."""
    return dict.fromkeys(words.split(), value)


def _matches(pattern: list[str], parts: list[str]) -> bool:
    return len(pattern) == len(parts) and all(mine in ("*", its) for mine, its in zip(pattern, parts, strict=True))
