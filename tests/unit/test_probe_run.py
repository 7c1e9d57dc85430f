"""Probes against real servers on loopback: what goes on the wire, how TLS is judged, how failures are told."""

from __future__ import annotations

import asyncio
import base64
import ipaddress
import json
import socket
import ssl
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from module_utils.ingresskit.errors import IngresskitError
from module_utils.ingresskit.oracle.types import OPEN, Answer, Expected, Probe, Request, SmokeReport, Target
from module_utils.ingresskit.probe import days_left, run
from module_utils.ingresskit.probe.run import NOT_ASKED
from module_utils.ingresskit.probe.tls import covers
from module_utils.ingresskit.probe.wire import BODY_LIMIT, echo_identity, host_header
from module_utils.ingresskit.report import render_table, result_of

NOW = datetime.now(UTC)
HOST = "cafe.example.com"


class Ca:
    """A certificate authority, and the certificates it signs, in memory and on disk for ``ssl``."""

    def __init__(self, folder, name="Test CA"):
        self.folder, self.key, self.name = folder, ec.generate_private_key(ec.SECP256R1()), _name(name)
        self.certificate = self._sign(self.name, self.key.public_key(), [], 365, ca=True)
        self.pem = _pem(self.certificate)

    def context(self, *names, days=90.5, self_signed=False):
        """A server context with a leaf for ``names`` that is valid for ``days`` more."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject, signer = _name(names[0]), key if self_signed else self.key
        issuer = subject if self_signed else self.name
        leaf = self._sign(subject, key.public_key(), names, days, issuer=issuer, signer=signer)
        file = self.folder / f"{len(list(self.folder.iterdir()))}.pem"
        secret = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file.write_text(secret.decode() + _pem(leaf))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def _sign(self, subject, public, names, days, ca=False, issuer=None, signer=None):
        builder = (
            x509.CertificateBuilder(issuer or self.name, subject, public, x509.random_serial_number())
            .not_valid_before(NOW - timedelta(days=1000))
            .not_valid_after(NOW + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName([_general(n) for n in names]), critical=False)
        return builder.sign(signer or self.key, hashes.SHA256())


def _name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _general(name):
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    return Ca(tmp_path_factory.mktemp("ca"))


@contextmanager
def server(start):
    """Run ``start()``, a coroutine giving an object with close(), on a loop of its own; gives that object."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    served = asyncio.run_coroutine_threadsafe(start(), loop).result(5)
    try:
        yield served
    finally:
        asyncio.run_coroutine_threadsafe(_stop(served), loop).result(5)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()


async def _stop(served):
    await served.close()
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await asyncio.sleep(0)  # lets aborted connections go


class Web:
    """A real HTTP server; ``handler`` takes an aiohttp request."""

    def __init__(self, handler, context=None, address="127.0.0.1"):
        self.handler, self.context, self.address = handler, context, address
        self.port = 0

    async def start(self):
        self.runner = web.ServerRunner(web.Server(self.handler), shutdown_timeout=0.1)
        await self.runner.setup()
        site = web.TCPSite(self.runner, self.address, 0, ssl_context=self.context)
        await site.start()
        self.port = site._server.sockets[0].getsockname()[1]
        return self

    async def close(self):
        await self.runner.cleanup()


class Raw:
    """A TCP (or TLS) server whose ``handler(reader, writer)`` decides about every byte."""

    def __init__(self, handler, context=None):
        self.handler, self.context = handler, context
        self.connections = 0

    async def start(self):
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.context)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def _serve(self, reader, writer):
        self.connections += 1
        try:
            await self.handler(reader, writer)
        except asyncio.CancelledError:
            writer.transport.abort()
        writer.close()

    async def close(self):
        self.server.close()
        await self.server.wait_closed()


def echo(service="tea-svc"):
    async def handler(request):
        said = {"pod": "tea-1", "service": service, "namespace": "cafe", "method": request.method, "path": request.path}
        return web.json_response(said | {"host": request.headers["Host"]})

    return handler


def probe(host=HOST, path="/tea", scheme="https", method="GET", headers=(), tls=None, **expected):
    tls = tls or ("verified" if scheme == "https" else "none")
    return Probe(Request(scheme, host, path, method, headers), Expected(tls=tls, **expected), f"key of {host}{path}")


def ask(port, *probes, ca_pem=None, timeout=10.0, wait=0.0, address="127.0.0.1"):
    """Probe one port, whatever the scheme, and return the results."""
    return run(probes, Target(address, port, port), ca_pem=ca_pem, timeout=timeout, wait=wait)


def free_port():
    with socket.socket() as probe_socket:
        probe_socket.bind(("127.0.0.1", 0))
        return probe_socket.getsockname()[1]


# What is proven, and what goes on the wire


def test_a_route_is_proven_over_verified_tls(ca):
    with server(Web(echo(), ca.context(HOST, "*.example.net")).start) as served:
        (result,) = ask(served.port, probe(backend="cafe/tea-svc", identity="echo"), ca_pem=ca.pem)
    assert (result.ok, result.reason, result.attempts) == (True, "", 1)
    assert (result.answer.status, result.answer.backend, result.answer.pod) == (200, "cafe/tea-svc", "tea-1")
    assert json.loads(result.answer.body)["host"] == f"{HOST}:{served.port}"
    tls = result.answer.tls
    assert (tls.verified, tls.error, tls.version) == (True, "", "TLSv1.3")
    assert (tls.subject, tls.issuer, tls.sans) == (f"CN={HOST}", "CN=Test CA", (HOST, "*.example.net"))
    assert len(bytes.fromhex(tls.fingerprint)) == 32
    assert days_left([result], NOW) == ((HOST, 90),)


@pytest.mark.parametrize(
    "path", ["/", "/a%2fb", "//double", "/x/../y/./z", "/a?b=c%20&d=[1]", "/{x}|^", "/grün", "/%zz"]
)
def test_the_path_goes_on_the_wire_as_it_is(path):
    got = []

    async def remember(reader, writer):
        got.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    with server(Raw(remember).start) as served:
        headers = (("X-Canary", "always"), ("Cookie", "a=b"))
        (result,) = ask(served.port, probe(path=path, scheme="http", method="OPTIONS", headers=headers))
    assert result.ok
    lines = got[0].decode().split("\r\n")
    assert lines[0] == f"OPTIONS {path} HTTP/1.1"
    assert f"Host: {HOST}:{served.port}" in lines
    assert {"X-Canary: always", "Cookie: a=b", "Connection: close"} < set(lines)


@pytest.mark.parametrize(("port", "host"), [(80, "x"), (443, "x:443"), (30080, "x:30080")])
def test_the_host_header_has_the_port_unless_it_is_the_default(port, host):
    assert host_header(Request("http", "x", "/"), port) == host


WORD = "earl-grey-at-five"
TOKEN = base64.b64encode(f"waiter:{WORD}".encode()).decode()


def guarded(heard):
    async def handler(request):
        heard.append(request.headers.get("Authorization"))
        if heard[-1] != f"Basic {TOKEN}":
            return web.Response(status=401, headers={"WWW-Authenticate": "Basic"})
        said = {"pod": "tea-1", "service": "tea-svc", "namespace": "cafe", "method": "GET", "path": "/tea"}
        headers = {"X-Said": heard[-1], "X-Word": WORD}
        return web.json_response(said | {"headers": dict(request.headers), "word": WORD}, headers=headers)

    return handler


def locked(login):
    return Probe(Request("https", HOST, "/tea", login=login), Expected((200,), tls="verified"), "key")


def test_a_login_goes_on_the_wire_and_nowhere_else(ca, tmp_path):
    heard = []
    with server(Web(guarded(heard), ca.context(HOST)).start) as served:
        results = ask(served.port, locked(("waiter", WORD)), locked(("waiter", "no")), locked(None), ca_pem=ca.pem)
    assert [each.ok for each in results] == [True, False, False]
    assert len({*heard} - {None}) == 2
    report = SmokeReport("edge", Target("127.0.0.1", 1, 2), tuple(results))
    told = repr(results) + json.dumps(result_of(report, ca.pem, tmp_path), default=str) + render_table(report)
    told += "".join(file.read_text() for file in tmp_path.glob("*.*"))
    for secret in (WORD, TOKEN):
        assert secret not in told
    assert "(as waiter)" in told


def test_a_stranger_gets_no_login(ca):
    heard = []
    with server(Web(guarded(heard), ca.context("other.example")).start) as served:
        (result,) = ask(served.port, locked(("waiter", WORD)), ca_pem=ca.pem)
    assert not result.ok
    assert heard == [None]


def test_a_body_is_only_sent_where_it_is_wanted():
    async def limited(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"Content-Length: 5000\r\n" in head and b"Expect: 100-continue" in head
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")

    async def unlimited(request):
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return web.Response(status=200, text=str(len(await request.read())))

    large = Probe(Request("http", HOST, "/", body_size=5000), Expected((413,)), "key")
    with server(Raw(limited).start) as served:
        assert ask(served.port, large)[0].ok
    with server(Web(unlimited).start) as served:
        assert ask(served.port, large)[0].answer.body == "5000"


def test_redirects_are_not_followed_and_cookies_not_kept():
    async def redirect(request):
        assert "Cookie" not in request.headers
        raise web.HTTPMovedPermanently(f"https://{HOST}:443/tea", headers={"Set-Cookie": "route=1"})

    wanted = probe(scheme="http", status=(301,), location=rf"https://{HOST}(:443)?/tea")
    with server(Web(redirect).start) as served:
        results = ask(served.port, *[wanted] * 3)
    assert [r.ok for r in results] == [True] * 3


def test_every_probe_has_a_connection_of_its_own():
    async def answer(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")

    with server(Raw(answer).start) as served:
        results = ask(served.port, *[probe(path=f"/{i}", scheme="http") for i in range(200)])
        assert served.connections == 200
    assert all(r.ok for r in results)
    assert [r.probe.request.path for r in results] == [f"/{i}" for i in range(200)]


def test_probes_run_side_by_side():
    async def slow(request):
        await asyncio.sleep(0.3)
        return web.Response(text="ok")

    with server(Web(slow).start) as served:
        started = time.monotonic()
        results = ask(served.port, *[probe(path=f"/{i}", scheme="http") for i in range(40)])
    assert all(r.ok and r.seconds >= 0.3 for r in results)
    assert time.monotonic() - started < 6  # one after the other they would take 12 s


def test_an_ipv6_address(ca):
    with server(Web(echo(), ca.context(HOST), address="::1").start) as served:
        good, bad = ask(served.port, probe(), probe(backend="a/b"), ca_pem=ca.pem, address="::1")
    assert good.ok
    assert not bad.ok


def test_further_ways_in_have_targets_of_their_own():
    """Each probe goes to its way in; through the near end of a port-forward, but in the name of the far one."""

    async def said(request):
        return web.Response(text=request.headers["Host"])

    asked = [replace(probe(scheme="http", status=(200,)), way=way) for way in ("", "inside")]
    with server(Web(said).start) as one, server(Web(said).start) as other:
        first = Target("127.0.0.1", one.port, None)
        inside = Target("10.96.0.9", 80, None, way="inside", near=Target("127.0.0.1", other.port, None))
        results = run(asked, first, ca_pem=None, timeout=5, wait=0, further=[inside])
    assert [each.answer.body for each in results] == [f"{HOST}:{one.port}", HOST]


def test_a_target_given_by_name(ca):
    with server(Web(echo(), ca.context(HOST)).start) as served:
        (result,) = ask(served.port, probe(), ca_pem=ca.pem, address="localhost")
    assert result.ok


def test_a_large_body_is_read_to_its_limit_only():
    async def flood(request):
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x" * 65536)

    with server(Web(flood).start) as served:
        inside, outside = ask(
            served.port,
            probe(scheme="http", body_contains="x" * (BODY_LIMIT - 1)),
            probe(scheme="http", body_contains="x" * (BODY_LIMIT + 1)),
        )
    assert inside.ok
    assert not outside.ok
    assert len(inside.answer.body) == 2048


def test_an_answer_that_never_ends_is_judged_by_what_came():
    async def events(request):
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b"data: tea\n\n")
        await asyncio.sleep(60)

    with server(Web(events).start) as served:
        (result,) = ask(served.port, probe(scheme="http", body_contains="tea"), timeout=1)
    assert (result.ok, result.answer.status) == (True, 200)


def test_headers_that_are_not_utf8_and_hostile_bodies():
    async def hostile(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nX-Odd: \xff\xfe\r\nContent-Length: 4\r\n\r\n\x1b[2J")

    with server(Raw(hostile).start) as served:
        (result,) = ask(served.port, probe(scheme="http", status=(404,)))
    assert result.reason == 'expected 404, got 200 "\\x1b[2J"'
    json.dumps(result.answer.headers, ensure_ascii=False).encode()


# TLS that is not right


def distrusted(ca, context, ca_pem=None, host=HOST):
    with server(Web(echo(), context).start) as served:
        (result,) = ask(served.port, probe(host=host), ca_pem=ca_pem or ca.pem)
    assert not result.ok
    assert result.answer.status == 200  # fetched once more to see what is served
    assert result.answer.tls.verified is False
    assert result.answer.tls.fingerprint
    return result.reason


def test_a_certificate_for_another_host(ca):
    reason = distrusted(ca, ca.context("*.other.com"))
    assert reason == "TLS: certificate is for *.other.com (issued by CN=Test CA), not cafe.example.com"


def test_a_self_signed_certificate_for_another_host(ca):
    reason = distrusted(ca, ca.context("traefik.default", self_signed=True))
    assert reason == "TLS: certificate is for traefik.default (self-signed CN=traefik.default), not cafe.example.com"


def test_a_self_signed_certificate(ca):
    reason = distrusted(ca, ca.context(HOST, self_signed=True))
    assert reason == "TLS: certificate is self-signed CN=cafe.example.com, not by the given CA"


def test_an_unknown_ca(ca, tmp_path):
    stranger = Ca(tmp_path, "Stranger")
    reason = distrusted(ca, ca.context(HOST), ca_pem=stranger.pem)
    assert reason == "TLS: certificate is issued by CN=Test CA, not by the given CA"


def test_an_expired_certificate(ca):
    day = (NOW - timedelta(days=3)).date()
    assert distrusted(ca, ca.context(HOST, days=-3)) == f"TLS: certificate expired on {day}"
    both = distrusted(ca, ca.context("other.com", days=-3))
    assert both.startswith("TLS: certificate is for other.com (issued by CN=Test CA), not cafe.example.com")


def test_without_a_ca_the_machines_store_is_asked(ca):
    with server(Web(echo(), ca.context(HOST)).start) as served:
        (result,) = ask(served.port, probe())
    assert result.reason == "TLS: certificate is issued by CN=Test CA, not by a CA of this machine's store"


def test_tls_that_need_not_be_verified(ca):
    with server(Web(echo(), ca.context("other.com")).start) as served:
        (result,) = ask(served.port, probe(tls="any", backend="cafe/tea-svc"), ca_pem=ca.pem)
    assert result.ok
    assert (result.answer.tls.verified, result.answer.tls.error) == (False, "not verified")
    assert days_left([result], NOW) == ()


def test_one_port_serves_each_host_its_certificate_by_sni(ca):
    shop, cafe = ca.context("shop.example.com"), ca.context(HOST)

    def choose(connection, name, context):
        connection.context = {"shop.example.com": shop}.get(name, cafe)

    cafe.sni_callback = choose
    with server(Web(echo(), cafe).start) as served:
        results = ask(served.port, probe(), probe(host="shop.example.com"), probe(host="x.org"), ca_pem=ca.pem)
    assert [r.ok for r in results] == [True, True, False]
    assert [r.answer.tls.sans for r in results] == [(HOST,), ("shop.example.com",), (HOST,)]


@contextmanager
def refusing(ca):
    """A server that refuses the handshake of unknown names, as nginx's ssl_reject_handshake does; gives its port.

    Made of blocking sockets, because asyncio closes the connection before OpenSSL's alert is sent.
    """
    context, alert = ca.context(HOST), ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
    context.sni_callback = lambda connection, name, _: None if name == HOST else alert
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        for _ in range(3):
            connection, _ = listener.accept()
            with suppress(ssl.SSLError), connection, context.wrap_socket(connection, server_side=True) as secured:
                secured.recv(4096)
                secured.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ntea")

    thread = threading.Thread(target=serve)
    thread.start()
    yield listener.getsockname()[1]
    thread.join(5)
    listener.close()


def test_a_refused_handshake(ca):
    stranger = "unknown.org"
    with refusing(ca) as port:
        wanted, unwanted, accepted = ask(
            port, probe(stranger, tls="rejected"), probe(stranger), probe(tls="rejected"), ca_pem=ca.pem
        )
    told = f"TLS handshake refused by 127.0.0.1:{port}: alert unrecognized_name"
    assert (wanted.ok, wanted.error, wanted.answer) == (True, told, None)
    assert (unwanted.ok, unwanted.reason) == (False, told)
    assert accepted.reason == 'expected the TLS handshake to be refused, got 200 "tea"'


# No answer at all


def test_nothing_listens():
    port = free_port()
    results = ask(port, probe(), probe(scheme="http"), probe(tls="rejected"))
    told = f"connection refused by 127.0.0.1:{port}"
    assert [r.reason for r in results] == [told, told, f"expected the TLS handshake to be refused, got {told}"]
    assert [r.error for r in results] == [told] * 3


def test_a_name_that_does_not_resolve():
    (result,) = ask(1, probe(scheme="http"), address="no-such-host.invalid")
    assert result.reason.startswith("the address of no-such-host.invalid:1 cannot be resolved: ")


async def close_at_once(reader, writer):
    return


async def reset(reader, writer):
    await reader.readuntil(b"\r\n\r\n")
    writer.transport.abort()


async def hang(reader, writer):
    await asyncio.sleep(60)


async def greet(reader, writer):
    writer.write(b"220 mail.example.com\r\n")
    await asyncio.sleep(60)


async def half(reader, writer):
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")


async def gibberish(reader, writer):
    await reader.read(1000)
    writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")


@pytest.mark.parametrize(
    ("behaviour", "scheme", "told"),
    [
        (close_at_once, "http", "connection closed by {} before an answer came"),
        (close_at_once, "https", "connection closed by {} before an answer came"),
        (reset, "http", "connection closed by {} before an answer came"),
        (half, "http", "connection closed by {} in the middle of the answer"),
        (hang, "http", "no answer from {} within 0.3 s"),
        (hang, "https", "no connection to {} within 0.3 s"),
        (gibberish, "https", "{} does not speak TLS"),
        (gibberish, "http", "{} sent what is not HTTP: "),
    ],
)
def test_a_broken_server_is_told_in_plain_words(behaviour, scheme, told):
    with server(Raw(behaviour).start) as served:
        (result,) = ask(served.port, probe(scheme=scheme), timeout=0.3 if behaviour is hang else 10)
        expected = told.format(f"127.0.0.1:{served.port}")
    assert not result.ok
    assert result.answer is None
    assert result.reason.startswith(expected) if expected.endswith(": ") else result.reason == expected


def opened(port, **more):
    """The result for a TCP port that is passed on."""
    asked = Probe(Request("tcp", "tcp-5432", "", OPEN), Expected(), "key", kind="stream")
    target = Target("127.0.0.1", None, None, streams=(("tcp-5432", port),))
    (result,) = run([asked], target, ca_pem=None, timeout=10, wait=0, **more)
    return result


@pytest.mark.parametrize("behaviour", [hang, greet])
def test_a_connection_that_is_kept_or_greeted_is_a_port_that_is_passed_on(behaviour):
    with server(Raw(behaviour).start) as served:
        result = opened(served.port)
    assert result.ok and result.answer == Answer(0)
    report = SmokeReport("edge", Target("127.0.0.1", None, None, streams=(("tcp-5432", 30081),)), (result,))
    (line,) = (line for line in render_table(report).splitlines() if line.startswith("tcp:"))
    assert line.split("  ")[0] == "tcp://127.0.0.1:30081"
    assert all(words in line for words in ("a connection", "stays open", "proven"))
    assert "target 127.0.0.1, tcp-5432 30081" in render_table(report)


def test_a_connection_that_is_closed_at_once_has_nobody_behind_it():
    with server(Raw(close_at_once).start) as served:
        assert (
            opened(served.port).reason == f"127.0.0.1:{served.port} closed the connection at once: is nobody behind it?"
        )
    assert opened(port := free_port()).reason == f"connection refused by 127.0.0.1:{port}"


def test_an_echo_backend_behind_a_port_is_asked_who_it_is():
    with server(Web(echo()).start) as served:
        asked = Probe(Request("tcp", "tcp-53", "/"), Expected((200,), "cafe/tea-svc", "echo"), "key", kind="stream")
        other = replace(asked, expected=replace(asked.expected, backend="cafe/coffee-svc"))
        target = Target("127.0.0.1", None, None, streams=(("tcp-53", served.port),))
        right, wrong = run([asked, other], target, ca_pem=None, timeout=10, wait=0)
    assert right.ok
    assert "expected backend cafe/coffee-svc, got 200 from cafe/tea-svc" in wrong.reason


def test_a_port_that_the_service_has_not_is_not_waited_for():
    asked = Probe(Request("tcp", "tcp-1", "", OPEN), Expected(), "key", kind="stream")
    (result,) = run([asked], Target("127.0.0.1", 1, 1), ca_pem=None, timeout=10, wait=60)
    assert (result.attempts, result.reason) == (0, "the controller is not exposed over tcp-1")


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (probe(scheme="https"), "the controller is not exposed over https"),
        (probe(scheme="http", path="/a b"), "the path '/a b' cannot be sent"),
        (probe(scheme="http", path="/a\r\nX: y"), "the path '/a\\r\\nX: y' cannot be sent"),
        (probe(scheme="http", path="/a#b"), "the path '/a#b' cannot be sent"),
        (probe(scheme="http", path="tea"), "the path 'tea' cannot be sent"),
    ],
)
def test_what_cannot_be_asked_is_not_waited_for(asked, told):
    started = time.monotonic()
    (result,) = run([asked], Target("127.0.0.1", 1, None), ca_pem=None, timeout=5, wait=60)
    assert result.reason.startswith(told)
    assert (result.ok, result.attempts) == (False, 0)
    assert time.monotonic() - started < 10


def test_a_ca_that_is_none():
    with pytest.raises(IngresskitError, match="not a PEM certificate"):
        ask(1, probe(), ca_pem="garbage")


def test_what_has_no_turn_in_time_is_not_asked():
    clock = iter(range(1000))
    probes = [Probe(Request("http", HOST, f"/{number}"), Expected(), "key") for number in range(80)]
    target = Target("127.0.0.1", free_port(), None)
    results = run(probes, target, ca_pem=None, timeout=5, wait=0, budget=20, now=lambda: next(clock))
    asked = [result for result in results if result.attempts]
    assert 0 < len(asked) < len(probes) and not any(result.ok for result in results)
    assert {result.error for result in results if not result.attempts} == {NOT_ASKED}


def test_nothing_to_ask():
    assert ask(1) == []


# Convergence


def sequence(*statuses):
    """A handler that answers with ``statuses`` in turn, the last one for ever."""
    left = list(statuses)

    async def handler(request):
        return web.Response(status=left.pop(0) if len(left) > 1 else left[0], text="page")

    return handler


@pytest.mark.parametrize(
    ("statuses", "wait", "ok", "attempts"),
    [
        ((200, 503), 5, True, 1),  # passes at once: not asked again
        ((503, 200, 200, 503), 5, True, 3),  # has to be confirmed after a failure
        ((503, 200, 503, 200, 200, 503), 5, True, 5),  # a half-converged controller is not believed
        ((503, 200, 200), 0, False, 1),
    ],
)
def test_a_young_route_gets_time(statuses, wait, ok, attempts):
    with server(Web(sequence(*statuses)).start) as served:
        (result,) = ask(served.port, probe(scheme="http"), wait=wait)
    assert (result.ok, result.attempts) == (ok, attempts)


def test_waiting_ends_with_the_deadline_for_all_probes_together():
    async def by_path(request):
        return web.Response(status=200 if request.path == "/good" else 404, text="page")

    with server(Web(by_path).start) as served:
        started = time.monotonic()
        good, *bad = ask(served.port, *[probe(path=p, scheme="http") for p in ("/good", "/a", "/b", "/c")], wait=0.6)
    assert 0.6 <= time.monotonic() - started < 5
    assert (good.ok, good.attempts) == (True, 1)
    assert all(not r.ok and r.attempts > 2 and r.seconds >= 0.5 for r in bad)
    assert bad[0].reason == 'expected an answer of a backend, got 404 "page"'


def test_an_unsteady_route_is_called_so():
    turn = iter(range(1000))

    async def flapping(request):
        return web.Response(status=503 if next(turn) % 2 == 0 else 200, text="page")

    with server(Web(flapping).start) as served:
        (result,) = ask(served.port, probe(scheme="http"), wait=0.5)
    assert not result.ok
    assert result.reason.startswith("unsteady (")
    assert result.reason.endswith('tries passed): expected an answer of a backend, got 503 "page"')


def test_a_server_that_comes_up_late():
    port, refused = free_port(), threading.Event()

    def hear(unproven):
        if any("refused" in why for _, why in unproven):
            refused.set()

    class Late(Web):
        async def start(self):
            self.runner = web.ServerRunner(web.Server(self.handler))
            await self.runner.setup()
            self.task = asyncio.create_task(self.later())
            return self

        async def later(self):
            await asyncio.to_thread(refused.wait, 10)
            await web.TCPSite(self.runner, "127.0.0.1", port).start()

    with server(Late(echo()).start):
        wanted, target = probe(scheme="http", backend="cafe/tea-svc"), Target("127.0.0.1", port, port)
        (result,) = run([wanted], target, ca_pem=None, timeout=10, wait=20, progress=hear)
    assert refused.is_set()
    assert result.ok
    assert result.attempts >= 3


# The small rules


@pytest.mark.parametrize(
    ("names", "host", "covered"),
    [
        (("cafe.example.com",), "CAFE.example.com", True),
        (("*.example.com",), "cafe.example.com", True),
        (("*.example.com",), "a.b.example.com", False),
        (("*.example.com",), "example.com", False),
        (("other.com", "cafe.example.com"), "cafe.example.com.", True),
        ((), "cafe.example.com", False),
    ],
)
def test_a_wildcard_covers_one_label(names, host, covered):
    assert covers(names, host) is covered


@pytest.mark.parametrize(
    ("body", "identity"),
    [
        ('{"namespace": "a", "service": "b", "pod": "c", "method": "GET", "path": "/"}', ("a/b", "c")),
        ('{"namespace": "a", "service": "b", "pod": "c"}', (None, None)),
        ('{"namespace": 1, "service": "b", "pod": "c", "method": "GET", "path": "/"}', (None, None)),
        ('["namespace"]', (None, None)),
        ("{cut", (None, None)),
        ('{"a":' * 60000, (None, None)),
        ("", (None, None)),
    ],
)
def test_only_the_echo_backends_json_names_a_backend(body, identity):
    assert echo_identity(body) == identity
