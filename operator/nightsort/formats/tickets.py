"""Files of tickets, parsed as they are read: CSV with a header, JSON lines, and as a whole a JSON list of objects.

Messages name the place of a fault, without the text around it, which may be a ticket's.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TextIO

import msgspec

from nightsort.api.model import Format
from nightsort.domain.column_names import is_header, meant_by
from nightsort.domain.file_kinds import ENOUGH, kind_of
from nightsort.formats import bounded_json
from nightsort.formats.headers import complaint, separated_otherwise
from nightsort.formats.json_ids import Written, has_float_id, no_id
from nightsort.formats.json_text import whole

MOST_LINE_CHARS = 8 * 1024 * 1024
"""Characters of a ticket, or of a line: a file without line breaks is refused before it fills the memory.

A character takes up to 4 bytes, and a line is held about four times while it is parsed: 130 MB of the chart's 512 MiB.
"""
MOST_JSON_CHARS = 8 * 1024 * 1024
"""A JSON list is read as a whole."""
MOST_COLUMNS = 16_384
"""A spreadsheet's limit. A header of millions of names would take as many hundred megabytes."""
MOST_EMPTY_LINES = 3_000_000
"""Lines beyond the tickets: a spreadsheet has a million rows, and an archive of a few bytes a hundred million."""
MOST_TICKET_LINES = 1_000_000
MOST_HEADER_CHARS = 4_000
"""Characters of a first line that is examined for a message."""
CHARS_OF_A_LINE = 256
"""Length beyond which an empty line counts as several."""
EMPTY = "the file is empty (0 bytes): did its export fail?"
QUOTES = "a value with commas, quotes or line breaks must stand in quotes"
NEWLINES: Mapping[Format, str] = {"csv": "", "jsonl": "\n", "json": "\n"}
"""How a text file of the kind must be opened: a line of JSON ends with \\n alone."""


class InvalidFile(ValueError):
    """The message begins with the place."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One ticket of the file and its place; numbers grow."""

    number: int
    fields: Mapping[str, str]
    unit: str = "line"

    @property
    def place(self) -> str:
        return f"{self.unit} {self.number}"


def parse(text: str, kind: Format, fields: Collection[str]) -> list[Entry]:
    """All tickets of a complete file; `fields` are those that the template names.

    Raises:
        InvalidFile: it is not of its kind, or a ticket has no id, or no ticket has a field of the template.
    """
    refuse_other_kinds(text[:ENOUGH].encode("utf-8", "replace"))
    found = list(entries(io.StringIO(text.removeprefix("\ufeff"), newline=NEWLINES[kind]), kind, fields))
    if found:
        check_fields(fields, {name for entry in found for name in entry.fields})
    return found


def refuse_other_kinds(beginning: bytes) -> None:
    """Checks a file's first bytes for kinds that are no text of tickets.

    Raises:
        InvalidFile: it is an archive, a spreadsheet, a page …
    """
    if kind := kind_of(beginning):
        raise InvalidFile(f"line 1: {kind}")


def check_fields(wanted: Collection[str], known: Collection[str]) -> None:
    if missing := sorted(set(wanted) - set(known)):
        raise InvalidFile(f"no ticket has the field {missing[0]!r}, which prompt.template names")


def entries(file: TextIO, kind: Format, fields: Collection[str], behind: int = 0) -> Iterator[Entry]:
    """The tickets of a file that was opened with NEWLINES[kind] and has no byte order mark.

    Tickets up to the number `behind` may come with their id alone.

    Raises:
        InvalidFile: it is not of its kind, or a ticket has no id, or a CSV header lacks a field of the template.
    """
    match kind:
        case "csv":
            return from_csv(file, fields)
        case "jsonl":
            return from_json_lines(file, behind)
        case "json":
            return from_json(file)


class Lines:
    """A file's lines: neither one, nor those since `let_go`, are more than memory and time allow."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self.first = ""
        self._number = 0
        self._held = 0
        self._since = 0
        self._empty = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._file.readline(MOST_LINE_CHARS)
        if not line:
            raise StopIteration
        self._number += 1
        self._held += len(line)
        self.first = self.first or line[:MOST_HEADER_CHARS]
        if len(line) == MOST_LINE_CHARS:
            raise InvalidFile(f"line {self._number}: more than {MOST_LINE_CHARS:,} characters without a line break")
        if self._held > MOST_LINE_CHARS:
            raise InvalidFile(
                f"line {self._number}: a ticket of more than {MOST_LINE_CHARS:,} characters; is a quote open?"
            )
        if self._number - self._since > MOST_TICKET_LINES:
            raise InvalidFile(
                f"line {self._number}: a ticket of more than {MOST_TICKET_LINES:,} lines; is a quote open?"
            )
        return line

    def let_go(self) -> None:
        self._held = 0
        self._since = self._number

    def is_empty(self, chars: int) -> None:
        """Counts an empty line, or one of a spreadsheet's empty cells.

        Raises:
            InvalidFile: there are millions more of them than tickets.
        """
        self._empty += 1 + chars // CHARS_OF_A_LINE
        if self._empty > MOST_EMPTY_LINES:
            raise InvalidFile(
                f"line {self._number}: more than {MOST_EMPTY_LINES:,} empty lines; is this the right file?"
            )

    def is_ticket(self) -> None:
        self._empty -= 1


def from_csv(file: TextIO, fields: Collection[str]) -> Iterator[Entry]:
    csv.field_size_limit(MOST_LINE_CHARS)  # its own limit of 131,072 is less than a long ticket
    lines = Lines(file)
    reader = csv.reader(lines, strict=True)
    header: list[str] | None = None
    line = 1
    try:
        for row in reader:
            lines.let_go()  # all line breaks of a record may be inside quotes
            if not any(cell.strip() for cell in row):
                lines.is_empty(len(row) + sum(map(len, row)))  # an empty line, or a spreadsheet's empty row
            elif header is None:
                header = header_of(row, fields, line)
            else:
                lines.is_ticket()
                yield Entry(line, fields_of(row, header, line))
            line = reader.line_num + 1
    except csv.Error as error:
        why = separated_otherwise([lines.first.strip()]) if header is None else ""
        raise InvalidFile(f"line {line}: no valid CSV ({error}){why}") from None
    if header is None:
        raise InvalidFile(f"line 1: there is no header with the names of the columns{'' if line > 1 else f'; {EMPTY}'}")


def header_of(row: list[str], fields: Collection[str], line: int) -> list[str]:
    if len(row) > MOST_COLUMNS:
        raise InvalidFile(f"line {line}: {len(row):,} columns, more than {MOST_COLUMNS:,}; is this the right file?")
    if wrong := complaint(row, sorted(fields)):
        raise InvalidFile(f"line {line}: {wrong}")
    return [name.strip() for name in row]


def fields_of(row: list[str], header: list[str], line: int) -> dict[str, str]:
    if is_header(row, header):
        raise InvalidFile(
            f"line {line}: a header in the middle of the file, as where files were put one behind the other: remove it"
        )
    if len(row) < len(header):
        raise InvalidFile(
            f"line {line}: {len(row)} columns where the header has {len(header)}: a cell is missing, by "
            f"their order that of {header[len(row)]!r}; write an empty one (two commas, or one at the end) for no value"
        )
    if len(row) > len(header):
        raise InvalidFile(
            f"line {line}: {len(row)} columns where the header has {len(header)}; "
            + ("remove the commas at its end" if not any(row[len(header) :]) else QUOTES)
        )
    return {name: value for name, value in zip(header, row, strict=True) if name}


def from_json(file: TextIO) -> Iterator[Entry]:
    text = file.read(MOST_JSON_CHARS + 1)
    if len(text) > MOST_JSON_CHARS:
        raise InvalidFile(f"a JSON list of more than {MOST_JSON_CHARS:,} characters; write JSON lines, one per ticket")
    if not text:
        raise InvalidFile(f"line 1: {EMPTY} A list without tickets is []")
    items = decoded(text, "")
    if not isinstance(items, list):
        raise InvalidFile("expected a JSON list of tickets: [{...}, {...}]")
    written: list[Any] = []
    for number, item in enumerate(items, 1):
        if has_float_id(item):
            written = written or bounded_json.parsed(text, parse_float=Written)
            item |= {"id": written[number - 1]["id"]}
        yield Entry(number, checked_fields(item, f"entry {number}"), "entry")


def from_json_lines(file: TextIO, behind: int) -> Iterator[Entry]:
    lines = Lines(file)
    for number, line in enumerate(lines, 1):
        lines.let_go()
        if not line.strip():
            lines.is_empty(len(line))
            continue
        lines.is_ticket()
        known = only_id(line) if number <= behind else None
        yield Entry(number, known or fields_of_line(line, f"line {number}"))


def fields_of_line(line: str, place: str) -> dict[str, str]:
    item = decoded(line, place)
    if has_float_id(item):
        item |= {"id": bounded_json.parsed(line, parse_float=Written)["id"]}
    return checked_fields(item, place)


class OnlyId(msgspec.Struct):
    id: str


ID_DECODER = msgspec.json.Decoder(OnlyId)


def only_id(line: str) -> dict[str, str] | None:
    """The id at a tenth of the cost of parsing the line; None where it is not plain text."""
    try:
        return {"id": ID_DECODER.decode(line).id}
    except (msgspec.DecodeError, RecursionError):
        return None


def decoded(text: str, place: str) -> Any:
    try:
        return bounded_json.parsed(text)
    except json.JSONDecodeError as error:
        place = place or f"line {error.lineno}"
        raise InvalidFile(f"{place}: no valid JSON at column {error.colno}") from None
    except bounded_json.UnusableJson as unusable:
        raise InvalidFile(f"{place or 'line 1'}: no usable JSON ({unusable})") from None


def checked_fields(item: Any, place: str) -> dict[str, str]:
    if not isinstance(item, dict):
        raise InvalidFile(f"{place}: expected a JSON object, a ticket such as {{...}}")
    if "id" not in item:
        [found, *_] = meant_by("id", item) or [""]
        raise InvalidFile(
            f"{place}: the ticket has no id{f'; it has {found!r}: call it id, if it is that' if found else ''}"
        )
    if wrong := no_id(item["id"]):
        raise InvalidFile(f"{place}: the id is {wrong}; write it as text or as a whole number")
    return {name: as_text(value) for name, value in item.items()}


def as_text(value: Any) -> str:
    """A value as text: null is empty, other types are written as JSON; half characters are replaced."""
    if value is None:
        return ""
    return whole(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
