"""Tickets with the same text, as pre-flight has found them: which one is asked about for which others.

This is decided once, and kept beside the resource. Whoever collects an answer makes the rows of all of them of it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from msgspec.structs import replace

from nightsort.domain.dependence import Hashes
from nightsort.domain.duplicates import NONE, Duplicates
from nightsort.domain.errors import Stalled
from nightsort.domain.reasons import Reason
from nightsort.domain.request import Encoder
from nightsort.domain.ticket import Ticket
from nightsort.flow.run.run import Run
from nightsort.flow.tickets.examples import nearest_of
from nightsort.ports import Source

BLOCK_PAIRS = 5_000
"""Two ids each: as large as a block of a snapshot."""
IDS_PER_READ = 1_000
TextHash = Callable[[Ticket], str | None]


async def keep_duplicates(run: Run, tag: str, kept: Mapping[str, str]) -> None:
    """Keeps which ticket is asked about for which, durably."""
    rest = iter(kept.items())
    for block in range(blocks(len(kept))):
        some = dict(islice(rest, BLOCK_PAIRS))
        await run.services.ledger.keep_long_ids(run.resource.meta, block_tag(tag, block), some)


async def duplicates_of(run: Run) -> Duplicates:
    """
    Raises:
        Waiting: they cannot be read now. Stalled: they are gone.
    """
    plan = run.status.plan
    if plan is None or not plan.duplicates or plan.snapshot is None:
        return NONE
    found: dict[str, str] = {}
    for block in range(blocks(plan.duplicates)):
        found |= await run.services.ledger.long_ids(run.resource.meta, block_tag(plan.snapshot, block))
    if len(found) < plan.duplicates:
        raise Stalled(
            f"which tickets have the same text was kept in ConfigMaps {run.resource.meta.name}-ids-"
            f"{block_tag(plan.snapshot, 0)}…, and some of it is gone. Restore it; or delete this run, whose answers "
            "stay with the API for 29 days",
            reason=Reason.IDS_MISSING,
        )
    return Duplicates.read(found)


async def let_go_of_duplicates(run: Run) -> None:
    plan = run.status.plan
    if plan is None or plan.snapshot is None:
        return
    for block in range(blocks(plan.duplicates)):
        await run.services.ledger.keep_long_ids(run.resource.meta, block_tag(plan.snapshot, block), {})


def blocks(pairs: int) -> int:
    return -(-pairs // BLOCK_PAIRS)


def block_tag(tag: str, block: int) -> str:
    return f"{tag}d{block}"


@dataclass(frozen=True, slots=True)
class OncePerText:
    """Implements `ports.Source`: a ticket that is asked about for others has the text that all of them had when they
    were compared, as long as one of them still has it. If none has, it comes as gone.

    Else a ticket that changed before it was sent would give the others the label of a text that they never had.
    `unseen` is a column that these tickets have no value in, whatever anybody writes there meanwhile.
    """

    source: Source
    read: Callable[[], Awaitable[Duplicates]]
    hasher: Callable[[], Awaitable[TextHash]]
    unseen: str = ""

    async def check(self) -> Sequence[str]:
        return await self.source.check()

    async def count(self) -> int:
        return await self.source.count()

    async def tickets(self, after: str | None = None, through: str | None = None) -> AsyncIterator[Sequence[Ticket]]:
        duplicates, text_hash = await self.read(), await self.hasher()
        async for page in self.source.tickets(after, through):
            yield await self._held(page, duplicates, text_hash)

    async def by_ids(self, ids: Sequence[str]) -> Sequence[Ticket]:
        duplicates, text_hash = await self.read(), await self.hasher()
        found = await self.source.by_ids(ids)
        there = {ticket.id for ticket in found}
        gone = [Ticket(each, {}, "", gone=True) for each in ids if each not in there and duplicates.count(each)]
        held = await self._held([*found, *gone], duplicates, text_hash)
        return [ticket for ticket in held if not ticket.gone]

    async def _held(self, page: Sequence[Ticket], duplicates: Duplicates, text_hash: TextHash) -> Sequence[Ticket]:
        changed = [
            ticket.id
            for ticket in page
            if duplicates.count(ticket.id) and (ticket.gone or text_hash(ticket) != duplicates.hashes[ticket.id])
        ]
        others = await self._others(changed, duplicates)
        held = [
            stand_in(ticket, others[ticket.id], duplicates, text_hash) if ticket.id in others else ticket
            for ticket in page
        ]
        return [self._without_unseen(ticket) if duplicates.count(ticket.id) else ticket for ticket in held]

    async def _others(self, changed: Sequence[str], duplicates: Duplicates) -> Mapping[str, Mapping[str, Ticket]]:
        """For each of these tickets those with its former text that still exist, by id."""
        owners = {other: each for each in changed for other in duplicates.of[each]}
        found: dict[str, dict[str, Ticket]] = {each: {} for each in changed}
        for ids in portions(owners):
            for ticket in await self.source.by_ids(ids):
                found[owners[ticket.id]][ticket.id] = ticket
        return found

    def _without_unseen(self, ticket: Ticket) -> Ticket:
        if self.unseen not in ticket.fields:
            return ticket
        return replace(ticket, fields={name: text for name, text in ticket.fields.items() if name != self.unseen})


def stand_in(ticket: Ticket, there: Mapping[str, Ticket], duplicates: Duplicates, text_hash: TextHash) -> Ticket:
    """The ticket with the text that one of its duplicates still has; gone where none of them has it."""
    for other in duplicates.of[ticket.id]:
        if other in there and text_hash(there[other]) == duplicates.hashes[ticket.id]:
            return replace(ticket, fields=there[other].fields, gone=False)
    return replace(ticket, fields={}, gone=True)


def portions(ids: Mapping[str, str]) -> Iterator[list[str]]:
    rest = iter(ids)
    while some := list(islice(rest, IDS_PER_READ)):
        yield some


async def hasher(run: Run) -> TextHash:
    """The hash of a ticket's text as it would be sent; None where it has none."""
    hashes = Hashes(run.spec, simulated=run.services.simulated)
    encoder = Encoder(run.spec, disable_thinking=False, nearest=await nearest_of(run))

    def text_hash(ticket: Ticket) -> str | None:
        text = encoder.text(ticket)
        return None if text is None else hashes.of(text)

    return text_hash
