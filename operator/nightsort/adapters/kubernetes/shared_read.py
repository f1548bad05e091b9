"""One read for many concurrent callers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Generic, TypeVar

T = TypeVar("T")


class SharedRead(Generic[T]):
    """A caller gets a read that began after its call; callers during a read share the next one."""

    def __init__(self, read: Callable[[], Awaitable[T]], clock: Callable[[], float] = monotonic) -> None:
        self._read = read
        self._clock = clock
        self._last: tuple[float, T] | None = None
        self._under_way = asyncio.Lock()  # for reads of one object or list, shared by the callers that wait
        self._next: asyncio.Task[T] | None = None
        self._now: tuple[float, asyncio.Task[T]] | None = None

    async def get(self, within: float = 0.0) -> T:
        """`within`: a read that began up to this many seconds ago is as good, also one in progress."""
        if self._last is not None and self._clock() - self._last[0] < within:
            return self._last[1]
        if self._now is not None and self._clock() - self._now[0] < within:
            return await asyncio.shield(self._now[1])
        if self._next is None:
            self._next = asyncio.create_task(self._begin())
            self._next.add_done_callback(seen)
        return await asyncio.shield(self._next)  # a caller that gives up does not cancel it for the others

    async def _begin(self) -> T:
        async with self._under_way:
            task, self._next = self._next, None
            began = self._clock()
            self._now = (began, task) if task is not None else None
            try:
                found = await self._read()
            finally:
                self._now = None
            self._last = (began, found)
            return found

    def is_older(self, seconds: float) -> bool:
        """Whether its memory is that old or empty, and no read is in progress."""
        if self._next is not None or self._under_way.locked():
            return False
        return self._last is None or self._clock() - self._last[0] >= seconds


def seen(task: asyncio.Task[T]) -> None:
    """Takes note of an error that nobody awaits any more; asyncio would complain about it."""
    if not task.cancelled():
        task.exception()
