"""A spreadsheet's sheet as a table, through calamine: 3 MB, and ten times as fast as openpyxl.

Cells have the values that the spreadsheet program has computed last; nothing is computed here.
"""

from __future__ import annotations

import datetime
import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nightsort.formats.kinds import Kind
from nightsort.formats.sheets import ROOT, DamagedSheet, Extent, extents, uncomputed_cells
from nightsort.formats.table import LIMITS, Limits, Options, Role, Row, Table, unique_names
from nightsort.formats.tickets import MOST_COLUMNS
from nightsort.formats.unchanged import Rereadable
from nightsort.formats.unusable import SHOWN_PLACES, UnusableFile, listed

if TYPE_CHECKING:
    from python_calamine import CalamineWorkbook

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
DAMAGED = "it is damaged: open it and save it anew, or export it as CSV"
MISSING = "reading spreadsheets needs python-calamine: pip install python-calamine, or save it as CSV in UTF-8"
NO_SPREADSHEET = (
    "this is no spreadsheet, whatever its name says: was it renamed? Name what it is with --format, such as csv"
)
PROTECTED = "a password protects it: save it without one, or as CSV in UTF-8"
OLD = "this is a spreadsheet of an old kind (.xls): save it as .xlsx, or as CSV in UTF-8"
EXACT = 1e15
"""A spreadsheet has lost digits of larger whole numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spreadsheet(Table):
    """One sheet of a workbook; rows have the spreadsheet program's numbers."""

    sheet: str
    limits: Limits = LIMITS
    kind: Kind = Kind.XLSX
    unit: str = "row"

    def records(self) -> Iterator[Row]:
        own: list[str] | None = None
        for number, cells in self._rows():
            if own is None:
                own = cells
            else:
                yield Row(number, tuple(cells), role=Role.HEADER if cells == own else Role.TICKET)

    def own_header(self) -> list[str]:
        for _, cells in self._rows():
            return cells
        raise UnusableFile(self.path, f"the sheet {self.sheet!r} is empty")

    def _rows(self) -> Iterator[tuple[int, list[str]]]:
        """The non-empty rows, with their numbers."""
        with opened(self.file, self.limits) as workbook:
            for number, values in enumerate(workbook.get_sheet_by_name(self.sheet).iter_rows(), 1):
                cells = [as_text(value) for value in values]
                if any(cell.strip() for cell in cells):
                    yield number, cells


def open_spreadsheet(file: Rereadable, options: Options) -> Spreadsheet:
    """Takes the only sheet with content, or the one that the user named.

    Raises:
        UnusableFile: it is protected, is no spreadsheet, has several sheets or cells that were never computed.
    """
    limits = options.limits
    with whole(file, limits) as content:
        refuse_content(file.path, content, limits)
        try:
            sheets = extents(content)
            name = sheet_of(file.path, sheets, options.sheet)
            refuse_extent(file.path, name, sheets[name], limits)
            refuse_uncomputed(file.path, name, uncomputed_cells(content, name))
        except DamagedSheet:
            raise UnusableFile(file.path, DAMAGED) from None
    notes = (f"the sheet {name!r} is read, of {len(sheets)}",) if len(sheets) > 1 else ()
    table = Spreadsheet(file=file, sheet=name, limits=limits, notes=notes)
    return replace(table, header=unique_names(table.own_header()))


def whole(file: Rereadable, limits: Limits) -> AbstractContextManager[bytes]:
    return file.whole(limits.sheet_bytes, "a spreadsheet", "save it as CSV in UTF-8")


@contextmanager
def opened(file: Rereadable, limits: Limits) -> Iterator[CalamineWorkbook]:
    try:
        import python_calamine as calamine
    except ImportError:
        raise UnusableFile(file.path, MISSING) from None
    try:
        yield loaded(file, limits)
    except calamine.PasswordError:
        raise UnusableFile(file.path, PROTECTED) from None
    except (calamine.CalamineError, calamine.XmlError, calamine.ZipError):
        raise UnusableFile(file.path, DAMAGED) from None


def loaded(file: Rereadable, limits: Limits) -> CalamineWorkbook:
    """The workbook, which has a copy of the content: ours is gone when this returns."""
    from python_calamine import CalamineWorkbook

    with whole(file, limits) as content:
        refuse_content(file.path, content, limits)
        return CalamineWorkbook.from_object(io.BytesIO(content))


def refuse_content(path: Path, content: bytes, limits: Limits) -> None:
    """Faults that are visible without opening it.

    Raises:
        UnusableFile: the message names the fault.
    """
    if content.startswith(OLE):
        raise UnusableFile(path, PROTECTED if ENCRYPTED in content else OLD)
    if not content.startswith(b"PK"):
        raise UnusableFile(path, NO_SPREADSHEET)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
            is_workbook = ROOT in archive.namelist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):
        raise UnusableFile(path, "it is damaged or was cut: export it anew") from None
    if not is_workbook:
        raise UnusableFile(path, NO_SPREADSHEET)
    if unpacked > limits.unpacked_sheet_bytes:
        raise UnusableFile(path, f"it unpacks to {unpacked:,} bytes: save it as CSV in UTF-8")


def sheet_of(path: Path, sheets: Mapping[str, Extent | None], told: str | None) -> str:
    """The sheet to read.

    Raises:
        UnusableFile: several have content, or none has the given name.
    """
    if told is not None:
        same = [name for name in sheets if name == told] or [
            name for name in sheets if name.casefold() == told.casefold()
        ]
        if not same:
            raise UnusableFile(path, f"there is no sheet {told!r}: it has {listed(list(sheets))}")
        return same[0]
    filled = [name for name, extent in sheets.items() if extent is not None]
    if not filled:
        raise UnusableFile(path, "its sheets are all empty")
    if len(filled) > 1:
        raise UnusableFile(path, f"it has several sheets, {listed(filled)}: name one with --sheet")
    return filled[0]


def refuse_extent(path: Path, sheet: str, extent: Extent | None, limits: Limits) -> None:
    """Refuses a sheet that is empty, or whose rectangle of cells is larger than the memory allows.

    Raises:
        UnusableFile: the message names the fault.
    """
    if extent is None:
        raise UnusableFile(path, f"the sheet {sheet!r} is empty")
    if extent.last_column > MOST_COLUMNS or extent.cells > limits.cells:
        raise UnusableFile(
            path,
            f"its cells reach to row {extent.last_row:,} and column {extent.last_column:,}, which is more than "
            f"{limits.cells:,} cells: delete what stands far off, or save it as CSV in UTF-8",
            f"sheet {sheet!r}",
        )


def refuse_uncomputed(path: Path, sheet: str, found: Sequence[str]) -> None:
    """Refuses formulas without a value, which programs write that do not compute.

    Raises:
        UnusableFile: with the first of the cells.
    """
    if not found:
        return
    more = f" and {len(found) - SHOWN_PLACES:,} more" if len(found) > SHOWN_PLACES else ""
    raise UnusableFile(
        path,
        "a formula that was never computed: open it in a spreadsheet program and save it, or paste values in its place",
        f"sheet {sheet!r}, {'cell' if len(found) == 1 else 'cells'} {', '.join(found[:SHOWN_PLACES])}{more}",
    )


def as_text(value: Any) -> str:
    """A cell's value in the form for people: whole numbers without a point, times in ISO 8601."""
    match value:
        case str():
            return value
        case bool():
            return "TRUE" if value else "FALSE"
        case float() if value.is_integer() and abs(value) < EXACT:
            return str(int(value))
        case datetime.datetime():
            return value.isoformat(" ")
        case datetime.date() | datetime.time():
            return value.isoformat()
        case _:
            return str(value)
