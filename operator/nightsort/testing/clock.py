"""Time that passes only when a test sleeps or moves it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

NIGHT = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)


class VirtualClock:
    """A Clock whose `sleep` takes no time and moves `now`. A test may `set` it: `monotonic` does not follow."""

    def __init__(self, start: datetime = NIGHT) -> None:
        self._now = start
        self._passed = 0.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._passed

    def set(self, seconds: float) -> None:
        """Moves the time forward, or, with less than zero, back."""
        self._now += timedelta(seconds=seconds)

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)
        await asyncio.sleep(0)

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=max(0.0, seconds))
        self._passed += max(0.0, seconds)
