"""One read for many who ask at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class SharedRead(Generic[T]):
    """Whoever asks gets a read that was begun after they asked; those who ask while one is under way share the next."""

    def __init__(self, read: Callable[[], Awaitable[T]]) -> None:
        self._read = read
        self._under_way = asyncio.Lock()
        self._next: asyncio.Task[T] | None = None

    async def get(self) -> T:
        if self._next is None:
            self._next = asyncio.create_task(self._begin())
            self._next.add_done_callback(seen)
        return await asyncio.shield(self._next)  # who stops waiting does not take it from the others

    async def _begin(self) -> T:
        async with self._under_way:
            self._next = None
            return await self._read()


def seen(task: asyncio.Task[T]) -> None:
    """asyncio complains of an error that nobody waits for any more."""
    if not task.cancelled():
        task.exception()
