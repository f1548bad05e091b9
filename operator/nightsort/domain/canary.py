"""The canary: known tickets that travel before all others, in the same order of cursors, and in batches of their own.

A run with an evaluation reads one sequence: its known tickets, then the rest of the source. One cursor says how far it
has come in either part.
"""

from __future__ import annotations

from nightsort.api.status import Status
from nightsort.domain.record import Submission

KNOWN, REST = "known:", "rest:"


def known_cursor(place: int) -> str:
    """The cursor of the known ticket at this place, from 0."""
    return f"{KNOWN}{place}"


def rest_cursor(cursor: str) -> str:
    """The cursor of a ticket behind the known ones, by the source's own."""
    return f"{REST}{cursor}"


def is_known_cursor(cursor: str | None) -> bool:
    return cursor is not None and cursor.startswith(KNOWN)


def next_place(after: str | None, sample: int) -> int:
    """The place of the first known ticket behind a cursor; `sample` where all of them are before it."""
    if after is None:
        return 0
    place = after.removeprefix(KNOWN)
    return min(int(place) + 1, sample) if is_known_cursor(after) and place.isdecimal() else sample


def source_cursor(cursor: str | None) -> str | None:
    """The source's own cursor; None at its beginning."""
    return cursor.removeprefix(REST) if cursor is not None and cursor.startswith(REST) else None


def sample_of(status: Status) -> int:
    """How many known tickets the run buys."""
    return status.plan.evaluation.sample if status.plan is not None and status.plan.evaluation is not None else 0


def is_canary(status: Status, submission: Submission) -> bool:
    """Whether a submission takes known tickets. No submission takes both kinds."""
    if submission.parents:
        return submission.parents[0].canary
    return next_place(submission.after, sample_of(status)) < sample_of(status)
