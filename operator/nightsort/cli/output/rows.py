"""Rows of a run as people and programs read them, and remarks on those that are missing."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from nightsort.api.resource import Resource
    from nightsort.api.spec import Spec
    from nightsort.domain.answer import Row
    from nightsort.domain.correction import Corrections
    from nightsort.domain.fields import AskedField

NONE: Corrections = {}
WIDEST = 60
"""Cells of a table are aligned up to this width; longer ones are shown as they are."""
GAP = "   "


def elsewhere(resource: Resource) -> str:
    """Why there are no rows to print."""
    from nightsort.domain.conditions import is_finished

    name, status = resource.meta.name, resource.status
    if places := status.results.places():
        return f"the rows of {name} are in {' and '.join(places)}"
    stands = f"{status.phase}: {status.message}" if status.phase else "no operator has looked at it yet"
    return f"{name} has no rows{'' if is_finished(status) else ' yet'}: {stands}"


def caution(resource: Resource) -> str:
    from nightsort.domain.conditions import is_finished

    tickets, rows = resource.status.tickets, resource.status.results.rows
    return (
        "" if is_finished(resource.status) else f"not all: {rows:,} of {tickets.total:,} tickets have their row so far"
    )


class Printer:
    """Writes rows page by page in one form."""

    def __init__(self, form: str, *, terminal: bool) -> None:
        self._form = form
        self._terminal = terminal
        self._widths: list[int] = []
        self._begun = False
        self._fields: Sequence[AskedField] = ()
        self._own = 0
        self._corrections: Corrections = NONE
        self._deduped = False

    def about(self, spec: Spec, corrections: Corrections = NONE) -> None:
        """The rows that follow have the columns of this spec's fields, and two more if any ticket was corrected."""
        from nightsort.domain.second import columns_of

        self._own = len(columns_of(spec))
        self._corrections = corrections
        self._fields, self._deduped = columns_of(spec), spec.dedupe == "Exact"
        if corrections:
            from nightsort.domain.correction import COLUMNS

            self._fields = (*self._fields, *COLUMNS)

    def show(self, rows: Sequence[Row]) -> None:
        if rows:
            if self._corrections:
                from nightsort.domain.correction import with_columns

                rows = [with_columns(row, self._corrections, self._own) for row in rows]
            rows = [with_values(row, self._fields) for row in rows] if self._fields else rows
            sys.stdout.writelines(self._table(rows) if self._form == "table" else self._records(rows))

    def end(self) -> None:
        if self._form == "table" and not self._begun:
            typer.echo("no such rows", err=True)
        elif not self._begun:
            sys.stdout.writelines(self._records(()))
        sys.stdout.flush()

    def _records(self, rows: Iterable[Row]) -> Iterator[str]:
        from nightsort.cli.output.json_on_terminals import as_json
        from nightsort.domain.printable import printable
        from nightsort.wiring.cluster import file_format

        form = file_format(self._form, self._fields, deduped=self._deduped)
        if not self._begun:
            self._begun = True
            yield form.header
        for row in rows:
            record = form.record(row)
            if not self._terminal:
                yield record
            else:
                yield as_json(record) if self._form == "jsonl" else printable(record.removesuffix("\n")) + "\n"

    def _table(self, rows: Sequence[Row]) -> Iterator[str]:
        from rich.cells import cell_len

        names = [field.name for field in self._fields]
        lines = [cells(row, len(names), deduped=self._deduped) for row in rows]
        if not self._begun:
            self._begun = True
            same = ["SAME AS"] if self._deduped else []
            lines.insert(0, ["ID", "CATEGORY", *map(str.upper, names), "VERDICT", *same, "REASON"])
            aligned_cells = range(len(lines[0]) - 1)
            self._widths = [min(max(cell_len(line[at]) for line in lines), WIDEST) for at in aligned_cells]
        for line in lines:
            aligned = [
                cell + " " * max(width - cell_len(cell), 0) for cell, width in zip(line, self._widths, strict=False)
            ]
            yield GAP.join([*aligned, line[-1]]).rstrip() + "\n"


def cells(row: Row, fields: int = 0, *, deduped: bool = False) -> list[str]:
    from nightsort.domain.fields import as_text, padded
    from nightsort.domain.printable import printable

    values = ["" if value is None else str(value) for value in map(as_text, padded(row.values, fields))]
    same = [row.same_as or ""] if deduped else []
    shown = (row.id, row.category or "<none>", *values, row.verdict.value, *same, row.reason)
    return [printable(text) for text in shown]


def with_values(row: Row, fields: Sequence[AskedField]) -> Row:
    """The row with the values of its fields as they were answered: a CSV file has them as text."""
    from msgspec.structs import replace

    from nightsort.domain.fields import from_text

    values = tuple(from_text(field, value) for field, value in zip(fields, row.values, strict=False))
    return replace(row, values=values)
