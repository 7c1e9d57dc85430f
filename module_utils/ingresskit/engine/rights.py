"""What a run must be allowed to do, what of that the user is not, and the RBAC objects that would grant it.

Asked only once something was refused, so that a run that is allowed everything makes no call for it.
Source: https://kubernetes.io/docs/reference/access-authn-authz/authorization/ and .../rbac/
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..api.failures import GRANT, Forbidden, UnknownKind
from ..api.resources import BUILTIN, Ref, Resource
from ..errors import ClusterError, IngresskitError, ReleaseError
from .parallel import each
from .scopes import SLICES, WORKLOADS

if TYPE_CHECKING:
    from ..api.client import Api
    from .ownership import Owner

_BRING = ("create", "delete", "get", "list", "patch")
_WAITED = frozenset({*WORKLOADS, "Job", "CustomResourceDefinition", "Service", "Ingress"})
_SECRET, _LEASE = BUILTIN["v1", "Secret"], BUILTIN["coordination.k8s.io/v1", "Lease"]
_NAMESPACE = BUILTIN["v1", "Namespace"]
_WORKERS = 16
_MANY = 40  # namespaces that are asked about one by one; what is missing in so many is missing in the rest as well
_SHORT = 30  # rules up to which they are printed as objects to apply


@dataclass(frozen=True, order=True)
class Right:
    """One verb on one kind, in a namespace or ("") in the whole cluster."""

    namespace: str
    group: str
    plural: str
    verb: str

    @property
    def resource(self) -> str:
        """ "ingresses.networking.k8s.io", as kubectl and RBAC messages say it."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


@contextmanager
def telling(api: Api, owner: Owner, refs: Callable[[], Iterable[Ref]]) -> Iterator[None]:
    """Where RBAC refuses a call in this ``with`` block, the error tells all that is missing for bringing or removing
    ``refs``, in the place of the rights that it happened to meet first."""
    try:
        yield
    except (ClusterError, ReleaseError) as error:
        if api.refused:
            _complete(api, owner, refs, error)
        raise


def _complete(api: Api, owner: Owner, refs: Callable[[], Iterable[Ref]], error: IngresskitError) -> None:
    with suppress(IngresskitError):  # then the error has to do as it is
        lacking = missing(api, needed(api, owner, refs()))
        if lacking:
            others = [line for line in str(error).splitlines() if not line.endswith(GRANT)]
            error.args = ("\n".join([*others, told(lacking, api.refused, owner.stack)]),)


def needed(api: Api, owner: Owner, refs: Iterable[Ref]) -> set[Right]:
    """All that a run has to be allowed which brings, or removes, these objects. A Namespace that is there already need
    not be touched, so nothing is asked for it."""
    rights = _rights(_SECRET, owner.state_namespace, ("create", "delete", "get", "list", "update"))
    rights |= _rights(_LEASE, owner.state_namespace, ("create", "delete", "get", "update"))
    places = {(ref.api_version, ref.kind, ref.namespace) for ref in refs if ref.kind != "Namespace"}
    for api_version, kind, namespace in places:
        try:
            resource = api.resource(api_version, kind)
        except (UnknownKind, Forbidden):
            continue
        rights |= _rights(resource, namespace, (*_BRING, "watch") if kind in _WAITED else _BRING)
        rights |= _rights(SLICES, namespace, ("list", "watch")) if kind == "Ingress" else set()
    spaces = {ref.name for ref in refs if ref.kind == "Namespace"} | {owner.state_namespace}
    if any(_absent(api, name) for name in sorted(spaces)[:_MANY]):
        rights |= _rights(_NAMESPACE, "", _BRING)
    return rights


def missing(api: Api, rights: Iterable[Right]) -> list[Right]:
    """Those of them that the user does not have, by SelfSubjectAccessReview: for the whole cluster first, and where
    that is refused for each namespace."""
    wanted = sorted(rights)
    everywhere = {(right.group, right.plural, right.verb) for right in wanted}
    granted = _granted(api, (Right("", *what) for what in everywhere))
    left = [right for right in wanted if Right("", right.group, right.plural, right.verb) not in granted]
    some = sorted({right.namespace for right in left if right.namespace})[:_MANY]
    granted = _granted(api, (right for right in left if right.namespace in some))
    return [right for right in left if right not in granted and (right.namespace in some or not right.namespace)]


def told(lacking: Iterable[Right], user: str, stack: str) -> str:
    """One message with all that is missing, and the objects that would grant it where they are not too long."""
    by_place = _by_place(lacking)
    lines = [f"the user {user} lacks rights that the stack {stack} needs. Missing:"]
    for namespace, rules in by_place.items():
        where = f"in namespace {namespace}" if namespace else "in the whole cluster"
        lines += [f"  {where}: {', '.join(verbs)} {', '.join(names)}" for (__, verbs), names in _named(rules)]
    if sum(len(rules) for rules in by_place.values()) > _SHORT:
        return "\n".join([*lines, 'Grant them by RBAC: the guide, "Rights", has roles to start from.'])
    bind = "RoleBinding" if all(by_place) else "RoleBinding or ClusterRoleBinding"
    lines.append(f"Grant them by RBAC. To be applied by an administrator and bound to the user by a {bind}:")
    for namespace, rules in by_place.items():
        lines += _role(f"ingresskit-{stack}", namespace, rules)
    return "\n".join(lines)


_Rules = Mapping[tuple[str, tuple[str, ...]], list[str]]  # (group, verbs) -> plurals


def _by_place(lacking: Iterable[Right]) -> dict[str, _Rules]:
    """Rules by namespace: kinds of a group for which the same verbs are missing are one rule."""
    verbs: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for right in sorted(lacking):
        verbs[right.namespace, right.group, right.plural].append(right.verb)
    places: dict[str, dict[tuple[str, tuple[str, ...]], list[str]]] = defaultdict(lambda: defaultdict(list))
    for (namespace, group, plural), wanted in verbs.items():
        places[namespace][group, tuple(wanted)].append(plural)
    return dict(places)


def _named(rules: _Rules) -> list[tuple[tuple[str, tuple[str, ...]], list[str]]]:
    return [
        ((group, verbs), [f"{plural}.{group}" if group else plural for plural in plurals])
        for (group, verbs), plurals in rules.items()
    ]


def _role(name: str, namespace: str, rules: _Rules) -> list[str]:
    place = f"name: {name}, namespace: {namespace}" if namespace else f"name: {name}"
    return [
        "---",
        "apiVersion: rbac.authorization.k8s.io/v1",
        f"kind: {'Role' if namespace else 'ClusterRole'}",
        f"metadata: {{{place}}}",
        "rules:",
        *(
            f'- {{apiGroups: ["{group}"], resources: [{", ".join(plurals)}], verbs: [{", ".join(verbs)}]}}'
            for (group, verbs), plurals in rules.items()
        ),
    ]


def _rights(resource: Resource, namespace: str, verbs: Iterable[str]) -> set[Right]:
    return {Right(namespace, resource.group, resource.plural, verb) for verb in verbs}


def _granted(api: Api, rights: Iterable[Right]) -> set[Right]:
    asked = list(rights)
    answers = each(lambda right: api.may(right.verb, right.group, right.plural, right.namespace), asked, _WORKERS)
    return {right for right, allowed in zip(asked, answers, strict=True) if allowed}


def _absent(api: Api, namespace: str) -> bool:
    """Whether a Namespace is surely not there: who may not look at it may be bound to it all the same."""
    try:
        return api.get(Ref("", "Namespace", "", namespace), metadata_only=True) is None
    except ClusterError:
        return False
