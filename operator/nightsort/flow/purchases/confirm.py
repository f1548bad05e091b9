"""Writes the outcome of an intent: the id of its batch, or that the record is gone and the batch must end."""

from __future__ import annotations

from collections.abc import Callable

from nightsort.api.batch_record import BatchRecord
from nightsort.api.status import Status
from nightsort.domain.errors import Conflict, Gone
from nightsort.domain.reasons import Reason
from nightsort.domain.record import batch_ids, confirmed, open_intent
from nightsort.domain.recovery import missing
from nightsort.domain.report import plural, progress
from nightsort.domain.run_state import ConditionSummary
from nightsort.flow.run.context import about_batch
from nightsort.flow.run.recover import keep_if_possible
from nightsort.flow.run.run import Run


async def confirm(run: Run, record: BatchRecord, batch_id: str) -> None:
    """Writes the id of a batch that is known to be ours.

    Raises:
        Gone: the resource does not exist any more; its batch has been cancelled.
    """
    now = run.now()
    try:
        await settle(run, record, lambda status, intent: confirmed(status, intent, batch_id, now))
    except Gone:
        await disown(run, record, batch_id)
        raise
    if batch_id not in batch_ids(run.status):
        return await disown(run, record, batch_id)
    run.memory.purchases.settle(record.tag)
    await keep_if_possible(run)
    estimated = run.status.cost.estimated_usd
    cut = f", {record.cut:,} of them cut to {run.spec.prompt.max_body_chars:,} characters" if record.cut else ""
    about = f"; the run is estimated at ${estimated}" if estimated else ""
    await run.note(Reason.SUBMITTED, f"batch {batch_id} with {plural(record.requests, 'request')}{cut}{about}")
    return None


async def disown(run: Run, record: BatchRecord, batch_id: str) -> None:
    """Cancels at once a batch whose intent is gone: another intent may have bought its tickets by now.

    Raises:
        Waiting, Stalled: the batch could not be cancelled; the next reconcile tries again.
    """
    api = await run.services.connections.api(run.resource)
    await api.cancel(batch_id)
    run.memory.purchases.settle(record.tag)
    await run.warn(
        Reason.BOUGHT_TOO_LATE,
        f"batch {batch_id} of {plural(record.requests, 'request')} came when its intent was given up; it was cancelled",
    )


async def disown_what_came_too_late(run: Run) -> None:
    """Cancels batches that this process bought, could not write down, and finds no intent for any more.

    Raises:
        Waiting, Stalled: a batch could not be cancelled.
    """
    ids = batch_ids(run.status)
    for bought in run.memory.purchases.all():
        if open_intent(run.status, bought.record.tag) is not None:
            continue
        if bought.batch.id in ids:
            run.memory.purchases.settle(bought.record.tag)
            continue
        await run.ensure_newest()
        with about_batch(bought.batch.id):
            await disown(run, bought.record, bought.batch.id)


async def settle(run: Run, record: BatchRecord, change: Callable[[Status, BatchRecord], Status]) -> None:
    """Writes the outcome of an intent; an intent that another process has settled meanwhile is left as it is.

    Raises:
        Conflict: the intent's record is gone.
    """

    def changed(status: Status) -> tuple[Status, ConditionSummary] | None:
        intent = open_intent(status, record.tag)
        if intent is None:
            return None
        settled = change(status, intent)
        return settled, progress(settled)

    await run.save_surely(changed)
    if missing(run.status, Status(batches=(record,))):
        raise Conflict(run.resource.meta.key)  # somebody has removed the record: the next reconcile restores it
    run.memory.watches.end(record.tag)
