"""What a case is, and the words in which cases are written."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

HOST = "this-case.example.com"  # becomes the case's own host; "other.this-case.example.com" works as well
CLIENT = "198.51.100.7/32"  # becomes the address that the test asks from
TEA, COFFEE, SECURE, RPC = "tea-svc:80", "coffee-svc:80", "secure-svc:80", "rpc-svc:80"  # two Pods, one, HTTPS, gRPC

CASES: list[Case] = []


@dataclass(frozen=True)
class Case:
    """An app that has an option, and what proves it. ``apart``: in a namespace with the Secret ``their-users``."""

    option: str
    name: str
    text: str  # the app as JSON
    proof: Callable
    apart: bool

    @property
    def host(self):
        return f"{self.name}.example.com"

    def app(self, client="192.0.2.1/32"):
        return json.loads(self.text.replace(HOST, self.host).replace(CLIENT, client))


def case(option, app, *, apart=False):
    """Makes a case of a proof: a function that gets a ``Behind`` and asserts. Its name becomes the host's."""

    def keep(proof):
        name = proof.__name__.replace("_", "-")
        CASES.append(Case(option, name, json.dumps(app), proof, apart))
        return proof

    return keep


def app(paths, *, tls=True, **options):
    """An app with one host; ``options`` are the app's."""
    return {
        "hosts": {HOST: {"paths": paths}},
        **({"tls": {"self_signed": True}} if tls else {}),
        **({"options": options} if options else {}),
    }


def to(backend, type="Prefix", **options):
    """An entry with options of its own."""
    service, _, port = backend.partition(":")
    return {"service": service, "port": int(port), "type": type, "options": options}
