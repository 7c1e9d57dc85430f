"""The nginx process: test a configuration, reload without losing a connection, quit gracefully."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from pathlib import Path

log = logging.getLogger(__name__)
ETC, LIB = Path("/etc/nginx"), Path("/var/lib/nginx")
CONFIG, SECRETS = ETC / "nginx.conf", ETC / "secrets"
PID = LIB / "nginx.pid"
SOCKET = LIB / "nginx-config-version.sock"
POLL = 0.01
SURE = 4  # answers of the new configuration in a row


class NginxError(Exception):
    """nginx refuses a configuration; the text is its own."""


class Nginx:
    """`start` once, then `reload`; `exited` is set when the process has ended, whoever ended it."""

    def __init__(self, binary: str = "nginx", timeout: float = 60.0) -> None:
        self._binary = binary
        self._timeout = timeout
        self._process: asyncio.subprocess.Process | None = None
        self._complaint = ""
        self.exited = asyncio.Event()

    def write_secrets(self, files: dict[str, bytes]) -> None:
        """Put the files beside those of the running configuration; names carry a digest, so none is ever changed."""
        SECRETS.mkdir(mode=0o700, exist_ok=True)
        for name, content in files.items():
            path = SECRETS / name
            if not path.exists():
                new = path.with_name(f".{name}")
                new.touch(mode=0o600)
                new.write_bytes(content)
                new.rename(path)

    def drop_secrets(self, keep: dict[str, bytes]) -> None:
        for path in SECRETS.iterdir():
            if path.name not in keep:
                path.unlink()

    async def test(self, text: str) -> None:
        """`nginx -t`. Raises NginxError with what nginx says."""
        candidate = CONFIG.with_suffix(".candidate")
        candidate.write_text(text.replace(str(PID), str(PID) + "-test"))  # `nginx -t` writes its pid file
        process = await asyncio.create_subprocess_exec(
            self._binary, "-t", "-q", "-c", str(candidate), stderr=asyncio.subprocess.PIPE
        )
        _, complaint = await process.communicate()
        if process.returncode:
            raise NginxError(_essence(complaint.decode()))

    async def start(self, text: str, version: int) -> None:
        """Start nginx; a socket or pid file of a container before this one is removed first. Raises NginxError."""
        for left in [*LIB.glob("*.sock"), PID]:
            left.unlink(missing_ok=True)
        await self.test(text)
        CONFIG.write_text(text)
        # A pipe of our own: asyncio's would let wait() wait for its end, and workers left behind hold it open.
        reading, writing = os.pipe()
        self._process = await asyncio.create_subprocess_exec(self._binary, "-c", str(CONFIG), stderr=writing)
        os.close(writing)
        self._watchers = [asyncio.create_task(self._pass_on(reading)), asyncio.create_task(self._wait())]
        await self._await_version(version)

    async def reload(self, text: str, version: int) -> None:
        """Test, then SIGHUP, then wait until the new workers answer. Raises NginxError; the old ones then go on."""
        await self.test(text)
        before = CONFIG.read_text()
        CONFIG.write_text(text)
        self._complaint = ""
        self._signal(signal.SIGHUP)
        try:
            await self._await_version(version)
        except NginxError:
            CONFIG.write_text(before)
            raise

    @property
    def started(self) -> bool:
        return self._process is not None

    def quit(self) -> None:
        """As F5 on SIGTERM: workers finish their requests, no new connection is accepted."""
        self._signal(signal.SIGQUIT)

    def _signal(self, number: signal.Signals) -> None:
        if self._process and self._process.returncode is None:
            self._process.send_signal(number)

    async def _wait(self) -> None:
        assert self._process
        await self._process.wait()
        self.exited.set()

    async def _pass_on(self, descriptor: int) -> None:
        """nginx's log goes to ours; what keeps a reload from happening is remembered."""
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "rb", 0)
        )
        async for line in reader:
            sys.stderr.buffer.write(line)
            sys.stderr.buffer.flush()
            if b"[emerg]" in line:
                self._complaint = _essence(line.decode())

    async def _await_version(self, version: int) -> None:
        deadline = asyncio.get_running_loop().time() + self._timeout
        seen = 0
        while asyncio.get_running_loop().time() < deadline:
            if self._complaint:
                raise NginxError(self._complaint)
            if self.exited.is_set():
                raise NginxError("nginx has exited")
            # an old worker may accept a last connection while the new ones answer already
            seen = seen + 1 if await running_version() == version else 0
            if seen == SURE:
                return
            await asyncio.sleep(POLL)
        raise NginxError(f"reload not done within {self._timeout:g} s")


async def running_version() -> int | None:
    """The version of the configuration that answers on nginx's own socket; None while there is none."""
    try:
        reader, writer = await asyncio.open_unix_connection(str(SOCKET))
        writer.write(b"GET / HTTP/1.0\r\n\r\n")
        answer = await asyncio.wait_for(reader.read(), 1)
        writer.close()
        return int(answer.rpartition(b"\r\n\r\n")[2])
    except (TimeoutError, OSError, ValueError):
        return None


def _essence(text: str) -> str:
    """nginx's complaint without time stamps and process numbers, so that the same one stays the same event."""
    lines = [line.partition("[emerg]")[2] or line.partition("[error]")[2] or line for line in text.strip().splitlines()]
    words = lines[0].strip() if lines else "nginx gave no reason"
    head, colon, rest = words.partition(": ")
    return rest if colon and head.lstrip("0123456789# ") == "" else words


def has_ipv6() -> bool:
    addresses = Path("/proc/net/if_inet6")
    return addresses.exists() and bool(addresses.read_text())
