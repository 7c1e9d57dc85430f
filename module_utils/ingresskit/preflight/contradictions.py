"""Options in force for one entry that contradict each other, or its path: on no controller can both be had."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..controllers.base import option_levels, source
from ..model.routes import NO_OPTIONS, Entry, Site
from ..model.stack import Stack
from .finding import Finding, error, warning

# what needs to see the request, which ssl_passthrough hands on encrypted
OF_HTTP = (
    "hsts", "rewrite", "regex", "affinity", "rate_limit", "body_size", "basic_auth", "cors", "canary", "redirect",
    "headers",
)  # fmt: skip
REGEX = re.compile(r"[\^$*+?()\[\]|]")


def check_contradictions(stack: Stack) -> Iterator[Finding]:
    """Each once, at the level that says it."""
    said = []  # what an app says reaches the options of its hosts, too
    for at, options in option_levels(stack):
        if options.canary is not None and ".paths" not in at and options.canary not in said:
            said.append(options.canary)
            yield error(f"{at}.canary", "is of one path, beside its backend: say it there")
    found = (
        finding
        for site in stack.sites.values()
        for entry in site.entries
        for finding in (*_of_path(entry), *(_of_entry(stack, site, entry) if entry.options is not NO_OPTIONS else ()))
    )
    yield from dict.fromkeys(found)


def _of_path(entry: Entry) -> Iterator[Finding]:
    if not entry.options.regex and REGEX.search(entry.path):
        yield warning(entry.at, "is taken letter by letter: for a regular expression set options.regex: true")


def _of_entry(stack: Stack, site: Site, entry: Entry) -> Iterator[Finding]:
    for option, why in _pairs(site, entry):
        yield error(source(stack, entry, option), why)


def _pairs(site: Site, entry: Entry) -> Iterator[tuple[str, str]]:
    """(option, why it cannot be)."""
    options = entry.options
    if options.redirect is not None:
        for option in ("rewrite", "canary"):
            if getattr(options, option) is not None:
                yield option, "does not go with redirect, which answers before any backend is asked: remove one of them"
    if options.regex and entry.type == "Exact":
        yield "regex", f"{entry.at} is of type Exact: a regular expression is none, leave the type out"
    if options.regex and options.rewrite is not None and options.rewrite.prefix is not None:
        yield "rewrite", "prefix replaces the path of the entry, and a regular expression has none: use path"
    if options.ssl_passthrough:
        for option in OF_HTTP:
            if getattr(options, option):
                yield option, "does not go with ssl_passthrough: what is encrypted up to the backend cannot be seen"
    elif options.hsts is not None and not site.tls:
        yield (
            "hsts",
            f"there is no TLS at {site.host}, and browsers heed it over HTTPS only: set tls, or unset it there",
        )
