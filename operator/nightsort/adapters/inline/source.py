"""Tickets in the resource itself."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence

from nightsort.api.source import InlineSource, InlineTicket
from nightsort.domain.errors import Rejected
from nightsort.domain.reasons import Reason
from nightsort.domain.ticket import Ticket
from nightsort.formats.ticket_list import complaint, cursors, pages

FIELDS = frozenset({"id", "subject", "body"})


class InlineTickets:
    """Source over `spec.source.inline`; `fields` are those that the template names."""

    def __init__(self, source: InlineSource, fields: Collection[str] = ()) -> None:
        self._fields = fields
        marks = cursors(one.id for one in source.tickets)
        self._tickets = [
            Ticket(one.id, self._fields_of(one), cursor) for one, cursor in zip(source.tickets, marks, strict=True)
        ]

    async def check(self) -> Sequence[str]:
        """Raises Rejected: an id is empty or not unique, or the template names a field that no inline ticket has."""
        ids = (ticket.id for ticket in self._tickets)
        if wrong := complaint(ids, place):
            raise Rejected(wrong, reason=Reason.INVALID_SOURCE)
        if missing := sorted(set(self._fields) - FIELDS):
            raise Rejected(
                f"spec.prompt.template names ${missing[0]}, but inline tickets have only id, subject and body",
                reason=Reason.INVALID_TEMPLATE,
            )
        return ()

    async def count(self) -> int:
        return len(self._tickets)

    async def tickets(self, after: str | None = None, through: str | None = None) -> AsyncIterator[Sequence[Ticket]]:
        for page in pages(self._tickets, after, through, place):
            yield page

    async def by_ids(self, ids: Sequence[str]) -> Sequence[Ticket]:
        wanted = set(ids)
        return [ticket for ticket in self._tickets if ticket.id in wanted]

    def _fields_of(self, ticket: InlineTicket) -> dict[str, str]:
        fields = {"subject": ticket.subject, "body": ticket.body}
        return fields | {"id": ticket.id} if "id" in self._fields else fields


def place(position: int) -> str:
    return f"spec.source.inline.tickets[{position}]"
