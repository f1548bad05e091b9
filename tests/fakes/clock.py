"""Time that passes only when somebody sleeps or says so."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

NIGHT = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)


class VirtualClock:
    """A Clock whose `sleep` takes no time and moves `now`."""

    def __init__(self, start: datetime = NIGHT) -> None:
        self._now = start

    def now(self) -> datetime:
        return self._now

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)
        await asyncio.sleep(0)

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=max(0.0, seconds))
