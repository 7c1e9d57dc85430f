"""The API server, as much of it as the ServiceAccount of F5's "least RBAC" may use: raw JSON over aiohttp."""

from __future__ import annotations

import json
import os
import ssl
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp

from .model import Obj

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
PAGE = 500
WATCH_SECONDS = 300


class ApiError(Exception):
    """An answer of the API server that is not a success."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status} {message}")
        self.status = status


class Kube:
    """A thin client; use it as `async with Kube.in_cluster() as kube`."""

    def __init__(self, server: str, session: aiohttp.ClientSession, token: Path | None) -> None:
        self._server = server
        self._session = session
        self._token = token

    @classmethod
    def in_cluster(cls) -> Kube:
        """From the pod's environment and ServiceAccount. Raises OSError or KeyError outside a pod."""
        host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
        context = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))
        connector = aiohttp.TCPConnector(ssl=context, limit=0)
        authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        timeout = aiohttp.ClientTimeout(total=30)
        session = aiohttp.ClientSession(connector=connector, timeout=timeout)
        return cls(f"https://{authority}", session, ACCOUNT / "token")

    async def __aenter__(self) -> Kube:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def get(self, path: str) -> Obj:
        return await self._call("GET", path)

    async def create(self, path: str, body: Obj) -> Obj:
        return await self._call("POST", path, body)

    async def update(self, path: str, body: Obj) -> Obj:
        return await self._call("PUT", path, body)

    async def patch(self, path: str, body: Obj) -> Obj:
        return await self._call("PATCH", path, body, {"Content-Type": "application/merge-patch+json"})

    async def list(self, path: str, params: Mapping[str, str]) -> tuple[list[Obj], str]:
        """All objects, page by page, and the resourceVersion to watch from."""
        items: list[Obj] = []
        page: dict[str, str] = {**params, "limit": str(PAGE)}
        while True:
            answer = await self._call("GET", path, params=page)
            items += answer.get("items") or []
            if not answer["metadata"].get("continue"):
                return items, answer["metadata"]["resourceVersion"]
            page["continue"] = answer["metadata"]["continue"]

    async def watch(self, path: str, version: str, params: Mapping[str, str]) -> AsyncIterator[tuple[str, Obj]]:
        """Events (type, object) from `version` on, to the end of the stream. Raises ApiError (410: list again)."""
        query = {**params, "watch": "1", "resourceVersion": version, "allowWatchBookmarks": "true"}
        query["timeoutSeconds"] = str(WATCH_SECONDS)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=WATCH_SECONDS + 30)
        url = self._server + path
        async with self._session.get(url, params=query, headers=self._headers(), timeout=timeout) as answer:
            if answer.status != 200:
                raise ApiError(answer.status, await answer.text())
            rest = b""
            async for piece in answer.content.iter_any():  # a line may be longer than aiohttp's readline allows
                *lines, rest = (rest + piece).split(b"\n")
                for line in filter(None, lines):
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        raise ApiError(event["object"].get("code", 500), event["object"].get("message", "watch error"))
                    yield event["type"], event["object"]

    async def _call(
        self,
        method: str,
        path: str,
        body: Obj | None = None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> Obj:
        data = None if body is None else json.dumps(body)
        head = self._headers() | {"Content-Type": "application/json"} | dict(headers or {})
        url = self._server + path
        try:
            async with self._session.request(method, url, data=data, headers=head, params=params) as answer:
                found: Any = await answer.json(content_type=None)
        except (TimeoutError, aiohttp.ClientError, json.JSONDecodeError) as error:
            raise ApiError(0, f"{type(error).__name__}: {error}") from error
        if answer.status >= 300:
            raise ApiError(answer.status, str((found or {}).get("message", "")))
        result: Obj = found
        return result

    def _headers(self) -> dict[str, str]:
        # Read each time: the kubelet renews the token.
        return {"Authorization": f"Bearer {self._token.read_text()}"} if self._token else {}
