"""JSON as a table: one object a line, or a list of them; nested objects give columns such as `fields.summary`.

Files are written back as the text that was read, with further members at the end of each object: numbers keep their
spelling, and the list inside an API's answer stays where it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TextIO

from nightsort.formats.bounded_json import signs_in
from nightsort.formats.charsets import Charset, opened_text
from nightsort.formats.json_text import Broken, behind_space, decoded, extended, fields_of, items_of, list_in
from nightsort.formats.kinds import Kind
from nightsort.formats.table import LIMITS, Limits, Options, Row, Table, Values
from nightsort.formats.tickets import MOST_COLUMNS, InvalidFile, Lines
from nightsort.formats.unchanged import Rereadable
from nightsort.formats.unusable import NoTickets, UnusableFile

SAMPLE_CHARS = 1 << 20
BEGINNING_CHARS = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonLines(Table):
    """One object a line."""

    limits: Limits = LIMITS
    kind: Kind = Kind.JSONL
    unit: str = "line"

    def records(self) -> Iterator[Row]:
        for number, line in self._lines():
            if line.strip():
                yield Row(number, cells_of(self.fields(number, line), self.header), line)

    def fields(self, number: int, line: str) -> dict[str, str]:
        try:
            item, end = decoded(line, behind_space(line, 0))
            if line[end:].strip():
                raise Broken("more than one value in a line: write one object a line", end)
            return fields_of(item)
        except Broken as error:
            raise UnusableFile(self.path, f"{error}, at column {error.at + 1:,}", f"line {number:,}") from None

    def names(self, most: int | None = None) -> Iterator[str]:
        """The names of all objects, or of the first `most`."""
        objects = ((number, line) for number, line in self._lines() if line.strip())
        for number, line in islice(objects, most):
            yield from self.fields(number, line)

    def with_columns(self, names: Sequence[str], values: Values) -> Iterator[str]:
        for number, line in self._lines():
            if not line.strip():
                yield line
                continue
            row = Row(number, cells_of(self.fields(number, line), self.header), line)
            yield extended(line, names, values(row))

    def _lines(self) -> Iterator[tuple[int, str]]:
        with opened_text(self.file, self.charset, newline="\n") as text, bounded(self.path, text) as lines:
            for number, line in enumerate(lines, 1):
                lines.let_go()
                if line.strip():
                    lines.is_ticket()
                    refuse_values(self.path, line, self.limits, f"line {number:,}")
                else:
                    lines.is_empty(len(line))
                yield number, line


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonList(Table):
    """A list of objects: the whole document, or the one list of objects in it."""

    limits: Limits = LIMITS
    kind: Kind = Kind.JSON
    unit: str = "entry"

    def records(self) -> Iterator[Row]:
        text = self._text()
        for number, item, start, end in self._items(text):
            yield Row(number, cells_of(item, self.header), text[start:end])

    def names(self) -> Iterator[str]:
        for _, item, _, _ in self._items(self._text()):
            yield from item

    def list_name(self) -> str | None:
        """The document's member with the list; None where the document itself is the list."""
        return self._found_list(self._text())[0]

    def with_columns(self, names: Sequence[str], values: Values) -> Iterator[str]:
        text, behind = self._text(), 0
        for number, item, start, end in self._items(text):
            yield text[behind:start]
            raw = text[start:end]
            yield extended(raw, names, values(Row(number, cells_of(item, self.header), raw)))
            behind = end
        yield text[behind:]

    def _text(self) -> str:
        most = self.limits.json_chars
        with opened_text(self.file, self.charset, newline="") as file:
            text = file.read(most + 1)
        if len(text) > most:
            raise UnusableFile(
                self.path, f"a JSON list of more than {most:,} characters: write JSON lines, one object a line"
            )
        refuse_values(self.path, text, self.limits)
        return text

    def _items(self, text: str) -> Iterator[tuple[int, dict[str, str], int, int]]:
        """Number, fields, start and end of each object of the list."""
        try:
            member, at = self._found_list(text)
            for number, (item, start, end) in enumerate(items_of(text, at, member is None), 1):
                try:
                    fields = fields_of(item)
                except Broken as error:
                    raise UnusableFile(self.path, str(error), f"entry {number:,}") from None
                yield number, fields, start, end
        except Broken as error:
            raise self._broken(text, error) from None

    def _found_list(self, text: str) -> tuple[str | None, int]:
        try:
            return list_in(text)
        except Broken as error:
            raise self._broken(text, error) from None

    def _broken(self, text: str, error: Broken) -> UnusableFile:
        line = text.count("\n", 0, error.at) + 1
        column = error.at - text.rfind("\n", 0, error.at)
        return UnusableFile(self.path, f"{error}, at column {column:,}", f"line {line:,}")


def open_json(file: Rereadable, kind: Kind, charset: Charset, options: Options) -> JsonLines | JsonList:
    """Reads the file once for the names of its columns; its beginning shows whether it has lines or a list.

    Many exports give one of these the ending of the other. With `options.sampled` the first objects give the names.

    Raises:
        NoTickets: it has no objects. UnusableFile: it is not of its kind.
    """
    with opened_text(file, charset, newline="") as text:
        found = kind_of(text.read(SAMPLE_CHARS if options.sampled is None else BEGINNING_CHARS)) or kind
    notes = [charset.note] if charset.note else []
    if found is not kind:
        notes.append("read as JSON lines" if found is Kind.JSONL else "read as a JSON list")
    if found is Kind.JSONL:
        lines = JsonLines(file=file, charset=charset, limits=options.limits, notes=tuple(notes))
        return replace(lines, header=names_of(file.path, lines.names(options.sampled)))
    table = JsonList(file=file, charset=charset, limits=options.limits)
    if (member := table.list_name()) is not None:
        notes.append(f"the tickets are the list {member!r} of the document")
    return replace(table, header=names_of(file.path, table.names()), notes=tuple(notes))


def kind_of(beginning: str) -> Kind | None:
    """The kind of a file with this beginning, if certain: two objects are lines, an opening bracket is a list."""
    start = behind_space(beginning, 0)
    if beginning.startswith("[", start):
        return Kind.JSON
    try:
        _, end = decoded(beginning, start)
    except Broken:
        return None
    return Kind.JSONL if beginning.startswith("{", behind_space(beginning, end)) else None


def refuse_values(path: Path, text: str, limits: Limits, place: str = "") -> None:
    most = limits.json_values
    if most is not None and len(text) > most and signs_in(text) > most:
        raise UnusableFile(path, f"JSON of more than {most:,} values: write JSON lines, one object a line", place)


@contextmanager
def bounded(path: Path, text: TextIO) -> Iterator[Lines]:
    try:
        yield Lines(text)
    except UnusableFile:
        raise
    except InvalidFile as error:
        raise UnusableFile(path, str(error)) from None


def names_of(path: Path, found: Iterator[str]) -> tuple[str, ...]:
    names = dict.fromkeys(found)
    if not names:
        raise NoTickets(path, "there are no tickets in it: it needs objects with names and values, such as {...}")
    if len(names) > MOST_COLUMNS:
        raise UnusableFile(path, f"more than {MOST_COLUMNS:,} different names: is this a list of tickets?")
    return tuple(names)


def cells_of(fields: dict[str, str], header: Sequence[str]) -> tuple[str, ...]:
    return tuple(fields.get(name, "") for name in header)
