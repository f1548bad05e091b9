"""Finds the tickets of a run that are not to be bought: those whose row of an earlier run stands, and those with the
same text as another one.

This is decided once, before anything is bought, and written down with the plan: whatever happens later, the run buys
the other tickets, and these alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field

from nightsort.api.spec import Spec
from nightsort.domain.dependence import Hashes
from nightsort.domain.duplicates import Finder
from nightsort.domain.errors import Rejected
from nightsort.domain.examples import Nearest
from nightsort.domain.reasons import Reason
from nightsort.domain.report import plural
from nightsort.domain.request import Encoder
from nightsort.domain.snapshot import Snapshot
from nightsort.domain.ticket import Ticket
from nightsort.flow.preflight.known import without_known
from nightsort.flow.run.run import Run
from nightsort.flow.tickets.chosen import Chosen
from nightsort.flow.tickets.snapshot import IDS_PER_READ, UpToLast
from nightsort.ports import ChangingSource, ReusableSink, Sink, Source

AT_ONCE = 100_000
"""Tickets whose hashes are compared at a time, as many as a sink takes: about 25 MB."""
MOST_CHOSEN = 200_000
"""Tickets whose ids can be kept, as for a query's snapshot."""


def reuses(spec: Spec) -> bool:
    return spec.reuse == "Unchanged"


def compares(spec: Spec) -> bool:
    """Whether pre-flight reads all tickets, to leave some out."""
    return reuses(spec) or spec.dedupe == "Exact"


@dataclass(slots=True)
class Choice:
    """The tickets to be bought: how many, and their ids in the source's order unless these are too many.

    `duplicates` are those that get the row of one of these (`Duplicates.read`).
    """

    tickets: int = 0
    reused: int = 0
    ids: list[str] | None = field(default_factory=list)
    duplicates: Mapping[str, str] = field(default_factory=dict)

    @property
    def leaves_out(self) -> bool:
        return bool(self.reused or self.duplicates)

    def take(self, ids: Sequence[str], unchanged: set[str], finder: Finder | None, hashes: Mapping[str, str]) -> None:
        """Takes tickets in the source's order; `hashes` are those of texts, where there are any."""
        left = [each for each in ids if each not in unchanged]
        fresh = left
        if finder is not None:
            fresh = [each for each in left if each not in hashes or not finder.is_duplicate(each, hashes[each])]
            self.duplicates = finder.kept
            refuse_too_many(self.tickets + len(fresh) + len(finder.kept))
        self.tickets += len(fresh)
        self.reused += len(ids) - len(left)
        if self.ids is not None:
            self.ids += fresh
            if len(self.ids) > MOST_CHOSEN:
                self.ids = None


async def compare(
    run: Run, source: Source, sinks: Sequence[Sink], snapshot: Snapshot | None, nearest: Nearest | None
) -> Choice:
    """Compares every ticket with the rows of earlier runs, and with the other tickets.

    Raises:
        Rejected: some tickets are to be left out, and the others are too many for their ids to be kept.
        Waiting, Stalled: source or rows cannot be read.
    """
    keeping = [sink for sink in sinks if isinstance(sink, ReusableSink) and sink.reuses and reuses(run.spec)]
    if run.spec.dedupe == "Exact" and snapshot is not None and snapshot.ids is None:
        refuse_too_many(MOST_CHOSEN + 1)
    compared = Comparison(run, keeping, nearest)
    async for page in pages_of(run, source, snapshot):
        await compared.take(page)
    await compared.settle()
    choice = compared.choice
    if choice.ids is None and choice.reused:
        raise Rejected(
            f"{choice.tickets:,} tickets have no row that stands, and others have one: reuse can tell them apart where "
            f"at most {MOST_CHOSEN:,} are to be bought. Split the source among several resources",
            reason=Reason.TOO_MANY_ROWS,
        )
    return choice


def refuse_too_many(tickets: int) -> None:
    """Raises Rejected where more tickets would have to be told apart by their texts than can be kept."""
    if tickets > MOST_CHOSEN:
        raise Rejected(
            f"dedupe compares at most {MOST_CHOSEN:,} tickets of a run with each other, and there are more. Split the "
            "source among several resources, or leave dedupe out",
            reason=Reason.TOO_MANY_ROWS,
        )


class Comparison:
    """Takes tickets, and asks the sinks about many at a time."""

    def __init__(self, run: Run, sinks: Sequence[ReusableSink], nearest: Nearest | None) -> None:
        self._sinks = sinks
        self._hashes = Hashes(run.spec, simulated=run.services.simulated)
        self._encoder = Encoder(run.spec, disable_thinking=False, nearest=nearest)
        self._pending: dict[str, str | None] = {}
        self._finder = Finder() if run.spec.dedupe == "Exact" else None
        self._at_once = AT_ONCE if sinks else IDS_PER_READ
        self._without_text = self._hashes.of(None)
        self.choice = Choice()

    async def take(self, page: Mapping[str, Ticket | None]) -> None:
        """Tickets by id; None for one that has left the source."""
        for number, (ticket_id, ticket) in enumerate(page.items(), 1):
            if number % self._encoder.at_once == 0:
                await asyncio.sleep(0)
            self._pending[ticket_id] = None if ticket is None else self._hashes.of(self._encoder.text(ticket))
        await asyncio.sleep(0)
        if len(self._pending) >= self._at_once:
            await self.settle()

    async def settle(self) -> None:
        hashes = {each: known for each, known in self._pending.items() if known is not None}
        unchanged: set[str] = set()
        for sink in self._sinks:
            unchanged.update(await sink.unchanged(hashes))
        texts = {each: known for each, known in hashes.items() if known != self._without_text}
        self.choice.take(list(self._pending), unchanged, self._finder, texts)
        self._pending.clear()


async def pages_of(run: Run, source: Source, snapshot: Snapshot | None) -> AsyncIterator[Mapping[str, Ticket | None]]:
    """Every ticket that the run may buy, in the order in which it will."""
    if snapshot is None or snapshot.ids is None or not isinstance(source, ChangingSource):
        last = snapshot.last if snapshot is not None else None
        whole = without_known(run, source if last is None else UpToLast(source, last))
        async for page in whole.tickets():
            for start in range(0, len(page), IDS_PER_READ):
                yield {ticket.id: ticket for ticket in page[start : start + IDS_PER_READ]}
        return
    for start in range(0, len(snapshot.ids), IDS_PER_READ):
        there: dict[str, Ticket | None] = dict.fromkeys(snapshot.ids[start : start + IDS_PER_READ])
        async for page in source.among(list(there)):
            there.update({ticket.id: ticket for ticket in page if ticket.id in there})
        yield there


def reused(choice: Choice) -> Sequence[str]:
    """A sentence about the tickets whose row stands, where there are any."""
    if not choice.reused:
        return ()
    rows = "its row stands" if choice.reused == 1 else "their rows stand"
    return [f"{plural(choice.reused, 'ticket')} reused: {rows}, and nothing has changed"]


def deduplicated(choice: Choice) -> Sequence[str]:
    """The same about those with the text of another one."""
    count = len(choice.duplicates)
    if not count:
        return ()
    return [
        f"{plural(count, 'further ticket')} with the same text as one of them {'gets' if count == 1 else 'get'} its row"
    ]


def without_unchanged(source: Source, choice: Choice) -> Source:
    """The source as far as it is to be bought, for samples of it."""
    if choice.ids is None or not choice.leaves_out:
        return source
    ids = frozenset(choice.ids)

    async def known() -> frozenset[str]:
        return ids

    return Chosen(source, known, choice.tickets)
