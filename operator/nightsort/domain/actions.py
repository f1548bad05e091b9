"""The actions that can be done for a run, and the facts that decide on them."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from nightsort.api.batch_record import BatchRecord, BatchState
from nightsort.api.resource import Resource
from nightsort.api.status import Status, Stop
from nightsort.domain.account import Kinship
from nightsort.domain.batch import Batch
from nightsort.domain.candidate import Candidate
from nightsort.domain.errors import Interruption, Stalled
from nightsort.domain.gate import is_held
from nightsort.domain.reasons import Reason
from nightsort.domain.record import (
    Submission,
    in_state,
)
from nightsort.domain.room import MOST_BATCHES

FIRST_POLL_SECONDS = 2.0
ABSENCE = timedelta(hours=1)
LIFETIME = timedelta(hours=24)
"""From a batch's creation until the API ends it, where the API gives no time for this."""
LATENESS = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Facts:
    """The known facts: own batches by id; for each intent's tag the candidates that no record owns.

    An intent without an entry in `candidates` has not been searched for. `cancel_asked` are the batches whose
    cancellation this process has requested; another request after a restart is harmless. `absent` says for how long
    the API has not shown an own batch.
    `overdue` are the tags of intents whose grace is over: the list with the candidates was read after its end.
    `kinship` says for an intent's tag whether the account is the one that was bought from; an intent without an entry
    is of the same one. `trouble` is the reason why the search for intents failed. `tries` says how often in a row the
    collection of a batch has failed, and `unreadable` are batches whose collection ends in an unforeseen error each
    time.
    `places` are the entries that the record may have for batches of the source.
    """

    batches: Mapping[str, Batch] = field(default_factory=dict)
    candidates: Mapping[str, Sequence[Candidate]] = field(default_factory=dict)
    cancel_asked: Collection[str] = ()
    absent: Mapping[str, timedelta] = field(default_factory=dict)
    overdue: Collection[str] = ()
    kinship: Mapping[str, Kinship] = field(default_factory=dict)
    trouble: Interruption | None = None
    places: int = MOST_BATCHES
    tries: Mapping[str, int] = field(default_factory=dict)
    unreadable: Collection[str] = ()

    def late(self, status: Status, now: datetime) -> list[str]:
        """Own batches that still run an hour after the API was to end them."""
        return [
            batch.id
            for record in in_state(status, BatchState.SUBMITTED)
            if (batch := self.batches.get(record.id or "")) is not None
            and not batch.ended
            and now >= (batch.expires_at or record.intended_at + LIFETIME) + LATENESS
        ]

    def hidden(self) -> list[str]:
        """Own batches that the API has not shown for so long that a person should look into it."""
        return [batch_id for batch_id, absent in self.absent.items() if absent >= ABSENCE]

    def list_is_too_long(self) -> bool:
        """Whether nothing can be found out any more about the open intents."""
        return self.trouble is not None and self.trouble.reason == Reason.LIST_TOO_LONG

    def is_stuck(self) -> bool:
        """Whether the search for the open intents' batches ends in an unforeseen error each time."""
        return isinstance(self.trouble, Stalled) and self.trouble.reason == Reason.INTERNAL_ERROR

    def elsewhere(self) -> list[str]:
        """Tags of intents whose account is not known to be that of the key in use."""
        return [tag for tag, kin in self.kinship.items() if kin is not Kinship.SAME]


@dataclass(frozen=True, slots=True)
class Prepare:
    """Pre-flight, count and estimate; nothing is bought before it."""


@dataclass(frozen=True, slots=True)
class EstimateRun:
    """Estimate what a suspended run would buy and cost: pre-flight without a claim, a plan or a purchase."""


@dataclass(frozen=True, slots=True)
class Confirm:
    """The intent bought this batch: its tag is in the batch's results."""

    record: BatchRecord
    batch: Batch


@dataclass(frozen=True, slots=True)
class Release:
    """Nothing was bought under this intent: its tickets must be submitted again."""

    record: BatchRecord


@dataclass(frozen=True, slots=True)
class Collect:
    record: BatchRecord
    batch: Batch


@dataclass(frozen=True, slots=True)
class MarkLost:
    """The batch of a record or an intent cannot be had any more: its tickets get rows that say so.

    `unreadable`: the API shows the batch, and reading its results ends in an unforeseen error each time.
    """

    record: BatchRecord
    unreadable: bool = False


@dataclass(frozen=True, slots=True)
class Submit:
    submission: Submission


@dataclass(frozen=True, slots=True)
class Halt:
    """Stop buying, for this reason."""

    stop: Stop


@dataclass(frozen=True, slots=True)
class Cancel:
    """Request the cancellation of a running batch."""

    record: BatchRecord


@dataclass(frozen=True, slots=True)
class CloseRetries:
    """Store rows for tickets that would have been sent again."""

    record: BatchRecord


@dataclass(frozen=True, slots=True)
class SkipRemaining:
    """Store rows for tickets that will not be sent any more."""

    submission: Submission


@dataclass(frozen=True, slots=True)
class PublishFirst:
    """Store the first answers of tickets that the second reader will not read."""

    records: tuple[BatchRecord, ...]


@dataclass(frozen=True, slots=True)
class Evaluate:
    """Decide by the answers to the known tickets whether the labels are good enough."""


@dataclass(frozen=True, slots=True)
class Resume:
    """Go on with a held run, since a person has released it."""


@dataclass(frozen=True, slots=True)
class Finish:
    pass


@dataclass(frozen=True, slots=True)
class Requeue:
    """Nothing to do before `after` has passed; None: never again."""

    after: float | None


Step = (
    Prepare
    | EstimateRun
    | Confirm
    | Release
    | Collect
    | MarkLost
    | Submit
    | Halt
    | Cancel
    | CloseRetries
    | SkipRemaining
    | PublishFirst
    | Evaluate
    | Resume
    | Finish
)
"""An action that changes something."""
Action = Step | Requeue
NAMES = {
    EstimateRun: "estimate",
    MarkLost: "lose",
    CloseRetries: "conclude",
    SkipRemaining: "abandon",
    PublishFirst: "publish",
    Requeue: "rest",
}
"""Users see these names in traces and messages, so they stay when a class is renamed."""
Policy = Callable[[Resource, Facts, datetime], Action | None]


def name_of(action: Action) -> str:
    """An action's name in traces and messages."""
    return NAMES.get(type(action)) or type(action).__name__.lower()


def deadline_seconds(resource: Resource, now: datetime) -> float:
    """Seconds until the run must be stopped; infinite where it has no deadline."""
    limit, started = resource.spec.active_deadline_seconds, resource.status.start_time
    if limit == 0:
        return 0.0
    if limit is None or resource.spec.suspend or started is None or is_held(resource):
        return math.inf
    return (started - now).total_seconds() + limit


def poll_pause(resource: Resource, now: datetime) -> float:
    """Seconds until batches in flight are polled next: half of a batch's age, so that small ones are not kept waiting.

    At most pollIntervalSeconds, and at least FIRST_POLL_SECONDS where that is less. A batch of the future was written
    by a process whose clock is ahead: it is as old as it is young, and not asked about every two seconds until then.
    """
    longest = float(resource.spec.poll_interval_seconds)
    flying = in_state(resource.status, BatchState.SUBMITTED)
    if not flying:
        return longest
    age = abs((now - max(record.intended_at for record in flying)).total_seconds())
    return min(longest, max(FIRST_POLL_SECONDS, age / 2))
