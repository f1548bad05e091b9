"""Reads a batch's results: one judgement per ticket, whatever the stream repeats, lacks or adds."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import timedelta

import msgspec

from nightsort.api.batch_record import RULES, BatchRecord
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
from nightsort.domain.second import Chooser, reader_of
from nightsort.domain.verdict import Judge, Judgement, is_asked_again
from nightsort.flow.results.reading import Reading
from nightsort.flow.run.run import Run
from nightsort.flow.tickets.snapshot import source_of
from nightsort.ports import BatchApi, Source

KEPT = timedelta(days=30)
"""The API keeps results for 29 days from the batch's creation (vendor's documentation, 2026-11-22)."""
SHORT_PATIENCE = timedelta(hours=1)
SHORT_READS = 6
"""How long and how many reads wait for missing lines: they are paid for, and another read of a cut stream has them."""
ANSWERS, ASKED_ANSWERS = "answers", "answers to what was asked"
NOBODY: AbstractSet[str] = frozenset()
LONG_PATIENCE = timedelta(days=1)
"""How long reads wait for missing lines when nobody could name their tickets."""
# Final: the line may be paid for, and if its answer shows up after all, nobody could tell that it still lacks a row.
MISSING = Judgement(Verdict.MISSING, reason="the batch ended without an answer to this ticket")


GONE = Judgement(Verdict.MISSING, reason="the API does not show the batch any more")
UNDECIDED = Judgement(Verdict.MISSING, reason="nobody could tell whether a batch was bought for it")
UNREADABLE = Judgement(Verdict.MISSING, reason="the run was ended while the batch's results could not be read")


class Judged(msgspec.Struct, frozen=True, gc=False):
    """A ticket's id with the meaning of its answer; without an answer where the results lack it."""

    id: str
    judgement: Judgement
    answer: Answer | None = None


async def judged_answers(
    run: Run, api: BatchApi, record: BatchRecord, batch: Batch, reading: Reading
) -> AsyncIterator[Judged]:
    """Every ticket of the batch once, unless the reading is `unclear` at its end: then the caller reads again.

    Missing lines make it raise Waiting for an hour: a stream can be cut silently. If they stay missing, their tickets
    are derived from the source and judged Missing. They are not sent again: they may well be paid for.
    """
    judge = judge_of(run, record)
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


def judge_of(run: Run, record: BatchRecord, rules: int = RULES) -> Judge:
    """The judge of a batch's answers, by what its reader was asked."""
    return Judge(as_sent(*reader_of(run.spec, run.status.plan, second=record.second)), rules)


async def asked_ids(run: Run, api: BatchApi, record: BatchRecord, seen: AbstractSet[str] = NOBODY) -> AbstractSet[str]:
    """The ids that a batch asked about, at most as many as it has requests; `seen` are the answered ones."""
    named = {one async for one in sent_ids(run, api, record)}
    return asked_of(record.ids_digest, record.requests, seen, named)


async def own_answers(
    run: Run, api: BatchApi, record: BatchRecord, batch: Batch, reading: Reading
) -> AsyncIterator[tuple[str, Answer]]:
    """Each line with its ticket's id; lines that this batch is known not to have asked for are left out."""
    long_ids = await long_ids_of(run, api, record) if record.long_ids else {}
    async for answer in lines_of(run, api, record, batch):
        ticket_id = custom_id.decode(answer.custom_id, record.tag, long_ids)
        if reading.is_own(ticket_id) and ticket_id is not None:
            yield ticket_id, answer


async def long_ids_of(run: Run, api: BatchApi, record: BatchRecord) -> Mapping[str, str]:
    """Maps the digests in a batch's custom_ids to ticket ids: from the kept map, else anew from the source's ids.

    Raises:
        Stalled: the map was deleted, and the source lacks some of these tickets by now.
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
    """Every line of the results; after a day, none where the API still says that there are none.

    Where something else comes in place of results, such as a gateway's page, reads are retried while the API has them.
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
    """Counts a read that lacked lines; reads that failed for other reasons do not count.

    Raises:
        Waiting: until `patience` is over, and for the first few reads.
    """
    now = run.memory.short_reads.note(batch.id, what, found, run.passed())
    if run.passed() - now.since < patience.total_seconds() or now.reads <= SHORT_READS:
        raise Waiting(
            f"the results of {batch.id} have {found:,} of {wanted:,} {what}; reading them again",
            reason=Reason.RESULTS_INCOMPLETE,
        )


def wait_for_it(run: Run, record: BatchRecord, patience: timedelta) -> None:
    """Waits, since a 404 can pass.

    Raises:
        Waiting: until `patience` is over.
    """
    if run.memory.absences.of_batch(record.id or "", run.passed()) < patience.total_seconds():
        raise Waiting(f"the API does not show batch {record.id}", reason=Reason.BATCH_NOT_FOUND)


async def find_batch(run: Run, api: BatchApi, record: BatchRecord, patience: timedelta) -> Batch | None:
    """A batch by its record; None where the API has not shown it for the whole patience.

    Raises:
        Waiting: the API does not show it now.
    """
    batch = await api.retrieve(record.id or "")
    if batch is None:
        wait_for_it(run, record, patience)
    else:
        run.memory.absences.batch_is_there(batch.id)
    return batch


async def sent_ids(run: Run, api: BatchApi, record: BatchRecord) -> AsyncIterator[str]:
    """The ids that a batch asked about, as far as they can be derived: from the source, or the attempt before."""
    if record.second:
        for parent in parents_of(run.status, record):
            async for judged in held_for_review(run, api, parent):
                yield judged.id
        return
    source = await source_of(run)
    if record.attempt:  # no range of the source names these: once the earlier attempts are summed up, nothing does
        for parent in parents_of(run.status, record):
            async for judged in to_ask_again(run, api, parent):
                yield judged.id
        return
    for ticket_id in await sendable_ids(source, TicketText(run.spec.prompt), record):
        yield ticket_id


async def sendable_ids(source: Source, text: TicketText, record: BatchRecord) -> Sequence[str]:
    """The range's ids; no ids where the source was changed (known only at the end): it would name unsent tickets."""
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

    After that the source still names them, if they were all tickets of the batch. Otherwise, as when results are cut
    for good, the answer has as many as can still be named; nobody can name the others.

    Raises:
        Waiting: for the first day in which the results have fewer of them than when they were collected.
    """
    batch = await find_batch(run, api, parent, patience)
    if batch is None:
        if parent.left == parent.requests:
            async for ticket_id in sent_ids(run, api, parent):
                yield Judged(ticket_id, GONE)
        return
    limit = run.spec.backoff_limit
    again = await chosen(run, api, parent, batch, parent.left, lambda one, _: is_asked_again(one, parent, limit))
    for judged in again:
        yield judged
    if len(again) < parent.left:
        wait_for_the_rest(run, batch, len(again), parent.left, "tickets to be asked again", LONG_PATIENCE)


async def held_for_review(
    run: Run, api: BatchApi, parent: BatchRecord, patience: timedelta = LONG_PATIENCE
) -> AsyncIterator[Judged]:
    """The tickets of a batch whose first answers wait for the second reader's, with these answers.

    Raises:
        Waiting: for the first day in which the results have fewer of them than when they were collected.
    """
    batch = await find_batch(run, api, parent, patience)
    if batch is None or not parent.review:
        return
    limit, chooser = run.spec.backoff_limit, Chooser(run.spec, run.resource.meta.uid)

    def is_held(judgement: Judgement, ticket_id: str) -> bool:
        return not is_asked_again(judgement, parent, limit) and chooser.takes(judgement, ticket_id)

    held = await chosen(run, api, parent, batch, parent.review, is_held)
    for judged in held:
        yield judged
    if len(held) < parent.review:
        wait_for_the_rest(run, batch, len(held), parent.review, "first answers", LONG_PATIENCE)


async def chosen(
    run: Run, api: BatchApi, parent: BatchRecord, batch: Batch, most: int, takes: Callable[[Judgement, str], bool]
) -> Collection[Judged]:
    """Some tickets in a batch's results; of several lines for a ticket the best counts, as in collection."""
    judge = judge_of(run, parent, parent.rules)
    reading, found = Reading(), dict[str, Judged]()
    async for ticket_id, answer in own_answers(run, api, parent, batch, reading):
        judgement = judge.of(answer)
        if reading.prefers(ticket_id, judgement):
            found.pop(ticket_id, None)
            if takes(judgement, ticket_id):
                found[ticket_id] = Judged(ticket_id, judgement, msgspec.structs.replace(answer, text=""))
    if len(found) > most:  # one of them was never sent
        asked = await asked_ids(run, api, parent, reading.seen.keys())
        return [judged for judged in found.values() if judged.id in asked]
    return found.values()
