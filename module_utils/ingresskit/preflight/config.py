"""Entries of the controller's configuration that it would choke on, or that ingresskit sets itself."""

from __future__ import annotations

from collections.abc import Iterator

from ..controllers import IngressController
from ..controllers.arguments import flag_name
from ..controllers.config_values import config_text
from ..model.controller import Controller
from ..model.problems import nearest
from ..model.stack import Stack
from .finding import Finding, error, warning

AT = "ingress_controller"


def check_config(stack: Stack, dialect: IngressController) -> Iterator[Finding]:
    """Each entry of ``config`` by the table of its controller. A key that is not in it may be of a newer version: a
    warning, unless the controller is one that does not start with it and its version is the one we know."""
    controller = stack.controller
    for key, value in controller.settings.items():
        at = f'{AT}.config."{key}"'
        if not isinstance(value, str | int | float):
            what = "mapping" if isinstance(value, dict) else "list"
            yield error(at, f"must be a text, a number, true or false, not a {what}")
            continue
        yield from entry(at, key, config_text(value), controller, dialect)


def entry(at: str, key: str, text: str, controller: Controller, dialect: IngressController) -> Iterator[Finding]:
    """What is wrong with one entry."""
    table = dialect.config_table
    reserved, value = table.reason(key), table.value(key)
    if reserved is not None:
        yield error(at, reserved)
    elif value is None:
        yield _unknown(at, key, controller, dialect)
    elif value.refusal(text) is not None:
        yield error(at, value.refusal(text) or "")
    elif key in table.plus and "nginx-plus" not in map(flag_name, controller.extra_args):
        yield error(
            at, "is read by NGINX Plus only: with an image of that, set extra_args: [-nginx-plus]; else remove it"
        )


def _unknown(at: str, key: str, controller: Controller, dialect: IngressController) -> Finding:
    version = dialect.version(controller)
    near = nearest(key.lower(), list(dialect.config_table.values))
    hint = f": did you mean {near}?" if near else ""
    tested = version == dialect.default_image.tag.removeprefix("v") and controller.image.digest is None
    if dialect.config_table.strict and tested:
        return error(at, f"{dialect.title} {version} has no such key and would not start{hint}")
    return warning(at, f"is not known of {dialect.title} {dialect.default_image.tag.removeprefix('v')}{hint}")
