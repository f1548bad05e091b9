"""What a status may say of a wait, held against what it said before."""

from __future__ import annotations

from datetime import datetime, timedelta

from nightsort.api.batch_record import BatchState
from nightsort.api.status import Status
from nightsort.api.waiting import Ends
from nightsort.domain.conditions import STALLED, is_finished, is_true

PATIENCE = timedelta(minutes=15)
PAUSE = timedelta(minutes=15)
"""How long a process may pause between what it finds and what it writes of it."""


def out_of_patience(before: Status, status: Status, now: datetime) -> str | None:
    """W2: failures that last longer than the patience are shown as Stalled, and what stays Stalled says its wait.

    The steps that make a run stall write that first; the wait is in a later write of the same look.
    """
    wait, stalled = status.waiting, is_true(status, STALLED)
    if wait is None:
        stays = stalled and before.waiting is None and is_stalled_for_long(before, now)
        return "stays stalled, and waits for nothing" if stays and not is_finished(status) else None
    if stalled or wait.ends is Ends.BY_YOU or not wait.tries or now - wait.since < PATIENCE + PAUSE:
        return None
    return f"has waited for {wait.reason} since {wait.since:%H:%M:%S}, and is not shown as stalled at {now:%H:%M:%S}"


def is_stalled_for_long(status: Status, now: datetime) -> bool:
    found = (one for one in status.conditions if one.type == STALLED and one.status == "True")
    return any(now - one.last_transition_time > PAUSE for one in found)


def complaint(before: Status, status: Status) -> str | None:
    """W1: a wait keeps its beginning as long as its reason stays, and is over where the run goes on."""
    wait, earlier = status.waiting, before.waiting
    if wait is None:
        return None
    if is_finished(status):
        return f"has finished, and waits for {wait.reason}"
    if intents(status) - intents(before):
        return f"is about to buy, and waits for {wait.reason}"
    stays = earlier is not None and (earlier.reason, earlier.ends) == (wait.reason, wait.ends)
    if stays and earlier is not None and earlier.since != wait.since:
        return f"has waited for {wait.reason} since {earlier.since:%H:%M:%S}, and now since {wait.since:%H:%M:%S}"
    return None


def intents(status: Status) -> set[str]:
    return {record.tag for record in status.batches if record.state is BatchState.INTENDED}
