"""Deliberate defects of the queue for an account's room."""

from __future__ import annotations

from nightsort.flow.preflight.admit import Admission
from tests.simulation.chaos import quiet
from tests.simulation.defect import Defect
from tests.simulation.haste import hasty


def look_by_itself(self: Admission) -> None:
    """Calls nobody: a queued resource finds the room when it looks the next time."""


DEFECTS = (
    Defect(
        "room that becomes free wakes nobody",
        "H1: ",
        [(Admission, "_call_the_next", look_by_itself)],
        scenario=hasty,
        chaos=quiet,
    ),
)
