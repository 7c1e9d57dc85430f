"""The client against a small HTTP server on loopback that misbehaves as told: retries, paging, watches, counting."""

import json
import socket
import ssl
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

import pytest

from module_utils.ingresskit.api.calling_off import called_off
from module_utils.ingresskit.api.client import KubeApi
from module_utils.ingresskit.api.credentials import Credentials, KeyPair
from module_utils.ingresskit.api.failures import (
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    Unauthorized,
    UnknownKind,
    Unreachable,
)
from module_utils.ingresskit.api.kubeconfig import Access
from module_utils.ingresskit.api.resources import BUILTIN, Ref, Resource
from module_utils.ingresskit.api.transport import Transport, _ssl_context
from module_utils.ingresskit.engine.parallel import each
from module_utils.ingresskit.errors import ClusterError

from .certificates import certificate, key_pem

PAGE = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "page", "namespace": "cafe"}}
REF, KIND = Ref.of(PAGE), BUILTIN["v1", "ConfigMap"]
OK = (200, PAGE)
RESET, STALL = "reset", "stall"


class Server:
    """Answers requests in turn from ``script``; keeps what it was asked."""

    def __init__(self):
        self.script, self.asked = [], []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                url = urlsplit(self.path)
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length)) if length else None
                outer.asked.append((self.command, url.path, dict(parse_qsl(url.query)), dict(self.headers), body))
                outer.reply(self, outer.script.pop(0))

            do_GET = do_PATCH = do_POST = do_PUT = do_DELETE = answer

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.http.server_port}"

    def reply(self, handler, step):
        if step == RESET:
            handler.connection.shutdown(socket.SHUT_RDWR)
            handler.close_connection = True
            return
        if step == STALL:
            time.sleep(0.5)
            handler.close_connection = True
            return
        status, body, *headers = step
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        handler.send_response(status)
        for name, value in (headers[0] if headers else {}).items():
            handler.send_header(name, value)
        if "Transfer-Encoding" not in (headers[0] if headers else {}):
            handler.send_header("Content-Length", str(len(text)))
        handler.end_headers()
        handler.wfile.write(text)

    def close(self):
        self.http.shutdown()
        self.http.server_close()


@pytest.fixture
def server():
    made = Server()
    yield made
    made.close()


def client(server, timeout=5.0, **access):
    return KubeApi(Transport(Access(server.url, "context 'x'", **access), timeout=timeout, workers=4))


@pytest.mark.parametrize(
    ("faults", "at_least"),
    [
        ([(429, {}, {"Retry-After": "1"})], 1.0),
        ([(429, {})], 0),
        ([(503, b"upstream not ready")], 0),
        ([(500, {"message": "etcdserver: leader changed"}), (500, {})], 0),
        ([(504, {}), (502, {})], 0),
        ([RESET], 0),
        ([RESET, (429, {}), RESET], 0),
        ([(409, {"reason": "Conflict", "message": "resourcequotas: the object has been modified"})], 0),
    ],
)
def test_passing_faults_are_retried(server, faults, at_least):
    server.script = [*faults, OK]
    api = client(server)
    started = time.monotonic()
    assert api.apply(PAGE)["metadata"]["name"] == "page"
    assert at_least <= time.monotonic() - started < at_least + 2
    assert api.calls == {"patch": len(faults) + 1}, "retries are counted"
    assert api.writes == len(faults) + 1


def test_a_stalled_answer_is_retried(server):
    server.script = [STALL, OK]
    call_once = client(server)._transport
    from module_utils.ingresskit.api.calls import Call

    assert call_once.json(Call("get", "GET", KIND.path("cafe", "page"), "x"), read=0.1)["kind"] == "ConfigMap"


def test_retry_after_may_be_a_date(server):
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)  # whole seconds: 1 to 2 from now
    past = "Wed, 21 Oct 2015 07:28:00 GMT"
    server.script = [(503, {}, {"Retry-After": past}), (503, {}, {"Retry-After": soon}), OK]
    started = time.monotonic()
    client(server).apply(PAGE)
    assert 0.9 <= time.monotonic() - started < 3


def test_the_first_call_outlasts_a_server_that_is_busy(server):
    server.script = [(503, {})] * 6 + [(200, {"gitVersion": "v1.34.4"})]
    api = client(server, timeout=60)
    api.check()
    assert api.version == "v1.34.4"


def test_a_conflict_of_versions_is_told_where_a_version_was_named(server):
    server.script = [(409, {"reason": "Conflict"})]
    with pytest.raises(Conflict):
        client(server).update(PAGE)


def test_a_call_that_is_called_off_is_neither_sent_nor_tried_again(server):
    server.script = [(503, {}, {"Retry-After": "60"})]
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    token = called_off.set(stop)
    try:
        started = time.monotonic()
        with pytest.raises(ClusterError):
            client(server, timeout=300).apply(PAGE)
        with pytest.raises(ClusterError, match="called off"):
            client(server).apply(PAGE)
    finally:
        called_off.reset(token)
    assert time.monotonic() - started < 5
    assert len(server.asked) == 1


DENIED = 'secrets is forbidden: User "x" cannot get resource "secrets" in API group "" in the namespace "a"'


def test_a_refusal_right_after_a_silence_may_be_that_of_a_server_that_starts(server):
    refused = (403, {"message": DENIED})
    server.script = [RESET, refused, (401, {}), refused, OK]
    client(server).apply(PAGE)
    server.script = [refused]
    with pytest.raises(Forbidden, match='the user "x" may not get secrets in namespace a'):
        client(server).apply(PAGE)


def test_a_lock_is_not_waited_for_longer_than_it_lasts(server, monkeypatch):
    monkeypatch.setattr("module_utils.ingresskit.api.transport.HASTY_READ", 0.1)
    server.script = [STALL, OK]
    lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "x", "namespace": "y"}}
    client(server).update(lease)
    assert len(server.asked) == 2


@pytest.mark.parametrize("fault", [(503, {}), RESET, (429, {}, {"Retry-After": "60"})])
def test_the_deadline_ends_retries(server, fault):
    server.script = [fault] * 100
    started = time.monotonic()
    with pytest.raises(ClusterError):
        client(server, timeout=0.5).apply(PAGE)
    assert time.monotonic() - started < 2


def test_a_call_after_the_deadline_is_still_sent_once(server):
    server.script = [OK, (503, {}), OK]
    api = client(server, timeout=0)
    api.apply(PAGE)
    with pytest.raises(ClusterError):
        api.apply(PAGE)
    api.renew(5)
    server.script = [(503, {}), OK]
    api.apply(PAGE)


@pytest.mark.parametrize(
    "answer",
    [
        (422, {"message": "bad"}),
        (500, {"message": "failed to create typed patch object (a/b; v1): .x: field not declared"}),
    ],
)
def test_what_cannot_pass_is_not_retried(server, answer):
    server.script = [answer]
    with pytest.raises(Invalid):
        client(server).apply(PAGE)


def test_a_500_that_stays_ends_before_the_deadline(server, monkeypatch):
    monkeypatch.setattr("module_utils.ingresskit.api.transport.random.uniform", lambda *_: 0.0)
    server.script = [(500, {"message": "no leader"})] * 20
    with pytest.raises(ClusterError, match="ConfigMap cafe/page: no leader"):
        client(server, timeout=300).apply(PAGE)
    assert len(server.asked) == 8


DOWN = (500, {"message": 'failed calling webhook "a.b": failed to call webhook: no endpoints available'})


def test_a_webhook_is_waited_for_until_the_deadline(server, monkeypatch):
    """Its Pods may be part of the run. A dry run starts none, so there it is given up sooner."""
    monkeypatch.setattr("module_utils.ingresskit.api.transport.random.uniform", lambda *_: 0.0)
    server.script = [*[DOWN] * 20, OK]
    api, told = client(server, timeout=300), []
    api.tell(told.append)
    api.apply(PAGE)
    assert api.calls == {"patch": 21}
    assert len(told) == 16, "not each passing fault is told, but what a call is held up by"
    assert told[0].startswith('ConfigMap cafe/page: the admission webhook "a.b" does not answer')
    server.script = [DOWN] * 20
    with pytest.raises(
        ClusterError, match=r'^ConfigMap cafe/page: the admission webhook "a\.b" does not answer \(no end'
    ):
        api.apply(PAGE, dry_run=True)
    assert api.calls["dryrun"] == 8


def test_edit_and_its_dry_run(server):
    server.script = [OK, OK]
    api = client(server)
    operations = [{"op": "replace", "path": "/metadata/resourceVersion", "value": "1"}]
    api.edit(Ref("", "ConfigMap", "cafe", "page"), operations)
    api.edit(Ref("", "ConfigMap", "cafe", "page"), operations, dry_run=True)
    assert api.calls == {"patch": 1, "dryrun": 1}
    (method, _, query, headers, body), dry = server.asked
    assert (method, query, body) == ("PATCH", {"fieldManager": "ingresskit"}, operations)
    assert headers["Content-Type"] == "application/json-patch+json"
    assert "as=PartialObjectMetadata;" in headers["Accept"]
    assert dry[2]["dryRun"] == "All"


class Renewable(Credentials):
    """A token that is only good once renewed."""

    token, renewals = "old", 0

    def authorization(self):
        return f"Bearer {self.token}"

    def renew(self):
        self.token, self.renewals = "new", self.renewals + 1
        return True


def test_a_401_renews_credentials_once(server):
    credentials = Renewable()
    server.script = [(401, {}), OK]
    client(server, credentials=credentials).apply(PAGE)
    assert [asked[3]["Authorization"] for asked in server.asked] == ["Bearer old", "Bearer new"]
    server.script = [(401, {}), (401, {})]
    with pytest.raises(Unauthorized):
        client(server, credentials=credentials).apply(PAGE)
    assert credentials.renewals == 2


def test_many_calls_refused_at_once_renew_once(server):
    credentials = Renewable()
    barrier = threading.Barrier(4)

    def refuse_the_old(handler, _):
        new = handler.headers["Authorization"] == "Bearer new"
        if not new:
            barrier.wait(5)
        Server.reply(server, handler, OK if new else (401, {}))

    server.reply, server.script = refuse_the_old, [OK] * 8
    api = client(server, credentials=credentials)
    each(lambda _: api.apply(PAGE), range(4), 4)
    assert credentials.renewals == 1
    assert len(server.asked) == 8


def test_apply_is_a_strict_server_side_apply(server):
    server.script = [OK] * 3
    api = client(server)
    api.apply(PAGE)
    api.apply(PAGE, force=True, metadata_only=True)
    api.apply(PAGE, dry_run=True)
    method, path, query, headers, body = server.asked[0]
    assert (method, path, body) == ("PATCH", "/api/v1/namespaces/cafe/configmaps/page", PAGE)
    assert query == {"fieldManager": "ingresskit", "force": "false", "fieldValidation": "Strict"}
    assert headers["Content-Type"] == "application/apply-patch+yaml"
    assert server.asked[1][2]["force"] == "true"
    assert "as=PartialObjectMetadata;" in server.asked[1][3]["Accept"]
    assert server.asked[2][2]["dryRun"] == "All"
    assert api.calls == {"patch": 2, "dryrun": 1}
    assert api.writes == 2


def page(names, more=""):
    items = [{"metadata": {"name": name, "namespace": "cafe"}} for name in names]
    return 200, {"metadata": {"resourceVersion": "7", "continue": more}, "items": items}


def test_a_list_takes_all_pages_and_starts_over_where_a_token_expired(server):
    server.script = [page(["a"], "t1"), (410, {"message": "expired"}), page(["a"], "t1"), page(["b"])]
    found = client(server).list_metadata(KIND, "cafe", "x=y")
    assert [item["metadata"]["name"] for item in found.items] == ["a", "b"]
    assert {(item["apiVersion"], item["kind"]) for item in found.items} == {("v1", "ConfigMap")}
    assert found.resource_version == "7"
    assert [asked[2].get("continue") for asked in server.asked] == [None, "t1", None, "t1"]
    assert all(asked[2]["labelSelector"] == "x=y" for asked in server.asked)
    assert "as=PartialObjectMetadataList" in server.asked[0][3]["Accept"]


def test_a_list_whose_tokens_always_expire_is_taken_whole(server):
    server.script = [page(["a"], "t1"), (410, {})] * 3 + [page(["a", "b"])]
    assert len(client(server).list_objects(KIND).items) == 2
    assert "limit" not in server.asked[-1][2]


def test_absent_objects(server):
    server.script = [(404, {"message": "not found"})] * 2
    api = client(server)
    assert api.get(REF) is None
    assert api.delete(REF, uid="1", resource_version="2") is False
    assert server.asked[1][4]["preconditions"] == {"uid": "1", "resourceVersion": "2"}
    assert server.asked[1][4]["propagationPolicy"] == "Background"


def test_unknown_kinds_are_discovered_once(server):
    resources = [
        {"name": "middlewares", "kind": "Middleware", "namespaced": True},
        {"name": "middlewares/status", "kind": "Middleware", "namespaced": True},
    ]
    server.script = [(200, {"resources": resources}), (404, {})]
    api = client(server)
    expected = Resource("traefik.io/v1alpha1", "Middleware", "middlewares", True)
    assert api.resource("traefik.io/v1alpha1", "Middleware") == expected
    assert api.resource("traefik.io/v1alpha1", "Middleware") == expected
    with pytest.raises(UnknownKind, match="does not serve x/v1 Thing: install what defines it first"):
        api.resource("x/v1", "Thing")
    assert len(server.asked) == 2


def lines(*events):
    return b"".join(json.dumps({"type": kind, "object": obj}).encode() + b"\n" for kind, obj in events)


def obj(version):
    return {"metadata": {"name": "page", "namespace": "cafe", "resourceVersion": version}}


def test_a_watch_yields_events_and_bookmarks_to_its_end(server):
    server.script = [(200, lines(("ADDED", obj("1")), ("BOOKMARK", obj("5")), ("DELETED", obj("6"))))]
    events = list(client(server).watch(KIND, "cafe", "0", "x=y", timeout=9.5))
    assert [event.type for event in events] == ["ADDED", "BOOKMARK", "DELETED"]
    assert events[0].object["kind"] == "ConfigMap"
    query = server.asked[0][2]
    assert query == {
        "watch": "1", "allowWatchBookmarks": "true", "timeoutSeconds": "10", "resourceVersion": "0",
        "labelSelector": "x=y",
    }  # fmt: skip


def test_a_watch_from_too_long_ago_is_gone(server):
    server.script = [(200, lines(("ERROR", {"code": 410, "message": "too old resource version: 1 (2)"})))]
    with pytest.raises(Gone, match="too old"):
        list(client(server).watch(KIND))
    server.script = [(410, {})]
    with pytest.raises(Gone):
        client(server).watch(KIND)


def test_a_watch_that_is_never_answered_is_cut(server):
    server.script = [STALL]
    with pytest.raises(Unreachable, match="does not answer in time"):
        client(server).watch(KIND, timeout=-4.9)  # it is read for five seconds longer than it is asked to last


def test_a_watch_cut_in_the_middle_of_a_line_is_told(server):
    server.script = [(200, lines(("ADDED", obj("1"))) + b'{"type":"ADD')]
    with pytest.raises(Unreachable, match="watch of configmaps broke off"):
        list(client(server).watch(KIND))


def test_a_watch_can_be_closed_by_another_thread_while_it_waits(server):
    hold = threading.Event()

    def chunked(handler, _):
        text = lines(("ADDED", obj("1")))
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        handler.wfile.write(b"%x\r\n%s\r\n" % (len(text), text))
        handler.wfile.flush()
        hold.wait(10)
        handler.close_connection = True

    server.reply, server.script = chunked, [OK]
    watch = client(server).watch(KIND, timeout=60)
    seen = []
    threading.Timer(0.2, watch.close).start()
    started = time.monotonic()
    seen += list(watch)
    hold.set()
    assert [event.type for event in seen] == ["ADDED"]
    assert time.monotonic() - started < 2


def test_nobody_there_names_the_key(server):
    api = KubeApi(Transport(Access("http://127.0.0.1:9", "context 'x' in f"), timeout=60, workers=1))
    started = time.monotonic()
    with pytest.raises(
        Unreachable, match=r"^ingress_cluster\.context: the API server http://127\.0\.0\.1:9 \(context 'x' in f\) "
    ):
        api.check()
    assert time.monotonic() - started < 2, "the first call does not use up the deadline"


@pytest.mark.parametrize("last_words", [b"", b"\x15\x03\x03\x00\x02\x02\x32"], ids=["silence", "decode_error"])
def test_a_handshake_cut_short_is_tried_again(last_words):
    """As a load balancer answers whose API server restarts, or whoever was sent broken bytes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        accepted = []

        def accept():
            for _ in range(3):
                connection, _ = listener.accept()
                accepted.append(connection.recv(4096))  # it has said hello
                connection.sendall(last_words)
                connection.close()
            listener.close()

        threading.Thread(target=accept, daemon=True).start()
        access = Access(f"https://127.0.0.1:{listener.getsockname()[1]}", "context 'x'", verify=False)
        with pytest.raises(Unreachable):
            KubeApi(Transport(access, timeout=5, workers=1)).check()
        assert len(accepted) == 3


def test_a_server_that_is_no_url():
    with pytest.raises(ClusterError, match=r"^ingress_cluster\..* is not a URL: correct the cluster's server"):
        Transport(Access("https://", "context 'x'"), timeout=1, workers=1)


@pytest.mark.parametrize(
    ("access", "message"),
    [
        (Access("https://x", "context 'x'", ca_pem="junk"), "certificate-authority of context 'x' is not PEM"),
        (
            Access("https://x", "context 'x'", credentials=Credentials(KeyPair("junk", "junk"))),
            "client-certificate and client-key of context 'x' do not load",
        ),
    ],
)
def test_broken_certificates_name_the_key(access, message):
    with pytest.raises(ClusterError, match=rf"^ingress_cluster\.kubeconfig: {message}"):
        _ssl_context(access)


def test_connections_of_many_threads_do_not_change_the_context_they_share(tmp_path):
    """What urllib3 asks of it before each connection has no effect but for the first time."""
    pem = tmp_path / "server.pem"
    pem.write_bytes(certificate("api.example") + key_pem())
    there = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    there.load_cert_chain(pem)
    there.set_alpn_protocols(["h2", "http/1.1"])
    here = _ssl_context(Access("https://x", "context 'x'", verify=False))
    here.set_alpn_protocols(["h2"])
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client_side = here.wrap_bio(to_client, to_server)
    server_side = there.wrap_bio(to_server, to_client, server_side=True)
    for side in (client_side, server_side) * 2:
        with suppress(ssl.SSLWantReadError):
            side.do_handshake()
    assert client_side.selected_alpn_protocol() == "http/1.1"
