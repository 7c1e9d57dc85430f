"""What every module of ingresskit does the same way: its arguments, its errors, and that no argument is logged."""

from __future__ import annotations

import gc
import shlex
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.errors import UnsupportedError

from .keyless import without_keys

if TYPE_CHECKING:
    from .converge import Outcome
    from .model.stack import Stack
    from .parts.subject import Subject

INVENTORY_SPEC: dict[str, Any] = {
    "inventory": {"type": "dict", "required": True},
    "base_dir": {"type": "path", "default": "."},
}
STATE_SPEC: dict[str, Any] = {"type": "str", "choices": ["present", "absent"], "default": "present"}
# of every module that brings one part of a stack
PART_SPEC: dict[str, Any] = {
    "stack": {"type": "str", "default": "edge"},
    "cluster": {"type": "dict"},
    "apply": {"type": "dict"},
    "base_dir": {"type": "path", "default": "."},
    "state": STATE_SPEC,
}
# what a module imports -> what to install for it, as requirements.in has it
LIBRARIES = {
    "kubernetes": "kubernetes>=32",
    "pydantic": "pydantic>=2.11",
    "bcrypt": "bcrypt>=4",
    "cryptography": "cryptography>=44",
    "aiohttp": "aiohttp>=3.11",
    "jinja2": "jinja2>=3.1",
    "yaml": "pyyaml>=6",
}
Work = Callable[["Call"], dict[str, Any]]
Say = Callable[[str], None]
_HIDDEN = "(not shown: it may hold keys)"


class Call:
    """What the work of a module is given, wherever it runs: its arguments, how to run, and two ways to be heard."""

    params: dict[str, Any]
    check_mode: bool
    _diff: bool

    @property
    def base_dir(self) -> Path:
        return Path(self.params["base_dir"]).expanduser()

    @property
    def inventory(self) -> dict[str, Any]:
        return dict(self.params["inventory"])

    @property
    def wants_diff(self) -> bool:
        return bool(self._diff)

    def warn(self, warning: str) -> None:
        """A warning of the task's."""
        raise NotImplementedError

    def say(self, text: str) -> None:
        """A line to show at once; Ansible shows nothing of a module before it has ended."""


class InProcess(Call):
    """A call that Ansible's own process answers: see ``answer_here``."""

    def __init__(self, arguments: dict[str, Any], *, check_mode: bool, diff: bool, say: Say) -> None:
        self.params, self.check_mode, self._diff, self._say = arguments, check_mode, diff, say
        self.warnings: list[str] = []

    def warn(self, warning: str) -> None:
        self.warnings.append(without_keys(warning))

    def say(self, text: str) -> None:
        self._say(without_keys(text))


class IngressModule(Call, AnsibleModule):  # type: ignore[misc]
    """An AnsibleModule that keeps its arguments, which may hold private keys, out of syslog and out of the result."""

    def __init__(self, argument_spec: dict[str, Any], *, supports_check_mode: bool = True, **rules: Any) -> None:
        super().__init__(argument_spec, supports_check_mode=supports_check_mode, **rules)

    def _log_invocation(self) -> None:
        """Ansible would log every argument here. ``no_log`` is no way around that: the constructor's is replaced by the
        task's, and an argument's blots out every word of the result that also stands in the inventory."""
        self.log("Invoked; its arguments are not logged, as they may hold keys")

    def add_path_info(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        """Ansible would add owner and mode of whatever a result calls ``dest``; ours say what they document."""
        return kwargs

    def leave(self, **result: Any) -> None:
        """Ends the module: ``failed`` in the result tells how."""
        if result.get("failed"):
            self.fail_json(**result)
        self.exit_json(**result)

    def exit_json(self, **result: Any) -> None:
        super().exit_json(**self._safe(result))

    def fail_json(self, msg: str, **result: Any) -> None:
        """Ansible calls it too, for arguments that it refuses."""
        super().fail_json(**self._safe({**result, "msg": msg}))

    def warn(self, warning: str, **more: Any) -> None:
        AnsibleModule.warn(self, without_keys(warning), **more)

    def _safe(self, result: dict[str, Any]) -> dict[str, Any]:
        return safe(result, self.params)


def safe(result: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """``result`` as it may be shown: without private keys, and with no more of the arguments than their names."""
    return {**without_keys(result), "invocation": {"module_args": dict.fromkeys(arguments, _HIDDEN)}}


def run(module: IngressModule, work: Work) -> None:
    """The body of a module: does ``work`` and leaves with its result."""
    module.leave(**answer(module, work))


def answer(call: Call, work: Work) -> dict[str, Any]:
    """The result of ``work``; an expected error becomes the task's message, a line a problem."""
    try:
        from .errors import IngresskitError, InventoryError  # so that a missing library is told below

        try:
            with _no_collector():
                return work(call)
        except InventoryError as error:
            problems = [{"path": problem.path, "message": problem.message} for problem in error.problems]
            return {"failed": True, "msg": str(error), "problems": problems}
        except IngresskitError as error:
            return {"failed": True, "msg": str(error)}
    except ImportError as error:
        if error.name is None or error.name.partition(".")[0] not in LIBRARIES:
            raise
        return {"failed": True, "msg": _missing(), "exception": traceback.format_exc()}


def _missing() -> str:
    """All that has to be installed, in one command."""
    lacking = {name: wanted for name, wanted in LIBRARIES.items() if find_spec(name) is None}
    return (
        f"{sys.executable} lacks {', '.join(lacking)}, which ingresskit needs. Install what is missing:\n"
        f"{sys.executable} -m pip install {' '.join(map(shlex.quote, lacking.values()))}"
    )


@contextmanager
def _no_collector() -> Iterator[None]:
    """Work makes objects that stay until its end, and next to no cycles. The collector would walk through all of them
    again and again: nearly half of the time that 20,000 objects take."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def answer_here(
    name: str,
    spec: Mapping[str, Any],
    work: Work,
    arguments: dict[str, Any],
    *,
    check_mode: bool,
    diff: bool,
    say: Say,
) -> dict[str, Any]:
    """The result that the module ``name`` would give, without a process of its own; ``say`` gets its progress.

    ``spec`` is what the module's constructor is given. ``arguments`` are as a module gets them: plain values of JSON.
    """
    checked = ArgumentSpecValidator(**spec).validate(arguments)
    call = InProcess(checked.validated_parameters, check_mode=check_mode, diff=diff, say=say)
    if checked.error_messages:
        unknown = isinstance(checked.errors[0], UnsupportedError)
        prefix = f"Unsupported parameters for ({name}) module: " if unknown else ""  # as AnsibleModule says it
        result = {"failed": True, "msg": prefix + checked.errors.msg}
    else:
        result = _guarded(call, work)
    if call.warnings:
        result["warnings"] = call.warnings
    return safe(result, call.params)


def _guarded(call: Call, work: Work) -> dict[str, Any]:
    """A fault of ours has a traceback, and its text may repeat a key: a module's would not pass through ``safe``."""
    try:
        return answer(call, work)
    except Exception as error:
        said = f"unexpected {type(error).__name__}: {error}"
        return {"failed": True, "msg": said, "exception": traceback.format_exc()}


def outcome_result(module: Call, outcome: Outcome) -> dict[str, Any]:
    """The result of a module that changes the cluster; findings that are no error become warnings."""
    for finding in outcome.findings:
        module.warn(f"{finding.path}: {finding.message}")
    changes = outcome.changes
    result: dict[str, Any] = {
        "changed": outcome.changed,
        "stack": outcome.stack.name,
        "summary": changes.summary(),
        "revision": outcome.revision,
        "ingresskit_changes": changes.messages() + outcome.notes,
        "objects": [
            {"object": str(change.ref), "action": change.action, "reason": change.reason} for change in changes
        ],
        "api_calls": dict(outcome.calls),
        "routes_failed_before": list(outcome.failed_before),
    }
    if module.wants_diff:
        result["diff"] = changes.diff()
    return result


class Part(Protocol):
    """A file of ``parts``: what a single module brings, and how that is called."""

    def load(self, parameters: Mapping[str, Any]) -> Subject: ...

    def identify(self, parameters: Mapping[str, Any]) -> tuple[Stack, str]: ...


def part_result(module: Call, part: Part) -> dict[str, Any]:
    """Brings or removes one part of a stack; faults and findings are told in the module's parameters."""
    from .converge import bring, withdraw  # needs the libraries, whose absence ``run`` tells
    from .parts.params import faults_in_parameters, told
    from .settings import Settings

    settings = Settings(module.base_dir, check=module.check_mode, diff=module.wants_diff, say=module.say)
    with faults_in_parameters():
        if module.params["state"] == "present":
            outcome = bring(part.load(module.params), settings)
        else:
            stack, name = part.identify(module.params)
            outcome = withdraw(stack, settings, name)
    outcome = replace(outcome, findings=[told(finding) for finding in outcome.findings])
    return {**outcome_result(module, outcome), "ca_certificate": outcome.ca_certificate}
