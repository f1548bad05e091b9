"""The rules for every list of tickets: ids are compared with each other, and cursors are positions.

A position is valid only as long as the tickets up to it are the same: a cursor also has their trail, a digest of
their ids in their order. An older version's cursors have none, and are accepted without this check.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import blake2b

from nightsort.domain.errors import SourceChanged
from nightsort.domain.ticket import Ticket

PAGE = 1000
MOST_ID_CHARS = 512
SHOWN_ID_CHARS = 64
DIGEST_BYTES = 16
TRAIL_BYTES = 8
NO_TRAIL = bytes(TRAIL_BYTES)


def pages(
    tickets: Sequence[Ticket], after: str | None, through: str | None, place: Callable[[int], str]
) -> Iterator[Sequence[Ticket]]:
    """The tickets behind the cursor `after`, up to and with `through`, 1,000 at a time.

    Raises:
        SourceChanged: the tickets up to one of the cursors have changed.
    """
    first = 0 if after is None else position_of(tickets, after, place) + 1
    end = len(tickets) if through is None else position_of(tickets, through, place) + 1
    for start in range(first, end, PAGE):
        yield tickets[start : min(start + PAGE, end)]


def position_of(tickets: Sequence[Ticket], cursor: str, place: Callable[[int], str]) -> int:
    number, _, trail = cursor.partition(":")
    position = int(number)
    if position >= len(tickets):
        raise changed(f"{place(position)} is not there any more")
    if trail and tickets[position].cursor != cursor:
        raise changed(place(position))
    return position


def cursors(ids: Iterable[str]) -> Iterator[str]:
    """For each ticket of a list its position and the trail up to it."""
    trail = NO_TRAIL
    for position, ticket_id in enumerate(ids):
        trail = further(trail, ticket_id)
        yield f"{position}:{trail.hex()}"


def further(trail: bytes, ticket_id: str) -> bytes:
    """The trail with one more ticket."""
    return blake2b(trail + ticket_id.encode("utf-8", "surrogatepass"), digest_size=TRAIL_BYTES).digest()


def changed(place: str) -> SourceChanged:
    return SourceChanged(
        f"{place}: the tickets up to here are not those that this run has read, so that going on could buy some twice "
        "and leave others out. Bring the file back as it was, at whose end more may follow; or cancel this run, which "
        "keeps what was bought, and create another resource for the other tickets"
    )


def complaint(ids: Iterable[str], place: Callable[[int], str]) -> str | None:
    """The fault of the first bad id, with its place; None when all are fine."""
    taken: dict[str, int] = {}
    for position, ticket_id in enumerate(ids):
        if wrong := flaw(ticket_id):
            return f"{place(position)}: {wrong}"
        if ticket_id in taken:
            return f"{place(position)}: {used_before(ticket_id, place(taken[ticket_id]))}"
        taken[ticket_id] = position
    return None


def flaw(ticket_id: str) -> str | None:
    """The fault of a single id."""
    if not ticket_id.strip():
        return "the id is empty"
    if len(ticket_id) > MOST_ID_CHARS:
        return f"the id has {len(ticket_id):,} characters, more than {MOST_ID_CHARS}"
    if "\0" in ticket_id:  # no database keeps it, and without it the id may be another ticket's
        return f"the id {shown(ticket_id)} has a NUL character"
    return None


def used_before(ticket_id: str, place: str) -> str:
    return f"the id {shown(ticket_id)} was used before, by {place}"


def shown(ticket_id: str) -> str:
    """An id in a form for messages: in quotes, short, on one line."""
    short = ticket_id if len(ticket_id) <= SHOWN_ID_CHARS else ticket_id[:SHOWN_ID_CHARS] + "…"
    return json.dumps(short, ensure_ascii=not short.isprintable())


class IdDigests:
    """Ids of more tickets than fit the memory as text: 16 bytes each, in 256 heaps by their first byte."""

    def __init__(self) -> None:
        self._heaps = [bytearray() for _ in range(256)]

    def add(self, ticket_id: str) -> None:
        digest = id_digest(ticket_id)
        self._heaps[digest[0]] += digest

    def repeated(self) -> Iterator[bytes]:
        """The digests of ids that were added before, once for each time that they were added again."""
        for heap in self._heaps:
            seen: set[bytes] = set()
            for start in range(0, len(heap), DIGEST_BYTES):
                digest = bytes(heap[start : start + DIGEST_BYTES])
                if digest in seen:
                    yield digest
                seen.add(digest)


def id_digest(ticket_id: str) -> bytes:
    return blake2b(ticket_id.encode("utf-8", "surrogatepass"), digest_size=DIGEST_BYTES).digest()
