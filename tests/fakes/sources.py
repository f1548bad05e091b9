"""Tickets from a list."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from msgspec.structs import replace

from nightsort.domain.ticket import Ticket

MOST_IDS = 1000


class MemorySource:
    """A Source over a list, which a test may change while it is read; cursors are positions.

    `error`, when set, is raised by every call.
    """

    def __init__(self, tickets: Sequence[Ticket], *, page: int = 1000) -> None:
        self.kept: list[Ticket | None] = [
            replace(ticket, cursor=str(position)) for position, ticket in enumerate(tickets)
        ]
        self.error: Exception | None = None
        self.remarks: Sequence[str] = ()
        self._page = page

    @classmethod
    def of(cls, *bodies: str, page: int = 1000) -> MemorySource:
        """Tickets with the ids 0, 1, 2 …"""
        tickets = [
            Ticket(str(number), {"subject": f"Ticket {number}", "body": body}, "") for number, body in enumerate(bodies)
        ]
        return cls(tickets, page=page)

    def remove(self, ticket_id: str) -> None:
        """The ticket leaves the source; the cursors of the others stay."""
        self.kept = [None if ticket and ticket.id == ticket_id else ticket for ticket in self.kept]

    async def check(self) -> Sequence[str]:
        self._fail()
        return self.remarks

    async def count(self) -> int:
        self._fail()
        return sum(ticket is not None for ticket in self.kept)

    async def tickets(self, after: str | None = None, through: str | None = None) -> AsyncIterator[Sequence[Ticket]]:
        self._fail()
        first = 0 if after is None else int(after) + 1
        last = len(self.kept) if through is None else int(through) + 1
        wanted = [ticket for ticket in self.kept[first:last] if ticket is not None]
        for start in range(0, len(wanted), self._page):
            yield wanted[start : start + self._page]

    async def by_ids(self, ids: Sequence[str]) -> Sequence[Ticket]:
        self._fail()
        assert len(ids) <= MOST_IDS, "the port takes at most 1,000 ids a call"
        wanted = set(ids)
        return [ticket for ticket in self.kept if ticket is not None and ticket.id in wanted]

    def _fail(self) -> None:
        if self.error is not None:
            raise self.error
