"""Decides the next action: gathered facts in, one decision out. The order of the policies is the specification."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import assert_never

from nightsort.api.batch_record import BatchRecord, BatchState
from nightsort.api.forecast import Forecast
from nightsort.api.resource import Resource
from nightsort.api.status import Stop
from nightsort.domain.account import Kinship
from nightsort.domain.actions import (
    ABSENCE,
    FIRST_POLL_SECONDS,
    Action,
    Cancel,
    CloseRetries,
    Collect,
    Confirm,
    EstimateRun,
    Facts,
    Finish,
    Halt,
    MarkLost,
    Policy,
    Prepare,
    PublishFirst,
    Release,
    Requeue,
    SkipRemaining,
    Step,
    Submit,
    deadline_seconds,
    poll_pause,
)
from nightsort.domain.caching import again_with_cache, with_cache
from nightsort.domain.candidate import ALL_OVER
from nightsort.domain.conditions import SUSPENDED, is_finished
from nightsort.domain.gate import is_open, may_be_sent
from nightsort.domain.known_ticket_policies import decide_by_known_tickets, hold_what_is_not_good_enough
from nightsort.domain.probe import as_probe
from nightsort.domain.reasons import Reason
from nightsort.domain.record import (
    Submission,
    in_state,
    is_in_flight,
    next_submission,
    released_submission,
    rest_of_source,
    waiting_for_retry,
)
from nightsort.domain.review_policies import due_review, publish_what_nobody_reads
from nightsort.domain.room import Room, due_retry, has_its_place, has_place, is_short
from nightsort.domain.rounds import due_at, held_back, holds_all

LONGEST_UNESTIMATED = timedelta(minutes=15)
OF_TIME = frozenset({Reason.DEADLINE_EXCEEDED, Reason.CANCELED})
"""Reasons of a stop that a deadline has brought, which a person can set to any time."""


def leave_finished_alone(resource: Resource, facts: Facts, now: datetime) -> Action | None:
    return Requeue(None) if is_finished(resource.status) else None


def leave_deleted_to_the_finalizer(resource: Resource, facts: Facts, now: datetime) -> Action | None:
    return Requeue(None) if resource.meta.deletion_timestamp else None


def stop_at_deadline(resource: Resource, facts: Facts, now: datetime) -> Action | None:
    """Halts a run after its deadline. As for a Job, time does not count while it is suspended; 0 is always over."""
    if resource.status.stop is not None or deadline_seconds(resource, now) > 0:
        return None
    limit = resource.spec.active_deadline_seconds
    late = f"not finished within activeDeadlineSeconds ({limit:,})"
    if not limit:
        return Halt(Stop(reason=Reason.CANCELED, message="canceled: activeDeadlineSeconds is 0"))
    return Halt(Stop(reason=Reason.DEADLINE_EXCEEDED, message=late))


def prepare_first(resource: Resource, facts: Facts, now: datetime) -> Action | None:
    return Prepare() if resource.status.plan is None and resource.status.stop is None else None


def settle_intents(resource: Resource, facts: Facts, now: datetime) -> Action | None:
    for record in in_state(resource.status, BatchState.INTENDED):
        if not record.requests:  # it has only rows for unsendable tickets, and no batch can exist for it
            return Release(record)
        candidates = facts.candidates.get(record.tag)
        if candidates is None:
            if facts.list_is_too_long() and resource.meta.buy_again == record.tag:
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
    """Whether the lack of candidates means that nothing was bought: only in the account that was bought from.

    A person may say so in any case. Where the API's answers name no workspace, another key may belong to another one:
    then the run waits until every batch that was bought is over.
    """
    match facts.kinship.get(record.tag, Kinship.SAME):
        case Kinship.SAME:
            return record.tag in facts.overdue
        case Kinship.UNKNOWN if now >= record.intended_at + ALL_OVER + ABSENCE:
            return True
        case Kinship.UNKNOWN | Kinship.OTHER:
            return resource.meta.buy_again == record.tag
        case unknown:
            assert_never(unknown)


def give_up_what_cannot_be_read(resource: Resource, facts: Facts, now: datetime) -> Action | None:
    """Ends a run that its user has stopped: a fault of our own does not keep it from its end."""
    stop = resource.status.stop
    if stop is None or stop.reason not in OF_TIME:
        return None
    flying = in_state(resource.status, BatchState.SUBMITTED)
    return next((MarkLost(record, unreadable=True) for record in flying if record.id in facts.unreadable), None)


def collect_what_ended(resource: Resource, facts: Facts, now: datetime) -> Action | None:
    """Batches without failed tries come first: an error with one batch holds up no other."""
    ended = [
        Collect(record, batch)
        for record in in_state(resource.status, BatchState.SUBMITTED)
        if (batch := facts.batches.get(record.id or "")) is not None and batch.ended
    ]
    return min(ended, key=lambda action: facts.tries.get(action.batch.id, 0), default=None)


def lose_what_is_gone(resource: Resource, facts: Facts, now: datetime) -> Action | None:
    """A 404 can pass, and results can be late; a day after the create every batch is over, and a missing one is lost.

    Its tickets are not bought again: the batch may have been paid.
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
            (facts.list_is_too_long() or facts.is_stuck())
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
    too_late = deadline_seconds(resource, now) <= 0 or (stop is not None and stop.reason in OF_TIME)
    if not resource.spec.suspend and not too_late:
        return None
    for record in in_state(resource.status, BatchState.SUBMITTED):
        if record.id not in facts.cancel_asked:
            return Cancel(record)
    return None


def estimate_while_suspended(resource: Resource, facts: Facts, now: datetime) -> Action | None:
    """A run that was created suspended says what it would cost. What kept it from doing so is tried again."""
    status = resource.status
    if not resource.spec.suspend or status.stop is not None or status.plan is not None or status.batches:
        return None
    before = status.forecast
    if before is None:
        return EstimateRun()
    return EstimateRun() if before.obstacle is not None and now >= estimated_again(resource, before) else None


def estimated_again(resource: Resource, before: Forecast) -> datetime:
    """When an estimate that met an obstacle is tried again: ever more seldom, since each try writes the status."""
    since = next((one.last_transition_time for one in resource.status.conditions if one.type == SUSPENDED), None)
    tried = before.planned_time - (since or before.planned_time)
    every = timedelta(seconds=resource.spec.poll_interval_seconds)
    return before.planned_time + max(every, min(tried / 4, LONGEST_UNESTIMATED))


def hold_while_suspended(resource: Resource, facts: Facts, now: datetime) -> Action | None:
    if resource.spec.suspend and resource.status.stop is None:
        return Requeue(resource.spec.poll_interval_seconds)
    return None


def hold_under_another_account(resource: Resource, facts: Facts, now: datetime) -> Action | None:
    """Stops buying with a key that may belong to another account while the outcome of a create is open.

    Nothing is given up, either: that account's batches are hidden, and not gone.
    """
    return Requeue(resource.spec.poll_interval_seconds) if facts.elsewhere() else None


def hold_while_in_trouble(resource: Resource, facts: Facts, now: datetime) -> Action | None:
    """A failed search for intents does not hold up collection, but nothing more is bought.

    A list that is too long does not get shorter: waiting for it would never end.
    """
    return Requeue(resource.spec.poll_interval_seconds) if facts.trouble and not facts.list_is_too_long() else None


def submit_next(resource: Resource, facts: Facts, now: datetime) -> Action | None:
    submission = due_submission(resource, facts.places, now) if resource.status.stop is None else None
    return Submit(submission) if submission else None


def hold_what_was_not_taken(resource: Resource, facts: Facts, now: datetime) -> Action | None:
    """Retries a create that failed, but not at once: until then the run has not ended."""
    held = held_back(resource.status, now) if resource.status.stop is None else []
    if not held:
        return None
    until_due = (min(map(due_at, held)) - now).total_seconds()
    return Requeue(min(until_due, poll_pause(resource, now), max(deadline_seconds(resource, now), FIRST_POLL_SECONDS)))


def due_submission(resource: Resource, places: int, now: datetime) -> Submission | None:
    """The next tickets to send, or None: released ranges, then retries, then the rest of the source.

    Where room in the record is short, the source goes before its retries, as long as it has a place. The parts of a
    refused range go after retries and second readings, which make room, as soon as they have none.
    """
    status, held = resource.status, held_back(resource.status, now)
    rest, room = rest_of_source(status), Room.beside(resource.spec, places)
    if part := released_submission(status, held):
        if not may_be_sent(resource, part):
            return None
        full = not has_its_place(status, part, room)
        if full and (again := due_retry(status, resource.spec, room)):
            return again_with_cache(resource, again, now)
        return (full and due_review(status, resource.spec, room)) or again_with_cache(resource, part, now)
    if holds_all(status, held):
        return None
    if rest is not None and not may_be_sent(resource, rest):
        rest = None
    rest = rest and as_probe(status, rest)
    rest = rest and with_cache(resource, rest, now)
    if rest is not None and is_short(status, room) and has_place(status, room):
        return rest
    again, review = due_retry(status, resource.spec, room), due_review(status, resource.spec, room)
    if again is not None:
        return again_with_cache(resource, again, now)
    return (review if is_short(status, room) else None) or rest or review


def give_up_the_rest(resource: Resource, facts: Facts, now: datetime) -> Action | None:
    """After a stop: tickets that were never bought, or would have been sent again, still get their rows.

    A run that was stopped before its first intent has promised no rows, and neither has one whose evaluation has not
    passed.
    """
    status = resource.status
    if status.stop is None or not status.batches or not is_open(resource):
        return None
    for record in waiting_for_retry(status):
        return CloseRetries(record)
    submission = next_submission(status)
    if submission is not None and submission.second and released_submission(status) is None:
        return PublishFirst(submission.parents)
    return SkipRemaining(submission) if submission else None


def finish_when_all_is_collected(resource: Resource, facts: Facts, now: datetime) -> Action | None:
    return None if is_in_flight(resource.status) else Finish()


POLICIES: tuple[Policy, ...] = (
    leave_finished_alone,
    leave_deleted_to_the_finalizer,
    stop_at_deadline,
    settle_intents,
    give_up_what_cannot_be_read,
    collect_what_ended,
    lose_what_is_gone,
    cancel_what_must_not_run,
    publish_what_nobody_reads,
    estimate_while_suspended,
    hold_while_suspended,
    hold_under_another_account,
    hold_while_in_trouble,
    prepare_first,
    submit_next,
    hold_what_was_not_taken,
    decide_by_known_tickets,
    hold_what_is_not_good_enough,
    give_up_the_rest,
    finish_when_all_is_collected,
)
URGENT: tuple[Policy, ...] = (
    leave_finished_alone,
    leave_deleted_to_the_finalizer,
    stop_at_deadline,
    cancel_what_must_not_run,
)


def urgent_action(resource: Resource, facts: Facts, now: datetime) -> Step | None:
    """Actions that need no facts of the world: a failure to read these must not keep a run from being ended."""
    found = next((action for policy in URGENT if (action := policy(resource, facts, now))), None)
    return None if isinstance(found, Requeue) else found


def next_action(resource: Resource, facts: Facts, now: datetime) -> Action:
    """The first policy with an answer decides; otherwise the run rests until the next poll."""
    for policy in POLICIES:
        if action := policy(resource, facts, now):
            return action
    pause, left = poll_pause(resource, now), deadline_seconds(resource, now)
    return Requeue(min(pause, left) if left > 0 else pause)
