"""Writes the intent to buy a batch, before anything is bought."""

from __future__ import annotations

from nightsort.api.batch_record import BatchRecord, BatchState, Seen
from nightsort.api.status import Status
from nightsort.domain.canary import is_canary
from nightsort.domain.candidate import Watch
from nightsort.domain.reasons import Reason
from nightsort.domain.record import Submission, find, next_shard, next_turn, put, put_retry
from nightsort.domain.report import plural, progress
from nightsort.domain.run_state import ConditionSummary
from nightsort.flow.money.budget import with_what_is_known
from nightsort.flow.purchases.accounts import refuse_another_account
from nightsort.flow.results.hashes import keep_hashes, let_go_of_hashes
from nightsort.flow.run.run import Run
from nightsort.flow.submission.shard import Shard
from nightsort.ports import BatchApi

MOST_ID_CHARS = 128
"""Length that the record has room for; the API's ids are far shorter."""


async def seen_of(run: Run, api: BatchApi, tag: str) -> Seen:
    """Notes the account that is bought from and its newest batch, to recognise both later.

    Raises:
        Stalled: the account is not known to be that of an intent whose outcome is open.
    """
    newest = await api.newest()
    await refuse_another_account(run, api)
    account = api.account(tag)
    return Seen(
        newest=newest.id if newest and len(newest.id) <= MOST_ID_CHARS else None,
        created_at=newest.created_at if newest else None,
        organization=account.organization,
        workspace=account.workspace,
        key=account.key,
    )


async def intend(
    run: Run, submission: Submission, shard: Shard, tag: str, seen: Seen | None = None
) -> BatchRecord | None:
    """Writes the intent, durable before anything is bought; None where nothing is left to send."""
    if not shard.tickets and not submission.parents and not submission.second:
        await run.save(without_tickets(run.status, submission), progress(run.status))
        return None
    if shard.long_ids:
        await run.services.ledger.keep_long_ids(run.resource.meta, tag, shard.long_ids)
    earlier = find(run.status, submission.shard, submission.attempt)
    if earlier is not None and earlier.state is BatchState.RELEASED:
        await let_go_of_hashes(run, [earlier])
    await keep_hashes(run, tag, shard.hashes)
    # A previous attempt's tickets, whose results are gone by now.
    left = 0 if submission.second else sum(parent.left for parent in submission.parents)
    lost = max(left - shard.tickets, 0)
    there = shard.copies + shard.unsendable.copied.total()
    copies = 0 if submission.second else sum(parent.duplicates for parent in submission.parents)
    lost += max(copies - there, 0)
    record = BatchRecord(
        shard=submission.shard,
        attempt=submission.attempt,
        tag=tag,
        state=BatchState.INTENDED if shard.tickets else BatchState.COLLECTED,
        requests=shard.spool.requests,
        text_bytes=shard.text_bytes,
        cut=shard.cut,
        most=earlier.most if earlier else None,
        rounds=earlier.rounds if earlier else 0,
        answer=earlier.answer if earlier else None,
        spared=0 if submission.second else max((one.spared + one.canceled for one in submission.parents), default=0),
        failed=shard.unsendable.rows + lost,
        unnamed=lost,
        duplicates=shard.copies,
        long_ids=len(shard.long_ids),
        ids_digest=str(shard.ids),
        after=submission.after,
        through=None if submission.parents else shard.cursor,
        intended_at=run.now(),
        turn=next_turn(run.status),
        cache=submission.cache,
        canary=not submission.second and is_canary(run.status, submission),
        second=submission.second,
        seen=seen,
    )
    watch = Watch(run.services.clock.monotonic())
    status = advanced(run.status, put_retry(run.status, record, submission.parents), submission, shard, record)
    status = with_what_is_known(run, status)
    await run.save(status, ConditionSummary.working(Reason.SUBMITTING, f"sending {plural(record.requests, 'request')}"))
    run.memory.watches.begin(tag, watch)
    return record if shard.tickets else None


def advanced(before: Status, status: Status, submission: Submission, shard: Shard, record: BatchRecord) -> Status:
    """The source's cursor after this shard; the part of a released range that did not fit becomes a shard of its own.

    `before` is the status without this record.
    """
    if submission.parents or submission.second:
        return status
    if submission.through is None:
        return status.model_copy(update={"cursor": shard.cursor, "source_exhausted": not shard.full})
    if not shard.full:
        return put(status, record.model_copy(update={"through": submission.through}))
    earlier = find(before, submission.shard, submission.attempt)
    rest = record.model_copy(
        update={
            "shard": next_shard(status),
            "tag": "",
            "state": BatchState.RELEASED,
            "requests": max(earlier.requests - shard.tickets, 0) if earlier else 0,
            "duplicates": max(earlier.duplicates - shard.copies - shard.unsendable.copied.total(), 0) if earlier else 0,
            "text_bytes": 0,
            "cut": 0,
            "failed": 0,
            "unnamed": 0,
            "long_ids": 0,
            "seen": None,
            "ids_digest": None,
            "most": None,
            "rounds": 0,
            "answer": None,
            "after": shard.cursor,
            "through": submission.through,
        }
    )
    return put(status, rest)


def without_tickets(status: Status, submission: Submission) -> Status:
    """Notes that nothing was left to send: the source has ended, or the released range is empty by now."""
    if submission.through is None:
        return status.model_copy(update={"source_exhausted": True})
    kept = tuple(
        record for record in status.batches if (record.shard, record.attempt) != (submission.shard, submission.attempt)
    )
    return status.model_copy(update={"batches": kept})
