"""Rendered objects as YAML files: one for each, byte-identical from run to run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from ..errors import IngresskitError
from ..manifests import Object, group_of

HEADER = "# Rendered by ingresskit: change the inventory, not this file.\n"
_Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
# what YAML readers in Go (kubectl, kustomize, Flux) take for a number, a date or a truth and Python's for a text
_NO_TEXT = re.compile(
    r"[-+]?(\.[\d_]+|\d[\d_]*(\.[\d_]*)?)(e[-+]?[\d_]+)?|[-+]?0[xob][\da-f_]+|\d{4}-\d\d?-\d\d?([t ].*)?|y|n",
    re.IGNORECASE,
)


class _Plain(_Dumper):  # type: ignore[misc, valid-type]
    """Without anchors: two equal lists in one object are written out twice. Text of several lines as such lines."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None  # what a block cannot hold is quoted all the same
    if _NO_TEXT.fullmatch(text):
        style = "'"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Plain.add_representer(str, _text)


class Template(str):
    """A text that Ansible is to template."""


class _Inventory(_Plain):
    """For Ansible, which would template what looks like a template: a page, a snippet of a configuration."""


def _as_it_is(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    node = _text(dumper, text)
    if any(begin in text for begin in ("{{", "{%", "{#")):
        node.tag = "!unsafe"
        node.style = node.style or '"'
    return node


_Inventory.add_representer(str, _as_it_is)
_Inventory.add_representer(Template, lambda dumper, text: _text(dumper, str(text)))


def to_files(objects: Iterable[Object]) -> dict[str, str]:
    """File name -> text. Objects of a namespace stand in its folder, the others in ``cluster``."""
    files: dict[str, str] = {}
    for each in objects:
        name = _name(each, each["kind"])
        if name in files:  # a kind of the same name from another API group
            name = _name(each, f"{each['kind']}.{group_of(each)}")
        files[name] = with_header(to_text(each))
    return files


def to_text(obj: Object) -> str:
    """One object as YAML, keys in the order of the object."""
    return yaml.dump(obj, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=1000)


def to_inventory(content: Mapping[str, Any]) -> str:
    """An inventory file with variables as they are: nothing but a ``Template`` is templated anew."""
    return yaml.dump(content, Dumper=_Inventory, sort_keys=False, allow_unicode=True, width=1000)


def to_stream(objects: Iterable[Object]) -> str:
    """Objects as the documents of one text, in the order given."""
    return "---\n".join(map(to_text, objects))


def with_header(text: str) -> str:
    """The text of a file of ours, which a later render may change or delete."""
    return HEADER + text


def _name(obj: Object, kind: str) -> str:
    metadata = obj["metadata"]
    return f"{metadata.get('namespace', 'cluster')}/{kind.lower()}-{metadata['name'].replace(':', '-')}.yaml"


def present_files(folder: Path, patterns: Iterable[str] = ("*/*.yaml",)) -> dict[str, str]:
    """What an earlier render has left in ``folder``: only files that carry our header, where ``to_files`` or
    ``patterns`` would have put them, and none of another stack's below."""
    found = {}
    with _faults_of(folder):
        for path in sorted(path for pattern in patterns for path in folder.glob(pattern) if path.is_file()):
            text = path.read_text(encoding="utf-8", errors="replace")
            if text.startswith(HEADER):
                found[path.relative_to(folder).as_posix()] = text
    return found


def write_files(folder: Path, files: Mapping[str, str], before: Mapping[str, str]) -> None:
    """Brings ``folder`` from ``before`` to ``files``; what is not ours stays.

    Raises IngresskitError, before anything is written, where a file of somebody else's is in the way.
    """
    foreign = [str(folder / name) for name in files if name not in before and (folder / name).exists()]
    if foreign:
        raise IngresskitError(
            f"not rendered by ingresskit, and in the way: {', '.join(foreign)}; move it, or choose another folder"
        )
    with _faults_of(folder):
        for name, text in files.items():
            if before.get(name) != text:
                path = folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
        for name in before.keys() - files.keys():
            (folder / name).unlink()


@contextmanager
def _faults_of(folder: Path) -> Iterator[None]:
    """What the file system refuses, in one line that names the folder."""
    try:
        yield
    except OSError as error:
        raise IngresskitError(f"cannot render to {folder}: {error.filename}: {error.strerror}") from None
