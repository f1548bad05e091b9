"""A run's transitions in words, one line each: what a write of its status has changed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import assert_never

from nightsort.api.batch_record import BatchRecord, BatchState
from nightsort.api.status import Status
from nightsort.domain.conditions import READY, STALLED, is_finished, is_true
from nightsort.domain.report import plural
from nightsort.domain.waits import duration, ended

Line = tuple[str, str | None]
"""The words, and the id of the batch that they speak of."""


def transitions(before: Status, after: Status, now: datetime) -> Iterator[Line]:
    """What happened between two statuses of a run, in its order; nothing of what tickets say."""
    if before.waiting is not None and after.waiting is None:
        yield f"no longer waiting: {ended(before.waiting, now)}", None
    if before.plan is None and after.plan is not None:
        price = f", estimated at ${after.cost.estimated_usd}" if after.cost.estimated_usd else ""
        same = f", and {after.plan.duplicates:,} with the same text" if after.plan.duplicates else ""
        yield f"planned: {plural(after.plan.tickets, 'ticket')}{same}{price}", None
    known = {(record.shard, record.attempt, record.tag): record.state for record in before.batches}
    for record in after.batches:
        if known.get((record.shard, record.attempt, record.tag)) is not record.state:
            yield of_batch(record), record.id
    if is_finished(after):
        if not is_finished(before):
            yield finished(after), None
    elif after.waiting is not None and begins(before, after):
        kind = "stalled" if is_true(after, STALLED) else "waiting"
        yield f"{kind}: {after.waiting.reason}: {after.message}", None


def of_batch(record: BatchRecord) -> str:
    which = f"shard {record.shard}, attempt {record.attempt}"
    requests = plural(record.requests, "request")
    match record.state:
        case BatchState.INTENDED:
            return f"submitting {requests} ({which})"
        case BatchState.SUBMITTED:
            return f"submitted {record.id} with {requests} ({which})"
        case BatchState.RELEASED:
            return f"released: nothing was bought for {requests} ({which})"
        case BatchState.COLLECTED:
            counts = {"labeled": record.labeled, "unknown": record.unknown, "failed": record.failed}
            counts["to be sent again"] = record.left
            found = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count) or "no ticket"
            took = f", {duration(record.ended_at - record.intended_at)} after its intent" if record.ended_at else ""
            return f"collected {record.id or 'what was not sent'}: {found} ({which}){took}"
        case _:
            assert_never(record.state)


def begins(before: Status, after: Status) -> bool:
    """Whether another wait has begun, or one has become a person's matter."""
    old, new = before.waiting, after.waiting
    is_another = old is None or new is None or (old.reason, old.ends) != (new.reason, new.ends)
    return is_another or is_true(after, STALLED) != is_true(before, STALLED)


def finished(status: Status) -> str:
    reason = next((condition.reason for condition in status.conditions if condition.type == READY), "")
    took = ""
    if status.start_time is not None and status.completion_time is not None:
        took = f", after {duration(status.completion_time - status.start_time)}"
    return f"finished as {status.phase} ({reason}){took}: {status.message}"
