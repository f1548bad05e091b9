"""Checks that the process makes progress: its event loop, its own threads, and the places that tenants share."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import Protocol

from nightsort.system.fair_room import FairRoom

BEAT_SECONDS = 5.0
LATE_SECONDS = 10.0
"""Far above the longest single step of a start over many resources."""
BEATS = 3
BLOCKED_BEATS = 12
"""A minute without any of the operator's own threads taking a job."""
STARVED_SECONDS = 900.0
"""Longer than every deadline of a call to a tenant's server: until then places become free by themselves."""


class Waits(Protocol):
    def monotonic(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...


class Pulse:
    """Beats every few seconds. `rooms` are the places that tenants share, by a name for their holders.

    A tenant that exhausts its own share is no fault of the process; a long wait of a tenant without any place is one.
    """

    def __init__(self, clock: Waits, rooms: Mapping[str, FairRoom]) -> None:
        self._clock = clock
        self._rooms = rooms
        self._late: deque[float] = deque(maxlen=BEATS)
        self._asked: asyncio.Future[None] | None = None
        self._unanswered = 0
        """Beats since then. Not seconds: after a pause of the whole process the answer comes with the next beat."""

    async def keep(self) -> None:
        """Beats until it is cancelled."""
        while True:
            await self.beat()

    async def beat(self) -> None:
        due = self._clock.monotonic() + BEAT_SECONDS
        if self._asked is None or self._asked.done():
            self._unanswered = 0
            self._asked = asyncio.get_running_loop().run_in_executor(None, nothing)
        await self._clock.sleep(BEAT_SECONDS)
        self._unanswered += 1
        self._late.append(self._clock.monotonic() - due)

    def problems(self) -> list[str]:
        """The faults in words, for the liveness probe; none when the process makes progress."""
        return [*self._lag(), *self._blocked_threads(), *self._starvation()]

    def _lag(self) -> list[str]:
        """Counts slow beats in a row: one long piece of work is no fault."""
        if len(self._late) < BEATS or min(self._late) < LATE_SECONDS:
            return []
        return [f"the event loop is late by {min(self._late):.0f} s or more, {BEATS} times in a row"]

    def _blocked_threads(self) -> list[str]:
        if self._asked is None or self._asked.done() or self._unanswered < BLOCKED_BEATS:
            return []
        return [f"the operator's own threads have begun nothing for {self._unanswered * BEAT_SECONDS:.0f} s"]

    def _starvation(self) -> list[str]:
        return [
            f"no {name} has begun for {seconds:.0f} s, and a namespace that has none waits for one"
            for name, room in self._rooms.items()
            if (seconds := room.starved_seconds()) > STARVED_SECONDS
        ]


def nothing() -> None:
    """An empty job that only shows that the thread is alive."""
