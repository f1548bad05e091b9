"""Sends a shard under its intent, and settles the intent by the API's answer."""

from __future__ import annotations

import logging
from datetime import timedelta
from functools import partial
from typing import BinaryIO, cast

from nightsort.api.batch_record import BatchRecord, BatchState
from nightsort.domain.batch import Batch
from nightsort.domain.errors import Interruption, NotTaken, OutcomeUnknown, RefusedBatch, Waiting
from nightsort.domain.reasons import Reason
from nightsort.domain.record import put, released
from nightsort.domain.rounds import not_taken
from nightsort.flow.purchases.confirm import confirm, settle
from nightsort.flow.results.store import deliver
from nightsort.flow.run.context import about_batch
from nightsort.flow.run.memory import Bought
from nightsort.flow.run.recover import keep
from nightsort.flow.run.run import Run
from nightsort.flow.run.spool import Guarded
from nightsort.flow.submission.halve import halve
from nightsort.flow.submission.shard import Shard
from nightsort.ports import BatchApi

logger = logging.getLogger(__name__)
MOST_ANSWER_CHARS = 128
SOONEST_LATE = timedelta(seconds=30)


async def carry_out(run: Run, api: BatchApi, record: BatchRecord, shard: Shard) -> None:
    """Sends the intended batch. When the answer is lost, the intent stays until it is known what was bought.

    Raises:
        Interruption: nothing was bought, and the intent is released; or a batch was, and could not be written down.
        Exception: any other error; the body was not sent as a whole, and the intent is released.
    """
    try:
        batch = await send(run, api, record, shard)
    except OutcomeUnknown as unknown:
        if shard.spool.surely_unsent:
            await settle(run, record, released)
            raise Waiting(
                "the call broke off before the whole batch had left; it is sent again", reason=Reason.SENDING_CUT
            ) from unknown
        return await leave_open(run, record, unknown)
    except RefusedBatch as refusal:
        return await halve(run, record, shard, refusal)
    except NotTaken as refusal:
        await settle(run, record, partial(not_taken, answer=refusal.answer[:MOST_ANSWER_CHARS]))
        raise
    except Interruption:
        await settle(run, record, released)
        raise
    except Exception:  # no error of any kind must make its tickets wait for the grace
        if shard.spool.surely_unsent:
            await settle(run, record, released)
        raise
    if batch is None:
        return await settle(run, record, lambda status, intent: put(status, as_collected(intent)))
    run.memory.purchases.note(Bought(record, batch))
    with about_batch(batch.id):
        return await confirm(run, record, batch.id)


async def leave_open(run: Run, record: BatchRecord, unknown: OutcomeUnknown) -> None:
    """Keeps the intent, with the API's answer where there was one: adoption finds out what it bought."""
    answer = unknown.answer[:MOST_ANSWER_CHARS] or None
    said = f"the answer to a create call of {record.requests:,} requests was lost"
    if answer:
        said = f"{said}: {answer}"
    logger.warning("%s: %s", run.resource.meta.key, said)
    await run.warn(Reason.CREATE_UNANSWERED, said)
    await settle(run, record, lambda status, intent: put(status, intent.model_copy(update={"answer": answer})))


async def send(run: Run, api: BatchApi, record: BatchRecord, shard: Shard) -> Batch | None:
    """Stores the rows of unsendable tickets, and buys a batch for the others; None where there are none.

    The rows come after the intent, whose guarded write has shown that the ledger knows nothing newer of these tickets.
    """
    if shard.unsendable.rows:
        await deliver(run, record, shard.unsendable)
    if not record.requests:
        return None
    refuse_when_late(run, record)
    await keep(run)
    await run.services.ledger.ensure_recordable(run.resource.meta)  # whether the store kept the whole intent
    refuse_when_late(run, record)
    body = Guarded(shard.spool.body(), shard.spool.size, partial(refuse_when_late, run, record))
    return await api.create(cast(BinaryIO, body), shard.spool.size, record.tag)


def refuse_when_late(run: Run, record: BatchRecord, sent: int = 0) -> None:
    """Keeps a process that was paused from buying: another one may be about to release the intent.

    Most of the grace is left for the call itself, and for the list to show what it bought. The check is repeated
    before every piece of the body, after `sent` bytes: a process can be paused between any two instructions. The
    monotonic clock may stand still while a machine sleeps, and the other one may be set: the later one counts.

    Raises:
        Waiting: the intent is too old.
    """
    grace = run.services.grace
    limit = min(max(grace / 10, SOONEST_LATE), grace / 2)
    if sent:  # sending a large body may take as long as a create may
        limit = min(limit + grace / 2, grace * 3 / 4)
    watch = run.memory.watches.under_way(record.tag)
    waited = timedelta(seconds=run.services.clock.monotonic() - watch.since) if watch else timedelta(0)
    if max(run.now() - record.intended_at, waited) > limit:
        raise Waiting("too much time has passed between intent and purchase; it is begun anew", reason=Reason.TOO_LATE)


def as_collected(record: BatchRecord) -> BatchRecord:
    return record.model_copy(update={"state": BatchState.COLLECTED})
