"""Writes what the model implies: the role's argument_specs and defaults, the JSON Schema, the reference; the matrix of
options; the modules' own documentation as a page; and the version, which galaxy.yml has.

``python -m tools.generate`` writes them, ``--check`` fails where a file is out of date. The model is the one source.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

from module_utils.ingresskit.model.layers import LAYERED
from module_utils.ingresskit.model.stack import Stack
from tools import matrix, modules

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT
SEEN = matrix.load(ROOT)
NOTE = "Generated from module_utils/ingresskit/model by `make generate`: change it there."
VERSION_NOTE = "Generated from galaxy.yml by `make generate`; `make release VERSION=…` changes it there."
ENTRY_POINTS = {
    "main": "Bring the stack to the cluster and prove every route",
    "preflight": "Check the inventory before anything is sent",
    "smoke": "Prove every route, changing nothing",
    "render": "Render the stack to files, without a cluster",
    "drift": "Tell what differs from the inventory, changing nothing",
    "rollback": "Return to a former revision",
    "teardown": "Remove what the stack created, and nothing else",
    "ca": "Export the CA of the stack for clients",
}
ANSIBLE_TYPES = {
    "string": "str", "integer": "int", "number": "float", "boolean": "bool", "mapping": "dict", "list": "list"
}  # fmt: skip
Schema = dict[str, Any]


def json_schema() -> Schema:
    """The contract for editors: short forms and layers are known, misspelt ``ingress_`` variables are refused."""
    schema = Stack.model_json_schema(by_alias=True)
    known = "|".join(name.removeprefix("ingress_") for name in Stack.model_fields)
    layered = "|".join(name.removeprefix("ingress_") for name in LAYERED)
    schema |= {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Inventory of an Ingress stack",
        "description": f"Variables of ingresskit in an Ansible inventory. {NOTE}",
        "additionalProperties": True,  # other variables of the host are nobody's business
        "patternProperties": {
            rf"^ingress_({layered})__.+$": {"type": "object"},
            rf"^ingress_(?!({known})$)(?!({layered})__.)": False,
        },
    }
    return schema


def variables(schema: Schema) -> Iterator[tuple[str, Schema]]:
    """(name, its schema with the reference followed) of every variable of the contract."""
    for name, field in schema["properties"].items():
        yield name, {**_follow(schema, field), **field}


def argument_specs(schema: Schema) -> str:
    """meta/argument_specs.yml: names, and raw for what is no text: the model names the key at fault and the remedy,
    where Ansible's own check of a type would show the whole specification.

    Ansible checks nothing inside what is raw. The keys below stand there for ``ansible-doc``, at the main entry point.
    """
    options = {
        name: {
            "type": "str" if field["type"] == "string" else "raw",
            "description": _sentence(field.get("description", "")),
        }
        for name, field in variables(schema)
    }
    main = {name: {**options[name], **_inside(_rows(schema, field, "", {}))} for name, field in variables(schema)}
    specs = {
        entry: {"short_description": text, "options": main if entry == "main" else options}
        for entry, text in ENTRY_POINTS.items()
    }
    return f"---\n# {NOTE}\n" + _yaml({"argument_specs": specs})


def _inside(rows: Iterable[tuple[str, str, str, str]]) -> Schema:
    """The rows of a variable as options within options."""
    root: Schema = {}
    for key, kind, default, text in rows:
        parent = root
        *above, name = key.split(".")
        for part in above:
            parent = parent["options"][part]
        kinds = [each.strip("`") for each in kind.split(" or ")]
        option: Schema = {"type": "raw", "description": text.replace("`", "")}
        if kind.startswith("`"):
            option |= {"type": "str", "choices": kinds}
        elif len(kinds) == 1:
            option["type"] = ANSIBLE_TYPES[kind]
        else:
            option["description"] += f" ({kind})"
        if default:
            option["default"] = json.loads(default.strip("`"))
        parent.setdefault("options", {})[name] = option
    return root


def defaults(schema: Schema) -> str:
    """defaults/main.yml: argument_specs do not apply defaults, and the model fills in what is inside."""
    empty = {
        name: field.get("default") if field["type"] == "string" else _empty(field) for name, field in variables(schema)
    }
    return f"---\n# {NOTE}\n" + _yaml(empty)


def reference(schema: Schema) -> str:
    """docs/reference/inventory.md: every key with type, default and meaning."""
    lines = ["# Inventory reference", "", f"<!-- {NOTE} -->", ""]
    lines.append(
        "Every key of the contract. `…` stands for a name you choose; a key without a default is off when absent."
    )
    for name, field in variables(schema):
        lines += ["", f"## {name}", "", _sentence(field.get("description", "")), ""]
        rows = list(_rows(schema, field, "", {}))
        if rows:
            lines += ["| key | type | default | meaning |", "|---|---|---|---|"]
            lines += [f"| `{key}` | {kind} | {default} | {text} |" for key, kind, default, text in rows]
    return "\n".join(lines) + "\n"


def _rows(schema: Schema, field: Schema, prefix: str, told: dict[str, str]) -> Iterator[tuple[str, str, str, str]]:
    """A row for each key below; ``told``: types and the key below which theirs stand, so that none is told twice."""
    members = [(f"{prefix}{part}", inner) for part, inner in _members(schema, field)]
    for key, inner in members:
        for name in _references(inner):
            told.setdefault(name, key)
    for key, inner in members:
        default = f"`{json.dumps(inner['default'])}`" if inner.get("default") not in (None, {}, []) else ""
        text = _sentence(inner.get("description", "")).replace("|", "\\|").replace("\n", " ")
        elsewhere = next((told[name] for name in _references(inner) if told[name] != key), None)
        text = f"{text} As `{elsewhere}`.".strip() if elsewhere else text
        yield key, _kind(schema, inner), "" if len(default) > 60 else default, text
        if elsewhere is None:
            yield from _rows(schema, inner, f"{key}.", told)


def _members(schema: Schema, field: Schema) -> Iterator[tuple[str, Schema]]:
    for option in _alternatives(schema, field):
        for name, inner in option.get("properties", {}).items():
            yield name, {**_described(schema, inner), **inner}
        values = option.get("additionalProperties")
        if isinstance(values, dict) and any("properties" in each for each in _alternatives(schema, values)):
            yield "…", {**_described(schema, values), **values}
        items = option.get("items")
        if isinstance(items, dict) and any("properties" in each for each in _alternatives(schema, items)):
            yield "[…]", {**_described(schema, items), **items}


def _described(schema: Schema, field: Schema) -> Schema:
    found = [option.get("description") for option in _alternatives(schema, field) if option.get("description")]
    return {"description": found[0]} if found and "description" not in field else {}


def _alternatives(schema: Schema, field: Schema) -> Iterator[Schema]:
    field = _follow(schema, field)
    options = field.get("anyOf") or field.get("oneOf")
    if options is None:
        yield field
    else:
        for option in options:
            yield from _alternatives(schema, option)


def _follow(schema: Schema, field: Schema) -> Schema:
    while "$ref" in field:
        field = schema["$defs"][field["$ref"].rpartition("/")[2]]
    return field


def _references(field: Schema) -> Iterator[str]:
    if "$ref" in field:
        yield field["$ref"]
    for option in (*field.get("anyOf", ()), *field.get("oneOf", ())):
        yield from _references(option)


def _kind(schema: Schema, field: Schema) -> str:
    names = []
    for option in _alternatives(schema, field):
        if "enum" in option or "const" in option:
            names += [f"`{value}`" for value in option.get("enum", [option.get("const")])]
        elif option.get("type") != "null":
            kind = option.get("type", "any")
            names += [
                {"object": "mapping", "array": "list"}.get(each, each)
                for each in (kind if isinstance(kind, list) else [kind])
            ]
    return " or ".join(dict.fromkeys(names))


def _empty(field: Schema) -> Any:
    return [] if field["type"] == "array" else {}


def _sentence(text: str) -> str:
    return text.strip().replace("``", "`")


def _yaml(data: Any) -> str:
    return yaml.dump(data, Dumper=_Plain, sort_keys=False, width=120, allow_unicode=True)


class _Plain(yaml.SafeDumper):
    """Lists indented below their key (yamllint), no anchors."""

    def ignore_aliases(self, data: object) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def version() -> str:
    """The version of this release: galaxy.yml has it, as `ansible-galaxy collection build` reads it there."""
    return str(yaml.safe_load((SOURCES / "galaxy.yml").read_text(encoding="utf-8"))["version"])


def version_module() -> str:
    """What the code and the images of this release call it."""
    return f'"""{VERSION_NOTE}"""\n\nVERSION = "{version()}"\n'


def outputs() -> dict[str, str]:
    """File name below the project's root -> its content."""
    schema = json_schema()
    return {
        "docs/schema/inventory.json": json.dumps(schema, indent=2) + "\n",
        "docs/reference/inventory.md": reference(schema),
        str(matrix.PAGE): matrix.page(SEEN),
        modules.PAGE: modules.page(SOURCES),
        "roles/ingress/meta/argument_specs.yml": argument_specs(schema),
        "roles/ingress/defaults/main.yml": defaults(schema),
        "module_utils/ingresskit/version.py": version_module(),
    }


def main() -> int:
    check = "--check" in sys.argv[1:]
    stale = []
    for name, text in outputs().items():
        path = ROOT / name
        if not path.exists() or path.read_text() != text:
            stale.append(name)
            if not check:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
    for name in stale:
        print(f"{name}: {'out of date, run `make generate`' if check else 'written'}")
    return int(check and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
