"""Who gets which host: F5's validation and arbitration (internal/k8s/validation.go and configuration.go)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cmp_to_key

from . import dialect
from .flags import Flags
from .model import CUSTOM, Key, Obj, Report, key_of, label_of

PATH = re.compile(r"/[^\s;]*")


@dataclass
class Minion:
    ingress: Obj
    paths: set[str] = field(default_factory=set)
    warnings: list[str] = field(default_factory=list)


@dataclass
class Claim:
    """An Ingress that got at least one of its hosts; a master comes with its minions."""

    ingress: Obj
    hosts: set[str] = field(default_factory=set)
    warnings: list[str] = field(default_factory=list)
    minions: list[Minion] = field(default_factory=list)

    @property
    def is_master(self) -> bool:
        return dialect.mergeable_type(self.ingress) == "master"


def ours(ingress: Obj, class_name: str) -> bool:
    """The old annotation wins over spec.ingressClassName, as in F5."""
    named = dialect.of(ingress).get(dialect.CLASS) or ingress["spec"].get("ingressClassName")
    return bool(named == class_name)


def is_custom(obj: Obj) -> bool:
    return str(obj.get("apiVersion", "")).startswith(CUSTOM)


def hosts_of(obj: Obj) -> list[str]:
    """The hosts that an Ingress or a custom resource claims."""
    return [obj["spec"]["host"]] if is_custom(obj) else [host_of(rule) for rule in rules_of(obj)]


def rules_of(ingress: Obj) -> list[Obj]:
    return ingress["spec"].get("rules") or []


def paths_of(rule: Obj) -> list[Obj]:
    return (rule.get("http") or {}).get("paths") or []


def host_of(rule: Obj) -> str:
    return rule.get("host") or ""


def arbitrate(ingresses: dict[Key, Obj], flags: Flags, custom: Sequence[Obj] = ()) -> tuple[list[Claim], list[Report]]:
    """The claims that hold, and a Rejected report for every Ingress of ours without a host of its own.

    The older of two claimants wins; of two of one second the larger uid (F5's chooseObjectMetaWinner). ``custom``: the
    valid VirtualServers and TransportServers, whose hosts are claimed alike.
    """
    problems: list[Report] = []
    valid: list[Obj] = []
    for ingress in by_age([*ingresses.values(), *custom]):
        if is_custom(ingress):
            valid.append(ingress)
        elif ours(ingress, flags.text("ingress-class")):
            complaints = validate(ingress, flags)
            if complaints:
                problems.append(Report(ingress, "Rejected", "; ".join(complaints), True))
            else:
                valid.append(ingress)
    minions = [ingress for ingress in valid if dialect.mergeable_type(ingress) == "minion"]
    claims = [Claim(ingress) for ingress in valid if ingress not in minions]
    holders = _claim_hosts(claims)
    for claim in claims:
        if not claim.hosts:
            problems.append(Report(claim.ingress, "Rejected", "All hosts are taken by other resources", True))
    problems += _attach(minions, holders)
    return [claim for claim in claims if claim.hosts], problems


def by_age(objects: Sequence[Obj]) -> list[Obj]:
    """The oldest first; of two of one second that with the larger uid."""

    def older(one: Obj, other: Obj) -> int:
        ours_, theirs = one["metadata"], other["metadata"]
        if ours_["creationTimestamp"] != theirs["creationTimestamp"]:
            return -1 if ours_["creationTimestamp"] < theirs["creationTimestamp"] else 1
        return -1 if ours_["uid"] > theirs["uid"] else 1

    return sorted(objects, key=cmp_to_key(older))


def _claim_hosts(claims: list[Claim]) -> dict[str, Claim]:
    holders: dict[str, Claim] = {}
    for claim in claims:  # oldest first
        for host in hosts_of(claim.ingress):
            if holders.setdefault(host, claim) is claim:
                claim.hosts.add(host)
            else:
                claim.warnings.append(f"host {host} is taken by another resource")
    return holders


def _attach(minions: list[Obj], holders: dict[str, Claim]) -> list[Report]:
    """Give each minion to the master of its host; a path belongs to the oldest minion that names it.

    One that a minion names twice (as Exact and as Prefix) belongs to nobody: the minion is beaten by itself
    (buildMinionConfigs in internal/k8s/configuration.go).
    """
    orphans: list[Report] = []
    taken: dict[tuple[str, str], Minion] = {}
    for ingress in minions:  # oldest first
        rule = rules_of(ingress)[0]
        master = holders.get(host_of(rule))
        if master is None or not master.is_master:
            orphans.append(Report(ingress, "NoIngressMasterFound", "Ingress master is invalid or doesn't exist", True))
            continue
        minion = Minion(ingress)
        for path in paths_of(rule):
            claim = (host_of(rule), path.get("path") or "")
            if claim in taken:
                minion.warnings.append(f"path {claim[1]} is taken by another resource")
                if taken[claim] is minion:
                    minion.paths.discard(claim[1])
            else:
                taken[claim] = minion
                minion.paths.add(claim[1])
        master.minions.append(minion)
    for claim_ in holders.values():
        claim_.minions.sort(key=lambda minion: label_of(minion.ingress))
    return orphans


def validate(ingress: Obj, flags: Flags) -> list[str]:
    """Why F5 refuses the Ingress, as its event says it; empty when it is fine."""
    spec = ingress["spec"]
    backends = [path["backend"] for rule in rules_of(ingress) for path in paths_of(rule)]
    backends += [spec["defaultBackend"]] if spec.get("defaultBackend") else []
    services = {backend["service"]["name"] for backend in backends if backend.get("service")}
    found = dialect.errors(ingress, services, flags.on("enable-snippets"))
    found += _spec_errors(ingress, flags.on("allow-empty-ingress-host"))
    if any(not backend.get("service") for backend in backends):
        found.append("spec: Forbidden: resource backends are not supported")
    kind = dialect.mergeable_type(ingress)
    if kind == "master":
        found += _master_errors(ingress)
    elif kind == "minion":
        found += _minion_errors(ingress)
    return found


def _spec_errors(ingress: Obj, hostless: bool) -> list[str]:
    if not rules_of(ingress):
        return ["spec.rules: Required value"]
    found: list[str] = []
    seen: set[str] = set()
    for index, rule in enumerate(rules_of(ingress)):
        host = host_of(rule)
        if not host and not hostless:
            found.append(f"spec.rules[{index}].host: Required value")
        elif host in seen:
            found.append(f'spec.rules[{index}].host: Duplicate value: "{host}"')
        seen.add(host)
        found += [f"spec.rules[{index}].http.path.path: {error}" for error in map(_path_error, paths_of(rule)) if error]
    return found


def _path_error(path: Obj) -> str:
    text = path.get("path") or ""
    if not text:
        needed = path.get("pathType") != "ImplementationSpecific"
        return "Required value: path is required for Exact and Prefix PathTypes" if needed else ""
    if not PATH.fullmatch(text):
        return f'Invalid value: "{text}": must start with / and must not include any whitespace character or `;`'
    try:
        re.compile(text)
    except re.error as error:
        return f'Invalid value: "{text}": must be a valid regular expression: {error}'
    if re.search(r"\{[^}]*[A-Za-z][^}]*\}", text):
        return f'Invalid value: "{text}": must not include curly braces containing alphabetical characters'
    if not re.fullmatch(r'([^"\\]|\\.)*', text):
        return f'Invalid value: "{text}": must have all \'"\' (double quotes) escaped'
    return ""


def _master_errors(ingress: Obj) -> list[str]:
    rules = rules_of(ingress)
    if len(rules) != 1:
        return [f"spec.rules: Too many: {len(rules)}: must have at most 1 item"]
    count = len(paths_of(rules[0]))
    return [f"spec.rules[0].http.paths: Too many: {count}: must have at most 0 items"] if count else []


def _minion_errors(ingress: Obj) -> list[str]:
    rules, tls = rules_of(ingress), ingress["spec"].get("tls") or []
    found = [f"spec.tls: Too many: {len(tls)}: must have at most 0 items"] if tls else []
    if len(rules) != 1:
        return [*found, f"spec.rules: Too many: {len(rules)}: must have at most 1 item"]
    if not paths_of(rules[0]):
        found.append("spec.rules[0].http.paths: Required value: must include at least one path")
    return found


def owners(claims: list[Claim]) -> dict[Key, Key]:
    """For every accepted Ingress the one whose chunk holds it: a minion's is its master's."""
    found = {key_of(claim.ingress): key_of(claim.ingress) for claim in claims}
    return found | {key_of(minion.ingress): key_of(claim.ingress) for claim in claims for minion in claim.minions}
