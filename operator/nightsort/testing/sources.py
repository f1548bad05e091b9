"""Tickets from a list."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Sequence

from msgspec.structs import replace

from nightsort.domain.snapshot import Snapshot
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
        """Removes the ticket from the source; the cursors of the others stay."""
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


class MemoryQuery(MemorySource):
    """A ChangingSource: of the tickets that are not `labeled`, the first `limit`, or with `newest` the last.

    Each page asks anew, as a query does. It leaves out all tickets that it sees as labeled: a labeled ticket in a page
    was not seen as such yet.
    """

    def __init__(
        self,
        tickets: Sequence[Ticket],
        labeled: Callable[[], Collection[str]],
        *,
        limit: int,
        newest: bool = False,
        page: int = 1000,
    ) -> None:
        super().__init__(tickets, page=page)
        self._labeled, self._limit, self._newest = labeled, limit, newest

    def add(self, ticket: Ticket) -> None:
        """Adds a new ticket."""
        self.kept.append(replace(ticket, cursor=str(len(self.kept))))

    def _every(self) -> list[Ticket]:
        labeled = self._labeled()
        return [ticket for ticket in self.kept if ticket is not None and ticket.id not in labeled]

    def _chosen(self) -> list[Ticket]:
        every = self._every()
        return every[-self._limit :] if self._newest else every[: self._limit]

    async def count(self) -> int:
        self._fail()
        return len(self._chosen())

    async def tickets(self, after: str | None = None, through: str | None = None) -> AsyncIterator[Sequence[Ticket]]:
        self._fail()
        while page := [each for each in self._chosen() if is_between(each, after, through)][: self._page]:
            yield page
            after = page[-1].cursor

    async def snapshot(self) -> Snapshot:
        self._fail()
        return Snapshot([ticket.id for ticket in self._chosen()])

    async def among(self, ids: Sequence[str]) -> AsyncIterator[Sequence[Ticket]]:
        self._fail()
        found = [ticket for ticket in self._every() if ticket.id in set(ids)]
        for start in range(0, len(found), self._page):
            yield found[start : start + self._page]

    async def outdated(self, ids: Sequence[str]) -> Sequence[str]:
        self._fail()
        return ids

    async def by_ids(self, ids: Sequence[str]) -> Sequence[Ticket]:
        self._fail()
        assert len(ids) <= MOST_IDS, "the port takes at most 1,000 ids a call"
        return [ticket for ticket in self._every() if ticket.id in set(ids)]


def is_between(ticket: Ticket, after: str | None, through: str | None) -> bool:
    place = int(ticket.cursor)
    return (after is None or place > int(after)) and (through is None or place <= int(through))
