"""Threads for calls that block: the tenants' in bounded shares, by namespace and server, and the operator's own."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from threading import Condition, Thread
from typing import Any, ParamSpec, Protocol, TypeVar
from urllib.parse import urlsplit

from nightsort.system.fair_room import FairRoom, Target

P = ParamSpec("P")
T = TypeVar("T")
TENANTS_THREADS = 32
"""Threads, half of which one namespace alone gets. They read into memory, of which the chart gives 512 Mi."""
THREADS_OF_SERVER = 6
"""Threads for one namespace and one server, which may be a small one."""
OWN_THREADS = 16
IDLE_SECONDS = 10.0


class InThread(Protocol):
    """Runs a call in a thread and returns its result: `asyncio.to_thread`, or a share of `ThreadPools`."""

    async def __call__(self, call: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T: ...


class ThreadPools:
    """Runs blocking calls of tenants; each namespace, and each server that it names, has a bounded number of threads.

    A call that hangs keeps its place until it really ends, even if nobody waits for it any more: it counts against
    the namespace that named the server. Nothing is kept for a namespace without calls.
    """

    def __init__(self, threads: int = TENANTS_THREADS, of_server: int = THREADS_OF_SERVER) -> None:
        self.room = FairRoom(threads, of_server)
        self._threads = DaemonThreads(threads, "tenants")

    def share(self, namespace: str, server: str) -> InThread:
        """The threads for this namespace's calls to this server; any name will do, such as a URL's host."""
        return Share(self, Target(namespace, server))

    async def run(self, target: Target, call: Callable[[], T]) -> T:
        await self.room.enter(target)
        left = partial(self._left, asyncio.get_running_loop(), target)
        try:
            future = self._threads.submit(copy_context().run, call)
        except BaseException:
            self.room.leave(target)
            raise
        future.add_done_callback(left)
        return await asyncio.wrap_future(future)  # a cancelled wait does not end a call that has begun

    def _left(self, loop: asyncio.AbstractEventLoop, target: Target, _: Future[Any]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: the process ends
            loop.call_soon_threadsafe(self.room.leave, target)


@dataclass(frozen=True, slots=True)
class Share:
    pools: ThreadPools
    target: Target

    async def __call__(self, call: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.pools.run(self.target, partial(call, *args, **kwargs))


class DaemonThreads(ThreadPoolExecutor):
    """A limited number of threads, begun on demand and ended after some time without work.

    The process ends without waiting for them, unlike with the base class, where a thread that hangs would keep it
    alive. Their jobs must tolerate that, as they must tolerate a killed process. (asyncio takes only subclasses of
    that class as an event loop's own threads.)
    """

    def __init__(self, most: int, name: str) -> None:
        super().__init__(most, name)
        self._most = most
        self._name = name
        self._jobs: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self._news = Condition()
        self._alive = self._idle = 0
        self._ended = False

    def submit(self, call: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = Future()
        with self._news:
            if self._ended:
                raise RuntimeError("these threads are not to begin anything any more")
            if self._idle <= len(self._jobs) and self._alive < self._most:
                Thread(target=self._work, name=f"nightsort-{self._name}", daemon=True).start()
                self._alive += 1
            self._jobs.append((future, partial(call, *args, **kwargs)))
            self._news.notify()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Begins nothing any more; nobody waits for calls that hang."""
        with self._news:
            self._ended = True
            for future, _ in self._jobs:
                future.cancel()
            self._jobs.clear()
            self._news.notify_all()

    def _work(self) -> None:
        while (job := self._next()) is not None:
            future, call = job
            if future.set_running_or_notify_cancel():
                fulfil(future, call)
            del job, future, call  # an idle thread must not keep objects alive

    def _next(self) -> tuple[Future[Any], Callable[[], Any]] | None:
        with self._news:
            self._idle += 1
            self._news.wait_for(lambda: self._jobs or self._ended, IDLE_SECONDS)
            self._idle -= 1
            if self._jobs:
                return self._jobs.popleft()
            self._alive -= 1
            return None


def fulfil(future: Future[Any], call: Callable[[], Any]) -> None:
    try:
        result = call()
    except BaseException as error:  # noqa: BLE001 - whatever it is, who waits gets it
        future.set_exception(error)
    else:
        future.set_result(result)


def server_of(url: str) -> str:
    """The server that a URL names, as it is written and with its port; another spelling gets a share of its own."""
    try:
        parts = urlsplit(url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2].lower()}"
    except ValueError:
        return ""
