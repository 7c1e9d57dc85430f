"""What is run for each engine: the commands of its cold and its no-op run, and what has to be there before."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from benchmarks import module
from benchmarks.names import PREFIX, STATE_NAMESPACE
from benchmarks.peers import Programs, playbook
from benchmarks.server import Server
from module_utils.ingresskit.converge import prepare

Objects = list[dict[str, Any]]
ROOT = Path(__file__).parents[1]
SAMPLE = 20  # objects of the loop, which takes more than half a second each
TASK, CONFIG = "benchmark.yml", "ansible.cfg"


@dataclass(frozen=True)
class Command:
    """One command with what it needs around it."""

    line: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Engine:
    """How one engine is run.

    ``before`` and ``after`` are not measured. ``empty``: the same command with nothing to do, where the measured ones
    send only ``sample`` objects, in a namespace made for them, and are extrapolated.
    """

    name: str
    cold: Command
    noop: Command
    before: Command | None = None
    after: Command | None = None
    empty: Command | None = None
    sample: int | None = None


@dataclass(frozen=True)
class Inputs:
    """The same stack in every engine's form, as files of one folder."""

    folder: Path
    inventory: Path
    manifests: Path
    objects: Path
    scopes: int


def write_inputs(folder: Path, base: Mapping[str, Any], apps: Mapping[str, Any], *, in_files: bool = True) -> Inputs:
    """``base`` is the stack without apps, which is there before anything is measured; what ``apps`` add to it is what
    every engine brings: exactly the objects that ingresskit renders, Namespaces first. ``in_files``: the apps are in an
    app file, else they are variables in ``group_vars``."""
    inventory = folder / "inventory"
    own = {"ingress_apps": dict(apps)}
    if in_files:
        _dump(inventory / "apps" / "apps.yml", own)
    full = {**base, **({"ingress_app_files": ["apps/"]} if in_files else own)}
    _dump(inventory / "hosts.yml", {"all": {"hosts": {"bench": _HOST}}})
    _dump(inventory / "group_vars" / "all" / "stack.yml", full)
    former, rendered = _rendered(base), _rendered({**base, **own})
    objects = [obj for obj in rendered if obj not in former]
    objects.sort(key=lambda obj: obj["kind"] != "Namespace")
    inputs = Inputs(folder, inventory, folder / "stack.yaml", folder / "objects.json", _scopes(rendered))
    _write(inputs.manifests, yaml.dump_all(objects, Dumper=yaml.CSafeDumper, sort_keys=False))
    _write(inputs.objects, json.dumps(objects))
    _write(folder / "full.json", module.arguments(inventory=full, base_dir=str(inventory)))
    nowhere = str(folder / "nowhere")  # a stack without apps needs no file
    _write(folder / "base.json", module.arguments(inventory=base, base_dir=nowhere))
    _write(folder / "absent.json", module.arguments(inventory=base, base_dir=nowhere, state="absent"))
    _write_chart(folder / "chart", inputs.manifests.read_text())
    _write_task(folder / "task", {"src": str(inputs.manifests)}, loop=None)
    sample = [obj for obj in objects if obj["kind"] != "Namespace"][:SAMPLE]
    _write_task(folder / "loop", {"definition": "{{ item }}"}, loop=sample)
    _write_task(folder / "empty", {"definition": "{{ item }}"}, loop=[])
    return inputs


def engines(inputs: Inputs, programs: Programs, server: Server) -> dict[str, Callable[[], Engine]]:
    """Every engine by name; each is made when it is its turn."""
    return {
        "limit": lambda: _same("limit", _limit(inputs, server)),
        "ingresskit-module": lambda: _ours("ingresskit-module", _module(inputs, "full"), inputs),
        "ingresskit-playbook": lambda: _ours("ingresskit-playbook", _site(inputs), inputs),
        "kubectl": lambda: _same("kubectl", _kubectl(inputs, programs, server)),
        "kubectl-ssa": lambda: _same("kubectl-ssa", _kubectl(inputs, programs, server, "--server-side")),
        "helm": lambda: _helm(inputs, programs, server),
        "kubernetes.core-task": lambda: _same("kubernetes.core-task", _core(inputs, programs, server, "task")),
        "kubernetes.core-loop": lambda: _loop(inputs, programs, server),
    }


def _same(name: str, command: Command) -> Engine:
    return Engine(name, cold=command, noop=command)


def _ours(name: str, command: Command, inputs: Inputs) -> Engine:
    return Engine(name, command, command, before=_module(inputs, "base"), after=_module(inputs, "absent"))


def _module(inputs: Inputs, arguments: str) -> Command:
    return Command([sys.executable, "-m", "benchmarks.module", str(inputs.folder / f"{arguments}.json")], _PYTHONPATH)


def _limit(inputs: Inputs, server: Server) -> Command:
    files = (server.ca_file, server.token_file, inputs.objects)
    return Command([sys.executable, "-m", "benchmarks.limit", server.url, *map(str, files)], _PYTHONPATH)


def _site(inputs: Inputs) -> Command:
    line = [playbook(), str(ROOT / "site.yml"), "-i", str(inputs.inventory)]
    return Command(line, {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "PWD": str(inputs.folder)})


def _kubectl(inputs: Inputs, programs: Programs, server: Server, *options: str) -> Command:
    line = [programs.kubectl, f"--kubeconfig={server.kubeconfig}", "apply", *options, f"--filename={inputs.manifests}"]
    return Command(line)


def _helm(inputs: Inputs, programs: Programs, server: Server) -> Engine:
    homes = {f"HELM_{what}_HOME": str(inputs.folder / "helm") for what in ("CACHE", "CONFIG", "DATA")}
    rest = [PREFIX, str(inputs.folder / "chart"), f"--namespace={STATE_NAMESPACE}", f"--kubeconfig={server.kubeconfig}"]
    cold, noop = (Command([programs.helm, verb, *rest], homes) for verb in ("install", "upgrade"))
    return Engine("helm", cold, noop)


def _core(inputs: Inputs, programs: Programs, server: Server, folder: str) -> Command:
    """As its users run it: a playbook on localhost, with pipelining as ingresskit's own ansible.cfg has it."""
    line = [programs.python, "-m", "ansible", "playbook", "-i", "localhost,", str(inputs.folder / folder / TASK)]
    config = str(inputs.folder / folder / CONFIG)
    return Command(line, {"K8S_AUTH_KUBECONFIG": str(server.kubeconfig), "ANSIBLE_CONFIG": config})


def _loop(inputs: Inputs, programs: Programs, server: Server) -> Engine:
    loop, empty = (_core(inputs, programs, server, folder) for folder in ("loop", "empty"))
    return Engine("kubernetes.core-loop", loop, loop, empty=empty, sample=SAMPLE)


_HOST = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
_PYTHONPATH = {"PYTHONPATH": str(ROOT)}


def _rendered(inventory: Mapping[str, Any]) -> Objects:
    """What ingress_render writes, with the Secrets' content, which that leaves out."""
    prepared = prepare(inventory, Path(os.devnull))
    return prepared.subject.render(prepared.facts)


def _scopes(objects: Objects) -> int:
    """How many LISTs an unchanged stack takes: one for each kind."""
    return len({(obj["apiVersion"], obj["kind"]) for obj in objects})


def _write_chart(folder: Path, manifests: str) -> None:
    if "{{" in manifests:
        raise ValueError("helm would take the braces in a manifest for a template")
    _write(folder / "Chart.yaml", f"apiVersion: v2\nname: {PREFIX}\nversion: 0.1.0\n")
    _write(folder / "templates" / "stack.yaml", manifests)


def _write_task(folder: Path, parameters: Mapping[str, Any], loop: Objects | None) -> None:
    task = {"name": "Apply", "kubernetes.core.k8s": {"state": "present", "apply": True, **parameters}}
    play = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "vars": {"ansible_python_interpreter": _HOST["ansible_python_interpreter"]},
        "tasks": [task if loop is None else task | {"loop": loop, "loop_control": {"label": "{{ item.kind }}"}}],
    }
    _dump(folder / TASK, [play])
    _write(folder / CONFIG, "[connection]\npipelining = true\n")


def _dump(path: Path, content: Any) -> None:
    _write(path, yaml.dump(content, Dumper=yaml.CSafeDumper, sort_keys=False))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(0o600)
    path.write_text(text, encoding="utf-8")
