"""What can be done for a run, and the facts that decide on it."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from nightsort.api.resource import Resource
from nightsort.api.status import BatchRecord, BatchState, Status, Stop
from nightsort.domain.account import Kinship
from nightsort.domain.batch import Batch
from nightsort.domain.candidate import Candidate
from nightsort.domain.errors import Interruption, Stalled
from nightsort.domain.reasons import Reason
from nightsort.domain.record import (
    Submission,
    in_state,
)
from nightsort.domain.room import MOST_BATCHES

FIRST_POLL_SECONDS = 2.0
ABSENCE = timedelta(hours=1)
LIFETIME = timedelta(hours=24)
"""From a batch's creation until the API ends it, where it does not say until when."""
LATENESS = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Facts:
    """What was seen of the world: own batches by id; for each intent's tag the candidates that nobody owns.

    An intent without an entry in `candidates` has not been looked for. `cancel_asked` are the batches that this process
    has asked to end; asking again after a restart is harmless. `absent` says for how long the API has hidden
    an own batch.
    `overdue` are the tags of intents whose grace is over: the list that the candidates are from was read after it.
    `kinship` says for an intent's tag whether the account is the one that was bought from; an intent without an entry
    is of the same one. `trouble` is why the intents could not be looked for. `tries` says how often in a row a batch's
    collecting came to nothing, and `unreadable` are those of which it ends in an accident each time.
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
        """Own batches that the API has hidden for so long that somebody should look."""
        return [batch_id for batch_id, absent in self.absent.items() if absent >= ABSENCE]

    def untold(self) -> bool:
        """Whether nothing can be told any more of the intents that are open."""
        return self.trouble is not None and self.trouble.reason == Reason.LIST_TOO_LONG

    def is_stuck(self) -> bool:
        """Whether looking for what the open intents bought ends in an accident each time."""
        return isinstance(self.trouble, Stalled) and self.trouble.reason == Reason.INTERNAL_ERROR

    def elsewhere(self) -> list[str]:
        """Tags of intents whose account is not known to be the one that is asked now."""
        return [tag for tag, kin in self.kinship.items() if kin is not Kinship.SAME]


@dataclass(frozen=True, slots=True)
class Prepare:
    """Pre-flight, count and estimate; nothing is bought before."""


@dataclass(frozen=True, slots=True)
class Confirm:
    """The intent bought this batch: its tag is in the batch's results."""

    record: BatchRecord
    batch: Batch


@dataclass(frozen=True, slots=True)
class Release:
    """Nothing was bought under this intent: its tickets are to be submitted again."""

    record: BatchRecord


@dataclass(frozen=True, slots=True)
class Collect:
    record: BatchRecord
    batch: Batch


@dataclass(frozen=True, slots=True)
class MarkLost:
    """The batch, or whatever an intent bought, cannot be had any more: its tickets get rows that say so.

    `unreadable`: the API shows it, and its results end in an accident each time.
    """

    record: BatchRecord
    unreadable: bool = False


@dataclass(frozen=True, slots=True)
class Submit:
    submission: Submission


@dataclass(frozen=True, slots=True)
class Halt:
    """Nothing more is bought, for this reason."""

    stop: Stop


@dataclass(frozen=True, slots=True)
class Cancel:
    """Ask for the end of a batch that is running."""

    record: BatchRecord


@dataclass(frozen=True, slots=True)
class CloseRetries:
    """Give their rows to tickets that would have been asked again."""

    record: BatchRecord


@dataclass(frozen=True, slots=True)
class SkipRemaining:
    """Give their rows to tickets that will not be sent any more."""

    submission: Submission


@dataclass(frozen=True, slots=True)
class Finish:
    pass


@dataclass(frozen=True, slots=True)
class Requeue:
    """Nothing to do before `after` have passed; None: never again."""

    after: float | None


Step = Prepare | Confirm | Release | Collect | MarkLost | Submit | Halt | Cancel | CloseRetries | SkipRemaining | Finish
"""An action that changes something."""
Action = Step | Requeue
NAMES = {MarkLost: "lose", CloseRetries: "conclude", SkipRemaining: "abandon", Requeue: "rest"}
"""Users see these in traces and messages, so that they stay when a class gets another name."""
Policy = Callable[[Resource, Facts, datetime], Action | None]


def name_of(action: Action) -> str:
    """An action's name in traces and messages."""
    return NAMES.get(type(action)) or type(action).__name__.lower()


def deadline_seconds(resource: Resource, now: datetime) -> float:
    """Seconds until the run is to be stopped; infinite where it is not to be."""
    limit, started = resource.spec.active_deadline_seconds, resource.status.start_time
    if limit == 0:
        return 0.0
    if limit is None or resource.spec.suspend or started is None:
        return math.inf
    return (started - now).total_seconds() + limit


def poll_pause(resource: Resource, now: datetime) -> float:
    """Seconds until the next look at what is in flight: half of its age, so that small batches are not kept waiting.

    At most pollIntervalSeconds, and at least FIRST_POLL_SECONDS where that is less.
    """
    longest = float(resource.spec.poll_interval_seconds)
    flying = in_state(resource.status, BatchState.SUBMITTED)
    if not flying:
        return longest
    age = (now - max(record.intended_at for record in flying)).total_seconds()
    return min(longest, max(FIRST_POLL_SECONDS, age / 2))
