"""The tickets that travel in one batch: their requests in a spool, and rows for those that cannot be sent."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from nightsort.api.batch_record import BatchRecord
from nightsort.domain import custom_id
from nightsort.domain.answer import Row, Verdict
from nightsort.domain.asked import IdDigest
from nightsort.domain.canary import is_canary, is_known_cursor
from nightsort.domain.dependence import Hashes
from nightsort.domain.duplicates import NONE, Duplicates
from nightsort.domain.errors import Rejected
from nightsort.domain.reasons import Reason
from nightsort.domain.record import Submission, find
from nightsort.domain.request import Encoder, bytes_of
from nightsort.domain.second import reader_of
from nightsort.domain.ticket import Ticket
from nightsort.flow.results.answers import held_for_review, to_ask_again
from nightsort.flow.run.run import Run
from nightsort.flow.run.spool import BodySpool, RowSpool
from nightsort.flow.tickets.duplicates import duplicates_of
from nightsort.flow.tickets.examples import nearest_of
from nightsort.flow.tickets.places import hold_results
from nightsort.flow.tickets.sample import Spread
from nightsort.flow.tickets.snapshot import source_of
from nightsort.ports import Source

IDS_PER_READ = 1_000
CHARS_AT_ONCE = 1_000_000
"""Bytes that are encoded before other tasks have their turn: a few milliseconds' work, a few more for HTML."""
EMPTY = "the ticket has no text that the template could use"
TOO_LARGE = "the ticket alone is larger than shards.maxBytes"
GROWN = "the tickets to be sent again have grown beyond shards.maxBytes"
GONE = "the ticket left the source before it could be sent"
LEFT = "the ticket left the source before it could be sent again"
CHANGED = "the text that it had in common with other tickets left the source before it could be sent"


@dataclass(slots=True)
class Shard:
    """The content of a shard: requests in the spool, rows for tickets that cannot be sent, the source's cursor."""

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
    hashes: dict[str, str] = field(default_factory=dict)
    """The hashes of these tickets by id, where rows are stored with them."""
    duplicates: Duplicates = NONE
    copies: int = 0
    """Tickets that get the row of one of the requests."""

    @property
    def refused(self) -> int:
        """Tickets that cannot be sent, but for those that only have the same text."""
        return self.unsendable.rows - self.unsendable.copied.total()

    @property
    def tickets(self) -> int:
        return self.spool.requests + self.refused

    def refuse(self, ticket_id: str, verdict: Verdict, reason: str, known: str | None = None) -> None:
        for row in self.duplicates.rows(Row(ticket_id, None, verdict, reason, hash=known)):
            self.unsendable.add(row)


async def fill(run: Run, submission: Submission, tag: str, shard: Shard) -> Shard:
    """Encodes tickets into the spool until it is full or there are no more."""
    source = await source_of(run)
    await hold_results(run, await run.services.connections.sinks(run.resource))
    if not submission.second:  # copies of what it reads come with their first answers
        shard.duplicates = await duplicates_of(run)
    spec, plan = reader_of(run.spec, run.status.plan, second=submission.second)
    encoder = Encoder(
        spec,
        disable_thinking=plan is not None and plan.disable_thinking,
        max_tokens=plan.max_tokens if plan else None,
        structured=plan is not None and plan.structured,
        low_effort=plan is not None and plan.low_effort,
        nearest=await nearest_of(run),
        cached=submission.cache is not None,
    )
    earlier = find(run.status, submission.shard, submission.attempt)
    hashed = run.spec.keeps_hashes and not submission.second  # the first answer's hash stands beside the row
    builder = ShardBuilder(run, encoder, tag, shard, earlier.most if earlier else submission.most, hashed=hashed)
    if submission.second:
        await builder.take_held(source, submission.parents)
    elif submission.parents:
        await builder.take_again(source, submission.parents)
    else:
        await builder.take_range(source, submission)
    return shard


def batched(ids: Iterable[str], size: int) -> Iterator[list[str]]:
    rest = iter(ids)
    while some := list(islice(rest, size)):
        yield some


class ShardBuilder:
    """Puts tickets into a shard."""

    def __init__(
        self, run: Run, encoder: Encoder, tag: str, shard: Shard, most: int | None = None, *, hashed: bool = False
    ) -> None:
        self._run, self._encoder, self._tag, self._shard = run, encoder, tag, shard
        self._shards = run.spec.shards
        self._most = most or self._shards.max_requests
        self._ids: set[str] = set()
        self._hashes = Hashes(run.spec, simulated=run.services.simulated) if hashed else None

    async def take_range(self, source: Source, submission: Submission) -> None:
        """Takes tickets up to the shard's limits. Known tickets travel in batches of their own."""
        status = self._run.status
        known = is_canary(status, submission) if status.plan is not None and status.plan.evaluation else None
        async for page in source.tickets(submission.after, submission.through):
            for some in portions(page, self._encoder.at_once):
                other = known is not None and is_known_cursor(some[0].cursor) is not known
                if other or not all(map(self.take, some)):
                    self._shard.full = True
                    return
                await asyncio.sleep(0)

    async def take_again(self, source: Source, parents: Sequence[BatchRecord]) -> None:
        """Takes the tickets that earlier attempts left; tickets that have left the source get a row that says so."""
        api = await self._run.services.connections.api(self._run.resource)
        wanted: dict[str, None] = {}  # two attempts may have asked for one id, which needs one answer
        for parent in parents:
            async for judged in to_ask_again(self._run, api, parent):
                wanted[judged.id] = None
        for ids in batched(wanted, IDS_PER_READ):
            found = {ticket.id: ticket for ticket in await source.by_ids(ids)}
            for ticket_id in ids:
                if ticket_id not in found:
                    self._shard.refuse(ticket_id, Verdict.MISSING, self._why_gone(ticket_id, LEFT))
                elif not self.take(found[ticket_id]):
                    self._shard.refuse(ticket_id, Verdict.UNSENDABLE, GROWN)

    async def take_held(self, source: Source, parents: Sequence[BatchRecord]) -> None:
        """Takes tickets for the second reader; those that cannot be sent to it have their first answers."""
        api = await self._run.services.connections.api(self._run.resource)
        wanted: dict[str, None] = {}
        for parent in parents:
            async for judged in held_for_review(self._run, api, parent):
                wanted[judged.id] = None
        for ids in batched(wanted, IDS_PER_READ):
            found = {ticket.id: ticket for ticket in await source.by_ids(ids)}
            for ticket_id in ids:
                if ticket_id in found:
                    self.take(found[ticket_id])
        self._shard.unsendable.clear()

    def take(self, ticket: Ticket) -> bool:
        """Whether there was room for the ticket.

        Raises:
            Rejected: another ticket had this id before, so that their answers could not be told apart.
        """
        if self._shard.tickets >= self._shards.max_requests or self._shard.spool.requests >= self._most:
            return False
        if ticket.gone:
            self._shard.refuse(ticket.id, Verdict.MISSING, self._why_gone(ticket.id, GONE))
            self._remember(ticket)
            return True
        spool, sent = self._shard.spool, self._encoder.sent(ticket)
        known = self._hashes.of(sent.text if sent else None) if self._hashes else None
        if sent is None:
            self._shard.refuse(ticket.id, Verdict.UNSENDABLE, EMPTY, known)
        else:
            request = self._encoder.request(self._tag, ticket.id, sent.text)
            if spool.fits(request, self._shards.max_requests, self._shards.max_bytes):
                spool.add(request)
                self._shard.text_bytes += bytes_of(sent.text)
                self._shard.some_texts.note(sent.text)
                self._shard.cut += sent.cut
                self._shard.ids.add(ticket.id)
                self._shard.sent.append(ticket.id)
                self._shard.copies += self._shard.duplicates.count(ticket.id)
                if known is not None:
                    self._shard.hashes[ticket.id] = known
            elif spool.requests:
                return False
            else:
                self._shard.refuse(ticket.id, Verdict.UNSENDABLE, TOO_LARGE, known)
        self._remember(ticket)
        return True

    def _why_gone(self, ticket_id: str, alone: str) -> str:
        return CHANGED if self._shard.duplicates.count(ticket_id) else alone

    def _remember(self, ticket: Ticket) -> None:
        if ticket.id in self._ids:
            raise Rejected(f"the source has two tickets with the id {ticket.id[:64]!r}", reason=Reason.DUPLICATE_TICKET)
        self._ids.add(ticket.id)
        self._shard.cursor = ticket.cursor
        if custom_id.is_long(ticket.id):
            self._shard.long_ids[custom_id.digest(ticket.id)] = ticket.id


def portions(page: Sequence[Ticket], most: int) -> Iterator[Sequence[Ticket]]:
    """Chunks of tickets, which have fewer tickets where these are long."""
    start = chars = 0
    for end, ticket in enumerate(page, 1):
        chars += sum(map(len, ticket.fields.values()))
        if end - start == most or chars > CHARS_AT_ONCE:
            yield page[start:end]
            start, chars = end, 0
    if start < len(page):
        yield page[start:]
