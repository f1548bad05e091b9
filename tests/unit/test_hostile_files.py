"""Files of tickets that have no end, a line without an end, or a ticket without one."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import TextIO, cast

import pytest

from nightsort.api.model import Format
from nightsort.formats import bounded_json
from nightsort.formats import tickets as ticket_files
from nightsort.formats.tickets import InvalidFile, entries
from tests.support.memory import memory_below

LIMIT = 1_000_000
MOST_MEMORY = 20 * LIMIT


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
    "a ticket of lists in lists": (
        "jsonl",
        ('{"id": "1", "a": ' + "[" * 101 + "]" * 101 + "}\n",),
        r"line 1: no usable JSON \(nested more than 100 levels deep\)",
    ),
    "a ticket of lists": (
        "jsonl",
        ('{"id": "1"}\n', '{"id": "2", "a": [' + "[]," * (LIMIT // 4) + "[]]}\n"),
        r"line 2: no usable JSON \(more than 100,000 values\)",
    ),
    "a JSON list of objects": ("json", ("[" + "{}," * (LIMIT // 4) + "{}]",), "line 1: .*more than 100,000 values"),
    "a CSV header of columns": ("csv", ("id,body" + ",x" * 20_000 + "\n",), "line 1: 20,002 columns, more than 16,384"),
    "a CSV ticket of cells": ("csv", ("id,body\n", "1,b" + "," * (LIMIT - 100) + "\n"), "line 2: 999902 columns where"),
}


@pytest.fixture(autouse=True)
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    for limit in ("MOST_LINE_CHARS", "MOST_JSON_CHARS"):
        monkeypatch.setattr(ticket_files, limit, LIMIT)
    monkeypatch.setattr(bounded_json, "MOST_VALUES", LIMIT // 10)
    monkeypatch.setattr(ticket_files, "MOST_EMPTY_LINES", LIMIT // 10)
    monkeypatch.setattr(ticket_files, "MOST_TICKET_LINES", LIMIT // 2)


@pytest.mark.parametrize("endless", ENDLESS.values(), ids=ENDLESS)
def test_what_has_no_end_is_told_with_its_line_before_it_fills_the_memory(
    endless: tuple[Format, tuple[str, ...], str],
) -> None:
    kind, lines, told = endless
    stream = Stream(lines)
    with memory_below(MOST_MEMORY), pytest.raises(InvalidFile, match=told):
        list(entries(cast(TextIO, stream), kind, ["body"]))
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


def test_signs_within_texts_are_no_values() -> None:
    body = r"a, b [c] {d} \"e\", " * (LIMIT // 25)
    line = f'{{"id": "1", "body": "{body}"}}\n'
    assert sum(map(line.count, bounded_json.SIGNS)) > bounded_json.MOST_VALUES

    [entry] = entries(cast(TextIO, Stream([line])), "jsonl", [])

    assert len(entry.fields["body"]) > LIMIT // 3


def test_a_ticket_may_have_lists_and_objects_as_deep_as_anybody_needs() -> None:
    deep = "[" * 99 + "]" * 99

    [entry] = entries(cast(TextIO, Stream([f'{{"id": "1", "a": {deep}}}\n'])), "jsonl", [])

    assert entry.fields["a"] == deep
