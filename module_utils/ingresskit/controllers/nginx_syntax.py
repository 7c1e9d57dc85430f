"""Is a piece of configuration complete? As nginx reads it (ngx_conf_read_token): words, quotes, ; and { }.

What a directive means, and whether there is one of that name, only nginx knows. But an unbalanced brace in one snippet
makes every later reload fail, for everyone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_WORD = re.compile(r"(?:\\.|\$\{|[^\s;{\\])+", re.S)  # a brace after $ is a variable's
_QUOTED = re.compile(r""""(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'""", re.S)
_BLANK = re.compile(r"(?:\s|#[^\n]*)+")
_LUA = "_by_lua_block"


@dataclass
class _Reader:
    text: str
    at: int = 0
    words: list[str] = field(default_factory=list)  # of the directive that is being read
    open: list[int] = field(default_factory=list)  # lines of the braces that are not closed yet

    @property
    def line(self) -> int:
        return self.text.count("\n", 0, self.at) + 1


def syntax_problem(text: str) -> str | None:
    """The first thing that is wrong, with its line; None where the text is a sequence of complete directives."""
    reader = _Reader(text)
    while reader.at < len(text):
        blank = _BLANK.match(text, reader.at)
        if blank:
            reader.at = blank.end()
            continue
        problem = _token(reader)
        if problem is not None:
            return f"line {reader.line}: {problem}"
    if reader.words:
        return f'the last directive ({" ".join(reader.words)[:40]}) has no ";"'
    return f'the "{{" of line {reader.open[-1]} is never closed' if reader.open else None


def _token(reader: _Reader) -> str | None:
    char = reader.text[reader.at]
    if char in ";{}":
        problem = _mark(reader, char)
        reader.at += 1 if problem is None else 0
        return problem
    quoted = char in "\"'"
    found = (_QUOTED if quoted else _WORD).match(reader.text, reader.at)
    if found is None:
        return f"the quote {char} is never closed"
    reader.at = found.end()
    if quoted and not re.match(r"[\s;{)]|$", reader.text[reader.at :]):
        return f"something follows the quoted text {found[0][:40]} without a blank"
    reader.words.append(found[0])
    return None


def _mark(reader: _Reader, char: str) -> str | None:
    """One of ``; { }``: it ends a directive, begins a block or ends it."""
    if char == "}":
        if reader.words:
            return f'the directive before "}}" ({" ".join(reader.words)[:40]}) has no ";"'
        if not reader.open:
            return 'this "}" closes nothing'
        reader.open.pop()
        return None
    if not reader.words:
        return f'there is no directive before "{char}"'
    if char == "{" and reader.words[-1].endswith(_LUA):
        return _skip_lua(reader)
    if char == "{":
        reader.open.append(reader.line)
    reader.words.clear()
    return None


def _skip_lua(reader: _Reader) -> str | None:
    """To the closing brace of a block that holds Lua, not directives."""
    depth, start = 0, reader.line
    for found in re.finditer(r"[{}]", reader.text[reader.at :]):
        depth += 1 if found[0] == "{" else -1
        if depth == 0:
            reader.at += found.start()
            reader.words.clear()
            return None
    return f'the "{{" of line {start} is never closed'
