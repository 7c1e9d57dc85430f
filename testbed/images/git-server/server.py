"""Git's own HTTP back end behind Python's HTTP server, for tests: no users, no TLS.

    http://HOST:8080/NAME.git               clone, fetch, push; a bare repository, made when it is first asked for
    http://HOST:8080/NAME/REVISION.tar.gz   the files of a revision; the same bytes each time
    http://HOST:8080/healthz

The environment of the CGI program: https://git-scm.com/docs/git-http-backend and RFC 3875.
"""

from __future__ import annotations

import gzip
import os
import re
import subprocess
from collections.abc import Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ROOT = Path(os.environ.get("GIT_SERVER_ROOT", "/srv/git"))
PORT = int(os.environ.get("GIT_SERVER_PORT", "8080"))
REPOSITORY = re.compile(r"/([a-z0-9][a-z0-9-]*)\.git/([\w/.-]+)")
ARCHIVE = re.compile(r"/([a-z0-9][a-z0-9-]*)/([0-9a-f]{40})\.tar\.gz")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/healthz":
            self.answer(HTTPStatus.OK, b"ok\n")
        elif found := ARCHIVE.fullmatch(path):
            self.archive(*found.groups())
        else:
            self.git(path)

    do_HEAD = do_GET

    def do_POST(self) -> None:
        self.git(self.path.partition("?")[0])

    def archive(self, name: str, revision: str) -> None:
        command = ["git", "-C", str(ROOT / f"{name}.git"), "archive", "--format=tar", revision]
        done = subprocess.run(command, capture_output=True, check=False)
        if done.returncode:
            self.answer(HTTPStatus.NOT_FOUND, done.stderr)
        else:
            # no time stamp: source-controller's digests are of the content, and so is this one's
            self.answer(HTTPStatus.OK, gzip.compress(done.stdout, mtime=0), {"Content-Type": "application/gzip"})

    def git(self, path: str) -> None:
        found = REPOSITORY.fullmatch(path)
        if not found:
            self.answer(HTTPStatus.NOT_FOUND, b"no such repository\n")
            return
        repository = ROOT / f"{found[1]}.git"
        if not repository.is_dir():
            subprocess.run(["git", "init", "--quiet", "--bare", str(repository)], check=True)
        body = b"".join(self.body())
        environment = {
            **os.environ,
            "GIT_PROJECT_ROOT": str(ROOT),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "REQUEST_METHOD": self.command,
            "PATH_INFO": path,
            "QUERY_STRING": self.path.partition("?")[2],
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "REMOTE_ADDR": self.client_address[0],
        }
        done = subprocess.run(["git", "http-backend"], input=body, env=environment, stdout=subprocess.PIPE, check=True)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().splitlines())
        self.answer(HTTPStatus(int(headers.pop("Status", "200").split()[0])), content, headers)

    def body(self) -> Iterator[bytes]:
        """A push of more than http.postBuffer comes in chunks."""
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            while size := int(self.rfile.readline().split(b";")[0], 16):
                yield self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            yield self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def answer(self, status: HTTPStatus, content: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


if __name__ == "__main__":
    ThreadingHTTPServer(("", PORT), Handler).serve_forever()
