"""IngressClasses: at most one is the cluster's default."""

from __future__ import annotations

from collections.abc import Iterator

from ..controllers import IngressController
from ..facts import Facts
from ..model.stack import Stack
from .finding import Finding, error, warning

AT = "ingress_controller.default_class"


def check_default_class(stack: Stack, dialect: IngressController, facts: Facts) -> Iterator[Finding]:
    """Of two default classes the API server takes the one made last (DefaultIngressClass, admission plugin): silently.

    Where ours is a default one already, the other came later: that is told, and stops nothing.
    """
    ours = dialect.class_name(stack.controller)
    for name, owner in facts.default_classes.items():
        if name != ours:
            whose = f"of the stack {owner}" if owner else "not of a stack of ours"
            told = f"the cluster has a default already: IngressClass {name}, {whose}"
            found = warning if ours in facts.default_classes else error
            yield found(AT, f"{told}; set default_class: false there first, or here")
