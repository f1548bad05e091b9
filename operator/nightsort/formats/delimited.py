"""CSV and similar files as a table: rows keep their original text, so that they are written back unchanged."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TextIO

from nightsort.formats.charsets import Charset, opened_text
from nightsort.formats.dialects import NAMES, Dialect, UnknownDelimiter, dialect_of
from nightsort.formats.kinds import Kind
from nightsort.formats.table import Options, Role, Row, Table, Values, ragged, unique_names
from nightsort.formats.tickets import (
    CHARS_OF_A_LINE,
    MOST_COLUMNS,
    MOST_EMPTY_LINES,
    MOST_LINE_CHARS,
    MOST_TICKET_LINES,
)
from nightsort.formats.unchanged import Rereadable
from nightsort.formats.unusable import UnusableFile

SAMPLE_CHARS = 64 * 1024
NEVER_CLOSED = "a quote is opened in this row and never closed: close it, or double it where it is part of the text"
NOT_DOUBLED = (
    'a quote within quotes must be doubled, as in "12"" screen", and behind a closing one a separator must follow'
)
TOO_LONG = (
    f"a row of more than {MOST_LINE_CHARS:,} characters or {MOST_TICKET_LINES:,} lines begins here: is a quote open?"
)
TOO_EMPTY = f"more than {MOST_EMPTY_LINES:,} empty lines: is this the right file?"
MOST_LINES_BELOW = 20
"""Lines of a report's name, date and copyright, which some programs write below the table."""
NO_HEADER = "no header: the first line must have the names of the columns"


class WrittenLines:
    """A file's lines, record by record; no record is larger than the memory allows. `number` counts the lines."""

    def __init__(self, path: Path, file: TextIO, dialect: Dialect) -> None:
        self._path = path
        self._read = file.readline
        self._record: list[str] = []
        self._reader = csv.reader(
            self._lines(), delimiter=dialect.delimiter, skipinitialspace=dialect.spaced, strict=True
        )
        self._empty = 0
        self.number = 0

    def first(self) -> str:
        """The first line of the next record; empty at the end.

        Raises:
            UnusableFile: it is longer than a record may be.
        """
        line = self._read(MOST_LINE_CHARS)
        self.number += 1
        if len(line) >= MOST_LINE_CHARS:
            raise UnusableFile(self._path, TOO_LONG, f"line {self.number:,}")
        return line

    def rest(self, first: str) -> tuple[list[str], str]:
        """The cells of the record that begins with this line, and its text. Raises csv.Error."""
        self._record = [first]
        cells = next(self._reader)
        return cells, "".join(self._record)

    def _lines(self) -> Iterator[str]:
        """The lines as the reader asks for them: those of one record after the other."""
        record: list[str] = []
        held = 0
        while True:
            if record is not self._record:
                record = self._record
                held = len(record[0])
                yield record[0]
            elif line := self._read(MOST_LINE_CHARS):
                self.number += 1
                record.append(line)
                held += len(line)
                if held >= MOST_LINE_CHARS or len(record) > MOST_TICKET_LINES:
                    raise UnusableFile(self._path, TOO_LONG, f"line {self.number - len(record) + 1:,}")
                yield line
            else:
                return

    def is_empty(self, number: int, raw: str) -> None:
        """Counts an empty line; a long one counts as several.

        Raises:
            UnusableFile: there are millions more of them than tickets.
        """
        self._empty += 1 + len(raw) // CHARS_OF_A_LINE
        if self._empty > MOST_EMPTY_LINES:
            raise UnusableFile(self._path, TOO_EMPTY, f"line {number:,}")

    def is_ticket(self) -> None:
        self._empty -= 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Delimited(Table):
    """A text file with a header, whose columns are separated by one sign."""

    dialect: Dialect
    fill: bool = False
    unit: str = "line"

    def records(self) -> Iterator[Row]:
        seen = False
        for row, _ in self._all():
            if seen or row.role is not Role.HEADER:
                yield row
            seen = seen or row.role is Role.HEADER

    def _all(self) -> Iterator[tuple[Row, str]]:
        """Every record with its text, the header too; lines below the table are told from short rows."""
        below: list[tuple[Row, str]] = []
        after_blank = False
        for row, raw in self._each():
            # Nearly all of them: the questions below cost a second for 100,000 rows.
            if row.role is Role.TICKET and not below:
                after_blank = False
                yield row, raw
                continue
            if row.role is Role.SHORT and not any(row.cells[1:]) and raw.startswith('"'):
                if (below or after_blank) and len(below) < MOST_LINES_BELOW:
                    below.append((row, raw))
                    continue
            elif row.role is Role.BLANK and below and len(below) < MOST_LINES_BELOW:
                below.append((row, raw))
                continue
            yield from map(self._filled, below)
            below.clear()
            after_blank = row.role is Role.BLANK
            yield self._filled((row, raw))
        for row, raw in below:
            yield Row(row.number, (), raw, Role.BELOW), raw

    def _filled(self, record: tuple[Row, str]) -> tuple[Row, str]:
        row, raw = record
        return (Row(row.number, row.cells), raw) if row.role is Role.SHORT and self.fill else record

    def _each(self) -> Iterator[tuple[Row, str]]:
        own = self.own_header()
        width = len(own)
        for number, cells, raw in self._parsed():
            if len(cells) == width and cells[0] and not cells[0].isspace() and cells != own:
                yield Row(number, tuple(cells), raw), raw
            elif any(cell.strip() for cell in cells):
                yield self._row(number, cells, raw, own), raw
            else:
                yield Row(number, tuple(cells), raw, Role.BLANK), raw

    def _row(self, number: int, cells: list[str], raw: str, own: Sequence[str]) -> Row:
        width = len(own)
        if len(cells) == width:
            return Row(number, tuple(cells), raw, Role.HEADER if cells == own else Role.TICKET)
        if len(cells) > width:
            over = any(cell.strip() for cell in cells[width:])
            return Row(number, tuple(cells[:width]), role=Role.LONG if over else Role.TICKET)
        return Row(number, (*cells, *[""] * (width - len(cells))), role=Role.SHORT)

    def own_header(self) -> list[str]:
        """The header as the file has it.

        Raises:
            UnusableFile: there is none.
        """
        for number, cells, _ in self._parsed():
            if any(cell.strip() for cell in cells):
                if len(cells) > MOST_COLUMNS:
                    raise UnusableFile(
                        self.path, f"more than {MOST_COLUMNS:,} columns: is this a table?", f"line {number:,}"
                    )
                return cells
        raise UnusableFile(self.path, f"{NO_HEADER}, and all lines are empty", "line 1")

    def with_columns(self, names: Sequence[str], values: Values) -> Iterator[str]:
        yield self.dialect.hint
        width = len(self.header)
        for row, raw in self._all():
            match row.role:
                case Role.TICKET:
                    added = values(row)
                case Role.HEADER:
                    added = names
                case Role.BLANK if (
                    len(row.cells) >= width
                ):  # a spreadsheet's row of empty cells stays as wide as others
                    row = Row(row.number, row.cells[:width], raw if len(row.cells) == width else "")
                    added = [""] * len(names)
                case Role.BLANK | Role.BELOW:
                    yield raw
                    continue
                case _:
                    raise ragged(self, row.role, [row.number], 1)
            yield self._extended(row, added, ending_of(raw))

    def _extended(self, row: Row, added: Sequence[str | None], ending: str) -> str:
        """A record's own text where it has one, and further cells behind it."""
        delimiter, raw = self.dialect.delimiter, row.raw
        text = raw[: len(raw) - len(ending)] if raw else joined(row.cells, delimiter)
        return f"{text}{delimiter}{joined_once(tuple(added), delimiter)}{ending}"

    def _parsed(self) -> Iterator[tuple[int, list[str], str]]:
        """Each record: its first line's number, its cells and its text."""
        csv.field_size_limit(MOST_LINE_CHARS)
        skipped = 1 if self.dialect.hint else 0
        with opened_text(self.file, self.charset, newline="") as text:
            if skipped:
                text.readline()
            lines = WrittenLines(self.path, text, self.dialect)
            delimiter, spaced = self.dialect.delimiter, self.dialect.spaced
            while raw := lines.first():
                number = lines.number + skipped
                if spaced or '"' in raw:
                    try:
                        cells, raw = lines.rest(raw)
                    except csv.Error as error:
                        raise UnusableFile(self.path, explained(error), f"line {number:,}") from None
                else:  # half the time that the module csv takes for it
                    words = raw.rstrip("\r\n")
                    cells = words.split(delimiter) if words else []
                if any(cells):
                    lines.is_ticket()
                else:
                    lines.is_empty(number, raw)
                yield number, cells, raw


def open_delimited(file: Rereadable, kind: Kind, charset: Charset, options: Options) -> Delimited:
    """Reads the file's beginning for its dialect, and takes its header.

    Raises:
        UnusableFile: it has no header.
    """
    with opened_text(file, charset, newline="") as text:
        beginning = text.read(SAMPLE_CHARS)
        whole = len(beginning) < SAMPLE_CHARS
    first = "\t" if kind is Kind.TSV else ","
    try:
        dialect = dialect_of(beginning, whole, options.delimiter, first)
    except UnknownDelimiter as error:
        raise UnusableFile(file.path, str(error)) from None
    table = Delimited(file=file, kind=kind, charset=charset, dialect=dialect, fill=options.fill_short_rows)
    own = table.own_header()
    notes = [charset.note] if charset.note else []
    if dialect.delimiter != first:
        notes.append(f"{NAMES.get(dialect.delimiter, repr(dialect.delimiter))} separate its columns")
    return replace(table, header=unique_names(own), notes=tuple(notes))


def explained(error: csv.Error) -> str:
    said = str(error)
    if "unexpected end" in said:
        return NEVER_CLOSED
    if "expected after" in said:
        return NOT_DOUBLED
    if "field larger" in said:
        return f"a cell of more than {MOST_LINE_CHARS:,} characters: is a quote open?"
    return f"no valid CSV ({said}): export it anew"


def ending_of(raw: str) -> str:
    """The line break at the end of a record."""
    if raw.endswith("\r\n"):
        return "\r\n"
    return raw[-1:] if raw.endswith(("\n", "\r")) else ""


def joined(cells: tuple[str | None, ...], delimiter: str) -> str:
    """Cells as they are written."""
    return delimiter.join([quoted(cell or "", delimiter) for cell in cells])


joined_once = lru_cache(maxsize=1000)(joined)
"""For the cells of labels, which are the same for thousands of tickets."""


def quoted(value: str, delimiter: str) -> str:
    """A cell in CSV: in quotes where that is necessary, or where spaces at its ends might be lost."""
    if '"' in value or "\n" in value or "\r" in value or delimiter in value or value != value.strip():
        return '"' + value.replace('"', '""') + '"'
    return value
