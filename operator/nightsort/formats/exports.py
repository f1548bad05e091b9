"""Tickets of an export: rows through the found columns, and the checks before anything is bought."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b

import msgspec

from nightsort.domain.mail_history import without_history
from nightsort.domain.markup import MOST_HTML_CHARS, is_html, plain_text
from nightsort.domain.ticket import body_of
from nightsort.formats.columns import Columns
from nightsort.formats.table import Role, Row, Table, ragged, rows
from nightsort.formats.ticket_list import IdDigests, flaw, id_digest, shown
from nightsort.formats.unusable import SHOWN_PLACES, UnusableFile, counted

HASH_CHARS = 12
ONLY_A_HEADER = "only a header and no tickets below it: did its export or its filter leave them out?"


@dataclass(frozen=True, slots=True)
class Reading:
    """How the text of a ticket is taken: HTML as text, and with or without quoted mails."""

    html: bool = True
    strip_quotes: bool = False


AS_TEXT = Reading()


class FileTicket(msgspec.Struct, frozen=True, gc=False):
    """A ticket and its place. `fields` has subject and body, and every column under its own name."""

    id: str
    number: int
    subject: str
    body: str
    row: Row
    header: tuple[str, ...]

    @property
    def fields(self) -> Mapping[str, str]:
        """The names that a prompt's template can use: the columns of the file, and `id`, `subject`, `body`."""
        return dict(zip(self.header, self.row.cells, strict=True)) | {
            "id": self.id,
            "subject": self.subject,
            "body": self.body,
        }


@dataclass(frozen=True, slots=True)
class Survey:
    """The content of a whole file. Counts are of tickets; `notes` are remarks for people."""

    tickets: int
    without_text: int = 0
    html: int = 0
    notes: tuple[str, ...] = ()


def tickets_of(table: Table, columns: Columns, reading: Reading = AS_TEXT) -> Iterator[FileTicket]:
    """The file's tickets in their order, as they are read.

    Raises:
        UnusableFile: as in `rows`. Only `survey` compares ids with each other.
    """
    for row in rows(table):
        yield ticket_of(row, columns, reading)


def ticket_of(row: Row, columns: Columns, reading: Reading = AS_TEXT) -> FileTicket:
    subject = "" if columns.subject is None else as_read(row.cells[columns.subject], reading)
    parts = [as_read(row.cells[place], reading) for place in columns.text]
    return FileTicket(id_of(row, columns), row.number, subject, body_of(parts), row, columns.header)


def as_read(text: str, reading: Reading) -> str:
    text = plain_text(text, MOST_HTML_CHARS) if reading.html else text
    return without_history(text) if reading.strip_quotes else text


def id_of(row: Row, columns: Columns) -> str:
    """The row's id; without a column for it, its number and a hash of the text that the file has."""
    if columns.id is not None:
        return row.cells[columns.id].strip()
    places = columns.text if columns.subject is None else (columns.subject, *columns.text)
    said = "\0".join(row.cells[place] for place in places)
    return f"{row.number}-{blake2b(said.encode(), digest_size=HASH_CHARS // 2).hexdigest()}"


@dataclass(slots=True)
class Seen:
    """The first places of something, and their total number."""

    total: int = 0
    numbers: list[int] = field(default_factory=list)

    def add(self, number: int) -> None:
        self.total += 1
        if len(self.numbers) < SHOWN_PLACES:
            self.numbers.append(number)


class Count:
    """What a pass over a file's records has seen."""

    def __init__(self, columns: Columns) -> None:
        self.roles = {role: Seen() for role in Role}
        self.ids = IdDigests()
        self.bad_ids, self.bad_id = Seen(), ""
        self.tickets = self.without_text = self.html = 0
        self._columns = columns
        self._places = columns.text if columns.subject is None else (columns.subject, *columns.text)

    def add(self, row: Row) -> None:
        if row.role is not Role.TICKET:
            self.roles[row.role].add(row.number)
            return
        cells = row.cells
        self.tickets += 1
        for place in self._places:  # loops and no generators: they would take a third of a pass over a large file
            if (text := cells[place]) and not text.isspace():
                break
        else:
            self.without_text += 1
        for place in self._columns.text:
            if "<" in cells[place] and is_html(cells[place]):
                self.html += 1
                break
        if self._columns.id is not None:
            self._add_id(row.number, cells[self._columns.id].strip())

    def _add_id(self, number: int, ticket_id: str) -> None:
        if wrong := flaw(ticket_id):
            self.bad_id = self.bad_id or wrong
            self.bad_ids.add(number)
        else:
            self.ids.add(ticket_id)


def survey(table: Table, columns: Columns, reading: Reading = AS_TEXT) -> Survey:
    """Reads the whole file and describes its content.

    Raises:
        UnusableFile: there are no tickets, rows are wider or narrower than the header, ids are missing or double.
    """
    count = Count(columns)
    for row in table.records():
        count.add(row)
    for role in (Role.LONG, Role.SHORT):
        if (seen := count.roles[role]).total:
            raise ragged(table, role, seen.numbers, seen.total)
    if not count.tickets:
        raise UnusableFile(table.path, ONLY_A_HEADER)
    if count.bad_ids.total:
        raise bad(table, columns, count.bad_ids, count.bad_id)
    refuse_doubles(table, columns, set(count.ids.repeated()))
    return Survey(count.tickets, count.without_text, count.html, tuple(notes_of(table, count, reading)))


def bad(table: Table, columns: Columns, seen: Seen, wrong: str) -> UnusableFile:
    place = f"{counted(seen.numbers, seen.total, table.unit)}, column {columns.header[columns.id or 0]!r}"
    return UnusableFile(table.path, f"{wrong}: give each ticket one, or name another column with --id", place)


def refuse_doubles(table: Table, columns: Columns, doubled: set[bytes]) -> None:
    """Counts the tickets whose id an earlier one has, and shows the first of them with both places."""
    if not doubled or columns.id is None:
        return
    first: dict[bytes, int] = {}
    shown_first: list[str] = []
    total = 0
    for row in rows(table):
        ticket_id = id_of(row, columns)
        digest = id_digest(ticket_id)
        if digest not in doubled:
            continue
        if digest not in first:
            first[digest] = row.number
            continue
        total += 1
        if len(shown_first) < SHOWN_PLACES:
            shown_first.append(f"{shown(ticket_id)} ({table.unit}s {first[digest]:,} and {row.number:,})")
    more = f" and {total - len(shown_first):,} more" if total > len(shown_first) else ""
    raise UnusableFile(
        table.path,
        f"{total:,} {'ticket has' if total == 1 else 'tickets have'} the id of an earlier one: "
        f"{', '.join(shown_first)}{more}; leave one of each, or name another column with --id",
        f"column {columns.header[columns.id]!r}",
    )


def notes_of(table: Table, count: Count, reading: Reading) -> Iterator[str]:
    yield from table.notes
    if (seen := count.roles[Role.HEADER]).total:
        places = counted(seen.numbers, seen.total, table.unit)
        yield f"the header stands again in {places}, where files were put one behind the other: no ticket"
    if (seen := count.roles[Role.BELOW]).total:
        yield f"{counted(seen.numbers, seen.total, table.unit)} below the table: no ticket"
    if count.html and reading.html:
        yield f"{count.html:,} {'body is' if count.html == 1 else 'bodies are'} HTML and read as text"
    if count.without_text:
        yield f"{count.without_text:,} {'ticket has' if count.without_text == 1 else 'tickets have'} no text"
