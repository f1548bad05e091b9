"""Tickets that are at hand as a whole: cursors are their positions, ids are held against each other."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence

from nightsort.domain.ticket import Ticket

PAGE = 1000
MOST_ID_CHARS = 512
SHOWN_ID_CHARS = 64


def pages(tickets: Sequence[Ticket], after: str | None, through: str | None) -> Iterator[Sequence[Ticket]]:
    """Those behind the position `after`, up to and with `through`, 1,000 at a time."""
    first = 0 if after is None else int(after) + 1
    end = len(tickets) if through is None else int(through) + 1
    for start in range(first, min(end, len(tickets)), PAGE):
        yield tickets[start : min(start + PAGE, end)]


def complaint(ids: Iterable[str], place: Callable[[int], str]) -> str | None:
    """What is wrong with the first bad id, with its place; None when all are fine."""
    taken: dict[str, int] = {}
    for position, ticket_id in enumerate(ids):
        if not ticket_id.strip():
            return f"{place(position)}: the id is empty"
        if len(ticket_id) > MOST_ID_CHARS:
            return f"{place(position)}: the id has {len(ticket_id):,} characters, more than {MOST_ID_CHARS}"
        if ticket_id in taken:
            return f"{place(position)}: the id {shown(ticket_id)} was used before, by {place(taken[ticket_id])}"
        taken[ticket_id] = position
    return None


def shown(ticket_id: str) -> str:
    """An id as a message may show it: in quotes, short, on one line."""
    short = ticket_id if len(ticket_id) <= SHOWN_ID_CHARS else ticket_id[:SHOWN_ID_CHARS] + "…"
    return json.dumps(short, ensure_ascii=not short.isprintable())
