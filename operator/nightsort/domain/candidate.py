"""Which batches an intent may have bought whose answer was lost: by when they were created, and by how many they hold.

The tag in a batch's results is the proof. What is told here only leaves out what surely is another's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from nightsort.api.status import BatchRecord
from nightsort.domain.batch import Batch

CLOCK_SKEW = timedelta(hours=1)
"""How far the operator's clock may be from the API's, where an intent has not noted the time of the API's own list."""
ANY_SKEW = timedelta(days=30)
"""Where the list was empty: no clock is so far off that an older batch could be what was bought."""
ALL_OVER = timedelta(hours=25)
"""The API ends every batch a day after its create."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A batch that may be what an intent bought. `tag` is read from its results once it has ended."""

    batch: Batch
    tag: str | None = None


@dataclass(slots=True)
class Watch:
    """How long this process has looked for what an intent bought: `since` is in seconds of its monotonic clock.

    `until` is when, by the API's clock, the newest batch was created that the first list behind the grace has shown:
    whatever comes later was not bought under this intent.
    """

    since: float
    until: datetime | None = None

    def is_over(self, now: float, grace: timedelta) -> bool:
        return now - self.since >= grace.total_seconds()

    def close(self, listed: Iterable[Batch]) -> None:
        """Takes note of the first list that was read after the grace."""
        if self.until is None:
            self.until = max((batch.created_at for batch in listed), default=None)


@dataclass(slots=True)
class Total:
    """How many requests a batch was said to hold, since when (monotonic seconds), and whether that ever changed."""

    requests: int
    since: float
    changed: bool = False


@dataclass(slots=True)
class Totals:
    """What this process has seen of the counts of other people's batches, by id."""

    seen: dict[str, Total] = field(default_factory=dict)

    def note(self, batch: Batch, now: float) -> None:
        before = self.seen.get(batch.id)
        if before is None:
            self.seen[batch.id] = Total(batch.requests, now)
        elif before.requests != batch.requests:
            self.seen[batch.id] = Total(batch.requests, now, changed=True)

    def lines_of(self, batch: Batch, asked: int) -> int:
        """How many lines its results are to have; where counts are absent or have changed, as many as were asked."""
        total = self.seen.get(batch.id)
        return asked if batch.requests <= 0 or (total is not None and total.changed) else batch.requests

    def exclude(self, batch: Batch, asked: int, now: float, grace: timedelta) -> bool:
        """Whether its counts show that a batch is not one of so many requests.

        Counts may lag behind a create, be absent (zero), grow, and add up to less than was sent. More than was asked
        for is another's batch; less is one only where it has stood still for as long as a list may lag, and only until
        the batch has ended: from then on its results tell.
        """
        total = self.seen.get(batch.id) or Total(batch.requests, now)
        if batch.requests > asked:
            return True
        if batch.ended or batch.requests == asked or batch.requests <= 0 or total.changed:
            return False
        return now - total.since >= grace.total_seconds()


def earliest(record: BatchRecord) -> datetime:
    """From when on, by the API's clock, that can have been created what an intent bought."""
    if record.seen is None:  # an earlier version's
        return record.intended_at - CLOCK_SKEW
    if record.seen.created_at is None:  # all that the list has since then may be ours
        return record.intended_at - ANY_SKEW
    return record.seen.created_at


def may_be_ours(batch: Batch, record: BatchRecord, watch: Watch) -> bool:
    """Whether a batch was created when an intent could have bought it.

    Only the API's own times are compared where the intent has noted one: clocks of different machines differ.
    """
    if record.seen is not None and batch.id == record.seen.newest:
        return False
    return earliest(record) <= batch.created_at and (watch.until is None or batch.created_at <= watch.until)
