"""The base class and the scalar types of the inventory contract."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field


class Model(BaseModel):
    """Strict and frozen: unknown keys are errors, no value is converted from another type."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, populate_by_name=True, hide_input_in_errors=True
    )


_LABEL = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
_DNS_LABEL = re.compile(rf"^{_LABEL}$")
_DNS_NAME = re.compile(rf"^{_LABEL}(\.{_LABEL})*$")
_PORT_NAME = re.compile(r"^(?=[a-z0-9-]{1,15}$)(?!-)(?!.*--)(?!.*-$)[a-z0-9-]*[a-z][a-z0-9-]*$")
_QUANTITY = re.compile(r"^\d+(\.\d+)?(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$")
_SIZE = re.compile(r"^\d+[kmgKMG]?$")
_FORBIDDEN_IN_PATH = ("//", "/./", "/../", "%2f", "%2F")


def check_label(value: str) -> str:
    if not _DNS_LABEL.match(value):
        raise ValueError("must be a DNS label: at most 63 lower-case letters, digits and '-', no '-' at either end")
    return value


def check_name(value: str) -> str:
    if len(value) > 253 or not _DNS_NAME.match(value):
        raise ValueError(
            "must be a DNS name: lower-case labels of letters, digits and '-', joined by dots, at most 253 characters"
        )
    return value


def check_host(value: str) -> str:
    """A host of an Ingress rule: a DNS name, ``*.name`` for one label, or ``*`` for every host.

    https://kubernetes.io/docs/concepts/services-networking/ingress/#hostname-wildcards; the API refuses IP addresses.
    Raises ValueError.
    """
    if value == "*":
        return value
    name = value.removeprefix("*.")
    if name != name.lower():
        raise ValueError(f"hosts are lower-case: write {value.lower()!r}")
    if ":" in name or "/" in name:
        raise ValueError("is a host name alone, without scheme, port or path")
    try:
        ipaddress.ip_address(name)
    except ValueError:
        check_name(name)
        return value
    raise ValueError('is an IP address; an Ingress rule takes a DNS name (use "*" to serve every name and address)')


def check_path(value: str) -> str:
    """A path of an Ingress rule, by the API server's rules (pkg/apis/networking/validation). Raises ValueError."""
    if not value.startswith("/"):
        raise ValueError(f"a path begins with '/': write {'/' + value!r}")
    bad = next((part for part in _FORBIDDEN_IN_PATH if part in value), None)
    if bad is None and value.endswith(("/.", "/..")):
        bad = value[value.rindex("/") :]
    if bad is not None:
        raise ValueError(f"the API server refuses {bad!r} in a path")
    if re.search(r"[\s{};\"'\\\x00-\x1f\x7f]", value):
        raise ValueError(
            "holds white space, a quote, a backslash, ';' or a brace: no controller takes that in a path safely"
        )
    return value


def check_port(value: int | str) -> int | str:
    """A Service port: 1-65535, or its name (IANA_SVC_NAME: at most 15, a letter at least). Raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError("must be a port number or a port name")
    if isinstance(value, int):
        if not 1 <= value <= 65535:
            raise ValueError(f"{value} is not a port: 1 to 65535")
        return value
    if value.isdigit():
        raise ValueError(f"{value!r} is a string: write the port number without quotes")
    if not _PORT_NAME.match(value):
        raise ValueError(
            f"{value!r} is not a port name: lower-case letters, digits and '-', at most 15, with a letter at least"
        )
    return value


def _port_key(value: Any) -> str:
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not re.match(r"^[1-9]\d{0,4}$", text) or int(text) > 65535:
        raise ValueError(f"{value!r} is not a port: 1 to 65535")
    return text


def _quantity(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or not _QUANTITY.match(value):
        raise ValueError("must be a quantity such as 100m, 0.5, 128Mi or 1Gi")
    return value


def _size(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or not _SIZE.match(value):
        raise ValueError("must be a size such as 8m, 512k or 1g (0 switches the limit off)")
    return value.lower()


def _cidr(value: str) -> str:
    try:
        return str(ipaddress.ip_network(value))
    except ValueError as error:
        raise ValueError(f"must be a network in CIDR form, such as 10.0.0.0/8: {error}") from None


def _ip(value: str) -> str:
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        raise ValueError("must be an IP address, such as 192.0.2.10 or 2001:db8::10") from None


def _address(value: str) -> str:
    """An IP address without brackets, or a host name. Raises ValueError."""
    try:
        return str(ipaddress.ip_address(value.removeprefix("[").removesuffix("]")))
    except ValueError:
        pass
    if not _DNS_NAME.match(value.lower()):
        raise ValueError("must be an IP address or a host name alone, without scheme, port or path")
    return value.lower()


def _error_code(value: Any) -> int:
    """A status of an error; a key of a mapping may come as text. 444 and 499 are nginx's own marks for a connection
    that is closed without an answer."""
    code = int(value) if isinstance(value, str) and value.isdecimal() else value
    if isinstance(code, bool) or not isinstance(code, int) or not 400 <= code <= 599 or code in (444, 499):
        raise ValueError(f"{value!r} is not the status of an error: 400 to 599, without 444 and 499")
    return code


def _namespaced(value: str) -> str:
    namespace, slash, name = value.partition("/")
    if not slash:
        raise ValueError("must be namespace/name")
    check_label(namespace)
    check_name(name)
    return value


def _namespaced_port(value: str) -> str:
    name, colon, port = value.rpartition(":")
    if not colon:
        raise ValueError("must be namespace/service:port")
    _namespaced(name)
    check_port(int(port) if port.isdigit() else port)
    return value


DnsLabel = Annotated[str, AfterValidator(check_label)]
DnsName = Annotated[str, AfterValidator(check_name)]
HostName = Annotated[str, AfterValidator(check_host)]
HttpPath = Annotated[str, AfterValidator(check_path)]
ServicePort = Annotated[Any, AfterValidator(check_port), Field(json_schema_extra={"type": ["integer", "string"]})]
PortNumber = Annotated[int, Field(ge=1, le=65535)]
NodePortNumber = Annotated[int, Field(ge=1, le=65535)]
PortKey = Annotated[str, BeforeValidator(_port_key), Field(json_schema_extra={"pattern": r"^[1-9]\d{0,4}$"})]
ErrorCode = Annotated[int, BeforeValidator(_error_code)]
Seconds = Annotated[int, Field(ge=0, le=86400)]
Quantity = Annotated[str, BeforeValidator(_quantity), Field(json_schema_extra={"type": ["string", "integer"]})]
Size = Annotated[str, BeforeValidator(_size), Field(json_schema_extra={"type": ["string", "integer"]})]
IpAddress = Annotated[str, AfterValidator(_ip)]
Address = Annotated[str, AfterValidator(_address)]
Cidr = Annotated[str, AfterValidator(_cidr)]
NamespacedName = Annotated[str, AfterValidator(_namespaced)]
NamespacedPort = Annotated[str, AfterValidator(_namespaced_port)]
Labels = dict[str, str]
