"""Reads a batch's results: one judgement per ticket, whatever the stream repeats, lacks or adds."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import timedelta

import msgspec

from nightsort.api.status import BatchRecord
from nightsort.domain import custom_id
from nightsort.domain.answer import Answer, Verdict
from nightsort.domain.asked import asked_of
from nightsort.domain.batch import Batch
from nightsort.domain.candidate import ALL_OVER
from nightsort.domain.errors import SourceChanged, Stalled, Waiting
from nightsort.domain.prompt import TicketText
from nightsort.domain.reasons import Reason
from nightsort.domain.record import parents_of
from nightsort.domain.request import as_sent
from nightsort.domain.verdict import Judge, Judgement, is_asked_again
from nightsort.flow.results.reading import Reading
from nightsort.flow.run.run import Run
from nightsort.flow.tickets.snapshot import source_of
from nightsort.ports import BatchApi, Source

KEPT = timedelta(days=30)
"""The API keeps results for 29 days from the batch's creation (vendor's documentation, 2026-11-22)."""
SHORT_PATIENCE = timedelta(hours=1)
SHORT_READS = 6
"""How long and how often missing lines are waited for: they are paid for, and a cut stream has them at another read."""
ANSWERS, ASKED_ANSWERS = "answers", "answers to what was asked"
NOBODY: AbstractSet[str] = frozenset()
LONG_PATIENCE = timedelta(days=1)
"""How long they are waited for where nobody could say whose they were."""
# Final: it may be paid for, and when its answer shows up after all, nobody could tell that it still lacks a row.
MISSING = Judgement(Verdict.MISSING, reason="the batch ended without an answer to this ticket")


GONE = Judgement(Verdict.MISSING, reason="the API does not show the batch any more")
UNTOLD = Judgement(Verdict.MISSING, reason="nobody could tell whether a batch was bought for it")
UNREADABLE = Judgement(Verdict.MISSING, reason="the run was ended while the batch's results could not be read")


class Judged(msgspec.Struct, frozen=True, gc=False):
    """A ticket's id with what its answer means; without an answer where the results lack it."""

    id: str
    judgement: Judgement
    answer: Answer | None = None


async def judged_answers(
    run: Run, api: BatchApi, record: BatchRecord, batch: Batch, reading: Reading
) -> AsyncIterator[Judged]:
    """Every ticket of the batch once, unless the reading is `unclear` at its end: then it is to be done again.

    Lines that are missing make it Waiting for an hour: a stream can be cut silently. When they stay missing, their
    tickets are found out from the source and judged Missing. They are not asked again: they may well be paid for.
    """
    judge = Judge(as_sent(run.spec, run.status.plan))
    async for ticket_id, answer in own_answers(run, api, record, batch, reading):
        judgement = judge.of(answer)
        if reading.takes(ticket_id, judgement):
            yield Judged(ticket_id, judgement, answer)
    if reading.unclear:
        return
    what = ANSWERS if reading.asked is None else ASKED_ANSWERS
    if reading.is_whole(record):
        run.memory.short_reads.over(batch.id, what)
        return
    seen = reading.seen.keys()
    if len(seen) < record.requests:
        wait_for_the_rest(run, batch, len(seen), record.requests, what)
    if reading.asked is None:
        reading.asked = await asked_ids(run, api, record, seen)
        reading.unclear = bool(seen - reading.asked)
    if not reading.unclear:
        for ticket_id in sorted(reading.asked - seen):
            yield Judged(ticket_id, MISSING)


async def asked_ids(run: Run, api: BatchApi, record: BatchRecord, seen: AbstractSet[str] = NOBODY) -> AbstractSet[str]:
    """The ids that a batch asked about, no more than it has requests; `seen` are those that were answered."""
    named = {one async for one in sent_ids(run, api, record)}
    return asked_of(record.ids_digest, record.requests, seen, named)


async def own_answers(
    run: Run, api: BatchApi, record: BatchRecord, batch: Batch, reading: Reading
) -> AsyncIterator[tuple[str, Answer]]:
    """Each line with its ticket's id, but those that this batch did not ask for, as far as that is known."""
    long_ids = await long_ids_of(run, api, record) if record.long_ids else {}
    async for answer in lines_of(run, api, record, batch):
        ticket_id = custom_id.decode(answer.custom_id, record.tag, long_ids)
        if reading.is_own(ticket_id) and ticket_id is not None:
            yield ticket_id, answer


async def long_ids_of(run: Run, api: BatchApi, record: BatchRecord) -> Mapping[str, str]:
    """What the digests in a batch's custom_ids stand for: as it was kept, else made again from the source's ids.

    Raises:
        Stalled: it was taken away, and the source lacks some of these tickets by now.
    """
    kept = await run.services.ledger.long_ids(run.resource.meta, record.tag)
    if len(kept) >= record.long_ids:
        return kept
    made = {custom_id.digest(one): one async for one in sent_ids(run, api, record) if custom_id.is_long(one)}
    if len(made) < record.long_ids:
        raise Stalled(
            f"ids of tickets were kept in ConfigMap {run.resource.meta.name}-ids-{record.tag}, which is gone, and the "
            f"source lacks some of them. Restore it: without it the answers of {record.id} belong to nobody",
            reason=Reason.IDS_MISSING,
        )
    return made


async def lines_of(run: Run, api: BatchApi, record: BatchRecord, batch: Batch) -> AsyncIterator[Answer]:
    """Every line of the results; a day later none where the API still says that there are none.

    Where something else comes in their place, such as a gateway's page, they are waited for while the API has them.
    """
    try:
        async for chunk in api.results(batch):
            for answer in chunk:
                yield answer
    except Waiting as waiting:
        patience = {Reason.NOT_FOUND: ALL_OVER, Reason.RESULTS_UNAVAILABLE: KEPT}.get(waiting.reason)
        if patience is None or run.now() < record.intended_at + patience:
            raise


def wait_for_the_rest(
    run: Run, batch: Batch, found: int, wanted: int, what: str = ANSWERS, patience: timedelta = SHORT_PATIENCE
) -> None:
    """Counts a read that lacked lines; what else kept a run from reading them does not count.

    Raises:
        Waiting: as long as `patience`, and for a handful of reads.
    """
    now = run.memory.short_reads.note(batch.id, what, found, run.passed())
    if run.passed() - now.since < patience.total_seconds() or now.reads <= SHORT_READS:
        raise Waiting(
            f"the results of {batch.id} have {found:,} of {wanted:,} {what}; reading them again",
            reason=Reason.RESULTS_INCOMPLETE,
        )


def wait_for_it(run: Run, record: BatchRecord, patience: timedelta) -> None:
    """A 404 can pass.

    Raises:
        Waiting: as long as `patience`.
    """
    if run.memory.absences.of_batch(record.id or "", run.passed()) < patience.total_seconds():
        raise Waiting(f"the API does not show batch {record.id}", reason=Reason.BATCH_NOT_FOUND)


async def find_batch(run: Run, api: BatchApi, record: BatchRecord, patience: timedelta) -> Batch | None:
    """A batch by its record; None where the API has not shown it for so long.

    Raises:
        Waiting: it does not show it now.
    """
    batch = await api.retrieve(record.id or "")
    if batch is None:
        wait_for_it(run, record, patience)
    else:
        run.memory.absences.batch_is_there(batch.id)
    return batch


async def sent_ids(run: Run, api: BatchApi, record: BatchRecord) -> AsyncIterator[str]:
    """The ids that a batch asked about, as far as they can still be told: from the source, or the attempt before."""
    source = await source_of(run)
    if record.attempt:  # no range of the source names these: where the attempts before are summed up, nobody does
        for parent in parents_of(run.status, record):
            async for judged in to_ask_again(run, api, parent):
                yield judged.id
        return
    for ticket_id in await sendable_ids(source, TicketText(run.spec.prompt), record):
        yield ticket_id


async def sendable_ids(source: Source, text: TicketText, record: BatchRecord) -> Sequence[str]:
    """None where the source was changed, which may show at the end only: it would name what was never sent."""
    ids: list[str] = []
    try:
        async for page in source.tickets(record.after, record.through):
            ids += [ticket.id for ticket in page if text.of(ticket) is not None]
    except SourceChanged:
        return ()
    return ids


async def to_ask_again(
    run: Run, api: BatchApi, parent: BatchRecord, patience: timedelta = LONG_PATIENCE
) -> AsyncIterator[Judged]:
    """The tickets whose failure in that attempt can pass, from its results, which the API keeps for 29 days.

    After that, where it was all tickets of the batch, the source still names them. Else, as when results are cut for
    good, it is as many as can still be told; nobody can name the others.

    Raises:
        Waiting: for the first day in which the results have not as many of them as when they were collected.
    """
    batch = await find_batch(run, api, parent, patience)
    if batch is None:
        if parent.left == parent.requests:
            async for ticket_id in sent_ids(run, api, parent):
                yield Judged(ticket_id, GONE)
        return
    again = await left_to_ask(run, api, parent, batch)
    for judged in again:
        yield judged
    if len(again) < parent.left:
        wait_for_the_rest(run, batch, len(again), parent.left, "tickets to be asked again", LONG_PATIENCE)


async def left_to_ask(run: Run, api: BatchApi, parent: BatchRecord, batch: Batch) -> Collection[Judged]:
    """Those of a batch's results; of several lines for a ticket the best counts, as when they were collected."""
    judge = Judge(as_sent(run.spec, run.status.plan), parent.rules)
    reading, again = Reading(), dict[str, Judged]()
    async for ticket_id, answer in own_answers(run, api, parent, batch, reading):
        judgement = judge.of(answer)
        if reading.prefers(ticket_id, judgement):
            again.pop(ticket_id, None)
            if is_asked_again(judgement, parent, run.spec.backoff_limit):
                again[ticket_id] = Judged(ticket_id, judgement, msgspec.structs.replace(answer, text=""))
    if len(again) > parent.left:  # one of them was never asked
        asked = await asked_ids(run, api, parent, reading.seen.keys())
        return [judged for judged in again.values() if judged.id in asked]
    return again.values()
