"""HTTP to one API server: a pool of kept connections, retries under one deadline, a count of what was sent."""

from __future__ import annotations

import json
import os
import random
import ssl
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, cast
from urllib.parse import urlencode, urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from urllib3.exceptions import HTTPError, LocationValueError, NewConnectionError, ProtocolError, SSLError, TimeoutError

from ..errors import ClusterError
from .calling_off import called_off
from .calls import Call
from .credentials import KeyPair
from .failures import ApiError, Conflict, Forbidden, Unauthorized, Unreachable, WebhookDown, failure
from .kubeconfig import CONTEXT_KEY, FILE_KEY, Access

CONNECT = 5.0  # seconds to open a connection
READ = 35.0  # seconds without a byte: longer than the 30 s an admission webhook may take
HASTY_READ = 4.0  # the same for a call about a lock
_LAST_READ = 3.0  # the same for a call made when the deadline is near or has passed
_BUSY = frozenset({429, 502, 503, 504})
_BROKEN_TRIES = 8  # (some 6 s) a 500 may be a passing failure of a webhook, but is mostly there to stay
_TELL_FROM = 5  # tries (a second or so) after which it is told what a call is held up by
_SETTLING = 10.0  # seconds after a silence in which refusals may be those of an API server that has just started
_LONGEST = 5.0  # seconds between two tries, unless the server asks for more


class Deadline:
    """A moment on the monotonic clock until which failing calls are tried again."""

    def __init__(self, seconds: float) -> None:
        self.renew(seconds)

    def renew(self, seconds: float) -> None:
        """Starts anew, so many seconds from now."""
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds left, 0 when it has passed."""
        return max(0.0, self._end - time.monotonic())


@dataclass(frozen=True)
class Upgrade:
    """What whoever opens a WebSocket to the API server needs. ``context`` is None where it speaks plain HTTP."""

    url: str
    headers: Mapping[str, str] = field(repr=False)
    context: ssl.SSLContext | None
    server_name: str | None
    proxy: str | None


class Transport:
    """Sends calls. Safe to use from many threads."""

    def __init__(self, access: Access, *, timeout: float, workers: int) -> None:
        self.deadline = Deadline(timeout)
        self.calls: Counter[str] = Counter()
        self._access, self._workers = access, workers
        self._lock = threading.Lock()
        self._pool, self._root = _pool(access, workers)
        self._renewals = 0  # of the credentials
        self.refused = ""  # whom RBAC refused a call
        self.held_up: Callable[[str], None] | None = None  # hears what a call is tried again for
        self._silent_at = float("-inf")  # when a call last had no answer
        self._heard = ("", 0.0)  # the last answer's Date, and when that was on the monotonic clock

    def now(self) -> datetime:
        """The server's clock (to a second) as its last answer told it; before any answer, ours."""
        date, when = self._heard
        try:
            return parsedate_to_datetime(date).astimezone(UTC) + timedelta(seconds=time.monotonic() - when)
        except ValueError:  # a proxy may leave it out
            return datetime.now(UTC)

    def json(self, call: Call, *, tries: int | None = None, read: float | None = None) -> dict[str, Any]:
        """The answer's JSON. Raises an ``ApiError``. ``tries`` limits how often a server that gives no answer at all is
        asked, which otherwise the deadline does; ``read`` are the seconds of silence that count as no answer."""
        attempt = 0
        renewed = False
        while True:
            attempt += 1
            pause = None
            known = self._renewals
            try:
                patience = min(read or (HASTY_READ if call.hasty else READ), max(self.deadline.left, _LAST_READ))
                response = self._once(call, urllib3.Timeout(connect=CONNECT, read=patience))
                if response.status < 300:
                    return cast(dict[str, Any], json.loads(response.data))
                error: ApiError = failure(response.status, _status(response), call.subject)
                self.refused = getattr(error, "user", "") or self.refused
                pause = _pause(response)
            except (HTTPError, OSError, ValueError) as problem:
                error = self._unreachable(call, problem)
            if isinstance(error, Unauthorized) and not renewed:
                renewed = self._renew_credentials(known)
                if renewed:
                    continue
            silent = isinstance(error, Unreachable) and attempt == tries
            if silent or not (_passing(call, error, attempt) or self._settling(error)):
                raise error
            if self.held_up and attempt >= _TELL_FROM:
                self.held_up(str(error))
            if not self._sleep(attempt, pause):
                raise error

    def stream(self, call: Call, timeout: float) -> urllib3.BaseHTTPResponse:
        """The answer unread, for a watch. Raises as ``json``, but tries once only."""
        try:
            response = self._once(call, urllib3.Timeout(connect=CONNECT, read=timeout), preload=False)
        except (HTTPError, OSError) as problem:
            raise self._unreachable(call, problem) from problem
        if response.status >= 300:
            raise failure(response.status, _status(response), call.subject)
        return response

    @property
    def in_pod(self) -> bool:
        """Whether this runs in a Pod, with that Pod's own credentials."""
        return self._access.in_pod

    def upgrade(self, path: str) -> Upgrade:
        """How to open WebSockets at a path."""
        secure = self._access.server.startswith("https:")
        authorization = self._authorization()
        headers = {**self._access.headers, **({"Authorization": authorization} if authorization else {})}
        return Upgrade(
            self._access.server + path,
            {"User-Agent": "ingresskit", **headers},
            _ssl_context(self._access) if secure else None,
            self._access.server_name,
            _proxy(self._access),
        )

    def _once(self, call: Call, timeout: urllib3.Timeout, *, preload: bool = True) -> urllib3.BaseHTTPResponse:
        if called_off.get().is_set():
            raise ApiError(f"{call.subject}: called off")
        with self._lock:
            self.calls[call.verb] += 1
        headers = {"Accept": call.accept, "User-Agent": "ingresskit", **self._access.headers}
        authorization = self._authorization()
        if authorization:
            headers["Authorization"] = authorization
        body = None
        if call.body is not None:
            headers["Content-Type"] = call.content_type
            body = json.dumps(call.body, separators=(",", ":")).encode()
        url = self._root + call.path + (f"?{urlencode(call.query)}" if call.query else "")
        response = self._pool.urlopen(
            call.method,
            url,
            body=body,
            headers=headers,
            timeout=timeout,
            retries=False,
            redirect=False,
            preload_content=preload,
        )
        self._heard = response.headers.get("Date", ""), time.monotonic()
        return response

    def _authorization(self) -> str | None:
        with self._lock:  # one renewal at a time
            return self._access.credentials.authorization()

    def _renew_credentials(self, known: int) -> bool:
        """Whether there are others than those that were refused; of many calls refused at once one renews them."""
        with self._lock:
            if known == self._renewals:
                if not self._access.credentials.renew():
                    return False
                self._pool, __ = _pool(self._access, self._workers)  # a client certificate may have been renewed
                self._renewals += 1
            return True

    def _sleep(self, attempt: int, pause: float | None) -> bool:
        """Full-jitter backoff, or what the server asked for and a little jitter; False where no time is left or nobody
        waits for the answer any more."""
        # random is for spreading the load here, not for secrets
        backoff = random.uniform(0, min(_LONGEST, 0.05 * 2**attempt))  # noqa: S311
        wanted = backoff if pause is None else pause + random.uniform(0, 0.2)  # noqa: S311
        if wanted >= self.deadline.left:
            return False
        return not called_off.get().wait(wanted)

    def _settling(self, error: ApiError) -> bool:
        """Whether a refusal may pass: an API server that has just started has not read the roles yet."""
        refused = isinstance(error, Unauthorized) or (isinstance(error, Forbidden) and bool(error.user))
        return refused and time.monotonic() - self._silent_at < _SETTLING

    def _unreachable(self, call: Call, problem: Exception) -> ApiError:
        where = f"{self._access.server} ({self._access.origin})"
        if isinstance(problem, SSLError) and not _cut_short(problem):
            return _tls_failure(where, problem)
        self._silent_at = time.monotonic()
        why = _why(problem)
        return Unreachable(
            f"{CONTEXT_KEY}: the API server {where} {why} ({call.subject}): start it or correct this key"
        )


def _passing(call: Call, error: ApiError, attempt: int) -> bool:
    """Whether trying again may help. Reads, server-side applies, and deletes and updates with preconditions are safe
    to send twice; a create sent twice ends in a 409 that its caller looks into.

    A server-side apply names no version, so a 409 that is not about fields is that of writers in each other's way: on
    the object, or on a ResourceQuota that counts it."""
    if isinstance(error, Unreachable) or error.status in _BUSY:
        return True
    if isinstance(error, WebhookDown):  # its Pods may be part of this very run; a dry run starts none
        return call.verb != "dryrun" or attempt < _BROKEN_TRIES
    broken = error.status == 500 and error.__class__ is ApiError
    overtaken = "apply-patch" in call.content_type and error.__class__ is Conflict
    return (broken or overtaken) and attempt < _BROKEN_TRIES


def _pause(response: urllib3.BaseHTTPResponse) -> float | None:
    """Seconds the server asks to wait. The API server only ever sends whole seconds; a proxy may send a date."""
    value = response.headers.get("Retry-After", "")
    if value.isdecimal():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (moment - datetime.now(UTC)).total_seconds()) if moment.tzinfo else None


def _status(response: urllib3.BaseHTTPResponse) -> dict[str, Any]:
    """The Status object of a refusal; proxies in between may answer anything."""
    try:
        body = json.loads(response.data)
    except ValueError:
        body = None
    if isinstance(body, dict):
        return body
    return {"message": f"HTTP {response.status}: {response.data[:200].decode(errors='replace').strip()}"}


def _why(problem: Exception) -> str:
    if isinstance(problem, NewConnectionError):
        cause = problem.__cause__
        return f"cannot be reached: {getattr(cause, 'strerror', None) or cause or problem}".rstrip()
    if isinstance(problem, TimeoutError):
        return "does not answer in time"
    if isinstance(problem, ProtocolError | SSLError):
        return "closed the connection"
    return f"cannot be reached: {problem}"


def _cut_short(problem: SSLError) -> bool:
    """Whether the connection ended in the middle of the handshake: what stands before a server that restarts (a load
    balancer, the port of a container) accepts connections all the same. So does an alert that says that bytes came
    broken: no certificate is to blame for it."""
    cause = problem.args[0] if problem.args else problem
    return isinstance(cause, ssl.SSLEOFError | ssl.SSLZeroReturnError) or getattr(cause, "reason", "") in _BROKEN_BYTES


def _tls_failure(where: str, problem: SSLError) -> ApiError:
    cause = problem.args[0] if problem.args else problem
    if isinstance(cause, ssl.SSLCertVerificationError):
        return ApiError(
            f"{CONTEXT_KEY}: {where} shows a certificate that is not to be trusted "
            f"({cause.verify_message}): correct the cluster's certificate-authority"
        )
    text = getattr(cause, "reason", None) or cause
    return ApiError(
        f"{CONTEXT_KEY}: the TLS handshake with {where} fails ({text}): correct server or client-certificate"
    )


def _pool(access: Access, workers: int) -> tuple[urllib3.HTTPConnectionPool | urllib3.ProxyManager, str]:
    """Kept connections for every worker and some watches beside, and what a path is put behind to ask them."""
    options: dict[str, Any] = {"maxsize": workers + 8}
    if access.server.startswith("https:"):
        options["ssl_context"] = _ssl_context(access)
        if access.server_name:
            options["server_hostname"] = options["assert_hostname"] = access.server_name
    proxy = _proxy(access)
    if proxy:
        return urllib3.ProxyManager(proxy, **options), access.server
    try:  # the one pool itself: a PoolManager looks it up anew for every call
        return urllib3.PoolManager(**options).connection_from_url(access.server), urlsplit(access.server).path
    except LocationValueError as error:
        where = f"{access.server} ({access.origin})"
        raise ClusterError(f"{FILE_KEY}: {where} is not a URL: correct the cluster's server") from error


def _proxy(access: Access) -> str | None:
    """The kubeconfig's proxy-url, else what the environment says (HTTPS_PROXY, NO_PROXY)."""
    url = urlsplit(access.server)
    if access.proxy or not url.hostname or proxy_bypass(url.hostname):
        return access.proxy
    return getproxies().get(url.scheme)


_BROKEN_BYTES = ("TLSV1_ALERT_DECODE_ERROR", "SSLV3_ALERT_BAD_RECORD_MAC", "TLSV1_ALERT_INTERNAL_ERROR")


class _Context(ssl.SSLContext):
    """Takes the application protocols once. urllib3 names them before every connection, and OpenSSL frees the former
    ones while another thread's handshake may be copying them: the API server then ends that with decode_error."""

    _named = False

    def set_alpn_protocols(self, alpn_protocols: Iterable[str]) -> None:
        if not self._named:
            super().set_alpn_protocols(alpn_protocols)
        self._named = True


def _ssl_context(access: Access) -> ssl.SSLContext:
    context = _Context(ssl.PROTOCOL_TLS_CLIENT)
    context.set_alpn_protocols(["http/1.1"])
    try:
        if access.ca_pem:
            context.load_verify_locations(cadata=access.ca_pem)
        else:
            context.load_default_certs()
    except ssl.SSLError as error:
        raise ClusterError(f"{FILE_KEY}: certificate-authority of {access.origin} is not PEM: correct it") from error
    if not access.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    pair = access.credentials.key_pair()
    if pair:
        try:
            _load(context, pair)
        except (ssl.SSLError, ValueError) as error:
            message = f"{FILE_KEY}: client-certificate and client-key of {access.origin} do not load: correct them"
            raise ClusterError(message) from error
    return context


def _load(context: ssl.SSLContext, pair: KeyPair) -> None:
    """Python takes a key from a file only: where it can be, one in memory, so that no key reaches the disk."""
    content = f"{pair.certificate}\n{pair.key}\n".encode()
    if hasattr(os, "memfd_create"):
        with os.fdopen(os.memfd_create("client", os.MFD_CLOEXEC), "wb") as file:
            file.write(content)
            file.flush()
            context.load_cert_chain(f"/proc/self/fd/{file.fileno()}", password=_no_password)
        return
    with tempfile.NamedTemporaryFile() as file:  # mode 0600, gone at the end of this block
        file.write(content)
        file.flush()
        context.load_cert_chain(file.name, password=_no_password)


def _no_password() -> str:
    raise ValueError("the key is encrypted")
