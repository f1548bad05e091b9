"""Finds the refused requests of a batch: tickets are sent in smaller parts, until a refused request stands alone."""

from __future__ import annotations

import logging
from collections import Counter

from nightsort.api.batch_record import BatchRecord, BatchState
from nightsort.api.status import Status
from nightsort.domain import custom_id
from nightsort.domain.answer import Row, Verdict
from nightsort.domain.errors import RefusedBatch, Rejected
from nightsort.domain.evaluation import Pair
from nightsort.domain.reasons import Reason
from nightsort.domain.record import find, parents_of, put, put_retry, released, without_retry
from nightsort.domain.report import plural
from nightsort.flow.purchases.confirm import settle
from nightsort.flow.results.rows import final_rows
from nightsort.flow.results.store import compared, deliver
from nightsort.flow.run.run import Run
from nightsort.flow.run.spool import RowSpool
from nightsort.flow.submission.second import leave_out_refused
from nightsort.flow.submission.shard import Shard

logger = logging.getLogger(__name__)
MOST_REFUSALS = 200
"""Number of creates of a run that may be refused: they find some ten bad requests among 100,000."""
MOST_WITHOUT_A_SALE = 40
"""The same limit where the API has accepted nothing yet: the fault may well be in all requests."""
SHOWN_ID_CHARS = 64


async def halve(run: Run, record: BatchRecord, shard: Shard, refusal: RefusedBatch) -> None:
    """Releases the intent so that its tickets are sent in parts; a request that is refused alone is Unsendable.

    `shard` is what the batch was to carry. Each part is an intent of its own.

    Raises:
        Rejected: too many creates were refused already.
    """
    logger.warning("%s: %s", run.resource.meta.key, refusal.message)
    any_sold = any(one.id for one in run.status.batches)
    if run.status.refusals >= (MOST_REFUSALS if any_sold else MOST_WITHOUT_A_SALE):
        await settle(run, record, released)
        raise Rejected(
            f"{refusal.message}, {run.status.refusals:,} create calls so far", reason=refusal.reason
        ) from refusal
    if record.second:
        return await leave_out_refused(run, record, refusal)
    if record.attempt:
        return await halve_retry(run, record, refusal)
    if record.requests == 1:
        return await leave_out(run, record, shard, refusal)
    sent = shard.sent
    at = position(record, sent, refusal)
    # The parts: all requests before the one that the API has named, that one alone, or a half.
    most = record.requests // 2 if at is None else max(at, 1)
    update = {"state": BatchState.RELEASED, "seen": None, "most": most}
    await settle(run, record, lambda status, intent: counted(put(status, intent.model_copy(update=update))))
    what = f"a batch of {plural(record.requests, 'request')} ({refusal.answer}){pointed_at(sent, at)}"
    return await run.warn(Reason.BATCH_SPLIT, f"the API refuses {what}; it is sent in parts, to find what is refused")


def position(record: BatchRecord, sent: list[str], refusal: RefusedBatch) -> int | None:
    """The position of the request that the API has named, by its index or its custom_id."""
    if refusal.custom_id is not None:
        for index, ticket_id in enumerate(sent):
            if custom_id.encode(record.tag, ticket_id) == refusal.custom_id:
                return index
    return refusal.index if refusal.index is not None and refusal.index < len(sent) else None


def pointed_at(sent: list[str], at: int | None) -> str:
    return "" if at is None else f", and names request {at:,}, ticket {sent[at][:SHOWN_ID_CHARS]!r}"


def counted(status: Status) -> Status:
    return status.model_copy(update={"refusals": status.refusals + 1})


async def leave_out(run: Run, record: BatchRecord, shard: Shard, refusal: RefusedBatch) -> None:
    """Stores the row of a request that is refused alone; nothing was bought for it."""
    ticket_id, reason = shard.sent[0], f"the API refuses this request ({refusal.answer})"
    known = shard.hashes.get(ticket_id)
    with RowSpool(run.services.scratch) as rows:
        for row in shard.duplicates.rows(Row(ticket_id, None, Verdict.UNSENDABLE, reason, run.spec.model, hash=known)):
            rows.add(row)
        await deliver(run, record, rows)

    def without(status: Status, intent: BatchRecord) -> Status:
        update = {
            "state": BatchState.COLLECTED,
            "seen": None,
            "ids_digest": None,
            "requests": 0,
            "text_bytes": 0,
            "cut": 0,
            "failed": intent.failed + 1 + intent.duplicates,
            "duplicates": 0,
        }
        return counted(put(status, intent.model_copy(update=update)))

    await settle(run, record, without)
    await run.warn(Reason.TICKET_REFUSED, f"ticket {ticket_id[:SHOWN_ID_CHARS]!r}: {reason}; the others are sent")


async def halve_retry(run: Run, record: BatchRecord, refusal: RefusedBatch) -> None:
    """Splits attempts that travelled together; a single one ends with the verdicts that its tickets have.

    Its tickets were accepted once: the refusal concerns not one of them, but the batch as a whole.
    """
    parents = parents_of(run.status, record)
    half = parents[: len(parents) // 2]
    ends = {}
    pairs = Counter[Pair]()
    for parent in () if half else parents:
        delivered, ends[parent.shard, parent.attempt] = await final_rows(run, parent)
        pairs.update(delivered.pairs)

    def apart(status: Status, intent: BatchRecord) -> Status:
        alone = compared(without_retry(status, intent), pairs, run.spec)
        for place, figures in ends.items():
            if (parent := find(alone, *place)) is not None:
                alone = put(alone, parent.model_copy(update=figures))
        if half:
            counts = {
                "requests": sum(parent.left for parent in half),
                "duplicates": sum(parent.duplicates for parent in half),
            }
            again = intent.model_copy(update={"state": BatchState.RELEASED, "seen": None, **counts})
            alone = put_retry(alone, again, half)
        return counted(alone)

    await settle(run, record, apart)
    await run.warn(
        Reason.BATCH_SPLIT,
        f"the API refuses {plural(record.requests, 'ticket')} that were to be asked again ({refusal.answer})",
    )
