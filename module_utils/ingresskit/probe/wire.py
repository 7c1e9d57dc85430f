"""One request over one new connection: to the target's address, in the route's name."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from types import SimpleNamespace, TracebackType
from typing import Any, Self, cast

import aiohttp
from aiohttp.connector import Connection
from multidict import CIMultiDict
from yarl import URL

from ..oracle.types import OPEN, Answer, Echoed, Request, Target, Tls, TlsInfo
from .certificate import read_certificate
from .failures import classify
from .judge import Failure
from .tls import distrust, trusting, trustless

BODY_LIMIT = 64 * 1024
CHUNK = 64 * 1024
MOMENT = 1.0  # seconds in which a proxy that finds nobody behind a port has closed the connection
_CREDENTIALS = {"authorization", "cookie", "proxy-authorization"}
_DEFAULT_PORTS = {"http": 80, "https": 443}


class _Response(aiohttp.ClientResponse):
    """Keeps its transport: a short answer's connection is given back before a caller could look at it."""

    ssl_object: ssl.SSLObject | None = None
    _transport: asyncio.Transport | None = None

    async def start(self, connection: Connection) -> Self:
        self._transport = connection.transport
        if self._transport:
            self.ssl_object = self._transport.get_extra_info("ssl_object")
        try:
            await super().start(connection)
        except BaseException:
            self.abort()
            raise
        return self

    def abort(self) -> None:
        """Drop the connection at once: nothing is left to be said, and a TLS goodbye could outlive the event loop."""
        if self._transport:
            # Python 3.11.2 (Debian 12's): a TLS transport closed twice knows its protocol no more; it is gone already
            with suppress(AttributeError):
                self._transport.abort()


class Wire:
    """Sends requests to one target, a new connection each; used as an async context manager.

    ``ca_pem`` is what TLS is verified against (None: this machine's store), ``timeout`` the seconds for one request.
    Raises IngresskitError when ``ca_pem`` holds no certificate.
    """

    def __init__(self, target: Target, ca_pem: str | None, timeout: float) -> None:
        self.target, self._timeout = target, timeout
        self._anchor = "the given CA" if ca_pem else "a CA of this machine's store"
        self._trusting, self._trustless = trusting(ca_pem), trustless()

    async def __aenter__(self) -> Self:
        trace = aiohttp.TraceConfig()
        trace.on_connection_create_end.append(_connected)
        self._session = aiohttp.ClientSession(
            # A new connection shows what a new client gets. No limit here: queueing must not count as time-out.
            connector=aiohttp.TCPConnector(force_close=True, limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=self._timeout),
            response_class=_Response,
            trace_configs=[trace],
            headers={"User-Agent": "ingresskit-smoke", "Accept-Encoding": "identity"},
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def ask(self, request: Request, tls: Tls) -> Answer | Failure:
        """Return the answer to ``request``, or why there is none. Never raises for what the other side does.

        With ``tls`` "verified", a certificate that is not trusted is fetched once more to tell which one is served:
        the answer then has ``tls.verified`` False with the reason; a login is not sent there.
        """
        if request.method == OPEN:
            return await self._open(request)
        if tls != "verified" or request.scheme != "https":
            return await self._attempt(request, self._trustless)
        try:
            return await self._attempt(request, self._trusting)
        except ssl.SSLCertVerificationError as error:
            answer = await self._attempt(replace(request, login=None), self._trustless)
            info = answer.tls if isinstance(answer, Answer) else None
            reason = distrust(info, request.host, error, self._anchor)
            if isinstance(answer, Answer) and info:
                return replace(answer, tls=replace(info, error=reason))
            return Failure("certificate", f"TLS: {reason}")

    async def _open(self, request: Request) -> Answer | Failure:
        """Whether a connection is taken and then kept: a proxy takes it before it knows whether anybody is behind."""
        near, endpoint = self._endpoint(request)
        try:
            async with asyncio.timeout(self._timeout):
                reader, writer = await asyncio.open_connection(near.address, near.port(request.port))
        except TimeoutError:
            return Failure("timeout", f"no connection to {endpoint} within {self._timeout:g} s")
        except OSError as exc:
            return classify(exc, endpoint)
        try:
            async with asyncio.timeout(MOMENT):
                said = await reader.read(1)
        except TimeoutError:
            return Answer(0)
        except OSError as exc:
            return classify(exc, endpoint)
        finally:
            writer.transport.abort()
        return (
            Answer(0) if said else Failure("closed", f"{endpoint} closed the connection at once: is nobody behind it?")
        )

    def _endpoint(self, request: Request) -> tuple[Target, str]:
        """Where connections begin, and how that port is written."""
        near = self.target.near or self.target
        address = f"[{near.address}]" if ":" in near.address else near.address
        return near, f"{address}:{near.port(request.port)}"

    async def _attempt(self, request: Request, context: ssl.SSLContext) -> Answer | Failure:
        """One request. Raises only ssl.SSLCertVerificationError; every other fault is a Failure."""
        port, (__, endpoint) = self.target.port(request.port), self._endpoint(request)
        scheme, progress = "https" if request.scheme == "https" else "http", SimpleNamespace(connected=False)
        try:
            async with self._session.request(
                request.method,
                URL(f"{scheme}://{endpoint}{request.path}", encoded=True),  # encoded: goes out as it is
                headers=CIMultiDict([("Host", host_header(request, port)), *_headers(request)]),
                data=_body_of(request) if request.body_size else None,
                expect100=bool(request.body_size),  # a limit is told before anything is sent
                ssl=context,
                server_hostname=request.host,
                allow_redirects=False,
                trace_request_ctx=progress,
            ) as answer:
                response = cast(_Response, answer)  # the session's response_class
                try:
                    return _without(request.login, await _read(response, context))
                finally:
                    response.abort()
        except aiohttp.ClientConnectorCertificateError as exc:
            if isinstance(exc.certificate_error, ssl.SSLCertVerificationError):
                raise exc.certificate_error from None
            return classify(exc, endpoint)
        except TimeoutError:
            missing = "answer from" if progress.connected else "connection to"
            return Failure("timeout", f"no {missing} {endpoint} within {self._timeout:g} s")
        except (aiohttp.ClientError, OSError, ValueError) as exc:  # ValueError: no possible TLS server name
            return classify(exc, endpoint)


def _headers(request: Request) -> list[tuple[str, str]]:
    found = [*request.headers]
    if request.login:
        found.append(("Authorization", f"Basic {_token(request.login)}"))
    if request.body_size:
        found.append(("Content-Length", str(request.body_size)))
    return found


def _token(login: tuple[str, str]) -> str:
    """Basic credentials (RFC 7617)."""
    return base64.b64encode(":".join(login).encode()).decode()


async def _body_of(request: Request) -> AsyncIterator[bytes]:
    for sent in range(0, request.body_size, CHUNK):
        yield b"x" * min(CHUNK, request.body_size - sent)


def _without(login: tuple[str, str] | None, answer: Answer) -> Answer:
    """The answer without the password: the echo backend tells every header that it got."""
    if login is None:
        return answer

    def clean(text: str) -> str:
        return text.replace(_token(login), "***").replace(login[1], "***")

    headers = tuple((name, clean(value)) for name, value in answer.headers)
    return replace(answer, headers=headers, body=clean(answer.body))


async def _connected(session: object, context: SimpleNamespace, params: object) -> None:
    context.trace_request_ctx.connected = True


def host_header(request: Request, port: int | None) -> str:
    """The Host header a browser sends: with the port where it is not the scheme's own (RFC 9110, 7.2)."""
    return request.host if port == _DEFAULT_PORTS.get(request.scheme) else f"{request.host}:{port}"


async def _read(response: _Response, context: ssl.SSLContext) -> Answer:
    body = (await _body(response.content)).decode(errors="replace")
    backend, pod = echo_identity(body)
    asked = echoed(body) if backend else None
    headers = tuple((_text(name), _text(value)) for name, value in response.headers.items())
    return Answer(response.status, headers, body, backend, pod, _shown(response.ssl_object, context), asked)


async def _body(content: aiohttp.StreamReader) -> bytes:
    """At most the first 64 KiB. An answer that never ends (server-sent events) is judged by what came in time."""
    body = bytearray()
    with suppress(TimeoutError):
        while len(body) < BODY_LIMIT and (chunk := await content.read(BODY_LIMIT - len(body))):
            body += chunk
    return bytes(body)


def _shown(ssl_object: ssl.SSLObject | None, context: ssl.SSLContext) -> TlsInfo | None:
    if ssl_object is None:
        return None
    info = read_certificate(ssl_object.getpeercert(binary_form=True) or b"", ssl_object.version() or "")
    if context.verify_mode == ssl.CERT_REQUIRED:
        return replace(info, verified=True)
    return replace(info, error=info.error or "not verified")


def echo_identity(body: str) -> tuple[str | None, str | None]:
    """Return ("namespace/service", pod) where ``body`` is the echo backend's JSON, else (None, None)."""
    said = _said(body)
    return (f"{said['namespace']}/{said['service']}", said["pod"]) if said else (None, None)


def echoed(body: str) -> Echoed | None:
    """What the echo backend was asked, where ``body`` is its JSON."""
    said = _said(body)
    headers = said.get("headers") if said else None
    if said is None or not isinstance(headers, dict):
        return None
    return Echoed(said["path"], tuple((n, str(v)) for n, v in headers.items() if n.lower() not in _CREDENTIALS))


def _said(body: str) -> dict[str, Any] | None:
    try:
        said = json.loads(body) if body.startswith("{") else None
    except (ValueError, RecursionError):
        return None
    keys = ("namespace", "service", "pod", "method", "path")
    return said if isinstance(said, dict) and all(isinstance(said.get(key), str) for key in keys) else None


def _text(value: str) -> str:
    """Header text without the lone surrogates by which aiohttp carries bytes that are not UTF-8."""
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
