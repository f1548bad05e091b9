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
"""A namespace alone gets half of them. What a thread reads is in memory, of which the chart gives 512 Mi."""
THREADS_OF_SERVER = 6
"""For one namespace and one server, which may be a small one."""
OWN_THREADS = 16
IDLE_SECONDS = 10.0


class InThread(Protocol):
    """Runs a call in a thread and gives its result: `asyncio.to_thread`, or a share of `ThreadPools`."""

    async def __call__(self, call: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T: ...


class ThreadPools:
    """Runs blocking calls of tenants, of which each namespace, and each server that it names, has bounded threads.

    A call that hangs keeps its place until it really ends, also when nobody waits for it any more: it is counted
    against who has named the server. Nothing is kept of a namespace that has no call.
    """

    def __init__(self, threads: int = TENANTS_THREADS, of_server: int = THREADS_OF_SERVER) -> None:
        self.room = FairRoom(threads, of_server)
        self._threads = DaemonThreads(threads, "tenants")

    def share(self, namespace: str, server: str) -> InThread:
        """The threads of calls for this namespace that go to this server; any name will do, such as a URL's host."""
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
        return await asyncio.wrap_future(future)  # who stops waiting does not end a call that has begun

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
    """At most so many threads, begun when they are needed and ended when they have had nothing to do for a while.

    No end of a process waits for them, as it waits for those of the class above: one that hangs would keep it alive.
    What they do must bear that, as it must bear that the process is killed. (asyncio takes only subclasses of that
    class as an event loop's own threads.)
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
        """Nothing is begun any more; nobody waits for what hangs."""
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
            del job, future, call  # an idle thread keeps nothing alive

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
    """The server that a URL names, as it is written and with its port; whoever spells it otherwise has two shares."""
    try:
        parts = urlsplit(url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2].lower()}"
    except ValueError:
        return ""
