"""The fenced blocks of the documentation, and what the pages tell the tests of them.

A comment on the line before a block is for the tests and invisible on the page:

    <!-- test: skip WHY -->      its commands are not run: what they need is not here
    <!-- test: fails WORDS -->   its commands have to fail, and to say these words
    <!-- test: file NAME -->     it is written to that file before the commands below it are run

Blocks of ``sh`` without one are run, page by page, from top to bottom, in a copy of the checkout. ``python -m tests.docs``
lists those that are not, and why.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = {str(path.relative_to(ROOT)): path for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]}
SLOW = ["docs/migrate/helm.md", "docs/migrate/ingress-nginx.md", "docs/migrate/kubernetes-core.md"]
RUN = ["docs/start.md", *SLOW]  # by tests/cluster/test_docs.py
ELSEWHERE = {"docs/install.md": "tests/cluster/test_collection.py"}
VERBS = {"skip", "fails", "file"}
FENCE = re.compile(
    r"^(?: *<!-- test: (?P<said>.*?) -->\n)?(?P<indent> *)```(?P<language>[\w-]*)[^\n]*\n(?P<text>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """A fenced block: where it begins, its language, its text, and the comment's verb and words."""

    page: str
    line: int
    language: str
    text: str
    verb: str
    words: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def not_run():
    """Each block of commands that no test runs, with what its page says of that; an empty reason is a fault."""
    return {
        str(block): block.words if block.verb == "skip" else ""
        for page in PAGES
        for block in blocks(page, "sh")
        if block.verb == "skip" or page not in [*RUN, *ELSEWHERE]
    }


def blocks(page: str, *languages: str) -> list[Block]:
    """Those of a page, in their order; ``languages``: of these only."""
    content = PAGES[page].read_text(encoding="utf-8")
    found = []
    for match in FENCE.finditer(content):
        verb, _, words = (match["said"] or "").partition(" ")
        line = content.count("\n", 0, match.start("language")) + 1
        text = re.sub(rf"^{match['indent']}", "", match["text"], flags=re.MULTILINE)
        found.append(Block(page, line, match["language"], text, verb, words))
    return [block for block in found if not languages or block.language in languages]


if __name__ == "__main__":
    for place, why in not_run().items():
        print(f"{place}: {why}")
