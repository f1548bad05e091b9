"""Files of tickets that have no end, a line without an end, or a ticket without one."""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Iterable
from typing import TextIO, cast

import pytest

from nightsort.api.model import Format
from nightsort.formats import tickets as ticket_files
from nightsort.formats.tickets import InvalidFile, entries

LIMIT = 1_000_000
MOST_MEMORY = 40 * LIMIT


class Stream(io.TextIOBase):
    """A text file whose lines are made as they are read."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self._rest = ""
        self.taken = 0

    def readline(self, size: int = -1, /) -> str:  # type: ignore[override]
        line = self._rest or next(self._lines, "")
        cut = len(line) if size < 0 else size
        self._rest, line = line[cut:], line[:cut]
        self.taken += len(line)
        return line

    def read(self, size: int | None = -1, /) -> str:
        found: list[str] = []
        left = size or 0
        while left > 0 and (piece := self.readline(left)):
            found.append(piece)
            left -= len(piece)
        return "".join(found)


ENDLESS: dict[str, tuple[Format, tuple[str, ...], str]] = {
    "a CSV line without an end": ("csv", ("id,body\n", "1," + "x" * 3 * LIMIT), "line 2: more than 1,000,000"),
    "a CSV cell without an end": (
        "csv",
        ("id,body\n", '1,"', *["x\n"] * LIMIT),
        "line 2: no valid CSV|a ticket of more",
    ),
    "a CSV ticket of cells whose line breaks are in quotes": (
        "csv",
        ("id,body\n", '1,"\n', *['","\n'] * LIMIT),
        "a ticket of more than 1,000,000 characters; is a quote open",
    ),
    "a CSV header without an end": ("csv", ("id,body" + ",x" * 2 * LIMIT,), "line 1: more than 1,000,000"),
    "more empty CSV lines than tickets": ("csv", ("id,body\n", *["\n"] * LIMIT), "more than 100,000 empty lines"),
    "a spreadsheet's empty rows without an end": (
        "csv",
        ("id,body\n", *[",\n"] * LIMIT),
        "line 1[0-9]{5}: more than 100,000 empty lines",
    ),
    "empty lines before a header": ("csv", ("\n",) * LIMIT, "more than 100,000 empty lines"),
    "empty JSON lines": ("jsonl", ('{"id": "1"}\n', *["\n"] * LIMIT), "more than 100,000 empty lines"),
    "a CSV ticket of empty lines": (
        "csv",
        ("id,body\n", '1,"', *["\n"] * LIMIT),
        "a ticket of more than 500,000 lines",
    ),
    "a JSON line without an end": ("jsonl", ('{"id": "' + "x" * 3 * LIMIT,), "line 1: more than 1,000,000"),
    "a JSON list without an end": ("json", ("[", *['{"id": "1"},\n'] * LIMIT), "a JSON list of more than 1,000,000"),
    "a line of brackets": ("jsonl", ("[" * 100_000 + "\n",), "no usable JSON"),
}


@pytest.fixture(autouse=True)
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    for limit in ("MOST_LINE_CHARS", "MOST_JSON_CHARS"):
        monkeypatch.setattr(ticket_files, limit, LIMIT)
    monkeypatch.setattr(ticket_files, "MOST_EMPTY_LINES", LIMIT // 10)
    monkeypatch.setattr(ticket_files, "MOST_TICKET_LINES", LIMIT // 2)


@pytest.mark.parametrize("endless", ENDLESS.values(), ids=ENDLESS)
def test_what_has_no_end_is_told_with_its_line_before_it_fills_the_memory(
    endless: tuple[Format, tuple[str, ...], str],
) -> None:
    kind, lines, told = endless
    stream = Stream(lines)
    tracemalloc.start()
    try:
        with pytest.raises(InvalidFile, match=told):
            list(entries(cast(TextIO, stream), kind, ["body"]))
        assert tracemalloc.get_traced_memory()[1] < MOST_MEMORY
    finally:
        tracemalloc.stop()
    assert stream.taken < 3 * LIMIT, "the rest is not read"


def test_a_file_is_as_long_as_it_likes_while_its_tickets_are_short() -> None:
    lines = ("id,body\n", *(f'{number},"two\nlines"\n' for number in range(LIMIT // 10)))
    stream = Stream(line for text in lines for line in text.splitlines(keepends=True))

    assert len(list(entries(cast(TextIO, stream), "csv", ["body"]))) == LIMIT // 10
    assert stream.taken > LIMIT


def test_empty_lines_between_the_tickets_are_as_many_as_these() -> None:
    stream = Stream(text for number in range(LIMIT // 4) for text in (f'{{"id": "{number}"}}\n', "\n"))

    assert len(list(entries(cast(TextIO, stream), "jsonl", []))) == LIMIT // 4


def test_a_blank_line_that_is_long_counts_as_several() -> None:
    lines = (" " * 100_000 + "\n",) * 1_000

    with pytest.raises(InvalidFile, match=r"line 2[0-9]{2}: more than 100,000 empty lines"):
        list(entries(cast(TextIO, Stream(lines)), "jsonl", []))
