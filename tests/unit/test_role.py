"""The role: its variables are the model's, its entry points its task files, and it asks its modules for what they take."""

import re
from pathlib import Path

import pytest
import yaml

from module_utils.ingresskit.model.stack import Stack
from tools.generate import ENTRY_POINTS

ROOT = Path(__file__).parents[2]
ROLE = ROOT / "roles/ingress"
SPECS = yaml.safe_load((ROLE / "meta/argument_specs.yml").read_text())["argument_specs"]


def flat(tasks):
    """The tasks of a file, those in blocks included."""
    for task in tasks:
        inner = [each for key in ("block", "rescue", "always") for each in task.get(key, ())]
        yield from flat(inner) if inner else [task]


TASKS = {path.stem: list(flat(yaml.safe_load(path.read_text()))) for path in sorted((ROLE / "tasks").glob("*.yml"))}
MODULES = {path.stem: path.read_text() for path in sorted((ROOT / "library").glob("*.py"))}


@pytest.mark.parametrize("entry", SPECS)
def test_variables_are_the_models(entry):
    defaults = yaml.safe_load((ROLE / "defaults/main.yml").read_text())
    assert list(SPECS[entry]["options"]) == list(defaults) == list(Stack.model_fields)


def test_the_default_of_a_variable_is_the_models():
    """An inventory that leaves a variable out and one that has the role's default for it are the same."""
    assert Stack.model_validate(yaml.safe_load((ROLE / "defaults/main.yml").read_text())) == Stack()


def test_entry_points_are_the_task_files():
    assert set(TASKS) == set(SPECS) == set(ENTRY_POINTS)


def test_every_entry_point_has_a_playbook():
    found = {}
    for path in sorted((ROOT / "playbooks").glob("*.yml")):
        (play,) = yaml.safe_load(path.read_text())
        roles = [role["role"] for role in play.get("roles", ())]
        imports = [
            task["ansible.builtin.import_role"]
            for task in play.get("tasks", ())
            if "ansible.builtin.import_role" in task
        ]
        if roles or imports:
            assert roles + [each["name"] for each in imports] == ["ingress"], path
            hosts = "{{ 'canary:all' if 'canary' in groups else 'all' }}" if path.stem == "site" else "all"
            assert play["hosts"] == hosts and play["gather_facts"] is False, path
            found[path.stem] = imports[0]["tasks_from"] if imports else "main"
    assert found == {"site" if entry == "main" else entry: entry for entry in ENTRY_POINTS}


def test_the_root_has_a_site_that_is_the_playbooks():
    assert yaml.safe_load((ROOT / "site.yml").read_text()) == [
        {"name": "Install the stack and prove every route", "ansible.builtin.import_playbook": "playbooks/site.yml"}
    ]


def calls():
    """(task file, module, its parameters) of every call of a module of ours."""
    for name, tasks in TASKS.items():
        for task in tasks:
            for key in task.keys() & MODULES.keys():
                yield pytest.param(name, key, task[key], id=f"{name}-{key}")


@pytest.mark.parametrize(("entry", "module", "given"), list(calls()))
def test_modules_are_asked_for_what_they_take(entry, module, given):
    text = re.search(r'^DOCUMENTATION = r"""\n(.*?)^"""', MODULES[module], re.MULTILINE | re.DOTALL)
    assert text is not None
    options = yaml.safe_load(text[1])["options"]
    assert given.keys() <= options.keys()
    assert {name for name, option in options.items() if option.get("required")} <= given.keys()
    assert given["inventory"] == "{{ __ingress_inventory }}" and given["base_dir"] == "{{ __ingress_base_dir }}"


def test_every_task_is_named_and_calls_one_thing():
    keywords = {"name", "when", "register", "check_mode", "diff"}
    for tasks in TASKS.values():
        for task in tasks:
            (called,) = task.keys() - keywords
            assert task["name"][0].isupper()
            assert called in MODULES or called.startswith("ansible.builtin.")


def test_names_are_public_or_marked_as_internal():
    """``ingress_x`` is the contract, ``__ingress_x`` ours; nothing else may leak into a host's variables."""
    text = "\n".join(path.read_text() for path in sorted((ROLE / "tasks").glob("*.yml")))
    variables = yaml.safe_load((ROLE / "vars/main.yml").read_text())
    internal = set(variables)
    registered = {task["register"] for tasks in TASKS.values() for task in tasks if "register" in task}
    assert all(name.startswith("__ingress_") for name in internal | registered)
    used = set(re.findall(r"\b(?:__)?ingress_\w+", text))
    assert used <= set(Stack.model_fields) | set(MODULES) | internal | registered
    assert internal <= used | set(re.findall(r"__ingress_\w+", " ".join(variables.values())))
