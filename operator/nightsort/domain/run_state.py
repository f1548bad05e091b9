"""The state of a run, in the words that conditions use."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from nightsort.domain.errors import Interruption, Rejected, Stalled
from nightsort.domain.reasons import Reason


class RunState(StrEnum):
    WORKING = "Working"
    STALLED = "Stalled"
    SUSPENDED = "Suspended"
    HELD = "Held"
    COMPLETE = "Complete"
    FAILED = "Failed"


@dataclass(frozen=True, slots=True)
class ConditionSummary:
    state: RunState
    reason: Reason
    message: str

    @classmethod
    def working(cls, reason: Reason, message: str) -> ConditionSummary:
        return cls(RunState.WORKING, reason, message)

    @classmethod
    def of(cls, interruption: Interruption) -> ConditionSummary:
        state = RunState.WORKING
        if isinstance(interruption, Stalled):
            state = RunState.STALLED
        elif isinstance(interruption, Rejected):
            state = RunState.FAILED
        return cls(state, interruption.reason, interruption.message)

    @property
    def finished(self) -> bool:
        return self.state in (RunState.COMPLETE, RunState.FAILED)
