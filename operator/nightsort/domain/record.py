"""The record of a run: batches that were intended, bought and collected, and what follows. Functions of a status."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from nightsort.api.batch_record import BatchRecord, BatchState, CacheUse, Usage
from nightsort.api.categories import Category
from nightsort.api.counts import CategoryCount, FieldCounts, TicketCounts
from nightsort.api.status import Status
from nightsort.domain.answer import NO_USAGE


@dataclass(frozen=True, slots=True)
class Submission:
    """The tickets to send next: a range of the source, or tickets that earlier attempts (parents) left for a retry.

    For the `second` reader, parents are the attempts with the first answers.

    `after` and `through` are cursors of the source, exclusive and inclusive; without `through`, as far as a shard goes.
    `most` is the greatest number of requests, where that is another than the spec's. With `cache`, they carry a mark
    for the prompt's cache.
    """

    shard: int
    attempt: int
    after: str | None = None
    through: str | None = None
    parents: tuple[BatchRecord, ...] = ()
    most: int | None = None
    cache: CacheUse | None = None
    second: bool = False


@dataclass(frozen=True, slots=True)
class Tally:
    """The result of collecting one batch. Counts are tickets; `duplicates` are those of the retryable ones."""

    labeled: int = 0
    unknown: int = 0
    failed: int = 0
    retryable: int = 0
    categories: Mapping[str, int] | None = None
    usage: Usage = NO_USAGE
    unnamed: int = 0
    unpriced: int = 0
    values: Mapping[tuple[str, str | None], int] | None = None
    duplicates: int = 0
    review: int = 0
    held_duplicates: int = 0


def in_state(status: Status, state: BatchState) -> list[BatchRecord]:
    return [record for record in status.batches if record.state is state]


def open_intent(status: Status, tag: str) -> BatchRecord | None:
    """The intent with this tag, if it is not settled yet."""
    return next((record for record in in_state(status, BatchState.INTENDED) if record.tag == tag), None)


def is_in_flight(status: Status) -> bool:
    """Whether the API has a batch of this run, or may have one."""
    return any(record.state.is_in_flight for record in status.batches)


def batch_ids(status: Status) -> set[str]:
    """Every batch that this record owns."""
    return {record.id for record in status.batches if record.id}


def next_submission(status: Status) -> Submission | None:
    """The tickets left to send, or None: released ranges, then retries, the source's rest, and the second reader's."""
    if again := released_submission(status):
        return again
    for record in waiting_for_retry(status):
        return Submission(record.shard, record.attempt + 1, parents=(record,))
    if rest := rest_of_source(status):
        return rest
    waiting = waiting_for_review(status)
    return Submission(next_shard(status), 0, parents=tuple(waiting), second=True) if waiting else None


def released_submission(status: Status, held: Collection[BatchRecord] = ()) -> Submission | None:
    """The released range to send again first, except for those held back."""
    for record in in_state(status, BatchState.RELEASED):
        if record in held:
            continue
        parents = parents_of(status, record)
        return Submission(record.shard, record.attempt, record.after, record.through, parents, second=record.second)
    return None


def rest_of_source(status: Status) -> Submission | None:
    return None if status.source_exhausted else Submission(next_shard(status), 0, after=status.cursor)


def next_turn(status: Status) -> int:
    return 1 + max((record.turn for record in status.batches), default=0)


def next_shard(status: Status) -> int:
    return max((record.shard for record in status.batches), default=-1) + 1


def find(status: Status, shard: int, attempt: int) -> BatchRecord | None:
    for record in status.batches:
        if (record.shard, record.attempt) == (shard, attempt):
            return record
    return None


Places = Mapping[tuple[int, int], BatchRecord]


def by_place(status: Status) -> Places:
    """Attempts by shard and attempt number."""
    return {(record.shard, record.attempt): record for record in status.batches}


def child_of(places: Places, record: BatchRecord) -> BatchRecord | None:
    """The attempt that retries the tickets of this one: in the same shard, unless it travels with another shard's."""
    shard = record.shard if record.retried_in is None else record.retried_in
    return places.get((shard, record.attempt + 1))


def parents_of(status: Status, record: BatchRecord) -> tuple[BatchRecord, ...]:
    """The attempts whose tickets this one asks about again. Their results name these; no range of a source does."""
    if record.second:
        return tuple(each for each in status.batches if each.review and each.reviewed_in == record.shard)
    return tuple(
        each
        for each in status.batches
        if each.attempt == record.attempt - 1
        and (each.shard if each.retried_in is None else each.retried_in) == record.shard
    )


def put(status: Status, record: BatchRecord) -> Status:
    """The status with this record in the place of the same shard and attempt."""
    others = [other for other in status.batches if (other.shard, other.attempt) != (record.shard, record.attempt)]
    batches = sorted((*others, record), key=lambda one: (one.shard, one.attempt))
    return status.model_copy(update={"batches": tuple(batches)})


def put_retry(status: Status, record: BatchRecord, parents: Iterable[BatchRecord]) -> Status:
    """The status with an attempt that retries the tickets of these. Parents in its own shard need no note of it."""
    for parent in parents:
        if record.second:
            status = put(status, parent.model_copy(update={"reviewed_in": record.shard}))
        elif parent.shard != record.shard:
            passed_on = {"retryable": 0, "passed_on": parent.left, "retried_in": record.shard}
            status = put(status, parent.model_copy(update=passed_on))
    return put(status, record)


def without_retry(status: Status, record: BatchRecord) -> Status:
    """The status without an attempt that was never bought: its tickets go back to its parents."""
    for parent in parents_of(status, record):
        taken_back = {"retryable": parent.left, "passed_on": 0, "retried_in": None}
        status = put(status, parent.model_copy(update={"reviewed_in": None} if record.second else taken_back))
    return status.model_copy(update={"batches": tuple(one for one in status.batches if one != record)})


def confirmed(status: Status, record: BatchRecord, batch_id: str, now: datetime) -> Status:
    """The intent has become a batch."""
    update = {
        "state": BatchState.SUBMITTED,
        "id": batch_id,
        "rounds": 0,
        "answer": None,
        "most": None,
        "submitted_at": now,
    }
    return put(status, record.model_copy(update=update))


def released(status: Status, record: BatchRecord) -> Status:
    """The intent was surely not accepted: its range will be submitted again under another tag."""
    return put(status, record.model_copy(update={"state": BatchState.RELEASED, "seen": None}))


def collected(status: Status, record: BatchRecord, tally: Tally, ended_at: datetime | None) -> Status:
    """Every answer of the batch has its row or waits for the next attempt."""
    done = record.model_copy(
        update={
            "state": BatchState.COLLECTED,
            "seen": None,
            "ended_at": ended_at,
            "labeled": tally.labeled,
            "unknown": tally.unknown,
            "failed": record.failed + tally.failed,
            "retryable": tally.retryable,
            "duplicates": tally.duplicates,
            "review": tally.review,
            "held_duplicates": tally.held_duplicates,
            "unnamed": record.unnamed + tally.unnamed,
            "unpriced": tally.unpriced,
            "usage": tally.usage,
        }
    )
    return put(with_counts(status, tally.categories or {}, tally.values or {}), done)


def with_counts(status: Status, categories: Mapping[str, int], values: Mapping[tuple[str, str | None], int]) -> Status:
    """The status with these tickets added to its counts by category and by values of fields."""
    counts = Counter({count.name: count.tickets for count in status.categories})
    counts.update(categories)
    named = tuple(CategoryCount(name=name, tickets=tickets) for name, tickets in counts.items())
    return status.model_copy(update={"categories": named, "fields": with_values(status.fields, values)})


def with_values(fields: Iterable[FieldCounts], more: Mapping[tuple[str, str | None], int]) -> tuple[FieldCounts, ...]:
    """The counts of fields with these added: tickets by field and value, None where the answer is Unknown."""
    counts = Counter({(field.name, each.name): each.tickets for field in fields for each in field.values})
    unknown = Counter({field.name: field.unknown for field in fields})
    for (name, value), tickets in more.items():
        if value is None:
            unknown[name] += tickets
        else:
            counts[name, value] += tickets
    names = dict.fromkeys((*(field.name for field in fields), *(name for name, _ in more)))
    return tuple(
        FieldCounts(
            name=name,
            values=tuple(CategoryCount(name=value, tickets=each) for (of, value), each in counts.items() if of == name),
            unknown=unknown[name],
        )
        for name in names
    )


def by_declaration(counts: Iterable[CategoryCount], categories: Iterable[Category]) -> tuple[CategoryCount, ...]:
    """Category counts in the order in which the user declared the categories, without empty ones."""
    found = {count.name: count for count in counts}
    return tuple(found[category.name] for category in categories if category.name in found)


def ticket_counts(status: Status) -> TicketCounts:
    """Tickets by state, but for the known ones of an evaluation.

    Until the source is read to its end, the total is pre-flight's count.
    """
    counted = [record for record in status.batches if not record.canary]
    labeled = sum(record.labeled for record in counted)
    unknown = sum(record.unknown for record in counted)
    failed = sum(record.failed for record in counted)
    in_flight = sum(
        record.requests + record.duplicates for record in counted if record.state.is_open and not record.second
    )
    in_flight += sum(record.review + record.held_duplicates for record in counted)
    in_flight += sum(each.retryable + each.duplicates for each in waiting_for_retry(status) if not each.canary)
    seen = labeled + unknown + failed + in_flight
    plan = status.plan
    expected = plan.tickets + plan.duplicates if plan and not status.source_exhausted else 0
    reused = plan.reused if plan else 0
    return TicketCounts(
        total=max(seen, expected) + reused,
        labeled=labeled,
        unknown=unknown,
        failed=failed,
        in_flight=in_flight,
        reused=reused,
        duplicates=plan.duplicates if plan else 0,
        cut=cut_tickets(status),
    )


def cut_tickets(status: Status) -> int:
    """Tickets whose text was cut; retried tickets were counted the first time."""
    first = (one for one in status.batches if one.attempt == 0 and one.state.may_be_bought)
    return sum(record.cut for record in first if not record.canary and not record.second)


def unseen_tickets(status: Status) -> int:
    """Tickets that are in no batch yet, by pre-flight's count."""
    counts = ticket_counts(status)
    return counts.total - counts.labeled - counts.unknown - counts.failed - counts.in_flight - counts.reused


def waiting_for_retry(status: Status) -> list[BatchRecord]:
    """Batches with tickets to retry for which no retry was sent yet."""
    places = by_place(status)
    return [
        record
        for record in in_state(status, BatchState.COLLECTED)
        if record.retryable and child_of(places, record) is None
    ]


def waiting_for_review(status: Status) -> list[BatchRecord]:
    """Batches with tickets for the second reader that are in none of its batches yet."""
    under_way = {record.shard for record in status.batches if record.second}
    return [record for record in status.batches if record.review and record.reviewed_in not in under_way]


def unread_for_good(status: Status) -> list[BatchRecord]:
    """Batches with tickets that the second reader was to read, and whose batch is over without their rows."""
    over = {record.shard for record in in_state(status, BatchState.COLLECTED) if record.second}
    return [record for record in status.batches if record.review and record.reviewed_in in over]


def with_outcome(record: BatchRecord, figures: Mapping[str, int]) -> BatchRecord:
    """A batch whose tickets have their rows; `figures` are added to its own."""
    added = {name: getattr(record, name) + more for name, more in figures.items()}
    moved = {"review": 0, "held_duplicates": 0, "reviewed": record.reviewed + record.review, "reviewed_in": None}
    return record.model_copy(update=added | moved)
