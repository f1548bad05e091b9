"""What goes wrong, and when: drawn from a seed, or scripted call by call."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Fault(StrEnum):
    """What happens to one call of a port."""

    NONE = "goes well"
    BEFORE = "fails before its effect"
    AFTER = "has its effect, and the answer is lost"
    STALL = "is slow on its way"
    PAUSE = "is done, and the process pauses"
    KILL_BEFORE = "the process is killed before it"
    KILL_AFTER = "the process is killed after it"
    HALF = "breaks off half-way"
    CUT = "is cut without a word"


class Killed(BaseException):
    """The process ends at this instruction."""


@dataclass(frozen=True, slots=True)
class Blow:
    """A fault, and for how long (seconds) where it is one of time."""

    fault: Fault
    seconds: float = 0.0


WELL = Blow(Fault.NONE)
COMMON = (Fault.BEFORE, Fault.AFTER, Fault.STALL, Fault.PAUSE, Fault.KILL_BEFORE, Fault.KILL_AFTER)
LONGEST_STALL = 60.0
LONGEST_PAUSE = 3 * 3600.0


class Chaos:
    """Faults by chance until their number is used up, so that every life can end."""

    def __init__(self, rng: random.Random, most: int, rate: float) -> None:
        self._rng = rng
        self.left = most
        self._rate = rate

    def chance(self, probability: float) -> bool:
        """Whether something else goes wrong; counts as a fault."""
        if self.left <= 0 or self._rng.random() >= probability:
            return False
        self.left -= 1
        return True

    def blow(self, operation: str, more: Sequence[Fault] = ()) -> Blow:
        if not self.chance(self._rate * EAGER.get(operation, 1.0)):
            return WELL
        fault = self._rng.choice((*COMMON, *more, *more, *more))
        if fault is Fault.STALL:
            return Blow(fault, self._rng.uniform(0, LONGEST_STALL))
        if fault is Fault.PAUSE:
            return Blow(fault, self._rng.choice((1, 60, LONGEST_PAUSE)) * self._rng.random())
        return Blow(fault)


EAGER = {
    "create": 12.0,
    "save": 2.0,
    "secret": 2.0,
    "results": 4.0,
    "write": 4.0,
    "config_map.write": 4.0,
    "cancel": 6.0,
}
"""How much likelier calls go wrong where it matters most."""


class Pauses(Chaos):
    """Leaders that stop answering around a purchase, and go on when another one has taken over."""

    def blow(self, operation: str, more: Sequence[Fault] = ()) -> Blow:
        if operation not in ("secret", "upload", "create", "save") or not self.chance(0.1):
            return WELL
        return Blow(Fault.PAUSE, self._rng.uniform(60, LONGEST_PAUSE))


class LostAnswer(Chaos):
    """The answer to one create is lost, and nothing else goes wrong."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__(rng, 0, 0.0)
        self._spared = rng.randrange(3)

    def blow(self, operation: str, more: Sequence[Fault] = ()) -> Blow:
        if operation != "create" or self._spared < 0:
            return WELL
        self._spared -= 1
        return Blow(Fault.AFTER) if self._spared < 0 else WELL


def quiet(rng: random.Random) -> Chaos:
    """No faults at all."""
    return Chaos(rng, 0, 0.0)


def drawn(rng: random.Random) -> Chaos:
    """Faults of all kinds for most seeds, pauses for some; now and then none."""
    most, rate = rng.choice((0, 3, 6, 15)), rng.choice((0.01, 0.05, 0.1))
    return Pauses(rng, most, rate) if rng.random() < 0.2 else Chaos(rng, most, rate)


class Script(Chaos):
    """Exactly one fault, at the call with this number; counts the calls otherwise."""

    def __init__(self, at: int | None = None, fault: Fault = Fault.NONE) -> None:
        super().__init__(random.Random(0), 0, 0.0)
        self._at, self._fault = at, fault
        self.calls = 0

    def blow(self, operation: str, more: Sequence[Fault] = ()) -> Blow:
        self.calls += 1
        return Blow(self._fault) if self.calls == self._at else WELL
