"""Which action is next: gathered facts in, one decision out. The order of the policies is the specification."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from nightsort.api.resource import Resource
from nightsort.api.status import BatchRecord, BatchState, Status, Stop
from nightsort.domain.account import Kinship
from nightsort.domain.batch import Batch
from nightsort.domain.candidate import ALL_OVER, Candidate
from nightsort.domain.conditions import is_finished
from nightsort.domain.errors import Interruption, Stalled
from nightsort.domain.reasons import Reason
from nightsort.domain.record import (
    Submission,
    in_state,
    next_submission,
    released_submission,
    rest_of_source,
    waiting_for_retry,
)
from nightsort.domain.room import MOST_BATCHES, Room, due_retry, has_place, is_short
from nightsort.domain.rounds import due_at, held_back, holds_all

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


Action = (
    Prepare
    | Confirm
    | Release
    | Collect
    | MarkLost
    | Submit
    | Halt
    | Cancel
    | CloseRetries
    | SkipRemaining
    | Finish
    | Requeue
)
NAMES = {MarkLost: "lose", CloseRetries: "conclude", SkipRemaining: "abandon", Requeue: "rest"}
"""Users see these in traces and messages, so that they stay when a class gets another name."""
Policy = Callable[[Resource, Facts, datetime], Action | None]


def leave_finished_alone(resource: Resource, facts: Facts, now: datetime) -> Action | None:
    return Requeue(None) if is_finished(resource.status) else None


def leave_deleted_to_the_farewell(resource: Resource, facts: Facts, now: datetime) -> Action | None:
    return Requeue(None) if resource.meta.deletion_timestamp else None


def stop_at_deadline(resource: Resource, facts: Facts, now: datetime) -> Action | None:
    """As a Job's, the clock stands while the run is suspended. A deadline of 0 is over at any time."""
    if resource.status.stop is not None or deadline_seconds(resource, now) > 0:
        return None
    limit = resource.spec.active_deadline_seconds
    late = f"not finished within activeDeadlineSeconds ({limit:,})"
    return Halt(
        Stop(reason=Reason.DEADLINE_EXCEEDED, message=late if limit else "canceled: activeDeadlineSeconds is 0")
    )


def prepare_first(resource: Resource, facts: Facts, now: datetime) -> Action | None:
    return Prepare() if resource.status.plan is None and resource.status.stop is None else None


def settle_intents(resource: Resource, facts: Facts, now: datetime) -> Action | None:
    for record in in_state(resource.status, BatchState.INTENDED):
        if not record.requests:  # rows for what cannot be sent: no batch can have come of it
            return Release(record)
        candidates = facts.candidates.get(record.tag)
        if candidates is None:
            if facts.untold() and resource.meta.buy_again == record.tag:
                return Release(record)
            continue
        for candidate in candidates:
            if candidate.tag == record.tag:
                return Confirm(record, candidate.batch)
        unproven = any(candidate.tag is None for candidate in candidates)
        if not unproven and may_be_released(resource, record, facts, now):
            return Release(record)
    return None


def may_be_released(resource: Resource, record: BatchRecord, facts: Facts, now: datetime) -> bool:
    """Whether no candidate means that nothing was bought: not where another account is asked than was bought from.

    A person may say so all the same. Where the API's answers name no workspace, another key may be of another one: then
    it is waited until whatever was bought is over.
    """
    match facts.kinship.get(record.tag, Kinship.SAME):
        case Kinship.SAME:
            return record.tag in facts.overdue
        case Kinship.UNKNOWN if now >= record.intended_at + ALL_OVER + ABSENCE:
            return True
        case _:
            return resource.meta.buy_again == record.tag


def give_up_what_cannot_be_read(resource: Resource, facts: Facts, now: datetime) -> Action | None:
    """Where a user has ended the run: a mistake of our own does not keep it from its end."""
    stop = resource.status.stop
    if stop is None or stop.reason != Reason.DEADLINE_EXCEEDED:
        return None
    flying = in_state(resource.status, BatchState.SUBMITTED)
    return next((MarkLost(record, unreadable=True) for record in flying if record.id in facts.unreadable), None)


def collect_what_ended(resource: Resource, facts: Facts, now: datetime) -> Action | None:
    """First those of which nothing has kept us yet: what is wrong with one batch holds up no other."""
    ended = [
        Collect(record, batch)
        for record in in_state(resource.status, BatchState.SUBMITTED)
        if (batch := facts.batches.get(record.id or "")) is not None and batch.ended
    ]
    return min(ended, key=lambda action: facts.tries.get(action.batch.id, 0), default=None)


def lose_what_is_gone(resource: Resource, facts: Facts, now: datetime) -> Action | None:
    """A 404 can pass, and results can be late; a day after the create every batch is over, and what is gone is gone.

    Nothing is bought again for it: it may have been paid.
    """
    for record in in_state(resource.status, BatchState.SUBMITTED):
        absent = facts.absent.get(record.id or "")
        if absent is not None and absent >= ABSENCE and now >= record.intended_at + ALL_OVER:
            return MarkLost(record)
    for record in in_state(resource.status, BatchState.INTENDED):
        if record.tag in facts.elsewhere():
            continue
        candidates = facts.candidates.get(record.tag, ())
        over = candidates and all(candidate.batch.ended for candidate in candidates)
        if (
            (facts.untold() or facts.is_stuck())
            and record.tag not in facts.candidates
            and resource.status.stop
            and now >= record.intended_at + ABSENCE
        ):
            return MarkLost(record)
        if over and now >= record.intended_at + ALL_OVER + ABSENCE:
            return MarkLost(record)
    return None


def cancel_what_must_not_run(resource: Resource, facts: Facts, now: datetime) -> Action | None:
    stop = resource.status.stop
    too_late = deadline_seconds(resource, now) <= 0 or (stop is not None and stop.reason == Reason.DEADLINE_EXCEEDED)
    if not resource.spec.suspend and not too_late:
        return None
    for record in in_state(resource.status, BatchState.SUBMITTED):
        if record.id not in facts.cancel_asked:
            return Cancel(record)
    return None


def hold_while_suspended(resource: Resource, facts: Facts, now: datetime) -> Action | None:
    if resource.spec.suspend and resource.status.stop is None:
        return Requeue(resource.spec.poll_interval_seconds)
    return None


def hold_under_another_account(resource: Resource, facts: Facts, now: datetime) -> Action | None:
    """Nothing more is bought with a key that may be another account's while the outcome of a create is open.

    Nor is anything given up: that account's batches are hidden, and not gone.
    """
    return Requeue(resource.spec.poll_interval_seconds) if facts.elsewhere() else None


def hold_while_in_trouble(resource: Resource, facts: Facts, now: datetime) -> Action | None:
    """What keeps intents from being looked for keeps nothing from being collected, but nothing more is bought.

    A list that is too long stays so: whoever waited for it would wait for good.
    """
    return Requeue(resource.spec.poll_interval_seconds) if facts.trouble and not facts.untold() else None


def submit_next(resource: Resource, facts: Facts, now: datetime) -> Action | None:
    submission = due_submission(resource, facts.places, now) if resource.status.stop is None else None
    return Submit(submission) if submission else None


def hold_what_was_not_taken(resource: Resource, facts: Facts, now: datetime) -> Action | None:
    """A create that was tried in vain is tried again, but not at once: until then the run is not at its end."""
    held = held_back(resource.status, now) if resource.status.stop is None else []
    if not held:
        return None
    until_due = (min(map(due_at, held)) - now).total_seconds()
    return Requeue(min(until_due, poll_pause(resource, now), max(deadline_seconds(resource, now), FIRST_POLL_SECONDS)))


def due_submission(resource: Resource, places: int, now: datetime) -> Submission | None:
    """What to send next, or None: what was released, then what is to be retried, then the rest of the source.

    Where room in the record is short, the source goes before its retries, as long as it has a place.
    """
    status, held = resource.status, held_back(resource.status, now)
    if again := released_submission(status, held):
        return again
    if holds_all(status, held):
        return None
    rest, room = rest_of_source(status), Room.beside(resource.spec, places)
    if rest is not None and is_short(status, room) and has_place(status, room):
        return rest
    return due_retry(status, resource.spec, room) or rest


def give_up_the_rest(resource: Resource, facts: Facts, now: datetime) -> Action | None:
    """After a stop: what was never bought, and what would have been asked again, still gets its rows.

    A run that was stopped before its first intent has promised no rows.
    """
    status = resource.status
    if status.stop is None or not status.batches:
        return None
    for record in waiting_for_retry(status):
        return CloseRetries(record)
    submission = next_submission(status)
    return SkipRemaining(submission) if submission else None


def finish_when_all_is_collected(resource: Resource, facts: Facts, now: datetime) -> Action | None:
    return None if is_in_flight(resource.status) else Finish()


POLICIES: tuple[Policy, ...] = (
    leave_finished_alone,
    leave_deleted_to_the_farewell,
    stop_at_deadline,
    settle_intents,
    give_up_what_cannot_be_read,
    collect_what_ended,
    lose_what_is_gone,
    cancel_what_must_not_run,
    hold_while_suspended,
    hold_under_another_account,
    hold_while_in_trouble,
    prepare_first,
    submit_next,
    hold_what_was_not_taken,
    give_up_the_rest,
    finish_when_all_is_collected,
)


URGENT: tuple[Policy, ...] = (
    leave_finished_alone,
    leave_deleted_to_the_farewell,
    stop_at_deadline,
    cancel_what_must_not_run,
)


def urgent_action(resource: Resource, facts: Facts, now: datetime) -> Action | None:
    """What needs to know nothing of the world: a failure to look at it must not keep a run from being ended."""
    found = next((action for policy in URGENT if (action := policy(resource, facts, now))), None)
    return None if isinstance(found, Requeue) else found


def name_of(action: Action) -> str:
    """An action's name in traces and messages."""
    return NAMES.get(type(action)) or type(action).__name__.lower()


def next_action(resource: Resource, facts: Facts, now: datetime) -> Action:
    """The first policy that has an answer decides; otherwise the run rests until the next poll."""
    for policy in POLICIES:
        if action := policy(resource, facts, now):
            return action
    pause, left = poll_pause(resource, now), deadline_seconds(resource, now)
    return Requeue(min(pause, left) if left > 0 else pause)


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


def is_in_flight(status: Status) -> bool:
    return bool(in_state(status, BatchState.INTENDED) or in_state(status, BatchState.SUBMITTED))
