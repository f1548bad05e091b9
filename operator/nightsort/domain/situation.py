"""How a run stands, in the words that conditions use."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from nightsort.domain.errors import Interruption, Rejected, Stalled


class Standing(StrEnum):
    WORKING = "Working"
    STALLED = "Stalled"
    SUSPENDED = "Suspended"
    COMPLETE = "Complete"
    FAILED = "Failed"


@dataclass(frozen=True, slots=True)
class Situation:
    standing: Standing
    reason: str
    message: str

    @classmethod
    def working(cls, reason: str, message: str) -> Situation:
        return cls(Standing.WORKING, reason, message)

    @classmethod
    def of(cls, interruption: Interruption) -> Situation:
        standing = Standing.WORKING
        if isinstance(interruption, Stalled):
            standing = Standing.STALLED
        elif isinstance(interruption, Rejected):
            standing = Standing.FAILED
        return cls(standing, interruption.reason, interruption.message)

    @property
    def finished(self) -> bool:
        return self.standing in (Standing.COMPLETE, Standing.FAILED)
