"""An event loop whose time passes only when nobody has anything to do."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

T = TypeVar("T")

NIGHT = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)


class Deadlock(AssertionError):
    """Everybody waits, and nobody for the time."""


class Leap(selectors.SelectSelector):
    """Waiting for sockets becomes a leap to the next timer: no socket of a simulation ever has anything to say."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise Deadlock("everybody waits, and nobody for the time")
        self.seconds += max(0.0, timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._leap = Leap()
        super().__init__(self._leap)
        self._clock_resolution = 1e-6

    def time(self) -> float:
        return self._leap.seconds


class LoopClock:
    """The Clock of a simulation: the time of the loop that runs it."""

    def now(self) -> datetime:
        return NIGHT + timedelta(seconds=asyncio.get_running_loop().time())

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def run(life: Coroutine[Any, Any, T]) -> T:
    """Runs a life to its end in a loop of its own; what is left sleeping is dropped."""
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(life)
    finally:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
