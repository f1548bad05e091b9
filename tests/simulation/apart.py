"""What different observers make of one world: counts that lag, clocks that differ, keys of other accounts."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timedelta

from nightsort.testing.batch_api import Held
from tests.simulation.virtual import LoopClock

UNTOLD = ("", "")
"""Names of organization and workspace where answers do not tell them."""
STEP = timedelta(minutes=4)
"""How often a count grows: well within the grace, so that it never looks steady."""


class ApartClock(LoopClock):
    """A process's own clock: so many seconds ahead of the API's. Somebody may set it. `read` hears of each reading."""

    def __init__(self, ahead: float, read: Callable[[], None]) -> None:
        self.ahead = ahead
        self._read = read

    def now(self) -> datetime:
        self._read()
        return super().now() + timedelta(seconds=self.ahead)


class Counts:
    """How many requests an account says that its batches have: of some the count is zero, grows or does not add up."""

    def __init__(self, now: Callable[[], datetime], rate: float) -> None:
        self._now = now
        self.rate = rate

    def of(self, held: Held) -> int:
        # By the batch's id, so that what is said of one batch goes together, and no other chance hangs on it.
        rng, requests = random.Random(held.id), len(held.answers)
        if rng.random() >= self.rate:
            return requests
        age, ended = self._now() - held.created_at, self._now() >= held.ends_at
        match rng.choice(("absent", "lags", "grows", "loses")):
            case "absent":
                return 0
            case "lags":
                return 0 if age < timedelta(minutes=rng.choice((1, 20, 200))) else requests
            case "grows":
                return min(int(age / STEP), requests)
            case _:
                return requests - 1 if ended else requests
