"""A faulty network in front of a real API server: plain HTTP towards the client, the kubeconfig's credentials behind.

What it does to a call is drawn from a seed, the call and how often it came, not from the order in which threads arrive:
a run that fails can be had again. It forwards to nothing but the API server of the tests' own context, from loopback.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import random
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import urllib3
import yaml

from module_utils.ingresskit.api import kubeconfig, transport
from tests.cluster.playbook import CONTEXT

BUSY = {"429": 429, "500": 500, "503": 503}
FAULTS = (*BUSY, "reset", "lost", "stall", "gone")  # lost: done, but the answer does not arrive
HOPS = {"host", "connection", "authorization", "content-length", "transfer-encoding", "accept-encoding"}


@dataclass(frozen=True)
class Call:
    """One request as it came, and what was done to it: "" where it was forwarded unharmed."""

    method: str
    path: str
    query: dict = field(default_factory=dict)
    fault: str = ""

    @property
    def writes(self):
        """Whether it may change something. A lease is renewed as the clock says, so that does not count."""
        review = self.path.startswith("/apis/authorization.k8s.io/")
        renewal = self.method == "PUT" and "/leases/" in self.path
        return self.method != "GET" and "dryRun" not in self.query and not review and not renewal

    @property
    def watch(self):
        return "watch" in self.query

    @property
    def paged(self):
        return "continue" in self.query


class FaultProxy:
    """Use as a context manager. ``rate``: of calls that meet one of ``faults``. ``on_write(number, done)`` is called
    before (``done`` False) and after every API write is forwarded, before its answer is passed on."""

    def __init__(self, rate=0.0, faults=FAULTS, seed=1, on_write=lambda number, done: None, context=CONTEXT):
        self.rate, self.faults, self.seed, self.on_write = rate, faults, seed, on_write
        self.calls: list[Call] = []
        self.gate = None  # where set: token -> whether it is accepted
        self.away = 0  # calls that the API server itself did not answer
        self._lock, self._again, self._writes = threading.Lock(), Counter(), itertools.count(1)
        self._active, self._dead_until, self._over = 0, 0.0, threading.Event()
        access = kubeconfig.resolve(None, context)
        self._pool, self._upstream = transport._pool(access, 32)
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.proxy = self
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._server.shutdown()
        self._server.server_close()

    def kubeconfig(self, folder, user=None):
        """A kubeconfig that leads here; returns its path."""
        path = folder / "kubeconfig"
        content = {
            "apiVersion": "v1", "kind": "Config", "current-context": "faulty",
            "clusters": [{"name": "faulty", "cluster": {"server": self.url}}],
            "users": [{"name": "faulty", "user": user or {}}],
            "contexts": [{"name": "faulty", "context": {"cluster": "faulty", "user": "faulty"}}],
        }  # fmt: skip
        path.write_text(yaml.safe_dump(content))
        return path

    @property
    def writes(self):
        """Calls that changed something, or would have."""
        return [call for call in self.calls if call.writes and call.fault in ("", "lost")]

    @property
    def met(self):
        """How often each fault happened."""
        return Counter(call.fault for call in self.calls if call.fault)

    def down(self, seconds):
        """As an API server that restarts: from now on every connection ends at once, for so long."""
        self._dead_until = time.monotonic() + seconds

    def settle(self):
        """Waits until what was under way when its client died has come to the API server."""
        end = time.monotonic() + 10
        while self._active:
            assert time.monotonic() < end, "calls under way do not end"
            time.sleep(0.01)

    def serve(self, handler):
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        url = urlsplit(handler.path)
        call = Call(handler.command, url.path, parse_qs(url.query))
        if time.monotonic() < self._dead_until:
            fault = "down"
        elif self.gate and not self.gate(handler.headers.get("Authorization", "").removeprefix("Bearer ")):
            fault = "401"
        else:
            fault = self._draw(call)
        with self._lock:
            self.calls.append(Call(call.method, call.path, call.query, fault))
        self._act(handler, body, call, fault)

    def _draw(self, call):
        with self._lock:
            name = f"{self.seed} {call.method} {call.path} {call.watch}"
            self._again[name] += 1
            dice = random.Random(f"{name} {self._again[name]}")
        possible = [fault for fault in self.faults if self._possible(fault, call)]
        return dice.choice(possible) if possible and dice.random() < self.rate else ""

    @staticmethod
    def _possible(fault, call):
        if call.watch:
            return fault not in ("lost", "stall")
        return fault != "gone" or call.paged

    def _act(self, handler, body, call, fault):
        if fault in ("down", "reset"):
            cut(handler)
        elif fault == "stall":
            self._over.wait(60)
            cut(handler)
        elif fault == "401":
            answer(handler, 401, status(401, "Unauthorized"))
        elif fault in BUSY:
            more = {"Retry-After": "1"} if fault == "429" else {}
            answer(handler, BUSY[fault], status(BUSY[fault], "a fault of the test proxy"), **more)
        elif fault == "gone" and call.watch:
            answer(handler, 200, {"type": "ERROR", "object": status(410, "too old resource version")})
        elif fault == "gone":
            answer(handler, 410, status(410, "the continue token has expired"))
        elif call.watch:
            self._follow(handler)
        else:
            self._pass_on(handler, body, call, lost=fault == "lost")

    def _pass_on(self, handler, body, call, lost):
        number = next(self._writes) if call.writes else 0
        with self._lock:
            self._active += 1
        try:
            if number:
                self.on_write(number, False)
            try:
                response = self._send(handler, body)
            except urllib3.exceptions.HTTPError:
                self.away += 1
                cut(handler)
                return
            if number:
                self.on_write(number, True)
        finally:
            with self._lock:
                self._active -= 1
        if lost:
            cut(handler)
        else:
            answer(handler, response.status, response.data, **passed(response.headers))

    def _send(self, handler, body, **options):
        headers = {name: value for name, value in handler.headers.items() if name.lower() not in HOPS}
        url = self._upstream + handler.path
        options = {"retries": False, "timeout": urllib3.Timeout(connect=5, read=60), **options}
        return self._pool.urlopen(handler.command, url, body=body or None, headers=headers, **options)

    def _follow(self, handler):
        """A watch: line by line as it comes, until either side ends it."""
        handler.close_connection = True
        try:
            response = self._send(handler, None, preload_content=False)
        except urllib3.exceptions.HTTPError:
            self.away += 1
            cut(handler)
            return
        with contextlib.suppress(OSError, urllib3.exceptions.HTTPError):
            handler.send_response(response.status)
            handler.send_header("Transfer-Encoding", "chunked")
            handler.end_headers()
            handler.wfile.flush()
            for line in itertools.chain(response, [b""]):  # an empty chunk is the end
                if time.monotonic() < self._dead_until:
                    cut(handler)
                    break
                handler.wfile.write(b"%x\r\n%b\r\n" % (len(line), line))
                handler.wfile.flush()
        response.close()


class Tokens:
    """Tokens that the proxy takes back after so many calls each; an exec plugin, and a file, that have the next."""

    def __init__(self, proxy, folder, calls):
        self._folder, self._calls, self._left, self._lock = folder, calls, calls, threading.Lock()
        self.issued, self.runs = 1, folder / "runs"
        self.runs.write_text("")
        self._publish()
        proxy.gate = self._accepts

    def _publish(self):
        (self._folder / "token").write_text(f"token-{self.issued}")

    def _accepts(self, token):
        with self._lock:
            if self._left == 0:
                self.issued, self._left = self.issued + 1, self._calls
                self._publish()
            good = token == f"token-{self.issued}"
            self._left -= good
            return good

    @property
    def user(self):
        """Both ways of a kubeconfig's user to have them."""
        script = self._folder / "login.py"
        script.write_text(
            textwrap.dedent(f"""
                import json, pathlib
                token = pathlib.Path({str(self._folder / "token")!r}).read_text()
                with open({str(self.runs)!r}, "a") as runs:
                    runs.write(token + "\\n")
                kind = {{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential"}}
                print(json.dumps(kind | {{"status": {{"token": token}}}}))
            """)
        )
        api_version = "client.authentication.k8s.io/v1"
        plugin = {"apiVersion": api_version, "command": sys.executable, "args": [str(script)]}
        return {"exec": plugin, "tokenFile": str(self._folder / "token")}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request, client_address):
        """A client that was killed is what this is for; a fault of the proxy itself is shown."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do(self):
        self.server.proxy.serve(self)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do

    def log_message(self, *_):
        pass


def cut(handler):
    """Ends the connection without an answer."""
    handler.close_connection = True
    with contextlib.suppress(OSError):
        handler.connection.shutdown(socket.SHUT_RDWR)


def answer(handler, code, body, **headers):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    handler.send_response(code)
    for name, value in {"Content-Type": "application/json", **headers, "Content-Length": str(len(data))}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(data)


def status(code, message):
    return {"apiVersion": "v1", "kind": "Status", "status": "Failure", "code": code, "message": message}


def passed(headers):
    return {name: headers[name] for name in ("Content-Type", "Retry-After") if name in headers}


def killer(process_of, at, *, done=True):
    """For ``on_write``: SIGKILL for a process around its ``at``-th API write; ``done``: once that is in the cluster."""

    def hook(number, is_done):
        if number == at and is_done is done:
            process_of().kill()
            time.sleep(0.05)  # it is dead before the answer goes back

    return hook


def restart_api_server(node):
    """Kills the API server in a kind node of one's own; the kubelet starts it anew."""
    script = "kill -9 $(pidof kube-apiserver)"
    subprocess.run(["docker", "exec", node, "sh", "-c", script], check=True, capture_output=True)
