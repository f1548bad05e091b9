"""The fault of a user's file, in one sentence: the file, the place in it, what is wrong and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nightsort.domain.printable import printable
from nightsort.formats.tickets import InvalidFile

SHOWN_PLACES = 5
SHOWN_NAMES = 40
SHOWN_NAME_CHARS = 48


class UnusableFile(InvalidFile):
    """The message begins with the path; control characters in names are escaped."""

    def __init__(self, path: Path, what: str, place: str = "") -> None:
        self.path = path
        self.place = place
        self.what = printable(what)
        super().__init__(": ".join(filter(None, (printable(str(path)), printable(place), self.what))))


class NoTickets(UnusableFile):
    """It has no objects at all, so that it has no columns either."""


class NoContent(UnusableFile):
    """It has 0 bytes, or a mark and nothing behind it."""


class Undecodable(UnusableFile):
    """Its characters are not in the encoding by which it is read; the line is not known yet."""


class Changing(Exception):
    """Two passes over the file had different content: whoever writes it has not finished."""


def counted(numbers: Sequence[int], total: int, unit: str) -> str:
    """`line 7`, or `lines 7, 9, 12, 40, 41 and 12 more`: the first five of all."""
    if total == 1:
        return f"{unit} {numbers[0]:,}"
    shown = [f"{number:,}" for number in numbers[:SHOWN_PLACES]]
    if total > len(shown):
        return f"{unit_of(unit)} {', '.join(shown)} and {total - len(shown):,} more"
    return f"{unit_of(unit)} {', '.join(shown[:-1])} and {shown[-1]}"


def unit_of(unit: str) -> str:
    return "entries" if unit == "entry" else f"{unit}s"


def listed(names: Sequence[str]) -> str:
    """The columns of a file, as a message shows them."""
    shown = ", ".join(repr(short(name)) for name in names[:SHOWN_NAMES])
    return shown if len(names) <= SHOWN_NAMES else f"{shown} and {len(names) - SHOWN_NAMES:,} more"


def short(name: str) -> str:
    line = " ".join(name.split())
    return line if len(line) <= SHOWN_NAME_CHARS else f"{line[:SHOWN_NAME_CHARS]}…"
