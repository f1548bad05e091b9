"""What a status may say of a wait, held against what it said before."""

from __future__ import annotations

from nightsort.api.batch_record import BatchState
from nightsort.api.status import Status
from nightsort.domain.conditions import is_finished


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
