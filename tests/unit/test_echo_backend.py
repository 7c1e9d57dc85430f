"""The echo backend, as a real process that is asked over HTTP."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

import aiohttp
import grpc
import pytest
from cryptography import x509

FOLDER = Path(__file__).parents[2] / "testbed" / "images" / "echo"
sys.path.insert(0, str(FOLDER))

import echo  # noqa: E402

WHO = {"POD_NAME": "tea-1", "SERVICE": "tea-svc", "POD_NAMESPACE": "cafe", "NODE_NAME": "node-a"}


@contextlib.contextmanager
def backend(protocol="HTTP"):
    """The backend on a free port: (process, base URL)."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = {"PATH": os.environ["PATH"], "PORT": str(port), "PROTOCOL": protocol, **WHO}
    process = subprocess.Popen([sys.executable, FOLDER / "echo.py"], env=env, stderr=subprocess.DEVNULL)
    try:
        wait_for(port)
        yield process, f"{'https' if protocol == 'HTTPS' else 'http'}://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def wait_for(port):
    for _ in range(100):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.1)
    raise AssertionError("the echo backend does not listen")


@pytest.fixture(scope="module")
def url():
    with backend() as (_, base):
        yield base


def ask(url, method="GET", **more):
    """(status, headers, JSON or None) of one request."""

    async def go():
        async with aiohttp.ClientSession() as session, session.request(method, url, **more) as answer:
            text = await answer.text()
            return answer.status, answer.headers, json.loads(text) if text else None

    return asyncio.run(go())


def test_says_who_it_is_and_what_was_asked(url):
    status, headers, answer = ask(f"{url}/tea?size=big", "POST", data=b"x" * 300_000, headers={"X-A": "b"})
    assert status == 200
    assert headers["X-Ingresskit-Echo"] == "tea-svc"
    assert headers["Content-Type"] == "application/json"
    expected = {"pod": "tea-1", "service": "tea-svc", "namespace": "cafe", "node": "node-a", "method": "POST",
                "path": "/tea", "query": "size=big", "body_size": 300_000, "client": "127.0.0.1"}  # fmt: skip
    assert expected.items() <= answer.items()
    assert answer["host"] == url.removeprefix("http://")
    assert answer["headers"]["X-A"] == "b"


def test_the_path_comes_back_raw():
    with backend() as (_, url):
        port = int(url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as raw:
            raw.sendall(
                b"GET /a%2Fb//c/%C3%A4?q=%20 HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nX-A: 2\r\nConnection: close\r\n\r\n"
            )
            text = b"".join(iter(lambda: raw.recv(65536), b""))
    answer = json.loads(text.partition(b"\r\n\r\n")[2])
    assert (answer["path"], answer["query"], answer["host"]) == ("/a%2Fb//c/%C3%A4", "q=%20", "h")
    assert answer["headers"]["X-A"] == "1, 2"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND"])
def test_any_method(url, method):
    assert ask(url, method)[2]["method"] == method


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/status/503", 503),
        ("/tea/status/404", 404),
        ("/tea/status/201/", 201),
        ("/status/503/more", 200),
        ("/tea/status", 200),
        ("/status/99", 400),
        ("/status/600", 400),
        ("/status/teapot", 400),
        ("/delay/61", 400),
        ("/delay/-1", 400),
        ("/delay/nan", 400),
        ("/.ingresskit/other", 200),
    ],
)
def test_statuses(url, path, expected):
    status, _, answer = ask(url + path)
    assert status == expected
    assert answer["path"] == path
    assert ("error" in answer) == (expected == 400)


def test_a_status_without_content(url):
    assert ask(f"{url}/status/204")[::2] == (204, None)


@pytest.mark.parametrize(("path", "seconds"), [("/delay/0.3", 0.3), ("/tea/delay/0", 0), ("/delay/60", 60)])
def test_delays(path, seconds):
    assert echo.wish(path) == (200, seconds)


def test_a_delay_is_waited_for(url):
    begun = time.monotonic()
    assert ask(f"{url}/tea/delay/0.4")[0] == 200
    assert 0.4 <= time.monotonic() - begun < 5


def test_websocket_echo_with_identity_in_the_handshake(url):
    async def go():
        async with aiohttp.ClientSession() as session, session.ws_connect(f"{url}/tea/chat") as channel:
            await channel.send_str("hello")
            await channel.send_bytes(b"\x00\x01")
            headers = channel._response.headers
            return await channel.receive_str(), await channel.receive_bytes(), headers

    text, binary, headers = asyncio.run(go())
    assert (text, binary) == ("hello", b"\x00\x01")
    assert headers["X-Ingresskit-Echo"] == "tea-svc"
    assert json.loads(headers["X-Ingresskit-Identity"])["pod"] == "tea-1"


def test_health_is_apart_from_users_paths(url):
    async def go():
        async with aiohttp.ClientSession() as session, session.get(f"{url}/.ingresskit/healthz") as answer:
            return answer.status, await answer.text()

    assert asyncio.run(go()) == (200, "ok\n")
    assert ask(f"{url}/healthz")[2]["path"] == "/healthz"


def test_sigterm_finishes_what_was_begun_and_serves_on_for_a_moment():
    async def go(process, url):
        async with aiohttp.ClientSession() as session:
            slow = asyncio.create_task(fetch(session, f"{url}/delay/2"))
            await asyncio.sleep(0.3)
            process.send_signal(signal.SIGTERM)
            await asyncio.sleep(0.2)
            return await fetch(session, f"{url}/tea"), await fetch(session, f"{url}{echo.HEALTH}"), await slow

    async def fetch(session, url):
        async with session.get(url) as answer:
            return answer.status

    with backend() as (process, url):
        assert asyncio.run(go(process, url)) == (200, 503, 200)
        assert process.wait(10) == 0


def test_identity_without_the_downward_api():
    assert echo.identity({})["pod"] == socket.gethostname()
    assert echo.identity(WHO) == {"pod": "tea-1", "service": "tea-svc", "namespace": "cafe", "node": "node-a"}


def test_https_with_a_certificate_of_its_own():
    with backend("HTTPS") as (_, url):
        port = int(url.rpartition(":")[2])
        pem = ssl.get_server_certificate(("127.0.0.1", port))
        assert x509.load_pem_x509_certificate(pem.encode()).subject.rfc4514_string() == "CN=tea-svc"
        trust = ssl.create_default_context(cadata=pem)
        assert ask(f"{url}/tea", ssl=trust, server_hostname="tea-svc")[2]["service"] == "tea-svc"


def test_grpc_says_who_it_is():
    with backend("GRPC") as (process, url), grpc.insecure_channel(url.removeprefix("http://")) as channel:
        assert json.loads(channel.unary_unary(echo.WHO)(b"", timeout=10)) == echo.identity(WHO)
        assert json.loads(channel.unary_unary(echo.WHO)(b"any message", timeout=10))["pod"] == "tea-1"
        with pytest.raises(grpc.RpcError) as unknown:
            channel.unary_unary("/ingresskit.Echo/What")(b"", timeout=10)
        assert unknown.value.code() is grpc.StatusCode.UNIMPLEMENTED
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def test_udp_says_who_it_is_and_what_it_heard_beside_http():
    with backend("UDP") as (_, url), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(10)
        asking.sendto(b"tea?\xff", ("127.0.0.1", int(url.rpartition(":")[2])))
        assert json.loads(asking.recv(2048)) == echo.identity(WHO) | {"said": "tea?\N{REPLACEMENT CHARACTER}"}
        assert ask(f"{url}/tea")[2]["path"] == "/tea"


def test_an_unknown_protocol_is_refused():
    env = {"PATH": os.environ["PATH"], "PROTOCOL": "GOPHER"}
    ran = subprocess.run([sys.executable, FOLDER / "echo.py"], env=env, capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert "PROTOCOL 'GOPHER'" in ran.stderr
