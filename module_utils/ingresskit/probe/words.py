"""Plain words for what came over the wire. Pure, and safe to print whatever a hostile server sent."""

from __future__ import annotations

import re
import unicodedata

from ..keyless import without_keys
from ..oracle.types import Answer

# Categories that could move the cursor, hide or reorder text, or break the encoding of a terminal, XML or JSON.
_UNPRINTABLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_NGINX_PAGE = re.compile(r"<center>(nginx|openresty)\b")
_TITLE = re.compile(r"<(title|h1)[^>]*>(.*?)</\1>", re.DOTALL | re.IGNORECASE)
# Bodies by which a controller's own page is known: Traefik answers with Go's defaults.
_OWN_PAGES = {
    "404 page not found": "Traefik's own page",
    "Bad Gateway": "Traefik's own page",
    "no available server": "Traefik's own page: no available server",
    "default backend - 404": "ingress-nginx's default backend",
}


def printable(text: str, limit: int | None = None) -> str:
    """Return ``text`` on one line with control and format characters escaped, private keys removed and,
    with ``limit``, cut to that many characters. Applying it twice changes nothing."""
    text = str(without_keys(text))
    if not text.isascii() or not text.isprintable():
        text = "".join(_escape(char) if unicodedata.category(char) in _UNPRINTABLE else char for char in text)
    return text if limit is None or len(text) <= limit else text[: limit - 1] + "…"


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


def header(answer: Answer, name: str) -> str | None:
    """Return the first value of the header ``name`` (any case), or None."""
    return next((value for key, value in answer.headers if key.lower() == name.lower()), None)


def describe(answer: Answer) -> str:
    """Say what came in a few words: ``200 from cafe/tea-svc (pod x)``, ``301 -> /x``, ``404 (nginx's own page)``."""
    location = header(answer, "location")
    if answer.status == 0:
        return "stays open"
    if answer.backend:
        pod = f" (pod {answer.pod})" if answer.pod else ""
        return printable(f"{answer.status} from {answer.backend}{pod}", 200)
    if location is not None and 300 <= answer.status < 400:
        return printable(f"{answer.status} -> {location}", 200)
    page = own_page(answer)
    if page:
        return f"{answer.status} ({page})"
    said = quote(answer.body)
    return f'{answer.status} "{said}"' if said else f"{answer.status} with an empty body"


def own_page(answer: Answer) -> str:
    """Name the ingress controller whose built-in error page this is; empty for anybody else's answer."""
    if answer.status < 400:
        return ""
    nginx = _NGINX_PAGE.search(answer.body[:2000])
    return f"{nginx.group(1)}'s own page" if nginx else _OWN_PAGES.get(answer.body.strip()[:100], "")


def quote(body: str) -> str:
    """Return the title of a page or the first words of a text."""
    title = _TITLE.search(body[:4000])
    words = " ".join((title.group(2) if title else body[:400]).split())
    return printable(words, 60)
