"""After a stop: rows for the tickets that will not be sent, or not be asked again."""

from __future__ import annotations

from nightsort.api.status import BatchRecord, BatchState, Status
from nightsort.domain.answer import Row, Verdict
from nightsort.domain.record import Submission, find, put
from nightsort.domain.report import plural, progress
from nightsort.domain.situation import Situation
from nightsort.flow.answers import sent_ids, to_ask_again, wait_for_it
from nightsort.flow.collect import row_of
from nightsort.flow.run import Run
from nightsort.flow.spool import RowSpool
from nightsort.flow.store import store

GONE = "the API does not show the batch any more"


async def conclude(run: Run, record: BatchRecord) -> None:
    """What an attempt left to be asked again ends with the verdict that it has.

    When the API shows the batch no more, nobody can name these tickets: they only count as failed.
    """
    api = await run.tools.connections.api(run.resource)
    batch = await api.retrieve(record.id or "")
    unknown = 0
    with RowSpool() as rows:
        if batch is None:
            wait_for_it(run, record)
        else:
            async for judged in to_ask_again(run, api, record):
                unknown += judged.judgement.verdict is Verdict.UNKNOWN
                rows.add(row_of(run, batch, judged))
        status = await store(run, rows)
    update = {"retryable": 0, "unknown": record.unknown + unknown, "failed": record.failed + record.retryable - unknown}
    status = put(status, record.model_copy(update=update))
    await run.save(status, progress(status))


async def lose(run: Run, record: BatchRecord) -> None:
    """The tickets of a batch that the API does not show any more, as far as the source can still name them."""
    api = await run.tools.connections.api(run.resource)
    with RowSpool() as rows:
        async for ticket_id in sent_ids(run, api, record):
            rows.add(Row(ticket_id, None, Verdict.MISSING, GONE, run.spec.model, record.id))
        status = await store(run, rows)
    lost = {"state": BatchState.COLLECTED, "failed": record.failed + record.requests}
    status = put(status, record.model_copy(update=lost))
    await run.save(status, progress(status))
    await run.warn("BatchLost", f"{plural(record.requests, 'request')}: the API does not show their batch any more")


async def abandon(run: Run, submission: Submission) -> None:
    """A range of the source that is not bought any more: each of its tickets gets a row that says why."""
    released = find(run.status, submission.shard, submission.attempt)
    if submission.parent is not None:
        return await run.save(*without(run.status, released))
    stop = run.status.stop
    source = await run.tools.connections.source(run.resource)
    with RowSpool() as rows:
        async for page in source.tickets(submission.after, submission.through):
            for ticket in page:
                rows.add(Row(ticket.id, None, Verdict.CANCELED, f"not sent: {stop.message if stop else 'stopped'}"))
        status = await store(run, rows)
    record = BatchRecord(
        shard=submission.shard,
        attempt=0,
        tag="",
        state=BatchState.COLLECTED,
        requests=0,
        failed=rows.rows,
        after=submission.after,
        through=submission.through,
        intended_at=run.now(),
    )
    if rows.rows or released:
        status = put(status, record)
    if submission.through is None:
        status = status.model_copy(update={"source_exhausted": True})
    return await run.save(status, progress(status))


def without(status: Status, record: BatchRecord | None) -> tuple[Status, Situation]:
    """The status without a retry that was never bought; its tickets wait for the attempt before to be concluded."""
    status = status.model_copy(update={"batches": tuple(one for one in status.batches if one != record)})
    return status, progress(status)
