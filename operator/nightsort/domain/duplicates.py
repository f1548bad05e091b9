"""Tickets of a run with the same text: one of them is asked about, and the others get its row."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from nightsort.domain.answer import Row

HASH_CHARS = 32


@dataclass(frozen=True, slots=True)
class Duplicates:
    """The duplicates of each ticket that is asked about, in the source's order, and the hash of their common text."""

    of: Mapping[str, Sequence[str]] = field(default_factory=dict)
    hashes: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, kept: Mapping[str, str]) -> Duplicates:
        """The duplicates in the form in which they are kept: by id, the hash and the id of the ticket that is asked."""
        of: defaultdict[str, list[str]] = defaultdict(list)
        hashes = {}
        for ticket_id, value in kept.items():
            asked = value[HASH_CHARS:]
            of[asked].append(ticket_id)
            hashes[asked] = value[:HASH_CHARS]
        return cls(dict(of), hashes)

    def count(self, ticket_id: str) -> int:
        return len(self.of.get(ticket_id, ()))

    def rows(self, row: Row) -> Iterator[Row]:
        """The row of a ticket, and its copies for the others. Tokens were used once."""
        yield row
        for other in self.of.get(row.id, ()):
            yield replace(row, id=other, input_tokens=0, output_tokens=0, same_as=row.id)


NONE = Duplicates()


class Finder:
    """Finds tickets with the same text among those that it is shown. Memory: about 200 bytes for each different one."""

    def __init__(self) -> None:
        self._asked: dict[bytes, str] = {}
        self.kept: dict[str, str] = {}
        """See `Duplicates.read`."""

    def is_duplicate(self, ticket_id: str, text_hash: str) -> bool:
        """Notes a ticket; whether an earlier one has its text."""
        asked = self._asked.setdefault(bytes.fromhex(text_hash), ticket_id)
        if asked == ticket_id:
            return False
        self.kept[ticket_id] = text_hash + asked
        return True
