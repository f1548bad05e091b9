"""A file as a table: a header, rows in their order, and the same rows written back with further columns."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import msgspec

from nightsort.domain.column_names import plain
from nightsort.formats.charsets import UTF8, Charset
from nightsort.formats.kinds import Kind
from nightsort.formats.unchanged import Rereadable
from nightsort.formats.unusable import UnusableFile, counted


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that is read of files which are held in memory; more is refused. `json_values` counts values of JSON."""

    json_chars: int = 64 * 1024 * 1024
    json_values: int | None = None
    sheet_bytes: int = 512 * 1024**2
    unpacked_sheet_bytes: int = 2 * 1024**3
    """Bytes unpacked: a few kilobytes of zip may stand for as much as a disk holds."""
    cells: int = 20_000_000
    """Cells: each takes some 50 bytes, empty or not, together 1 GB."""
    parquet_bytes: int = 1024**3


LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Options:
    """The user's statements about a file that does not show these things itself, or shows them wrongly.

    `fill_short_rows` takes missing cells at the end of a row as empty; without it short rows are refused.
    """

    format: str | None = None
    delimiter: str | None = None
    encoding: str | None = None
    sheet: str | None = None
    fill_short_rows: bool = False
    limits: Limits = LIMITS
    sampled: int | None = None
    """Objects of JSON lines whose names are the columns; by default those of all are."""


class Role(StrEnum):
    TICKET = "ticket"
    BLANK = "blank"
    HEADER = "header"
    """The header once more, where files were concatenated."""
    BELOW = "below"
    """A line below the table, such as a report's name: one cell in quotes, after an empty line, at the very end."""
    SHORT = "short"
    LONG = "long"


class Row(msgspec.Struct, frozen=True, gc=False):
    """One record of the file: its place, its cells beside the header's names, and its original text.

    `raw` is empty where the cells differ from the file's: missing ones filled, empty ones cut off.
    """

    number: int
    cells: tuple[str, ...]
    raw: str = ""
    role: Role = Role.TICKET


Values = Callable[[Row], Sequence[str | None]]
"""The cells behind a ticket's row; as many as there are names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table(ABC):
    """An opened file. `unit` names what its rows are numbered by: line, entry, row; `notes` are for people."""

    file: Rereadable
    kind: Kind
    unit: str
    charset: Charset = UTF8
    header: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def path(self) -> Path:
        return self.file.path

    @property
    def digest(self) -> str | None:
        """The digest of the file's bytes as hex, once they were read to their end."""
        return self.file.digest

    @abstractmethod
    def records(self) -> Iterator[Row]:
        """Every record of the file, including those that are no ticket.

        Raises:
            UnusableFile: it cannot be read, or has changed since it was opened.
        """

    def with_columns(self, names: Sequence[str], values: Values) -> Iterator[str]:
        """The file's text, record by record in its original form, with further columns at the end of each.

        Raises:
            UnusableFile: as above, or files of this kind are not written.
        """
        raise UnusableFile(self.path, f"{self.kind} is not written: let the output's name end in .csv")


def rows(table: Table) -> Iterator[Row]:
    """The rows of tickets.

    Raises:
        UnusableFile: also where a row has more or fewer cells than the header.
    """
    for row in table.records():
        if row.role is Role.TICKET:
            yield row
        elif row.role in (Role.SHORT, Role.LONG):
            raise ragged(table, row.role, [row.number], 1)


def ragged(table: Table, role: Role, numbers: Sequence[int], total: int) -> UnusableFile:
    """The message for rows with fewer or more cells than the header."""
    place = counted(numbers, total, table.unit)
    columns = len(table.header)
    last = table.header[-1]
    if role is Role.SHORT:
        return UnusableFile(
            table.path,
            f"fewer cells than the header's {columns:,} columns, the last of which is {last!r}: a line break outside "
            "quotes cuts a row in two; write empty cells for no value, or take the missing ones for empty with "
            "--fill-short-rows",
            place,
        )
    return UnusableFile(
        table.path,
        f"more cells than the header's {columns:,} columns, the last of which is {last!r}: a value in which the "
        "separator, a quote or a line break stands must stand in quotes",
        place,
    )


def unique_names(cells: Iterable[str]) -> tuple[str, ...]:
    """Distinct names of columns: `Comment`, `Comment (2)`; `column 4` where the fourth has none."""
    taken: dict[str, int] = {}
    names: list[str] = []
    cells = [" ".join(cell.split()) for cell in cells]
    for number, cell in enumerate(cells, 1):
        name = cell or f"column {number}"
        while name in taken or (name != cell and name in cells):
            taken[cell] = taken.get(cell, 1) + 1
            name = f"{cell or f'column {number}'} ({taken[cell]})"
        taken[name] = 1
        names.append(name)
    return tuple(names)


def added_names(header: Sequence[str], names: Sequence[str]) -> tuple[str, ...]:
    """Names for further columns that no column of the file has: if one is taken, all get `nightsort_`."""
    known = {plain(name) for whole in header for name in (whole, whole.partition(".")[0])}
    prefix, number = "", 1
    while any(plain(prefix + name) in known for name in names):
        prefix = f"nightsort_{number}_" if number > 1 else "nightsort_"
        number += 1
    return tuple(prefix + name for name in names)
