"""Answers of free calls that are the same for many resources: they are asked for once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from nightsort.ports import Clock

T = TypeVar("T")
MOST_KEPT = 1_000


@dataclass(slots=True)
class Kept(Generic[T]):
    """An answer, and when it came (monotonic seconds); None before the first."""

    asking: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Covers one free call, whose answer all that wait for it share; where it fails, the next one asks for itself."""
    found: tuple[float, T] | None = None


class KeptAnswers(Generic[T]):
    """The last used answers by what was asked, each for so many seconds, and no errors.

    After a restart all is asked anew.
    """

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self._kept: dict[Hashable, Kept[T]] = {}

    async def get(self, asked: Hashable, ask: Callable[[], Awaitable[T]]) -> T:
        kept = self._kept.pop(asked) if asked in self._kept else Kept[T]()
        self._kept[asked] = kept  # the last used one is the last to go
        while len(self._kept) > MOST_KEPT:
            del self._kept[next(iter(self._kept))]
        async with kept.asking:
            if kept.found is None or self._clock.monotonic() - kept.found[0] >= self._seconds:
                kept.found = None
                answer = await ask()
                kept.found = (self._clock.monotonic(), answer)
            return kept.found[1]

    def forget(self, asked: Hashable) -> None:
        self._kept.pop(asked, None)
