"""Buys a batch: fills a shard, writes the intent, creates, confirms."""

from __future__ import annotations

from nightsort.domain.errors import Rejected, Stalled, Waiting
from nightsort.domain.reasons import Reason
from nightsort.domain.record import Submission, find
from nightsort.domain.report import progress
from nightsort.domain.room import Room, with_room
from nightsort.flow.money.budget import check_batch, check_what_is_known, count_texts
from nightsort.flow.run.run import Run
from nightsort.flow.run.spool import BodySpool, RowSpool
from nightsort.flow.submission.intent import intend, seen_of
from nightsort.flow.submission.second import NOTHING_TO_READ, give_up_review
from nightsort.flow.submission.send import carry_out
from nightsort.flow.submission.shard import Shard, fill


async def submit(run: Run, submission: Submission) -> None:
    """Sends the next shard, if the source has one.

    Raises:
        Waiting, Stalled, Rejected: nothing was bought; the shard is released and will be sent again.
    """
    if submission.second:
        return await submit_to_second(run, submission)
    await buy(run, submission)
    return None


async def submit_to_second(run: Run, submission: Submission) -> None:
    """Sends what the second reader is to read. What cannot be bought is published with its first answers.

    Raises:
        Waiting, Stalled: nothing was bought, and it is tried again.
    """
    try:
        why = await buy(run, submission)
    except Rejected as rejected:
        why = rejected.message
    except Stalled as stalled:
        if stalled.reason != Reason.COST_LIMIT_EXCEEDED:
            raise
        why = stalled.message
    if why:
        await give_up_review(run, submission, why)


async def buy(run: Run, submission: Submission) -> str:
    """Buys a shard; returns why there is nothing to buy for the second reader."""
    run.demand_no_doubt()
    await run.services.ledger.ensure_recordable(run.resource.meta)
    check_what_is_known(run, submission)
    await make_room(run, submission)
    tag = run.services.new_tag()
    scratch = run.services.scratch
    with BodySpool(scratch) as spool, RowSpool(scratch) as unsendable:
        shard = await fill(run, submission, tag, Shard(spool, unsendable))
        await count_texts(run, shard.some_texts, second=submission.second)
        if submission.second and not spool.requests:
            return NOTHING_TO_READ
        try:
            check_batch(run, submission, spool.requests, shard.text_bytes)
        except (Waiting, Stalled):
            if submission.cache is None:
                raise
            await do_without_cache(run)
            return ""
        await spool.seal()
        await unsendable.seal()
        api = await run.services.connections.api(run.resource)
        seen = await seen_of(run, api, tag) if spool.requests else None
        record = await intend(run, submission, shard, tag, seen)
        if record is not None:
            await carry_out(run, api, record, shard)
    return ""


async def do_without_cache(run: Run) -> None:
    """Notes that maxCostUSD leaves no room for what writing into the cache may cost: the same tickets go without."""
    run.memory.too_dear = None
    plan = run.status.plan
    if plan is not None and plan.caching is not None:
        caching = plan.caching.model_copy(update={"given_up": True})
        status = run.status.model_copy(update={"plan": plan.model_copy(update={"caching": caching})})
        await run.save(status, progress(status))


async def make_room(run: Run, submission: Submission) -> None:
    """Sums up ended batches, where the record has no room for another one. A released intent has its entry already.

    Raises:
        Waiting, Rejected: the batches in flight need all the room.
    """
    earlier = find(run.status, submission.shard, submission.attempt)
    if earlier is not None and earlier.most is None:
        return
    room = Room.beside(run.spec, run.services.places)
    # A range that is sent again has its entry already, and its half needs at most another one.
    again = submission.parents or submission.through is not None
    status = with_room(run.status, room.for_retries() if again else room)
    if status is not run.status:
        await run.save(status, progress(status))
