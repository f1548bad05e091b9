"""The tickets of a person's file, as they are sent and as they are written back."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from nightsort.api.spec import Spec
from nightsort.cli.classification.order import InvalidOrder
from nightsort.cli.flags import TicketOptions
from nightsort.domain.dependence import digest_of_text
from nightsort.domain.prompt import placeholders
from nightsort.domain.report import plural
from nightsort.domain.request import Encoder
from nightsort.domain.ticket import Ticket
from nightsort.formats.columns import Columns, UnknownColumns, find_columns
from nightsort.formats.exports import Reading, Survey, survey, tickets_of
from nightsort.formats.kinds import Kind, kind_of_name
from nightsort.formats.labeled import cannot_write, refuse_target, write_labeled
from nightsort.formats.opening import open_table
from nightsort.formats.table import Table
from nightsort.formats.unusable import UnusableFile
from nightsort.wiring.classify import Present

SUBJECT_AND_BODY = "Subject: $subject\n\n$body"
Cells = Sequence[str | None]


@dataclass(frozen=True, slots=True)
class TicketFile:
    """A file that was read to its end once, and has the same content each time that it is read again."""

    table: Table
    columns: Columns
    reading: Reading
    survey: Survey

    @property
    def template(self) -> str:
        """The template with the parts of a ticket that the model gets."""
        if self.columns.subject is None:
            return "$body"
        return SUBJECT_AND_BODY if self.columns.text else "$subject"

    @property
    def told(self) -> Iterator[str]:
        """The chosen columns, and remarks on oddities."""
        yield f"{self.table.path}: {plural(self.survey.tickets, 'ticket')}; {'; '.join(self.columns.notes)}"
        yield from self.survey.notes

    def tickets(self) -> Iterator[Ticket]:
        """In the order of the file. Raises UnusableFile: its content has changed."""
        for one in tickets_of(self.table, self.columns, self.reading):
            yield Ticket(one.id, {"subject": one.subject, "body": one.body}, "")

    def present(self, spec: Spec) -> Iterator[Present]:
        """The tickets with what their answers depend on, and the fields that the template names."""
        encoder = Encoder(spec, disable_thinking=False)
        names = placeholders(spec.prompt)
        for ticket in self.tickets():
            fields = {name: text for name, text in ticket.fields.items() if name in names}
            yield Present(ticket.id, digest_of_text(encoder.text(ticket)), fields)

    def refuse_output(self, path: Path) -> None:
        """Called before anything is bought. Raises UnusableFile: the labelled file could not be written there."""
        target = Path(os.path.realpath(path))
        refuse_target(self.table, path, target, Kind.CSV if target.is_dir() else kind_of_name(target))
        if not target.parent.is_dir():
            raise UnusableFile(path, cannot_write(FileNotFoundError()))
        if not os.access(target.parent, os.W_OK):
            raise UnusableFile(path, cannot_write(PermissionError()))

    def write(
        self,
        path: Path,
        names: Sequence[str],
        labels: Callable[[], Iterable[tuple[str, Cells]]],
        ready: Callable[[IO[bytes]], None],
    ) -> tuple[str, ...]:
        """Writes the file with further columns; returns their names. `labels` begins anew at each call.

        `ready` gets the new file before it replaces the former one.

        Raises:
            UnusableFile: it cannot be written, or the input has changed since it was read.
        """
        return write_labeled(self.table, self.columns, InOrder(labels), path, names, ready)


class InOrder:
    """Labels by id, asked for in the order of the file; again from the beginning if the file is."""

    def __init__(self, labels: Callable[[], Iterable[tuple[str, Cells]]]) -> None:
        self._labels = labels
        self._rest = iter(labels())

    def __call__(self, ticket_id: str) -> Cells | None:
        found = next(self._rest, None)
        if found is None or found[0] != ticket_id:
            self._rest = iter(self._labels())
            found = next(self._rest, None)
        return found[1] if found is not None and found[0] == ticket_id else None


def opened(path: Path, options: TicketOptions) -> TicketFile:
    """Reads a file to its end and reports its faults, before any other step.

    Raises:
        UnusableFile: with the place. InvalidOrder: its columns are not known.
    """
    table, reading = open_table(path, options.options), options.reading
    try:
        columns = find_columns(
            table.header, id=options.id, subject=options.subject, body=options.body, text=options.text
        )
    except UnknownColumns as unknown:
        raise InvalidOrder(f"{path}: {unknown}") from None
    return TicketFile(table, columns, reading, survey(table, columns, reading))
