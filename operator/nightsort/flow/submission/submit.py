"""Buys a batch: fills a shard, writes the intent, creates, confirms."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from itertools import islice
from typing import BinaryIO, cast

from nightsort.api.status import BatchRecord, BatchState, Seen, Status
from nightsort.domain import custom_id
from nightsort.domain.answer import Row, Verdict
from nightsort.domain.asked import IdDigest
from nightsort.domain.batch import Batch
from nightsort.domain.candidate import Watch
from nightsort.domain.errors import Interruption, NotTaken, OutcomeUnknown, RefusedBatch, Rejected, Waiting
from nightsort.domain.record import Submission, find, next_shard, next_turn, put, put_retry, released
from nightsort.domain.report import plural, progress
from nightsort.domain.request import Encoder, bytes_of
from nightsort.domain.room import Room, with_room
from nightsort.domain.rounds import not_taken
from nightsort.domain.situation import Situation
from nightsort.domain.ticket import Ticket
from nightsort.flow.money.budget import count_texts, hold_batch, hold_what_is_known, with_what_is_known
from nightsort.flow.purchases.accounts import refuse_another_account
from nightsort.flow.purchases.confirm import confirm, settle
from nightsort.flow.results.answers import to_ask_again
from nightsort.flow.results.store import store
from nightsort.flow.run.context import about_batch
from nightsort.flow.run.recover import keep
from nightsort.flow.run.run import Bought, Run
from nightsort.flow.run.spool import BodySpool, Guarded, RowSpool
from nightsort.flow.submission.halve import halve
from nightsort.flow.tickets.places import hold_results
from nightsort.flow.tickets.sample import Spread
from nightsort.flow.tickets.snapshot import source_of
from nightsort.ports import BatchApi, Source

logger = logging.getLogger(__name__)
IDS_PER_READ = 1_000
MOST_ANSWER_CHARS = 128
TICKETS_AT_ONCE = 500
CHARS_AT_ONCE = 1_000_000
"""Encoded before the event loop has its turn: a few milliseconds' work, or of HTML a few more."""
SOONEST_LATE = timedelta(seconds=30)
MOST_ID_CHARS = 128
"""As the record has room for; the API's ids are far shorter."""
EMPTY = "the ticket has no text that the template could use"
TOO_LARGE = "the ticket alone is larger than shards.maxBytes"
GROWN = "the tickets to be sent again have grown beyond shards.maxBytes"
GONE = "the ticket left the source before it could be sent"
LEFT = "the ticket left the source before it could be sent again"


@dataclass(slots=True)
class Load:
    """What a shard will carry: requests in the spool, rows for tickets that cannot be sent, the source's cursor."""

    spool: BodySpool
    unsendable: RowSpool
    long_ids: dict[str, str] = field(default_factory=dict)
    cursor: str | None = None
    full: bool = False
    text_bytes: int = 0
    some_texts: Spread = field(default_factory=Spread)
    cut: int = 0
    ids: IdDigest = field(default_factory=IdDigest)
    sent: list[str] = field(default_factory=list)
    """The tickets' ids in the order of the requests."""

    @property
    def tickets(self) -> int:
        return self.spool.requests + self.unsendable.rows

    def refuse(self, ticket_id: str, verdict: Verdict, reason: str) -> None:
        self.unsendable.add(Row(ticket_id, None, verdict, reason))


async def submit(run: Run, submission: Submission) -> None:
    """Sends the next shard, if the source has one.

    Raises:
        Waiting, Stalled, Rejected: nothing was bought; the shard is released and will be sent again.
    """
    run.demand_no_doubt()
    await run.tools.ledger.ensure_recordable(run.resource.meta)
    hold_what_is_known(run, submission)
    await make_room(run, submission)
    tag = run.tools.new_tag()
    scratch = run.tools.scratch
    with BodySpool(scratch) as spool, RowSpool(scratch) as unsendable:
        load = await fill(run, submission, tag, Load(spool, unsendable))
        await count_texts(run, load.some_texts)
        hold_batch(run, submission, spool.requests, load.text_bytes)
        await spool.seal()
        await unsendable.seal()
        api = await run.tools.connections.api(run.resource)
        seen = await seen_of(run, api, tag) if spool.requests else None
        record = await intend(run, submission, load, tag, seen)
        if record is not None:
            await carry_out(run, api, record, load)


async def seen_of(run: Run, api: BatchApi, tag: str) -> Seen:
    """What tells later whose account was bought from, and which of its batches were there before.

    Raises:
        Stalled: it is not known to be that of an intent whose outcome is open.
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


async def make_room(run: Run, submission: Submission) -> None:
    """Sums up what is over, where the record has no room for another batch. What was released has its entry already.

    Raises:
        Waiting, Rejected: what is in flight needs all of it.
    """
    earlier = find(run.status, submission.shard, submission.attempt)
    if earlier is not None and earlier.most is None:
        return
    room = Room.beside(run.spec, run.tools.places)
    # What is sent again has its entry already, and its half at the most another one.
    again = submission.parents or submission.through is not None
    status = with_room(run.status, room.for_retries() if again else room)
    if status is not run.status:
        await run.save(status, progress(status))


async def fill(run: Run, submission: Submission, tag: str, load: Load) -> Load:
    """Encodes tickets into the spool until it is full or there are no more."""
    source = await source_of(run)
    await hold_results(run, await run.tools.connections.sinks(run.resource))
    plan = run.status.plan
    encoder = Encoder(
        run.spec,
        disable_thinking=plan is not None and plan.disable_thinking,
        max_tokens=plan.max_tokens if plan else None,
    )
    earlier = find(run.status, submission.shard, submission.attempt)
    loader = Loader(run, encoder, tag, load, earlier.most if earlier else None)
    if submission.parents:
        await loader.take_again(source, submission.parents)
    else:
        await loader.take_range(source, submission)
    return load


def batched(ids: Iterable[str], size: int) -> Iterator[list[str]]:
    rest = iter(ids)
    while some := list(islice(rest, size)):
        yield some


class Loader:
    """Puts tickets into a load."""

    def __init__(self, run: Run, encoder: Encoder, tag: str, load: Load, most: int | None = None) -> None:
        self._run, self._encoder, self._tag, self._load = run, encoder, tag, load
        self._shards = run.spec.shards
        self._most = most or self._shards.max_requests
        self._ids: set[str] = set()

    async def take_range(self, source: Source, submission: Submission) -> None:
        async for page in source.tickets(submission.after, submission.through):
            for some in portions(page):
                if not all(map(self.take, some)):
                    self._load.full = True
                    return
                await asyncio.sleep(0)

    async def take_again(self, source: Source, parents: Sequence[BatchRecord]) -> None:
        """Takes the tickets that earlier attempts left; those that have left the source get a row that says so."""
        api = await self._run.tools.connections.api(self._run.resource)
        wanted: dict[str, None] = {}  # two attempts may have asked for one id, which is answered once
        for parent in parents:
            async for judged in to_ask_again(self._run, api, parent):
                wanted[judged.id] = None
        for ids in batched(wanted, IDS_PER_READ):
            found = {ticket.id: ticket for ticket in await source.by_ids(ids)}
            for ticket_id in ids:
                if ticket_id not in found:
                    self._load.refuse(ticket_id, Verdict.MISSING, LEFT)
                elif not self.take(found[ticket_id]):
                    self._load.refuse(ticket_id, Verdict.UNSENDABLE, GROWN)

    def take(self, ticket: Ticket) -> bool:
        """Whether there was room for the ticket.

        Raises:
            Rejected: its id was there before, so that its answer could not be told from the other's.
        """
        if self._load.tickets >= self._shards.max_requests or self._load.spool.requests >= self._most:
            return False
        if ticket.gone:
            self._load.refuse(ticket.id, Verdict.MISSING, GONE)
            self._remember(ticket)
            return True
        spool, sent = self._load.spool, self._encoder.sent(ticket)
        if sent is None:
            self._load.refuse(ticket.id, Verdict.UNSENDABLE, EMPTY)
        else:
            request = self._encoder.request(self._tag, ticket.id, sent.text)
            if spool.fits(request, self._shards.max_requests, self._shards.max_bytes):
                spool.add(request)
                self._load.text_bytes += bytes_of(sent.text)
                self._load.some_texts.note(sent.text)
                self._load.cut += sent.cut
                self._load.ids.add(ticket.id)
                self._load.sent.append(ticket.id)
            elif spool.requests:
                return False
            else:
                self._load.refuse(ticket.id, Verdict.UNSENDABLE, TOO_LARGE)
        self._remember(ticket)
        return True

    def _remember(self, ticket: Ticket) -> None:
        if ticket.id in self._ids:
            raise Rejected(f"the source has two tickets with the id {ticket.id[:64]!r}", reason="DuplicateTicket")
        self._ids.add(ticket.id)
        self._load.cursor = ticket.cursor
        if custom_id.is_long(ticket.id):
            self._load.long_ids[custom_id.digest(ticket.id)] = ticket.id


def portions(page: Sequence[Ticket]) -> Iterator[Sequence[Ticket]]:
    """Some tickets at a time, and fewer where they are long."""
    start = chars = 0
    for end, ticket in enumerate(page, 1):
        chars += sum(map(len, ticket.fields.values()))
        if end - start == TICKETS_AT_ONCE or chars > CHARS_AT_ONCE:
            yield page[start:end]
            start, chars = end, 0
    if start < len(page):
        yield page[start:]


async def intend(
    run: Run, submission: Submission, load: Load, tag: str, seen: Seen | None = None
) -> BatchRecord | None:
    """Writes the intent, durable before anything is bought; None where there is nothing to do."""
    if not load.tickets and not submission.parents:
        await run.save(without_tickets(run.status, submission), progress(run.status))
        return None
    if load.long_ids:
        await run.tools.ledger.keep_long_ids(run.resource.meta, tag, load.long_ids)
    earlier = find(run.status, submission.shard, submission.attempt)
    # Of an earlier attempt, whose results are gone by now.
    lost = max(sum(parent.left for parent in submission.parents) - load.tickets, 0)
    record = BatchRecord(
        shard=submission.shard,
        attempt=submission.attempt,
        tag=tag,
        state=BatchState.INTENDED if load.tickets else BatchState.COLLECTED,
        requests=load.spool.requests,
        text_bytes=load.text_bytes,
        cut=load.cut,
        most=earlier.most if earlier else None,
        rounds=earlier.rounds if earlier else 0,
        answer=earlier.answer if earlier else None,
        spared=max((parent.spared + parent.canceled for parent in submission.parents), default=0),
        failed=load.unsendable.rows + lost,
        unnamed=lost,
        long_ids=len(load.long_ids),
        ids_digest=str(load.ids),
        after=submission.after,
        through=None if submission.parents else load.cursor,
        intended_at=run.now(),
        turn=next_turn(run.status),
        seen=seen,
    )
    watch = Watch(run.tools.clock.monotonic())
    status = advanced(run.status, put_retry(run.status, record, submission.parents), submission, load, record)
    status = with_what_is_known(run, status)
    await run.save(status, Situation.working("Submitting", f"sending {plural(record.requests, 'request')}"))
    run.tools.watches[tag] = watch
    return record if load.tickets else None


def advanced(before: Status, status: Status, submission: Submission, load: Load, record: BatchRecord) -> Status:
    """The source's cursor after this load; what a released range had more than fits now becomes a shard of its own.

    `before` is the status without this record.
    """
    if submission.parents:
        return status
    if submission.through is None:
        return status.model_copy(update={"cursor": load.cursor, "source_exhausted": not load.full})
    if not load.full:
        return put(status, record.model_copy(update={"through": submission.through}))
    earlier = find(before, submission.shard, submission.attempt)
    rest = record.model_copy(
        update={
            "shard": next_shard(status),
            "tag": "",
            "state": BatchState.RELEASED,
            "requests": max(earlier.requests - load.tickets, 0) if earlier else 0,
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
            "after": load.cursor,
            "through": submission.through,
        }
    )
    return put(status, rest)


def without_tickets(status: Status, submission: Submission) -> Status:
    """Nothing was left to send: the source has ended, or the released range is empty by now."""
    if submission.through is None:
        return status.model_copy(update={"source_exhausted": True})
    kept = tuple(
        record for record in status.batches if (record.shard, record.attempt) != (submission.shard, submission.attempt)
    )
    return status.model_copy(update={"batches": kept})


async def carry_out(run: Run, api: BatchApi, record: BatchRecord, load: Load) -> None:
    """Does what was intended. When the answer is lost, the intent stays until it is known what was bought.

    Raises:
        Interruption: nothing was bought, and the intent is released; or it was, and could not be written down.
        Exception: whatever it was, the body had not left as a whole, and the intent is released.
    """
    try:
        batch = await send(run, api, record, load)
    except OutcomeUnknown as unknown:
        if load.spool.surely_unsent:
            await settle(run, record, released)
            raise Waiting(
                "the call broke off before the whole batch had left; it is sent again", reason="SendingCut"
            ) from unknown
        return await leave_open(run, record, unknown)
    except RefusedBatch as refusal:
        return await halve(run, record, load.sent, refusal)
    except NotTaken as refusal:
        await settle(run, record, partial(not_taken, answer=refusal.answer[:MOST_ANSWER_CHARS]))
        raise
    except Interruption:
        await settle(run, record, released)
        raise
    except Exception:  # an accident of any kind must not make its tickets wait for the grace
        if load.spool.surely_unsent:
            await settle(run, record, released)
        raise
    if batch is None:
        return await settle(run, record, lambda status, intent: put(status, as_collected(intent)))
    run.tools.bought[record.tag] = Bought(run.resource.meta.uid, record, batch)
    with about_batch(batch.id):
        return await confirm(run, record, batch.id)


async def leave_open(run: Run, record: BatchRecord, unknown: OutcomeUnknown) -> None:
    """The intent stays, with the API's answer where there was one: what it bought is found out."""
    answer = unknown.answer[:MOST_ANSWER_CHARS] or None
    said = f"the answer to a create call of {record.requests:,} requests was lost"
    if answer:
        said = f"{said}: {answer}"
    logger.warning("%s: %s", run.resource.meta.key, said)
    await run.warn("CreateUnanswered", said)
    await settle(run, record, lambda status, intent: put(status, intent.model_copy(update={"answer": answer})))


async def send(run: Run, api: BatchApi, record: BatchRecord, load: Load) -> Batch | None:
    """Gives their rows to tickets that cannot be sent, and buys a batch for the others; None where there are none.

    The rows come after the intent, whose guarded write has shown that the ledger knows nothing newer of these tickets.
    """
    if load.unsendable.rows:
        await store(run, load.unsendable)
    if not record.requests:
        return None
    refuse_when_late(run, record)
    await keep(run)
    await run.tools.ledger.ensure_recordable(run.resource.meta)  # whether the intent itself was kept as a whole
    refuse_when_late(run, record)
    body = Guarded(load.spool.body(), load.spool.size, partial(refuse_when_late, run, record))
    return await api.create(cast(BinaryIO, body), load.spool.size, record.tag)


def refuse_when_late(run: Run, record: BatchRecord, sent: int = 0) -> None:
    """A process that was paused does not go on buying: another one may be about to release the intent.

    Most of the grace is left for the call itself, and for the list to show what it bought. Asked again before every
    piece of the body, of which so many bytes were `sent`: a process can be paused between any two instructions. The
    monotonic clock may stand still while a machine sleeps, and the other one may be set: the later one counts.

    Raises:
        Waiting: the intent is too old.
    """
    grace = run.tools.grace
    limit = min(max(grace / 10, SOONEST_LATE), grace / 2)
    if sent:  # a large body may take as long as a create may
        limit = min(limit + grace / 2, grace * 3 / 4)
    watch = run.tools.watches.get(record.tag)
    waited = timedelta(seconds=run.tools.clock.monotonic() - watch.since) if watch else timedelta(0)
    if max(run.now() - record.intended_at, waited) > limit:
        raise Waiting("too much time has passed between intent and purchase; it is begun anew", reason="TooLate")


def as_collected(record: BatchRecord) -> BatchRecord:
    return record.model_copy(update={"state": BatchState.COLLECTED})
