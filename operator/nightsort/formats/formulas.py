"""Cells of a workbook whose formula nobody has computed: read as empty, a ticket would be bought without its text."""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
import zlib
from typing import IO
from xml.parsers import expat  # which has bounded what entities may grow to since 2.4.1

CHUNK = 1 << 20
FORMULA = re.compile(rb"[<:]f[ />]")
WORKBOOK = "xl/workbook.xml"
RELATIONS = "xl/_rels/workbook.xml.rels"
DAMAGE = (
    expat.ExpatError,
    zipfile.BadZipFile,
    KeyError,
    ValueError,
    EOFError,
    zlib.error,
    NotImplementedError,
    RuntimeError,
)


class DamagedSheet(ValueError):
    """The workbook's parts are not what they should be."""


def uncomputed_cells(content: bytes, sheet: str) -> list[str]:
    """Names such as `C5` of the cells of a sheet that have a formula and no value.

    Raises:
        DamagedSheet: it cannot be read.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            member = member_of(archive, sheet)
            if member is None or not has_formulas(archive, member):
                return []
            with archive.open(member) as file:
                return Cells().uncomputed(file)
    except DAMAGE:
        raise DamagedSheet from None


def has_formulas(archive: zipfile.ZipFile, member: str) -> bool:
    """Whether the sheet's XML has one at all, which is known in a tenth of the time."""
    before = b""
    with archive.open(member) as file:
        while chunk := file.read(CHUNK):
            if FORMULA.search(before + chunk):
                return True
            before = chunk[-4:]
    return False


def member_of(archive: zipfile.ZipFile, sheet: str) -> str | None:
    """The file of a sheet; None where the workbook is not built in the usual way."""
    if WORKBOOK not in archive.namelist() or RELATIONS not in archive.namelist():
        return None
    links = {one.get("name"): link_of(one) for one in elements(archive, WORKBOOK, "sheet")}
    targets = {one.get("Id"): one.get("Target", "") for one in elements(archive, RELATIONS, "Relationship")}
    target = targets.get(links.get(sheet), "")
    member = posixpath.normpath(posixpath.join("xl", target)).lstrip("/")
    return member if member in archive.namelist() else None


def link_of(attributes: dict[str, str]) -> str | None:
    return next((value for name, value in attributes.items() if name.rpartition(":")[2] == "id"), None)


def elements(archive: zipfile.ZipFile, member: str, wanted: str) -> list[dict[str, str]]:
    """The attributes of all elements of that name."""
    found: list[dict[str, str]] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        if name.rpartition(":")[2] == wanted:
            found.append(attributes)

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    with archive.open(member) as file:
        parser.ParseFile(file)
    return found


class Cells:
    """Follows a sheet's XML from cell to cell."""

    def __init__(self) -> None:
        self._name = ""
        self._text = self._formula = self._value = self._in_value = False
        self._found: list[str] = []

    def uncomputed(self, file: IO[bytes]) -> list[str]:
        parser = expat.ParserCreate()
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.ParseFile(file)
        return self._found

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        match name.rpartition(":")[2]:
            case "c":
                self._name, self._text = attributes.get("r", "?"), attributes.get("t") == "str"
                self._formula = self._value = False
            case "f":
                self._formula = True
            case "v" | "is":
                self._in_value = True
                self._value = self._value or self._text  # an empty text is a value where the cell says that it is text

    def _characters(self, _: str) -> None:
        self._value = self._value or self._in_value

    def _end(self, name: str) -> None:
        match name.rpartition(":")[2]:
            case "v" | "is":
                self._in_value = False
            case "c" if self._formula and not self._value:
                self._found.append(self._name)
