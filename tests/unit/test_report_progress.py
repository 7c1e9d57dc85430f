"""Progress: its words, and when they are said."""

import pytest

from module_utils.ingresskit.report.progress import AGAIN, EVERY, FIRST, Pace, applied, proving, waiting

TEA, COFFEE = "Deployment cafe/tea: 1 of 3 ready", "Ingress cafe/cafe: no address yet"


@pytest.mark.parametrize(
    ("missing", "total", "words"),
    [
        ([], 3, ""),
        ([TEA], 14, f"waiting for 1 of 14: {TEA}"),
        ([TEA, COFFEE], 14, f"waiting for 2 of 14: {TEA}; {COFFEE}"),
        ([TEA] * 5, 14, f"waiting for 5 of 14: {TEA}; {TEA}; {TEA}; and 2 more"),
        (["Deployment cafe/tea: first line\n  second line"], 1, "waiting for 1 of 1: Deployment cafe/tea: first line second line"),
        (["x" * 200], 1, f"waiting for 1 of 1: {'x' * 99}…"),
    ],
)  # fmt: skip
def test_what_is_waited_for(missing, total, words):
    assert waiting(missing, total) == words


@pytest.mark.parametrize(("done", "words"), [(1, "applied 1 of 1000 objects"), (1000, "")])
def test_what_is_applied(done, words):
    assert applied(done, 1000) == words


def test_what_is_not_proven():
    assert proving([], 7) == ""
    failing = ["https://cafe.example.com/tea: expected backend cafe/tea-svc, got 503"]
    assert proving(failing, 7) == f"6 of 7 routes proven, asking again: {failing[0]}"


# each: (seconds since the step began, text), and what is heard
TOLD = {
    "what is over at once": ([(0, "a"), (FIRST / 2, "b")], []),
    "what takes longer": ([(FIRST, "a")], ["a (2 s)"]),
    "nothing missing": ([(FIRST, ""), (10, "")], []),
    "too soon after another": ([(3, "a"), (3 + EVERY / 2, "b"), (3 + EVERY, "c")], ["a (3 s)", "c (6 s)"]),
    "nothing new": ([(3, "a"), (9, "a"), (3 + AGAIN - 1, "a")], ["a (3 s)"]),
    "nothing new for long": ([(3, "a"), (3 + AGAIN, "a"), (4 + AGAIN, "a")], ["a (3 s)", "a (18 s)"]),
    "back and forth": ([(3, "a"), (6, "b"), (9, "a")], ["a (3 s)", "b (6 s)", "a (9 s)"]),
}


@pytest.mark.parametrize(("told", "heard"), TOLD.values(), ids=TOLD)
def test_what_is_said(told, heard):
    clock, lines = [100.0], []
    pace = Pace(lines.append, lambda: clock[0])
    for seconds, text in told:
        clock[0] = 100.0 + seconds
        pace.tell(text)
    assert lines == heard


def test_nobody_listens():
    clock = iter((0.0, FIRST))
    Pace(None, lambda: next(clock)).tell("a")
