"""Faults that a test lets happen at a port, and what may be demanded afterwards."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from nightsort.testing.clock import VirtualClock
from tests.support.world import World

Hook = Callable[..., Awaitable[None]]


def raising(error: BaseException, operation: str, *, skip: int = 0, times: int = 1) -> Hook:
    """A hook that raises so many times at an operation, after so many that went well."""
    seen = 0

    async def hook(happening: str, *about: Any) -> None:
        nonlocal seen
        if happening == operation:
            seen += 1
            if skip < seen <= skip + times:
                raise error

    return hook


def all_paid_once(world: World, tickets: int) -> bool:
    return world.paid() == {str(number): 1 for number in range(tickets)}


@dataclass
class WrongClock:
    """The operator's: it is so far from the API's."""

    right: VirtualClock
    ahead: timedelta

    def now(self) -> datetime:
        return self.right.now() + self.ahead

    def monotonic(self) -> float:
        return self.right.monotonic()

    async def sleep(self, seconds: float) -> None:
        await self.right.sleep(seconds)
