"""How F5 reads single values (internal/configs/parsing_helpers.go): a value comes back or ValueError is raised."""

from __future__ import annotations

import re

from .flags import FALSE, TRUE

TIME = re.compile(r"(\d+(ms|[smhdwMy])?\s*)+")
SIZE = re.compile(r"\d+[kKmM]?")
OFFSET = re.compile(r"\d+[kKmMgG]?")
RATE = re.compile(r"(\d+)(r/s|r/m)")
HEADER = re.compile(r"[-A-Za-z0-9]+")
LB_METHODS = {"least_conn", "ip_hash", "random", "random two", "random two least_conn", "random two least_time=header"}


def words(text: str) -> list[str]:
    return text.split()


def boolean(text: str) -> bool:
    if text not in TRUE | FALSE:
        raise ValueError("must be a boolean")
    return text in TRUE


def integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError("must be an integer") from None


def natural(text: str) -> int:
    if not re.fullmatch(r"\d+", text):
        raise ValueError("must be a non-negative integer")
    return int(text)


def time(text: str) -> str:
    return _matched(TIME, text, "must be a time")


def size(text: str) -> str:
    return _matched(SIZE, text, "must be a size")


def offset(text: str) -> str:
    return _matched(OFFSET, text, "must be an offset")


def rate(text: str) -> str:
    _matched(RATE, text, "string does not match rate-pattern: ^(\\d+)(r/s|r/m)$")
    if int(text[:-3]) == 0:
        raise ValueError("rate must be >0")
    return text


def scaled(text: str, replicas: int) -> str:
    """A rate's share of one of several pods (scaleRatelimit in internal/configs/ingress.go): rounded down."""
    number, unit = int(text[:-3]), text[-3:]
    if unit == "r/s" and number < replicas:
        number, unit = number * 60, "r/m"
    return f"{number // replicas}{unit}" if replicas > 1 else text


def buffers(text: str) -> str:
    return _matched(re.compile(r"\d+ \d+[kKmM]?"), text, "must be a proxy buffer spec")


def lb_method(text: str) -> str:
    """The directive of an upstream; empty for round_robin. The open-source build knows no least_time."""
    if text in ("round_robin", ""):
        return ""
    if text in LB_METHODS - {"random two least_time=header"} or re.fullmatch(r"hash [^;{}\s]+( consistent)?", text):
        return text
    raise ValueError(f'Invalid load balancing method: "{text}"')


def redirect_code(text: str) -> int:
    if text not in ("301", "302", "307", "308"):
        raise ValueError("status code out of accepted range: 301, 302, 307, 308")
    return int(text)


def add_headers(text: str) -> list[tuple[str, str, bool]]:
    """`X-A: b, X-C: d: always` -> (name, value, always): a value ends at its first colon (header_parsing_helper.go)."""
    found = []
    for part in names(text):
        name, _, rest = part.partition(":")
        value, _, always = rest.partition(":")
        _matched(HEADER, name.strip(), "a valid HTTP header must consist of alphanumeric characters or '-'")
        if not re.fullmatch(r'([^"\\$\r\n]|\\.)*', value):
            raise ValueError("invalid character in header value")
        found.append((name.strip(), value.strip(), always.strip().lower() == "always"))
    return found


def inherit(text: str) -> str:
    if text not in ("on", "off", "merge"):
        raise ValueError("must be one of: 'on', 'off' or 'merge'")
    return text


def path_regex(text: str) -> str:
    if text not in ("case_sensitive", "case_insensitive", "exact"):
        raise ValueError("allowed values: 'case_sensitive', 'case_insensitive' or 'exact'")
    return text


def mergeable(text: str) -> str:
    if text not in ("master", "minion"):
        raise ValueError("must be one of: 'master' or 'minion'")
    return text


def rewrite_target(text: str) -> str:
    if not text.startswith("/"):
        raise ValueError("rewrite target must start with /")
    if text.startswith("//") or "../" in text or re.search(r"[;{}\[\]|<>,^`~\x00-\x20\x7f]", text):
        raise ValueError("characters of NGINX configuration syntax not allowed in rewrite target")
    return text


def app_root(text: str) -> str:
    if not re.fullmatch(r"/[A-Za-z0-9\-_.!*'():@&=+,/?%]*[A-Za-z0-9\-_.!*'():@&=+,?%]", text) or text.startswith("//"):
        raise ValueError("must start with '/', must not be '/' or end with it")
    return text


def names(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def headers(text: str) -> list[str]:
    found = names(text)
    for name in found:
        _matched(HEADER, name, "a valid HTTP header must consist of alphanumeric characters or '-'")
    return found


def set_headers(text: str) -> list[tuple[str, str]]:
    """`X-A: value, X-B` -> pairs for proxy_set_header; a bare name passes the client's header on."""
    pairs = []
    for part in names(text):
        name, colon, value = (piece.strip() for piece in part.partition(":"))
        _matched(HEADER, name, "a valid HTTP header must consist of alphanumeric characters or '-'")
        if "$" in value or '"' in value:
            raise ValueError("invalid character in value: $ or quote")
        pairs.append((name, f'"{value}"' if colon else "$http_" + name.lower().replace("-", "_")))
    return pairs


def rewrites(text: str) -> dict[str, str]:
    """`serviceName=coffee-svc rewrite=/beans;...` -> {service: uri}."""
    found = {}
    for part in filter(None, (piece.strip() for piece in text.split(";"))):
        match = re.fullmatch(r"serviceName=(\S+)\s+rewrite=(/\S*)", part)
        if not match:
            raise ValueError(f"'{part}' is not a valid rewrite format, e.g. 'serviceName=tea-svc rewrite=/'")
        found[match[1]] = match[2]
    return found


def sticky(text: str) -> dict[str, tuple[str, str]]:
    """`serviceName=tea-svc srv_id expires=1h path=/;...` -> {service: (cookie name, cookie attributes)}."""
    found = {}
    for part in filter(None, (piece.strip() for piece in text.split(";"))):
        match = re.fullmatch(r"serviceName=(\S+)\s+([A-Za-z0-9_-]+)((?:\s+\S+)*)", part)
        if not match:
            raise ValueError(f"'{part}' is not a valid sticky service, e.g. 'serviceName=tea-svc srv_id path=/'")
        found[match[1]] = (match[2], "".join(f"; {_cookie_attribute(item)}" for item in match[3].split()))
    return found


def _cookie_attribute(text: str) -> str:
    """An argument of nginx's `sticky cookie` as an attribute of Set-Cookie."""
    if text.startswith("expires="):
        return "max-age=" + ("315360000" if text == "expires=max" else str(_seconds(text.removeprefix("expires="))))
    if re.fullmatch(r"(domain|path|samesite)=[^;\"'$\s]+|httponly|secure", text):
        return text
    raise ValueError(f"'{text}' is not a parameter of a sticky cookie")


def _seconds(text: str) -> int:
    units = {"s": 1, "m": 60, "h": 3600, "d": 86400, "": 1}
    match = re.fullmatch(r"(\d+)([smhd]?)", text)
    if not match:
        raise ValueError(f"'{text}' is not a time")
    return int(match[1]) * units[match[2]]


def _matched(pattern: re.Pattern[str], text: str, complaint: str) -> str:
    if not pattern.fullmatch(text):
        raise ValueError(complaint)
    return text
