"""From pydantic's errors to problems that a user can act on: the inventory path and the remedy."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from ..errors import Problem

_PLAIN = re.compile(r"^[A-Za-z_][A-Za-z0-9_-]*$")
_QUOTED_IN = ("hosts", "paths", "ingress_hosts")
_SECRET = ("key", "cert", "users", "password", "config")

Loc = Sequence[int | str]


def show_path(loc: Loc) -> str:
    """A location as a user writes it: ``ingress_apps.cafe.hosts."cafe.example.com".paths."/tea".port``."""
    text, before = "", ""
    for part in loc:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            plain = _PLAIN.match(part) and before not in _QUOTED_IN
            text += ("." if text else "") + (part if plain else f'"{part}"')
        before = str(part)
    return text


def problems_of(
    error: ValidationError, root: type[BaseModel], data: Any, places: Mapping[str, str] | None = None
) -> list[Problem]:
    """Every fault that pydantic found, in the order of the inventory, none twice. ``places``: files of the apps."""
    found: dict[tuple[str, str], Problem] = {}
    for item in error.errors(include_url=False, include_input=False):
        raw = item["loc"]
        loc = tuple(part for part in raw if not _is_tag(part))
        message = _message(item, loc, root, _at(data, loc))
        problem = Problem(_place(loc, places or {}) + show_path(loc), message)
        found.setdefault((problem.path, problem.message), problem)
    return list(found.values())


def _place(loc: Loc, places: Mapping[str, str]) -> str:
    place = places.get(str(loc[1])) if len(loc) > 1 and loc[0] == "ingress_apps" else None
    return f"{place}: " if place else ""


def nearest(word: str, words: Sequence[str]) -> str | None:
    """The one of ``words`` most like ``word``, if any is alike."""
    close = difflib.get_close_matches(word, words, n=1, cutoff=0.6)
    return close[0] if close else None


def unknown_key(key: str, valid: Sequence[str]) -> str:
    """The message for an unknown key."""
    guess = nearest(key, valid)
    hint = f"did you mean {guess!r}?" if guess else "valid here: " + ", ".join(sorted(valid))
    return f"unknown key; {hint}"


def _is_tag(part: int | str) -> bool:
    return isinstance(part, str) and (part == "[key]" or (part.startswith("<") and part.endswith(">")))


def _at(data: Any, loc: Loc) -> Any:
    for part in loc:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return None
    return data


def _message(item: Any, loc: Loc, root: type[BaseModel], value: Any) -> str:
    kind, context = item["type"], item.get("ctx", {})
    if kind == "extra_forbidden":
        return unknown_key(str(loc[-1]), _fields_at(root, loc[:-1]))
    if kind == "missing":
        return "is missing"
    if kind == "value_error":
        return str(context.get("error", item["msg"]))
    if kind == "literal_error":
        expected = re.findall(r"'([^']*)'", str(context.get("expected", ""))) or [str(context.get("expected"))]
        guess = nearest(str(value), expected) if isinstance(value, str) else None
        return f"{_describe(loc, value)} is not one of {', '.join(expected)}" + (
            f"; did you mean {guess!r}?" if guess else ""
        )
    wanted = _WANTED.get(kind)
    if wanted:
        return f"must be {wanted}, not {_describe(loc, value)}"
    text = str(item["msg"])
    return text[0].lower() + text[1:].replace("Input should", "should")


_WANTED = {
    "string_type": "a string",
    "int_type": "an integer",
    "int_from_float": "an integer",
    "float_type": "a number",
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "list_type": "a list",
}


def _describe(loc: Loc, value: Any) -> str:
    """A value as YAML users think of it; never a secret, never a long text."""
    if value is None:
        return "empty (null)"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    if any(part in _SECRET for part in loc) or len(str(value)) > 60:
        return "a string" if isinstance(value, str) else "a number"
    return f"the string {value!r}" if isinstance(value, str) else f"the number {value}"


def _fields_at(root: type[BaseModel], loc: Loc) -> list[str]:
    """Names of the keys that are valid at a location."""
    here: list[Any] = [root]
    for part in loc:
        here = [inner for kind in here for inner in _step(kind, part)]
    return sorted({name for kind in here for name in _names(kind)})


def _names(kind: Any) -> Iterator[str]:
    for model in _models(kind):
        for name, field in model.model_fields.items():
            yield field.alias or name


def _models(kind: Any) -> Iterator[type[BaseModel]]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
    elif get_origin(kind) is Annotated:
        yield from _models(get_args(kind)[0])
    elif get_origin(kind) in (Union, UnionType):
        for inner in get_args(kind):
            yield from _models(inner)


def _step(kind: Any, part: int | str) -> Iterator[Any]:
    origin, args = get_origin(kind), get_args(kind)
    if origin is Annotated:
        yield from _step(args[0], part)
    elif origin in (Union, UnionType):
        for inner in args:
            yield from _step(inner, part)
    elif origin is dict:
        yield args[1]
    elif origin in (list, tuple):
        yield args[0]
    elif isinstance(kind, type) and issubclass(kind, BaseModel):
        for name, field in kind.model_fields.items():
            if part in (name, field.alias):
                yield field.annotation
