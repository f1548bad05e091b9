"""A limited number of places for concurrent work, shared among namespaces, and within each among targets."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import monotonic


@dataclass(frozen=True, slots=True)
class Target:
    """A namespace and a server. Two spellings of a server are two targets: the namespace's share bounds both."""

    namespace: str
    name: str = ""


class FairRoom:
    """A fixed number of places; a namespace takes one as long as it holds fewer than are free.

    One namespace alone gets half of them, two get a third each, and so on. These are the dynamic thresholds by which
    switches share their memory (Choudhury and Hahne, IEEE/ACM Transactions on Networking, 1998). A quarter is reserved
    for the first place of namespaces that hold none: several slow holders may have come one after the other, each
    taking half of the rest. No target of a namespace gets more than `of_target`.

    For one event loop; its calls do not block.
    """

    def __init__(self, places: int, of_target: int | None = None, clock: Callable[[], float] = monotonic) -> None:
        self._places = places
        self._clock = clock
        self._last_taken = clock()
        self._shared = places - places // 4
        self._of_target = of_target or places
        self._taken = 0
        self._by_namespace: Counter[str] = Counter()
        self._by_target: Counter[Target] = Counter()
        self._lines: dict[str, dict[Target, dict[asyncio.Future[None], float]]] = {}
        """The waiting callers with their times, by namespace and target. The last served come last."""

    @property
    def taken(self) -> int:
        return self._taken

    @property
    def is_idle(self) -> bool:
        """Whether nobody holds a place or waits for one, and nothing is remembered of anybody."""
        return not (self._taken or self._by_namespace or self._by_target or self._lines)

    @asynccontextmanager
    async def place(self, target: Target) -> AsyncIterator[None]:
        """A place for as long as the context lasts."""
        await self.enter(target)
        try:
            yield
        finally:
            self.leave(target)

    async def enter(self, target: Target) -> None:
        """Waits for a place, which is the caller's until `leave`; a caller that stops waiting has none."""
        if target not in self._lines.get(target.namespace, {}) and self._has_place_for(target):
            self._take(target)
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lines.setdefault(target.namespace, {}).setdefault(target, {})[turn] = self._clock()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._drop(target, turn)
            else:  # the place was granted at the same moment
                self.leave(target)
            raise

    def leave(self, target: Target) -> None:
        """Returns the place; it goes to the waiting namespace that holds the fewest."""
        self._taken -= 1
        self._by_namespace[target.namespace] -= 1
        self._by_target[target] -= 1
        self._by_namespace += Counter()  # forgets namespaces without places
        self._by_target += Counter()
        while (following := self._next()) is not None:
            turn = next(iter(self._lines[following.namespace][following]))
            self._drop(following, turn)
            if not turn.cancelled():
                self._put_last(following)
                self._take(following)
                turn.set_result(None)

    def starved_seconds(self) -> float:
        """For how long no place was granted though a namespace without any waits; 0 where none does."""
        lines = (line for name, lines in self._lines.items() if not self._by_namespace[name] for line in lines.values())
        waiting = [next(iter(line.values())) for line in lines]
        return self._clock() - max(self._last_taken, min(waiting)) if waiting else 0.0

    def _take(self, target: Target) -> None:
        self._last_taken = self._clock()
        self._taken += 1
        self._by_namespace[target.namespace] += 1
        self._by_target[target] += 1

    def _has_place_for(self, target: Target) -> bool:
        return self._by_target[target] < self._of_target and self._left_to(target.namespace) > 0

    def _left_to(self, namespace: str) -> int:
        """How many more places the namespace may take now: half of those that the others leave, in all."""
        own = self._by_namespace[namespace]
        first = int(own == 0 and self._taken < self._places)
        return max((self._shared - (self._taken - own) + 1) // 2 - own, first)

    def _next(self) -> Target | None:
        """The next caller: of the namespaces that may take a place the one with the fewest; likewise its target."""
        able = (target for lines in self._lines.values() for target in lines if self._has_place_for(target))
        return min(able, key=lambda each: (self._by_namespace[each.namespace], self._by_target[each]), default=None)

    def _put_last(self, target: Target) -> None:
        if (lines := self._lines.pop(target.namespace, None)) is None:
            return
        if target in lines:
            lines[target] = lines.pop(target)
        self._lines[target.namespace] = lines

    def _drop(self, target: Target, turn: asyncio.Future[None]) -> None:
        """Removes a waiting caller from its line, if it is still there."""
        lines = self._lines.get(target.namespace, {})
        line = lines.get(target, {})
        line.pop(turn, None)
        if not line:
            lines.pop(target, None)
        if not lines:
            self._lines.pop(target.namespace, None)
