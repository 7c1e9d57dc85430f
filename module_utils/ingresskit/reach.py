"""The ways in of a stack's controller, as they are reached from here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import cache, partial
from typing import TYPE_CHECKING

from .controllers import IngressController
from .errors import ClusterError
from .model.controller import Expose
from .model.stack import Stack
from .oracle.types import Target

if TYPE_CHECKING:
    from .api.client import KubeApi

_LOOPBACK = re.compile(r"127\.|::1$|localhost$")


def find_targets(api: KubeApi, stack: Stack, dialect: IngressController) -> list[Target | ClusterError]:
    """Where each way in is, or why that is not known, in the order of the inventory."""
    from .api.exposure import find_target  # not needed to load the module

    namespace, found = dialect.namespace(stack.controller), list[Target | ClusterError]()
    for index, expose in enumerate(stack.controller.exposes):
        service, address = _service(expose, dialect), _address(api, expose)
        try:
            target = find_target(api, type=expose.type, namespace=namespace, service=service, address=address)
            found.append(replace(target, way=service if index else ""))
        except ClusterError as error:
            found.append(error)
    return found


@contextmanager
def reached(api: KubeApi, stack: Stack, dialect: IngressController) -> Iterator[list[Target]]:
    """Where requests are sent for each way in. From outside the cluster a ClusterIP is reached by a port-forward, for
    as long as the block lasts. Raises ClusterError."""
    from .api.within import within

    targets: list[Target] = []
    inside = cache(partial(within, api))
    with ExitStack() as opened:
        for expose, target in zip(stack.controller.exposes, find_targets(api, stack, dialect), strict=True):
            if isinstance(target, ClusterError):
                raise target
            if expose.type == "ClusterIP" and _address(api, expose) is None and not inside():
                from .api.forward import forwarded

                place = dialect.namespace(stack.controller), _service(expose, dialect)
                targets.append(opened.enter_context(forwarded(api, *place, target)))
            else:
                targets.append(target)
        yield targets


def _address(api: KubeApi, expose: Expose) -> str | None:
    """The address that the inventory gives. A loopback one (kind's node ports on the user's machine) is the Pod itself
    where this runs in one: there the cluster tells."""
    given = expose.address
    return None if given and api.in_pod and _LOOPBACK.match(given) else given


def _service(expose: Expose, dialect: IngressController) -> str:
    return expose.name or dialect.default_namespace
