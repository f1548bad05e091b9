"""Deliberate defects of waits: what the status says of them."""

from __future__ import annotations

from datetime import datetime, timedelta

from nightsort.api.resource import Meta
from nightsort.api.status import Status
from nightsort.api.waiting import Wait
from nightsort.domain import report, waits
from nightsort.domain.errors import Interruption
from nightsort.domain.run_state import ConditionSummary, RunState
from nightsort.domain.waits import Obstacle
from nightsort.flow.run import waiting
from tests.simulation.defect import Defect


def begun_anew(
    before: Wait | None, interruption: Interruption, tries: int, now: datetime, patience: timedelta
) -> Obstacle:
    return waits.obstacle(None, interruption, tries, now, patience)


def still_waiting(status: Status, meta: Meta, summary: ConditionSummary, now: datetime) -> Status:
    told = SUMMARIZED(status, meta, summary, now)
    return told.model_copy(update={"waiting": summary.wait or status.waiting})


def always_patient(
    before: Wait | None, interruption: Interruption, tries: int, now: datetime, patience: timedelta
) -> Obstacle:
    return waits.obstacle(before, interruption, tries, now, timedelta.max)


def stalled_for_nothing(status: Status, meta: Meta, summary: ConditionSummary, now: datetime) -> Status:
    told = SUMMARIZED(status, meta, summary, now)
    return told.model_copy(update={"waiting": None}) if summary.state is RunState.STALLED else told


SUMMARIZED = report.summarized

DEFECTS = (
    Defect(
        "a wait begins anew at each look",
        r"W1: \S+ has waited for \S+ since \S+ and now since",
        [(waiting, "obstacle", begun_anew)],
    ),
    Defect(
        "a wait is not over when the run goes on",
        r"W1: \S+ (is about to buy|has finished), and waits for ",
        [(report, "summarized", still_waiting)],
    ),
    Defect(
        "a wait never becomes a person's matter",
        r"W2: \S+ has waited for \S+ since \S+, and is not shown as stalled",
        [(waiting, "obstacle", always_patient)],
    ),
    Defect(
        "what is stalled does not say what it waits for",
        r"W2: \S+ stays stalled, and waits for nothing",
        [(report, "summarized", stalled_for_nothing)],
    ),
)
