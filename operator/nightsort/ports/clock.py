"""The time."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    def now(self) -> datetime:
        """The time, with UTC as its zone. Whoever sets the machine's clock makes it jump."""
        ...

    def monotonic(self) -> float:
        """Seconds since some moment, which nobody sets: for how long something took or is to take."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Waits for so many seconds of the monotonic clock; other resources go on."""
        ...
