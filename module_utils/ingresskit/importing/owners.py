"""Hosts in several apps: who has the certificate."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from .drafts import Draft
from .loss import Loss
from .manifest import Ingress


def secured_hosts(ingresses: Iterable[Ingress]) -> set[str]:
    """Hosts to which any Ingress gives a certificate: controllers serve it for all paths of the host."""
    found: set[str] = set()
    for ingress in ingresses:
        for entry in ingress.tls:
            if entry.secret is not None:
                found.update(entry.hosts or (rule.host for rule in ingress.rules))
    return found - {"*"}


def split(ingresses: Iterable[Ingress]) -> tuple[list[Ingress], dict[str, Ingress]]:
    """The Ingresses with a path, and those of hosts that have a certificate alone, for the paths of others."""
    others, owners = [], {}
    for ingress in ingresses:
        bare = not ingress.default and not any(rule.entries for rule in ingress.rules)
        if bare and len(ingress.rules) == 1 and any(entry.secret for entry in ingress.tls):
            owners[ingress.rules[0].host] = ingress
        else:
            others.append(ingress)
    return others, owners


def owned(drafts: Sequence[Draft], named: Mapping[str, Ingress]) -> tuple[dict[str, Any], list[Loss]]:
    """``ingress_hosts`` for the hosts of which an Ingress beside the apps has the certificate, or several apps one of
    their own, in one namespace or several. Apps lose theirs for these hosts."""
    hosts, losses = {}, list(_unused(drafts, named))
    for host, users in _shared(drafts).items():
        secured = [each for each in users if each.hosts[host].secret]
        if host in named:
            owner, secret = named[host], next((entry.secret for entry in named[host].tls if entry.secret), None)
        elif len({(each.ingress.namespace, each.hosts[host].secret) for each in secured}) > 1:
            owner, secret = secured[0].ingress, secured[0].hosts[host].secret
        else:
            continue
        hosts[host] = {"namespace": owner.namespace} | ({"tls": {"secret": secret}} if secret else {})
        for each in secured:
            losses += _given_up(each, host, owner, secret)
            each.hosts[host] = replace(each.hosts[host], secret=None)
    return hosts, losses


def _shared(drafts: Iterable[Draft]) -> dict[str, list[Draft]]:
    users: dict[str, list[Draft]] = {}
    for draft in drafts:
        for host in draft.hosts:
            users.setdefault(host, []).append(draft)
    return users


def _given_up(draft: Draft, host: str, owner: Ingress, secret: str | None) -> Iterator[Loss]:
    theirs = draft.hosts[host].secret
    if (draft.ingress.namespace, theirs) != (owner.namespace, secret):
        why = f"a host has one certificate: {owner.namespace}/{secret} of {owner} was taken"
        yield Loss(str(draft.ingress), draft.ingress.at, f"certificate {theirs} of {host}", why)


def _unused(drafts: Iterable[Draft], named: Mapping[str, Ingress]) -> Iterator[Loss]:
    used = {host for draft in drafts for host in draft.hosts}
    for host, ingress in named.items():
        if host not in used:
            yield Loss(str(ingress), ingress.at, "the whole Ingress", f"no path is for its host {host}")
