"""The batches that an intent may have bought after its answer was lost: by time of creation and number of requests.

The tag in a batch's results is the proof. The functions here only leave out batches that surely are another's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from nightsort.api.batch_record import BatchRecord
from nightsort.domain.batch import Batch

CLOCK_SKEW = timedelta(hours=1)
"""Greatest difference between the operator's clock and the API's, where an intent has not noted a time of the API."""
ANY_SKEW = timedelta(days=30)
"""The same where the list was empty: no clock is so wrong that an older batch could be the intent's."""
ALL_OVER = timedelta(hours=25)
"""The API ends every batch a day after its create."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A batch that may be what an intent bought. `tag` is read from its results once it has ended."""

    batch: Batch
    tag: str | None = None


@dataclass(slots=True)
class Watch:
    """For how long this process has searched for an intent's batch: `since` is in seconds of its monotonic clock.

    `until` is the creation time, by the API's clock, of the newest batch in the first list that was read after the
    grace: later batches were not bought under this intent.
    """

    since: float
    until: datetime | None = None

    def is_over(self, now: float, grace: timedelta) -> bool:
        return now - self.since >= grace.total_seconds()

    def close(self, listed: Iterable[Batch]) -> None:
        """Notes the first list that was read after the grace."""
        if self.until is None:
            self.until = max((batch.created_at for batch in listed), default=None)


@dataclass(slots=True)
class Total:
    """The number of requests that the API gave for a batch, since when (monotonic seconds), and if it ever changed."""

    requests: int
    since: float
    changed: bool = False


@dataclass(slots=True)
class Totals:
    """The counts of other people's batches that this process has seen, by id."""

    seen: dict[str, Total] = field(default_factory=dict)

    def note(self, batch: Batch, now: float) -> None:
        before = self.seen.get(batch.id)
        if before is None:
            self.seen[batch.id] = Total(batch.requests, now)
        elif before.requests != batch.requests:
            self.seen[batch.id] = Total(batch.requests, now, changed=True)

    def lines_of(self, batch: Batch, asked: int) -> int:
        """The expected number of lines in its results; where counts are absent or have changed, `asked`."""
        total = self.seen.get(batch.id)
        return asked if batch.requests <= 0 or (total is not None and total.changed) else batch.requests

    def exclude(self, batch: Batch, asked: int, now: float, grace: timedelta) -> bool:
        """Whether its counts show that a batch does not have this many requests.

        Counts may lag behind a create, be absent (zero), grow, and add up to less than was sent. A higher count than
        the intent's means another batch. A lower one does so only if it has not changed for as long as a list may lag,
        and only until the batch has ended: from then on its results tell.
        """
        total = self.seen.get(batch.id) or Total(batch.requests, now)
        if batch.requests > asked:
            return True
        if batch.ended or batch.requests == asked or batch.requests <= 0 or total.changed:
            return False
        return now - total.since >= grace.total_seconds()


def earliest(record: BatchRecord) -> datetime:
    """The earliest time, by the API's clock, at which the intent's batch can have been created."""
    if record.seen is None:  # a record of an earlier version
        return record.intended_at - CLOCK_SKEW
    if record.seen.created_at is None:  # every batch that has entered the list since may be ours
        return record.intended_at - ANY_SKEW
    return record.seen.created_at


def may_be_ours(batch: Batch, record: BatchRecord, watch: Watch) -> bool:
    """Whether a batch was created when an intent could have bought it.

    If the intent has noted a time of the API, only the API's times are compared: clocks of different machines differ.
    """
    if record.seen is not None and batch.id == record.seen.newest:
        return False
    return earliest(record) <= batch.created_at and (watch.until is None or batch.created_at <= watch.until)
