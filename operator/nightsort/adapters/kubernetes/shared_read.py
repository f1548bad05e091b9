"""One read for many who ask at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Generic, TypeVar

T = TypeVar("T")


class SharedRead(Generic[T]):
    """Whoever asks gets a read that was begun after they asked; those who ask while one is under way share the next."""

    def __init__(self, read: Callable[[], Awaitable[T]], clock: Callable[[], float] = monotonic) -> None:
        self._read = read
        self._clock = clock
        self._last: tuple[float, T] | None = None
        self._under_way = asyncio.Lock()  # of one object or list, which those share who wait for it
        self._next: asyncio.Task[T] | None = None
        self._now: tuple[float, asyncio.Task[T]] | None = None

    async def get(self, within: float = 0.0) -> T:
        """`within`: a read that was begun so many seconds ago is as good, also one that is under way."""
        if self._last is not None and self._clock() - self._last[0] < within:
            return self._last[1]
        if self._now is not None and self._clock() - self._now[0] < within:
            return await asyncio.shield(self._now[1])
        if self._next is None:
            self._next = asyncio.create_task(self._begin())
            self._next.add_done_callback(seen)
        return await asyncio.shield(self._next)  # who stops waiting does not take it from the others

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
        """Whether what it remembers is, or it remembers nothing, and no read is under way."""
        if self._next is not None or self._under_way.locked():
            return False
        return self._last is None or self._clock() - self._last[0] >= seconds


def seen(task: asyncio.Task[T]) -> None:
    """asyncio complains of an error that nobody waits for any more."""
    if not task.cancelled():
        task.exception()
