"""The end of a life that would have none: its calls are counted, since its time may not pass."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tests.simulation.chaos import Killed

MOST_AT_ONCE = 5_000
"""Calls and readings of the clock by all processes while no time passes."""
MOST_CALLS = 200_000
"""The same in a whole life."""


class CallLimits:
    """Counts the calls of all processes. Once there are too many it fails the life, and each process at its next call.

    Readings of the clock count as calls: a loop that does nothing still asks how late it is.
    """

    def __init__(self, fail: Callable[[str], None]) -> None:
        self._fail = fail
        self._time = 0.0
        self._at_once = 0
        self._calls = 0

    def count(self) -> None:
        """
        Raises:
            Killed: the life is over.
        """
        now = asyncio.get_running_loop().time()
        self._at_once = self._at_once + 1 if now == self._time else 1
        self._time = now
        self._calls += 1
        if self._at_once > MOST_AT_ONCE:
            self._end(f"L1: more than {MOST_AT_ONCE:,} calls were made while no time passed")
        if self._calls > MOST_CALLS:
            self._end(f"L2: more than {MOST_CALLS:,} calls were made")

    def _end(self, message: str) -> None:
        self._fail(message)
        raise Killed
