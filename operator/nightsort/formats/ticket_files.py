"""The tickets of a resource's files, as they are read.

A file of the plain form (CSV with commas, JSON lines or a JSON list, in UTF-8, with `id` and what the template names)
is read strictly by `tickets`. Any other is read as `nightsort classify` reads an export. The beginning of the file
decides, so that a cursor means the same ticket after a restart.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeVar, cast

from nightsort.api.files import TicketFile
from nightsort.api.model import Format
from nightsort.domain.file_kinds import ENOUGH, flaw_in
from nightsort.formats.bounded_json import MOST_VALUES
from nightsort.formats.charsets import CHUNK, charset_by_beginning, flaw_of
from nightsort.formats.columns import Columns, UnknownColumns
from nightsort.formats.exports import FileTicket, Reading, tickets_of
from nightsort.formats.kinds import Kind
from nightsort.formats.opening import open_as
from nightsort.formats.plain_form import has_plain_form
from nightsort.formats.source_columns import ITS_OWN, source_columns
from nightsort.formats.table import Limits, Options, Table
from nightsort.formats.tickets import EMPTY, NEWLINES, Entry, InvalidFile, entries, refuse_other_kinds
from nightsort.formats.unchanged import Rereadable
from nightsort.formats.unusable import Changing, NoContent, NoTickets, Undecodable, UnusableFile
from nightsort.formats.wording import by_fields

T = TypeVar("T")
MOST_FOUND = 2
"""Files of a pattern mostly have one form."""
PLAIN: Mapping[str, Format] = {"csv": "csv", "jsonl": "jsonl", "json": "json"}
SAMPLED = 200
"""Objects of JSON lines whose names are the columns."""
LIMITS = Limits(
    json_chars=8 * 1024 * 1024,
    json_values=MOST_VALUES,
    sheet_bytes=32 * 1024**2,
    unpacked_sheet_bytes=64 * 1024**2,
    cells=500_000,
    parquet_bytes=64 * 1024**2,
)
"""Of the operator, whose container has 512 MiB for all resources."""
AS_IT_IS = Reading(html=False)
"""HTML becomes text where the prompt is made."""


@dataclass(frozen=True, slots=True)
class Export:
    """A file that is read as an export; without a table it has no tickets, and no columns either."""

    table: Table | None = None
    columns: Columns | None = None
    fields: tuple[str, ...] = ()
    """Those that the template names; each is a column, or one of id, subject and body."""

    @property
    def notes(self) -> str:
        """What was found out about the file rather than told: its columns and its dialect."""
        columns = self.columns.notes if self.columns else ()
        return "; ".join((*columns, *(self.table.notes if self.table else ())))

    def entries(self) -> Iterator[Entry]:
        """Each ticket with its id and the fields.

        Raises:
            UnusableFile: as in `tickets_of`.
        """
        if self.table is None or self.columns is None:
            return
        places = [(name, self.columns.header.index(name)) for name in self.fields if name not in ITS_OWN]
        for ticket in self.tickets():
            own = {"id": ticket.id, "subject": ticket.subject, "body": ticket.body}
            fields = {"id": ticket.id} | {name: own[name] for name in self.fields if name in ITS_OWN}
            for name, place in places:
                fields[name] = ticket.row.cells[place]
            yield Entry(ticket.number, fields, self.table.unit)

    def tickets(self) -> Iterator[FileTicket]:
        if self.table is not None and self.columns is not None:
            yield from tickets_of(self.table, self.columns, AS_IT_IS)


class TicketFiles:
    """Reads files as the source says; `fields` are those that the template names."""

    def __init__(self, source: TicketFile, fields: Collection[str]) -> None:
        self.source = source
        self.fields = fields
        self._found: dict[str, None] = {}

    @property
    def found(self) -> str:
        """Which columns and dialects were found rather than told, by the files that were read last."""
        return " | ".join(self._found)

    @property
    def kind(self) -> Kind:
        return Kind(cast(str, self.source.kind))  # the model has refused a source without one

    def entries(self, file: Rereadable, behind: int = 0) -> Iterator[Entry]:
        """The tickets in their order: id, and the fields that the template names, as far as the file has them.

        Those up to the number `behind` may come with their id alone.

        Raises:
            InvalidFile: the message begins with the place in the file. Changing: it is being written.
        """
        export = self.export(file)
        if export is None:
            yield from self._plain(file, behind)
            return
        if export.notes and len(self._found) < MOST_FOUND:
            self._found[export.notes] = None
        yield from self._translated(file, export.entries())

    def tickets(self, file: Rereadable) -> Iterator[Mapping[str, str]]:
        """The tickets with all that the file has, and id, subject and body.

        Raises:
            InvalidFile: as above.
        """
        export = self.export(file)
        if export is None:
            yield from (entry.fields for entry in self._plain(file, 0))
            return
        yield from (ticket.fields for ticket in self._translated(file, export.tickets()))

    def export(self, file: Rereadable) -> Export | None:
        """The file as an export; None where it has the plain form.

        None as well where it is neither: the strict reader says what is wrong with it.

        Raises:
            InvalidFile: the source describes it, and it is not so.
        """
        form = None if self.source.is_described else PLAIN.get(self.kind)
        if form is None:
            return self._opened(file)
        if has_plain_form(file, form, self.fields):
            return None
        try:
            return self._opened(file)
        except InvalidFile:
            return None

    def _opened(self, file: Rereadable) -> Export:
        source = self.source
        options = Options(
            delimiter=source.delimiter, encoding=source.encoding, sheet=source.sheet, limits=LIMITS, sampled=SAMPLED
        )
        try:
            table = open_as(file, self.kind, options)
            return Export(table, source_columns(table.header, source, self.fields), tuple(self.fields))
        except NoTickets:
            return Export()
        except NoContent:
            if self.kind is Kind.JSONL:
                return Export()
            raise InvalidFile(f"line 1: {EMPTY}") from None
        except Undecodable:
            raise self._undecodable(file) from None
        except UnusableFile as unusable:
            raise by_fields(unusable) from None
        except UnknownColumns as unknown:
            raise InvalidFile(str(unknown)) from None

    def _translated(self, file: Rereadable, found: Iterator[T]) -> Iterator[T]:
        try:
            yield from found
        except Undecodable:
            raise self._undecodable(file) from None
        except UnusableFile as unusable:
            raise by_fields(unusable) from None

    def _plain(self, file: Rereadable, behind: int) -> Iterator[Entry]:
        form = PLAIN[self.kind]
        try:
            with file.content() as content:
                refuse_other_kinds(content.peek(ENOUGH)[:ENOUGH])
                text = io.TextIOWrapper(content, encoding="utf-8-sig", newline=NEWLINES[form])
                yield from entries(text, form, self.fields, behind)
        except UnicodeDecodeError:
            raise self._undecodable(file) from None
        except UnusableFile as unusable:
            raise by_fields(unusable) from None

    def _undecodable(self, file: Rereadable) -> Exception:
        """The error with the number of the line, which is found by reading again."""
        told = self.source.encoding
        if told is None:
            with file.content() as content:
                flaw = flaw_in(iter(partial(content.read, CHUNK), b""))
            what = f"{flaw}; or say how it is encoded with encoding" if flaw else None
        else:
            line = flaw_of(file, charset_by_beginning(file, told))
            what = f"line {line:,}: not {told} text: say with encoding what it is" if line else None
        return Changing() if what is None else InvalidFile(what)
