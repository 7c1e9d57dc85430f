"""A controller's command line: ingresskit's arguments and the user's, who wins where both say one thing."""

from __future__ import annotations

from collections.abc import Sequence


def flag_name(argument: str) -> str | None:
    """The name of a flag without its dashes and value; None for what is no flag."""
    name = argument.lstrip("-").partition("=")[0]
    return name.lower() if argument.startswith("-") and name else None


def merged(ours: Sequence[str], theirs: Sequence[str]) -> list[str]:
    """Both, less those of ours that the user gives as well: no controller has to decide between two of one name."""
    given = {flag_name(argument) for argument in theirs} - {None}
    return [*(argument for argument in ours if flag_name(argument) not in given), *theirs]
