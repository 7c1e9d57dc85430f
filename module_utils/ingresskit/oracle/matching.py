"""Which path entry a request meets, by the Kubernetes documentation and by what controllers do differently.

https://kubernetes.io/docs/concepts/services-networking/ingress/#path-types
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from ..model.routes import Entry

_PIECE = re.compile(r"\[(?P<negated>\^?)(?P<set>[^\]]+)\]|(?P<char>[^\[\]()|*+?^$])|(?P<anchor>[\^$])")


def match(routes: Sequence[Entry], path: str, *, by_element: bool) -> Entry | None:
    """The entry that serves ``path``: an Exact one, which is the whole of it, else the longest that matches.

    ``by_element``: Prefix compares element by element, as the API says; else it is a prefix of the text (F5).
    """
    fitting = [route for route in routes if _fits(route, path, by_element)]
    return max(fitting, key=lambda route: (route.type == "Exact", len(route.path)), default=None)


def is_regex(entry: Entry) -> bool:
    """Whether the path of an entry is a regular expression."""
    return bool(entry.options.regex)


def _fits(route: Entry, path: str, by_element: bool) -> bool:
    if is_regex(route):
        expression = _compiled(route.path)
        return expression is not None and expression.match(path) is not None
    if route.type == "Exact":
        return path == route.path
    if not by_element:
        return path.startswith(route.path)
    prefix = route.path.rstrip("/")
    return path == prefix or path.startswith(f"{prefix}/")


@lru_cache
def _compiled(text: str) -> re.Pattern[str] | None:
    """The expression, None where Python does not read it: controllers have dialects of their own."""
    try:
        return re.compile(text)
    except re.error:
        return None


@lru_cache
def sample(text: str) -> str | None:
    """A path that a regular expression matches; None where none is found in a simple way."""
    expression = _compiled(text)
    try:
        found, rest = _sample(text)
    except ValueError:
        return None
    return found if not rest and expression is not None and expression.match(found) else None


def _sample(text: str) -> tuple[str, str]:
    """(what a sequence matches, what of the expression is left): of a choice the first, of a repetition one."""
    made = ""
    while text and text[0] not in "|)":
        if text[0] == "(":
            piece, rest = _sample(re.sub(r"^\((\?:)?", "", text))
            rest = _behind_the_group(rest)
        else:
            found = _PIECE.match(text)
            if found is None or found["negated"]:
                raise ValueError(text)
            piece = found["set"][0] if found["set"] else (found["char"] or "").replace(".", "x")
            rest = text[found.end() :]
        made, text = made + piece, rest.lstrip("*+?")
    return made, text


def _behind_the_group(rest: str) -> str:
    """What follows the parenthesis that closes a group whose first choice has been read."""
    depth = 0
    for index, char in enumerate(rest):
        if char == ")" and not depth:
            return rest[index + 1 :]
        depth += {"(": 1, ")": -1}.get(char, 0)
    raise ValueError(rest)
