"""Places in the objects of a folder: the ticket after which to go on, and whether it is still there."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import NamedTuple

import msgspec

from nightsort.domain.errors import SourceChanged
from nightsort.formats.ticket_list import NO_TRAIL, changed

PLACE = "source.objectStore"
MOST_CURSOR_CHARS = 1024
MOST_NUMBER = 10**12


class Cursor(NamedTuple):
    """The ticket after which to go on: an object's name in the folder, and the number of its line or entry.

    `trail` is a digest of the object's tickets up to there; an older version's cursor has none.
    """

    name: str
    number: int
    trail: str = ""

    @classmethod
    def of(cls, text: str) -> Cursor:
        """
        Raises:
            SourceChanged: no version has ever written such a cursor.
        """
        try:
            number, name, trail = msgspec.json.decode(text, type=tuple[int, str, str])
        except (ValueError, msgspec.MsgspecError, RecursionError):
            return cls.of_before(text)
        return cls(name, number, trail)

    @classmethod
    def of_before(cls, text: str) -> Cursor:
        """The form that an older version has written."""
        try:
            number, name = msgspec.json.decode(text, type=tuple[int, str])
        except (ValueError, msgspec.MsgspecError, RecursionError):
            raise changed(f"{PLACE}: the place up to which was read, {text[:64]!r}, is none") from None
        return cls(name, number)

    @classmethod
    def fits(cls, name: str) -> bool:
        """Whether a status can hold the cursors of an object."""
        return len(cls(name, MOST_NUMBER, NO_TRAIL.hex()).text) <= MOST_CURSOR_CHARS

    @property
    def text(self) -> str:
        return f'[{self.number},{in_json(self.name)},"{self.trail}"]'

    @property
    def place(self) -> tuple[str, int]:
        return self.name, self.number

    def hold(self, there: Cursor) -> None:
        """Compares the first ticket that is not in front of the cursor with it.

        Raises:
            SourceChanged: it is a different one, or the tickets in front of it differ.
        """
        if there.place != self.place or self.trail not in ("", there.trail):
            raise self.changed()

    def changed(self) -> SourceChanged:
        return changed(f"{PLACE}: object {self.name}, line or entry {self.number}")


@lru_cache(maxsize=8)
def in_json(name: str) -> str:
    """Cached, since thousands of consecutive tickets are in the same object."""
    return json.dumps(name, ensure_ascii=False)
