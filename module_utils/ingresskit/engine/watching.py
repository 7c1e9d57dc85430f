"""Watches turned into news on one queue."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..api.failures import Forbidden, Gone
from ..api.resources import Object
from ..errors import ClusterError
from .board import News
from .ownership import Owner
from .scopes import Scope, narrowed

if TYPE_CHECKING:
    from ..api.client import Api, Watch


_SPAN = 30.0  # seconds a watch is asked to last: one that has silently broken off is noticed when they are over


class Watcher:
    """A thread a scope that turns its watch into news on one queue; lists again where a watch breaks."""

    def __init__(self, api: Api, owner: Owner) -> None:
        self._api, self._selector = api, owner.selector
        self._news: queue.SimpleQueue[News | ClusterError] = queue.SimpleQueue()
        self._open: set[Watch] = set()
        self._closed = threading.Event()

    def open(self, scope: Scope) -> list[tuple[Scope, list[Object]]]:
        """The scope with its objects; or, where the user has rights in namespaces only, one for each of these."""
        try:
            return [(scope, self.list(scope))]
        except Forbidden:
            if not scope.resource.namespaced:
                raise
        return [(part, self.list(part)) for part in narrowed(scope)]

    def list(self, scope: Scope) -> list[Object]:
        """The scope's objects; its watch goes on from there. EndpointSlices carry the labels of their Service."""
        listing = self._api.list_objects(scope.resource, scope.namespace, self._selector)
        scope.version = listing.resource_version
        return listing.items

    def start(self, scopes: Iterable[Scope]) -> None:
        for scope in scopes:
            threading.Thread(target=self._run, args=(scope,), daemon=True, name=f"watch {scope.resource.name}").start()

    def next(self, seconds: float) -> News | None:
        """The next news, None where there is none for so long. Raises what a thread failed with."""
        try:
            news = self._news.get(timeout=max(0.0, seconds))
        except queue.Empty:
            return None
        if isinstance(news, ClusterError):
            raise news
        return news

    def close(self) -> None:
        self._closed.set()
        for watch in list(self._open):
            watch.close()

    def _run(self, scope: Scope) -> None:
        pause = 0.1
        while not self._closed.is_set():
            try:
                self._follow(scope)
                pause = 0.1
                self._closed.wait(pause)  # a proxy may cut every watch short
            except Gone:
                self._relist(scope)
            except ClusterError:  # broken off: the LIST retries, and fails where the cluster does
                self._closed.wait(pause)
                pause = min(5.0, pause * 2)
                self._relist(scope)

    def _follow(self, scope: Scope) -> None:
        watch = self._api.watch(scope.resource, scope.namespace, scope.version, self._selector, timeout=_SPAN)
        self._open.add(watch)
        try:
            if self._closed.is_set():
                watch.close()
            for event in watch:
                scope.version = event.object["metadata"]["resourceVersion"]
                if event.type != "BOOKMARK":
                    self._news.put(News(scope, [event.object], deleted=event.type == "DELETED"))
        finally:
            self._open.discard(watch)

    def _relist(self, scope: Scope) -> None:
        if self._closed.is_set():
            return
        try:
            self._news.put(News(scope, self.list(scope), all=True))
        except ClusterError as error:
            self._news.put(error)
            self._closed.set()
