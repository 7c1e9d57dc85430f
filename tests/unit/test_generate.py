"""What is generated from the model is up to date, complete, and the generator says so where it is not."""

import importlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml

from module_utils.ingresskit.model.layers import LAYERED
from module_utils.ingresskit.model.stack import Stack
from tools import generate, matrix, modules

from .test_model import FULL

ROOT = Path(__file__).parents[2]
OUTPUTS = generate.outputs()
SCHEMA = json.loads(OUTPUTS["docs/schema/inventory.json"])
REFERENCE = OUTPUTS["docs/reference/inventory.md"]


@pytest.mark.parametrize("seed", ["1", "4711"])
def test_files_are_up_to_date_whatever_the_hash_seed(seed):
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    command = [sys.executable, "-m", "tools.generate", "--check"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_check_tells_what_is_stale_and_writes_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(generate, "ROOT", tmp_path)
    monkeypatch.setattr(sys, "argv", ["generate"])
    assert generate.main() == 0
    assert sorted(capsys.readouterr().out.splitlines()) == sorted(f"{name}: written" for name in OUTPUTS)
    monkeypatch.setattr(sys, "argv", ["generate", "--check"])
    assert generate.main() == 0 and capsys.readouterr().out == ""
    stale = "roles/ingress/defaults/main.yml"
    (tmp_path / stale).write_text("---\n{}\n")
    assert generate.main() == 1
    assert capsys.readouterr().out == f"{stale}: out of date, run `make generate`\n"
    assert (tmp_path / stale).read_text() == "---\n{}\n"


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"


VARIABLES = [
    ({}, True),
    ({"other": 1, "my_ingress_x": 1}, True),
    ({"ingress_apps": {}}, True),
    ({"ingress_app": {}}, False),
    ({"ingress_appsx": {}}, False),
    ({"ingress_apps__prod": {"any": "thing"}}, True),
    ({"ingress_apps__": {}}, False),
    ({"ingress_apps_prod": {}}, False),
    ({"ingress_smoke__prod": {}}, False),
    ({"ingress_apps": {"a": {"hosts": {"h.example": "x:80"}}}}, True),
    ({"ingress_apps": {"a": {"host": {"h.example": "x:80"}}}}, False),
    ({"ingress_apps": {"a": {"hosts": {"h.example": {"paths": {"/x": "y:80", "/z": {"service": "y", "port": "http"}}}}}}}, True),
    ({"ingress_apps": {"a": {"hosts": {"h.example": {"paths": [{"path": "/", "service": "y", "port": 80}]}}}}}, True),
    ({"ingress_apps": {"a": {"hosts": {"h.example": {"paths": [{"service": "y", "port": 80}]}}}}}, False),
    ({"ingress_apps": {"a": {"options": {"ssl_redirect": False}}}}, True),
    ({"ingress_apps": {"a": {"options": {"ssl_redirect": {"code": 303}}}}}, False),
    ({"ingress_controller": {"expose": [{}, {"type": "LoadBalancer", "load_balancer": {"class": "x"}}]}}, True),
    ({"ingress_controller": {"expose": {"load_balancer": {"class_": "x"}}}}, False),
    ({"ingress_controller": {"resources": {"limits": {"cpu": 2}}}}, True),
    ({"ingress_controller": {"kind": "ngnix"}}, False),
]  # fmt: skip


@pytest.mark.parametrize(("variables", "taken"), VARIABLES, ids=[json.dumps(row[0])[:70] for row in VARIABLES])
def test_what_an_editor_is_told(variables, taken):
    assert jsonschema.Draft202012Validator(SCHEMA).is_valid(variables) is taken


def test_layers_of_the_schema_are_those_of_the_model():
    pattern = next(key for key, value in SCHEMA["patternProperties"].items() if value is not False)
    for name in Stack.model_fields:
        assert bool(re.match(pattern, f"{name}__x")) == (name in LAYERED)


def sections() -> dict[str, dict[str, str]]:
    """Variable -> key -> its row, of the reference."""
    found = re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", REFERENCE, re.MULTILINE | re.DOTALL)
    return {
        name: {row.split("`")[1]: row for row in re.findall(r"^\| `.*$", text, re.MULTILINE)} for name, text in found
    }


def missing(rows: dict[str, str], value: object, key: str = "") -> list[str]:
    """Keys below ``value`` that no row tells of; what no row goes into may hold anything."""
    elsewhere = re.search(r"As `([^`]+)`", rows.get(key, ""))
    key = elsewhere[1] if elsewhere else key
    below = f"{key}." if key else ""
    if not any(row.startswith(below) for row in rows):
        return []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = []
    for name, inner in items:
        candidates = [f"{below}{part}" for part in (name, "[…]" if isinstance(name, int) else "…")]
        row = next((each for each in candidates if each in rows), None)
        found += [candidates[0]] if row is None else missing(rows, inner, row)
    return found


def test_the_reference_has_every_key():
    """Asked with the inventory that uses all of them."""
    assert list(sections()) == list(Stack.model_fields)
    for name, value in yaml.safe_load(FULL).items():
        assert missing(sections()[name], value) == [], name


def test_every_key_has_a_meaning():
    """Where it fails: give the field of the model a description, one sentence, with the unit."""
    rows = [row for found in sections().values() for row in found.values()]
    assert [row for row in rows if not row.rstrip(" |").rpartition("|")[2].strip()] == []
    assert len(rows) > 200


def test_ansible_doc_of_the_role_has_every_key_of_the_reference():
    main = yaml.safe_load(OUTPUTS["roles/ingress/meta/argument_specs.yml"])["argument_specs"]["main"]

    def keys(options, prefix=""):
        for name, option in options.items():
            assert option["description"], f"{prefix}{name}"
            yield f"{prefix}{name}"
            yield from keys(option.get("options", {}), f"{prefix}{name}.")

    for name, rows in sections().items():
        assert list(keys(main["options"][name].get("options", {}))) == list(rows), name


@pytest.mark.parametrize("module", sorted((ROOT / "library").glob("*.py")), ids=lambda path: path.stem)
def test_ansible_doc_of_the_modules_has_every_parameter_and_result(module):
    texts = dict(re.findall(r'^(DOCUMENTATION|RETURN) = r"""\n(.*?)^"""', module.read_text(), re.MULTILINE | re.DOTALL))
    options = yaml.safe_load(texts["DOCUMENTATION"])["options"]
    for name, described in {**options, **yaml.safe_load(texts["RETURN"])}.items():
        assert described.get("description"), name
    taken = importlib.import_module(f"plugins.modules.{module.stem}").SPEC["argument_spec"]
    assert options.keys() == taken.keys()


def test_the_reference_tells_nothing_twice():
    assert len(re.findall(r"Strict-Transport-Security", REFERENCE)) == 2  # ingress_apps and ingress_hosts
    for name, rows in sections().items():
        for key in re.findall(r"As `([^`]+)`", " ".join(rows.values())):
            assert key in rows and "As `" not in rows[key], (name, key)


def test_the_reference_tells_type_and_default():
    assert "| `kind` | `nginx` or `traefik` or " in REFERENCE
    assert (
        '| `kind` | `nginx` or `traefik` or `ingress-nginx` or `haproxy` or `envoy-gateway` or `kgateway` | `"nginx"` |'
        in REFERENCE
    )
    assert "| `timeout` | integer | `300` | Seconds for one run's requests and waits together. |" in REFERENCE
    assert "| `….hosts.….paths.….port` | integer or string |" in REFERENCE


def test_tables_are_not_broken_by_their_text():
    for row in (line for line in REFERENCE.splitlines() if line.startswith("| ")):
        assert len(re.split(r"(?<!\\)\|", row)) == 6, row


NOTES = {
    str(matrix.PAGE): matrix.NOTE,
    modules.PAGE: modules.NOTE,
    "module_utils/ingresskit/version.py": generate.VERSION_NOTE,
}


def test_each_file_says_where_it_comes_from():
    for name, text in OUTPUTS.items():
        assert NOTES.get(name, generate.NOTE) in text, name


SEEN = {
    "a": {
        "title": "A",
        "ran": "a 1.0, a TEST DOUBLE of it",
        "verb": "proven",
        "options": {
            "hsts": {"works": ["one", "two-three"], "refused": {}},
            "cors": {"works": [], "refused": {"four": "cannot", "eight": "cannot"}},
            "regex": {"works": ["five"], "refused": {"six-seven": "cannot"}},
        },
    },
    "b": {"title": "B", "ran": "not run", "verb": "rendered", "options": {"hsts": {"works": ["one"], "refused": {}}}},
}


def test_the_matrix():
    lines = matrix.page(SEEN).splitlines()
    assert "| option | A | B |" in lines
    for row in ("| `hsts` | proven | rendered |", "| `cors` | refused | refused |"):
        assert row in lines
    assert "| `regex` | 1 of 2 proven | refused |" in lines
    assert "- A: a 1.0, a TEST DOUBLE of it." in lines
    assert lines[-3:] == ["### A", "", "- `cors`, `regex` (six seven): cannot"]


def test_argument_specs_leave_the_inside_to_the_model():
    specs = yaml.safe_load(OUTPUTS["roles/ingress/meta/argument_specs.yml"])["argument_specs"]
    for entry in specs.values():
        for name, option in entry["options"].items():
            assert option.keys() - {"options"} == {"type", "description"}, name
            assert option["description"].endswith("."), name
            assert option["type"] == "raw" or "options" not in option, name  # or Ansible would look inside
            default = yaml.safe_load(OUTPUTS["roles/ingress/defaults/main.yml"])[name]
            assert isinstance(default, str) == (option["type"] == "str")
