"""What the contract allows but this version, or this controller, cannot do: refused, never ignored."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..controllers import CONTROLLERS, IngressController
from ..controllers.base import NOT_YET, option_levels, set_options
from ..model.controller import Controller
from ..model.stack import Stack
from .finding import Finding, error


def check_supported(stack: Stack, dialect: IngressController) -> Iterator[Finding]:
    """One error for each key that asks for what is not there."""
    for path in _stack_keys(stack):
        yield error(path, NOT_YET)
    yield from _options(stack, dialect)
    yield from _too_old(stack.controller, dialect)
    for path, why in dialect.refusals(stack):
        yield error(path, why)


def _too_old(controller: Controller, dialect: IngressController) -> Iterator[Finding]:
    """A version that would stop at a flag it does not know; of a tag that is no version nothing can be said."""
    for key, value in (("version", controller.version), ("image.tag", controller.image.tag)):
        number = re.match(r"v?(\d+)\.(\d+)\b", value or "")
        if number and (int(number[1]), int(number[2])) < dialect.oldest:
            first = ".".join(map(str, dialect.oldest))
            yield error(
                f"ingress_controller.{key}", f"{value} is too old: ingresskit drives {dialect.title} {first} or newer"
            )


def _stack_keys(stack: Stack) -> Iterator[str]:
    for name, app in stack.apps.items():
        for host, rules in app.hosts.items():
            if host == "*" and rules.tls is not None:
                yield f'{stack.at(name)}.hosts."*".tls'


def _options(stack: Stack, dialect: IngressController) -> Iterator[Finding]:
    for path, options in option_levels(stack):
        for option in set_options(options):
            why = dialect.cannot(option, stack.controller)
            if why is not None:
                reason = f" ({why})" if why else ""
                others = [name for name in able(option) if name != dialect.kind]
                remedy = f"; it is there with {', '.join(others)}" if others else f"; {option} {NOT_YET}"
                yield error(f"{path}.{option}", f"not with {dialect.title}{reason}{remedy}")


def able(option: str) -> list[str]:
    """The kinds of controller that can do an option, with the key that it takes."""
    found = []
    for kind, dialect in CONTROLLERS.items():
        if dialect.cannot(option, Controller(kind=kind)) is None:  # type: ignore[arg-type]
            found.append(kind)
        elif dialect.cannot(option, Controller(kind=kind, custom_resources=True)) is None:  # type: ignore[arg-type]
            found.append(f"{kind} with custom_resources: true")
    return found
