"""Secrets that ``basic_auth.secret`` names: there, and in the form that the controller reads."""

from __future__ import annotations

from collections.abc import Iterator

from ..controllers import IngressController
from ..controllers.base import source
from ..facts import ExistingSecret, Facts
from ..model.stack import Stack
from .finding import Finding, error, warning
from .objects import extra_places

HTPASSWD_KEYS = ("htpasswd", "auth", "users")  # of F5, of ingress-nginx, of Traefik's own resource


def password_places(stack: Stack) -> dict[tuple[str, str], str]:
    """(namespace, name) of every Secret that a ``basic_auth.secret`` in force names -> its inventory path."""
    return {
        (stack.namespace_of(entry.app), entry.options.basic_auth.secret): f"{source(stack, entry, 'basic_auth')}.secret"
        for site in stack.sites.values()
        for entry in site.entries
        if entry.options.basic_auth is not None and entry.options.basic_auth.secret is not None
    }


def check_passwords(stack: Stack, dialect: IngressController, facts: Facts) -> Iterator[Finding]:
    """Each of them that has been looked for. Where it is not right F5 answers 403, others let in nobody or all."""
    brought = extra_places(stack)
    for place, at in password_places(stack).items():
        secret, missing = facts.secrets.get(place), f"there is no Secret {place[1]} in namespace {place[0]}"
        if place not in facts.secrets or (secret is None and place in brought):
            continue
        if secret is not None:
            fault = _fault(secret, dialect)
            if fault:
                yield error(at, f"the Secret {'/'.join(place)} {fault}")
        elif facts.rehearsal:
            yield warning(at, f"{missing} yet")
        else:
            yield error(at, f"{missing}: create it there")


def _fault(secret: ExistingSecret, dialect: IngressController) -> str:
    kind, keys = dialect.password_secret
    if kind is not None and secret.type != kind:
        return f"is of type {secret.type}: {dialect.title} wants {kind}"
    if not set(keys) & set(secret.keys):
        return f"has no key {' or '.join(keys)}, which {dialect.title} reads"
    return ""
