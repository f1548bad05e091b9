"""After a stop: stores rows for tickets that will not be sent, or not be sent again."""

from __future__ import annotations

from nightsort.api.batch_record import BatchRecord, BatchState
from nightsort.domain.actions import ABSENCE
from nightsort.domain.answer import Row, Verdict
from nightsort.domain.errors import Interruption, SourceChanged
from nightsort.domain.reasons import Reason
from nightsort.domain.record import Submission, find, next_turn, put, unseen_tickets, without_retry
from nightsort.domain.report import plural, progress
from nightsort.domain.reviewed import with_message
from nightsort.domain.verdict import Judgement
from nightsort.flow.results.answers import GONE, asked_ids
from nightsort.flow.results.hashes import hash_beside, hashes_of
from nightsort.flow.results.rows import final_rows
from nightsort.flow.results.store import deliver, store
from nightsort.flow.run.run import Run
from nightsort.flow.run.spool import RowSpool
from nightsort.flow.tickets.duplicates import duplicates_of
from nightsort.flow.tickets.snapshot import source_of


async def conclude(run: Run, record: BatchRecord) -> None:
    """Ends the tickets that an attempt left for a retry."""
    delivered, figures = await final_rows(run, record)
    status = put(delivered.counted(run.spec), record.model_copy(update=figures))
    await run.save_results(status, progress(status))


async def lose(run: Run, record: BatchRecord, why: Judgement = GONE) -> None:
    """Ends the tickets of a batch that the API does not show any more, as far as the source can still name them."""
    await (lose_second if record.second else lose_first)(run, record, why)
    which = f"batch {record.id}" if record.id else f"a batch whose custom_ids begin with {record.tag}, if there is one"
    await run.warn(Reason.BATCH_LOST, f"{plural(record.requests, 'request')} of {which}: {why.reason}")


async def lose_first(run: Run, record: BatchRecord, why: Judgement) -> None:
    api = await run.services.connections.api(run.resource)
    hashes, duplicates = await hashes_of(run, record), await duplicates_of(run)
    with RowSpool(run.services.scratch) as rows:
        for ticket_id in sorted(await asked_ids(run, api, record)):
            known = hash_beside(Verdict.MISSING, ticket_id, hashes)  # it may well be paid for
            row = Row(ticket_id, None, Verdict.MISSING, why.reason, run.spec.model, record.id, hash=known)
            for each in duplicates.rows(row):
                rows.add(each)
        status = (await deliver(run, record, rows)).status
    tickets = record.requests + record.duplicates
    unnamed = record.unnamed + tickets - rows.rows
    lost = {"failed": record.failed + tickets, "unnamed": unnamed, "duplicates": 0}
    status = put(status, record.model_copy(update={"state": BatchState.COLLECTED, **lost}))
    await run.save_results(status, progress(status))


async def lose_second(run: Run, record: BatchRecord, why: Judgement) -> None:
    """Ends a batch of the second reader: its tickets have their first answers, which are published next."""
    lost = put(run.status, record.model_copy(update={"state": BatchState.COLLECTED}))
    status = with_message(lost, why.reason)
    await run.save_results(status, progress(status))


async def abandon(run: Run, submission: Submission) -> None:
    """Ends a range of the source that is not bought any more: each of its tickets gets a row that says why."""
    released = find(run.status, submission.shard, submission.attempt)
    if (submission.parents or submission.second) and released is not None:
        status = without_retry(run.status, released)
        return await run.save_results(status, progress(status))
    with RowSpool(run.services.scratch) as rows:
        unnamed = await name_the_unsent(run, submission, released, rows)
        status = await store(run, rows)
    record = BatchRecord(
        shard=submission.shard,
        attempt=0,
        tag="",
        state=BatchState.COLLECTED,
        requests=0,
        failed=rows.rows + unnamed,
        unnamed=unnamed,
        after=submission.after,
        through=submission.through,
        intended_at=run.now(),
        turn=next_turn(run.status),
    )
    if record.failed or released:
        status = put(status, record)
    if submission.through is None:
        status = status.model_copy(update={"source_exhausted": True})
    return await run.save_results(status, progress(status))


async def name_the_unsent(run: Run, submission: Submission, released: BatchRecord | None, rows: RowSpool) -> int:
    """Adds the range's rows; returns how many tickets nobody can name.

    Tickets have no name where the source was changed, or could not be reached for an hour.

    Raises:
        Interruption: the source cannot be read now.
    """
    there = released.requests + released.duplicates if released else unseen_tickets(run.status)
    try:
        await add_unsent(run, submission, rows)
    except Interruption as interruption:
        if isinstance(interruption, SourceChanged):
            rows.clear()  # a change of the source may show only at the end of a range
            return there
        if run.memory.absences.of_source(run.passed()) < ABSENCE.total_seconds():
            raise
        return max(there - rows.rows, 0)
    run.memory.absences.source_is_there()
    return 0


async def add_unsent(run: Run, submission: Submission, rows: RowSpool) -> None:
    source, duplicates = await source_of(run), await duplicates_of(run)
    stop = run.status.stop
    reason = f"not sent: {stop.message if stop else 'stopped'}"
    async for page in source.tickets(submission.after, submission.through):
        for ticket in page:
            for row in duplicates.rows(Row(ticket.id, None, Verdict.CANCELED, reason)):
                rows.add(row)
