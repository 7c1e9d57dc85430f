"""Options that mean the same on every controller, at app, host and path."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from .base import Cidr, DnsName, Labels, Model, Seconds, Size, check_port


class SslRedirect(Model):
    """Redirect HTTP to HTTPS. ``true`` and ``false`` are the short forms."""

    enabled: Annotated[bool, Field(description="Whether it redirects.")] = True
    code: Annotated[
        Literal[301, 302, 307, 308] | None,
        Field(description="Status code; the default is the controller's (301 or 308)."),
    ] = None


class Hsts(Model):
    """Strict-Transport-Security."""

    max_age: Annotated[int, Field(ge=0, description="Seconds that a browser keeps to HTTPS.")] = 31536000
    include_subdomains: Annotated[bool, Field(description="Whether it is for all names below the host, too.")] = False
    preload: Annotated[bool, Field(description="Whether browsers may have it built in.")] = False


class Rewrite(Model):
    """``prefix`` replaces the matched prefix, ``path`` the whole path."""

    prefix: Annotated[str | None, Field(pattern=r"^/", description="What stands in place of the matched prefix.")] = (
        None
    )
    path: Annotated[str | None, Field(pattern=r"^/", description="What stands in place of the whole path.")] = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.prefix is None) == (self.path is None):
            raise ValueError("needs exactly one of prefix and path")
        return self


class Affinity(Model):
    """A client stays with its Pod, by cookie."""

    cookie: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$", description="Name of the cookie.")] = "INGRESSCOOKIE"
    max_age: Annotated[
        Seconds | None,
        Field(description="Seconds that the cookie lasts; where absent, as long as the browser's session."),
    ] = None


class RateLimit(Model):
    """Requests a second for one client."""

    rps: Annotated[int, Field(ge=1, description="Requests a second.")]
    burst: Annotated[
        int | None,
        Field(ge=0, description="Requests beyond that which are taken at once; the default is the controller's."),
    ] = None
    by: Annotated[Literal["client_ip"], Field(description="What tells clients apart.")] = "client_ip"
    status: Annotated[int, Field(ge=400, le=599, description="Status code of what is refused.")] = 429


class Timeouts(Model):
    """Seconds."""

    connect: Annotated[Seconds | None, Field(description="Seconds until a connection is there.")] = None
    read: Annotated[Seconds | None, Field(description="Seconds between two reads of the response.")] = None
    send: Annotated[Seconds | None, Field(description="Seconds between two writes of the request.")] = None


class BasicAuth(Model):
    """``secret``: one in the app's namespace; ``users``: name and password, or a hash of htpasswd's."""

    secret: Annotated[
        DnsName | None,
        Field(description="Name of a Secret with users in the app's namespace, in the form that the controller reads."),
    ] = None
    users: Annotated[
        Labels | None, Field(repr=False, description="Passwords, or hashes of htpasswd's, by user name.")
    ] = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.secret is None) == (self.users is None):
            raise ValueError("needs exactly one of secret and users")
        for name, password in (self.users or {}).items():
            if not name or re.search(r"[:\s\x00-\x1f]", name):
                raise ValueError("users: a name is not empty and holds no colon and no white space")
            if not 1 <= len(password.encode()) <= 72 or re.search(r"[\x00\r\n]", password):
                raise ValueError(
                    f"users.{name}: a password has 1 to 72 bytes (all that bcrypt takes) and no line break"
                )
        return self


class Cors(Model):
    """Cross-origin requests that browsers are to allow."""

    origins: Annotated[list[str], Field(description="Origins such as https://shop.example.com; * for all.")] = ["*"]
    methods: Annotated[list[str], Field(description="Methods that are allowed.")] = [
        "GET",
        "POST",
        "PUT",
        "PATCH",
        "DELETE",
        "OPTIONS",
    ]
    headers: Annotated[list[str], Field(description="Request headers that are allowed.")] = []
    expose_headers: Annotated[list[str], Field(description="Response headers that scripts may read.")] = []
    credentials: Annotated[bool, Field(description="Whether cookies may be sent along.")] = False
    max_age: Annotated[Seconds, Field(description="Seconds that a browser keeps the answer.")] = 1728000


class CanaryHeader(Model):
    """A header that sends a request to the canary."""

    name: Annotated[str, Field(description="Name of the header.")]
    value: Annotated[str | None, Field(description="Its value; the default is always.")] = None


def _canary_backend(value: str) -> str:
    name, colon, port = value.rpartition(":")
    if not colon or not name:
        raise ValueError("must be service:port")
    check_port(int(port) if port.isdigit() else port)
    return value


class Canary(Model):
    """One other backend for a share of the requests (``weight`` in percent), or for those with a header or cookie."""

    backend: Annotated[str, BeforeValidator(_canary_backend), Field(description="The other backend, as service:port.")]
    weight: Annotated[int | None, Field(ge=0, le=100, description="Share of the requests in percent.")] = None
    header: Annotated[CanaryHeader | None, Field(description="Requests with this header.")] = None
    cookie: Annotated[str | None, Field(description="Requests with this cookie of the value always.")] = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if [self.weight, self.header, self.cookie].count(None) != 2:
            raise ValueError("needs exactly one of weight, header and cookie")
        return self


class Redirect(Model):
    """Answer with a redirect."""

    to: Annotated[str, Field(min_length=1, description="Where to: a URL.")]
    code: Annotated[Literal[301, 302, 303, 307, 308], Field(description="Status code.")] = 302


class HeaderChanges(Model):
    """Headers to set; an empty string removes one."""

    request: Annotated[Labels, Field(description="Of the request on its way to the backend.")] = {}
    response: Annotated[Labels, Field(description="Of the response on its way to the client.")] = {}


def _redirect_short(value: Any) -> Any:
    return {"enabled": value} if isinstance(value, bool) else value


class Options(Model):
    """Every option is off when absent, but ``ssl_redirect``, which is on where TLS is set."""

    ssl_redirect: Annotated[
        SslRedirect | None,
        BeforeValidator(_redirect_short, json_schema_input_type=bool | SslRedirect | None),
        Field(description="Redirect HTTP to HTTPS; on where TLS is set."),
    ] = None
    hsts: Annotated[Hsts | None, Field(description="Strict-Transport-Security.")] = None
    rewrite: Annotated[Rewrite | None, Field(description="Another path for the backend.")] = None
    regex: Annotated[bool | None, Field(description="Paths are regular expressions.")] = None
    affinity: Annotated[Affinity | None, Field(description="A client stays with its Pod, by cookie.")] = None
    rate_limit: Annotated[RateLimit | None, Field(description="Requests a second for one client.")] = None
    body_size: Annotated[Size | None, Field(description="Largest request body, such as 8m; 0 for no limit.")] = None
    timeouts: Annotated[Timeouts | None, Field(description="Towards the backend, in seconds.")] = None
    backend_protocol: Annotated[
        Literal["HTTP", "HTTPS", "GRPC", "WS"] | None, Field(description="What the backend speaks.")
    ] = None
    ssl_passthrough: Annotated[bool | None, Field(description="TLS ends at the backend.")] = None
    basic_auth: Annotated[BasicAuth | None, Field(description="User and password.")] = None
    allow: Annotated[list[Cidr] | None, Field(description="Only clients of these networks.")] = None
    cors: Annotated[Cors | None, Field(description="Cross-origin requests.")] = None
    canary: Annotated[Canary | None, Field(description="A share of the requests to another backend; paths only.")] = (
        None
    )
    redirect: Annotated[Redirect | None, Field(description="Answer with a redirect.")] = None
    headers: Annotated[HeaderChanges | None, Field(description="Headers to set or remove.")] = None
