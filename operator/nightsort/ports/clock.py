"""The time."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    def now(self) -> datetime:
        """The time, in UTC. It jumps when somebody sets the machine's clock."""
        ...

    def monotonic(self) -> float:
        """Seconds since some moment, by a clock that nobody sets: for measuring and planning durations."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Waits for this many seconds of the monotonic clock; other resources go on."""
        ...
