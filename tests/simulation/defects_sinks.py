"""Deliberate defects of storing: what becomes of labels that a sink has not kept."""

from __future__ import annotations

import dataclasses
import random

from nightsort.api.status import Status
from nightsort.domain.stored import Stored
from nightsort.flow.results import store
from tests.simulation.defect import Defect
from tests.simulation.scenario import Scenario, drawn


def dropping(rng: random.Random) -> Scenario:
    return dataclasses.replace(drawn(rng), drops=0.5)


def without_what_is_missing(status: Status, stored: Stored) -> Status:
    """Takes every row that was sent for one that is there."""
    return WITH_STORED(status, dataclasses.replace(stored, without_row=0))


WITH_STORED = store.with_stored
UNTOLD = r"I3: \S+ tells of \d+ labels that are not in the sinks, of \d+"

DEFECTS = (
    Defect(
        "labels that the sink drops are not told",
        UNTOLD,
        [(store, "with_stored", without_what_is_missing)],
        scenario=dropping,
    ),
)
