"""The state of a run, in the words that conditions use."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from nightsort.api.waiting import Wait
from nightsort.domain.errors import Interruption, Rejected, Stalled
from nightsort.domain.reasons import Reason


class RunState(StrEnum):
    WORKING = "Working"
    STALLED = "Stalled"
    SUSPENDED = "Suspended"
    HELD = "Held"
    COMPLETE = "Complete"
    FAILED = "Failed"


class Outcome(StrEnum):
    """How a run has ended, for the metrics: nobody is alerted of a run that somebody has cancelled."""

    COMPLETE = "Complete"
    FAILED = "Failed"
    CANCELED = "Canceled"


@dataclass(frozen=True, slots=True)
class ConditionSummary:
    state: RunState
    reason: Reason
    message: str
    wait: Wait | None = None
    """What is waited for, where the run cannot go on."""

    @classmethod
    def working(cls, reason: Reason, message: str) -> ConditionSummary:
        return cls(RunState.WORKING, reason, message)

    @classmethod
    def of(cls, interruption: Interruption, wait: Wait | None = None) -> ConditionSummary:
        state = RunState.WORKING
        if isinstance(interruption, Stalled):
            state = RunState.STALLED
        elif isinstance(interruption, Rejected):
            state = RunState.FAILED
        return cls(state, interruption.reason, interruption.message, wait)

    @property
    def finished(self) -> bool:
        return self.state in (RunState.COMPLETE, RunState.FAILED)
