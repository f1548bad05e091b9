"""Restores a run's record after somebody has removed it: a wiped status, or one of an older backup."""

from __future__ import annotations

from dataclasses import dataclass

from nightsort.api.batch_record import BatchRecord, BatchState
from nightsort.api.plan import Plan
from nightsort.api.status import Status
from nightsort.domain.completeness import completed, has_further
from nightsort.domain.record import by_place, find, put


@dataclass(frozen=True, slots=True)
class Kept:
    """A copy of a run's status beside it, from the moment before the last purchase.

    `anew` is the word by which a person last had the run begin anew: it counts once.
    """

    status: Status | None = None
    anew: str = ""


def may_replace(status: Status, kept: Kept, *, removing: bool) -> bool:
    """Whether a copy of this status may replace another copy: not where it lacks something that the other one has.

    removing: entries are removed on purpose, such as several that are summed up in one. Who has slept meanwhile knows
    nothing of later states of the others, and may not take these back.
    """
    if kept.status is None:
        return True
    gone = lost(status, kept.status)
    if removing:
        there = by_place(status)
        gone = [record for record in gone if (record.shard, record.attempt) in there]
    return not (gone or has_further(kept.status, status))


def to_keep(status: Status, kept: Kept, *, removing: bool) -> Status:
    """The status to keep in place of a copy: no copy loses fields that a store has dropped from the status."""
    return status if removing or kept.status is None else completed(status, kept.status)


def worth_keeping(status: Status) -> Status:
    """A status without the fields that only inform people: they are derived again."""
    return status.model_copy(update={"conditions": (), "phase": None, "message": None, "completion_time": None})


def removes(before: Status, after: Status) -> bool:
    """Whether entries vanish, such as those that are summed up in another one."""
    return not by_place(before).keys() <= by_place(after).keys()


def intends(before: Status, after: Status) -> bool:
    """Whether there is a new intent: a copy must not have it before the record."""
    known = {record.tag for record in before.batches}
    return any(record.state is BatchState.INTENDED and record.tag not in known for record in after.batches)


def has_settled(before: Status, after: Status) -> bool:
    """Whether a batch has a new outcome, and no new intent is there."""
    if after.batches == before.batches or intends(before, after):
        return False
    there = by_place(before)
    return any(
        record.state is BatchState.COLLECTED and record != there.get((record.shard, record.attempt))
        for record in after.batches
    )


def missing(status: Status, before: Status) -> list[BatchRecord]:
    """Batches of an earlier status that have no place in this one. A released one may vanish."""
    there = by_place(status)
    return [
        record
        for record in before.batches
        if record.tag and record.state.may_be_bought and (record.shard, record.attempt) not in there
    ]


def is_behind(status: Status, before: Status) -> bool:
    """Whether a status may be older than one that was seen: a batch is missing, or has another tag."""
    there = by_place(status)
    retagged = any(
        record.state.may_be_bought and now.tag != record.tag
        for record in before.batches
        if (now := there.get((record.shard, record.attempt))) is not None
    )
    return retagged or bool(missing(status, before))


def lost(status: Status, kept: Status) -> list[BatchRecord]:
    """Batches that only the copy has: the status lacks them, or has an earlier intent's tag for them."""
    there = by_place(status)
    overtaken = [
        record
        for record in kept.batches
        if (now := there.get((record.shard, record.attempt))) is not None and is_later(record, now)
    ]
    return missing(status, kept) + overtaken


def vanished(status: Status, kept: Status | None, remembered: Status | None) -> list[BatchRecord]:
    """Batches that a status has lost: by the copy where there is one, else by the process's memory."""
    if kept is not None:
        return lost(status, kept)
    return missing(status, remembered) if remembered is not None else []


def is_later(record: BatchRecord, other: BatchRecord) -> bool:
    """Whether it is a later intent of the same attempt.

    Where an earlier version wrote both, their times decide; at the same time, a released one was there before.
    """
    if record.tag == other.tag:
        return False
    if record.turn != other.turn:
        return record.turn > other.turn
    tie = record.intended_at == other.intended_at and not other.state.may_be_bought
    return record.intended_at > other.intended_at or (tie and record.state.may_be_bought)


def best(kept: Status | None, remembered: Status | None) -> Status | None:
    """The status to restore from: the process's memory (it knows more outcomes) if it has all batches of the copy.

    Where the copy has more of one of them, such as the id that the status did not take, that counts. A memory without
    an entry of the copy is from an earlier time, also where that entry has bought nothing: it may count rows.
    """
    if kept is None or remembered is None:
        return kept or remembered
    there = by_place(remembered)
    is_old = any(
        (record.shard, record.attempt) not in there
        for record in kept.batches
        if record.state is not BatchState.RELEASED
    )
    return kept if is_old or lost(remembered, kept) else completed(remembered, kept)


def has_lost_its_beginning(status: Status) -> bool:
    """Whether the source counts as read beyond its beginning, and no batch has these tickets.

    A status gets there where somebody empties the batches of a run that has bought nothing yet and has no copy.
    Its tickets would have neither a batch nor a row.
    """
    read = status.cursor is not None or (
        status.source_exhausted and status.plan is not None and tickets_of(status.plan) > 0
    )
    return read and not status.batches


def tickets_of(plan: Plan) -> int:
    """Tickets that are bought, known ones included."""
    return plan.tickets + (plan.evaluation.sample if plan.evaluation is not None else 0)


def from_the_beginning(status: Status) -> Status:
    return status.model_copy(update={"cursor": None, "source_exhausted": False})


def has_lost_an_id(status: Status) -> bool:
    """Whether an older schema has dropped the id of a batch before any copy had it."""
    return any(is_without_id(record) for record in status.batches)


def is_without_id(record: BatchRecord) -> bool:
    return record.state is BatchState.SUBMITTED and record.id is None


def looked_for_again(status: Status) -> Status:
    """Batches without ids are intents again: they are found by their tags, and not bought twice."""
    intended = {"state": BatchState.INTENDED, "submitted_at": None}
    batches = (one.model_copy(update=intended) if is_without_id(one) else one for one in status.batches)
    return status.model_copy(update={"batches": tuple(batches)})


def restored(status: Status, base: Status) -> Status:
    """The copy with the additions of the status: later intents, and outcomes of the copy's batches.

    Batches that were collected since are collected again: the copy's sums lack them.
    """
    newest = max((record.turn for record in base.batches), default=0)
    further = [record for record in status.batches if is_beyond(record, base, newest)]
    whole = base
    for record in (*further, *filter(None, (outcome(record, base) for record in status.batches))):
        whole = put(whole, record)
    goes_on = status if any(record.attempt == 0 for record in further) else base
    return whole.model_copy(
        update={
            "conditions": status.conditions,
            "stop": status.stop or base.stop,
            "cursor": goes_on.cursor,
            "source_exhausted": goes_on.source_exhausted,
        }
    )


def is_beyond(record: BatchRecord, base: Status, newest: int) -> bool:
    """Whether it was intended after all entries of a copy; `newest` is the copy's newest turn.

    An entry that only an older status has is summed up in the copy by now. An earlier version counted no turns.
    """
    there = find(base, record.shard, record.attempt)
    if there is None:
        return record.turn == 0 or record.turn > newest
    return is_later(record, there)


def outcome(record: BatchRecord, base: Status) -> BatchRecord | None:
    """The later state of an intent that a copy still has as open; None where the record adds nothing."""
    there = find(base, record.shard, record.attempt)
    if there is None or there.tag != record.tag or there.state is not BatchState.INTENDED:
        return None
    if record.id is None:
        return record
    update = {"state": BatchState.SUBMITTED, "id": record.id, "submitted_at": record.submitted_at}
    return there.model_copy(update=update)
