"""A source without the tickets whose row stands already."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass

from nightsort.domain.ticket import Ticket
from nightsort.ports import Source

Ids = Callable[[], Awaitable[Collection[str]]]


@dataclass(frozen=True, slots=True)
class Chosen:
    """Implements `ports.Source` for some tickets of a source, in its own order and with its own cursors.

    `ids` gives those of the chosen tickets, `total` of them.
    """

    source: Source
    ids: Ids
    total: int

    async def check(self) -> Sequence[str]:
        return await self.source.check()

    async def count(self) -> int:
        return self.total

    async def tickets(self, after: str | None = None, through: str | None = None) -> AsyncIterator[Sequence[Ticket]]:
        if not self.total:
            return
        ids = await self.ids()
        async for page in self.source.tickets(after, through):
            if chosen := [ticket for ticket in page if ticket.id in ids]:
                yield chosen

    async def by_ids(self, ids: Sequence[str]) -> Sequence[Ticket]:
        return await self.source.by_ids(ids)
