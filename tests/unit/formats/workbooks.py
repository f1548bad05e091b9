"""Small workbooks, as spreadsheet programs write them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape, quoteattr

OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


class Xml(str):
    """What stands between a cell's tags, in the place of a value."""

    __slots__ = ()


Cell = str | float | bool | Xml | None


def workbook(sheets: Mapping[str, Sequence[Sequence[Cell]]]) -> bytes:
    """A workbook; each row stands in its own line, an empty one where there are no cells."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        numbers = range(1, len(sheets) + 1)
        types = "".join(
            f'<Override PartName="/xl/worksheets/sheet{number}.xml" '
            'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/>'
            for number in numbers
        )
        archive.writestr(
            "[Content_Types].xml",
            f'<Types xmlns="{PACKAGE}/content-types"><Default Extension="rels" '
            'ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" '
            'ContentType="application/xml"/><Override PartName="/xl/workbook.xml" '
            'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>'
            f"{types}</Types>",
        )
        archive.writestr("_rels/.rels", relations({"rId1": ("officeDocument", "xl/workbook.xml")}))
        names = "".join(
            f'<sheet name={quoteattr(name)} sheetId="{number}" r:id="rId{number}"/>'
            for number, name in zip(numbers, sheets, strict=True)
        )
        archive.writestr(
            "xl/workbook.xml", f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets>{names}</sheets></workbook>'
        )
        links = {f"rId{number}": ("worksheet", f"worksheets/sheet{number}.xml") for number in numbers}
        archive.writestr("xl/_rels/workbook.xml.rels", relations(links))
        for number, rows in zip(numbers, sheets.values(), strict=True):
            archive.writestr(f"xl/worksheets/sheet{number}.xml", sheet_of(rows))
    return content.getvalue()


def relations(links: Mapping[str, tuple[str, str]]) -> str:
    found = "".join(
        f'<Relationship Id="{name}" Type="{OFFICE}/{kind}" Target="{target}"/>'
        for name, (kind, target) in links.items()
    )
    return f'<Relationships xmlns="{PACKAGE}/relationships">{found}</Relationships>'


def sheet_of(rows: Sequence[Sequence[Cell]]) -> str:
    lines = "".join(f'<row r="{number}">{cells_of(number, row)}</row>' for number, row in enumerate(rows, 1) if row)
    return f'<worksheet xmlns="{MAIN}"><sheetData>{lines}</sheetData></worksheet>'


def cells_of(number: int, row: Sequence[Cell]) -> str:
    return "".join(cell_of(f"{chr(65 + place)}{number}", cell) for place, cell in enumerate(row))


def cell_of(name: str, cell: Cell) -> str:
    match cell:
        case None:
            return ""
        case Xml():
            return f'<c r="{name}"{cell}</c>'
        case str():
            return f'<c r="{name}" t="inlineStr"><is><t xml:space="preserve">{escape(cell)}</t></is></c>'
        case bool():
            return f'<c r="{name}" t="b"><v>{int(cell)}</v></c>'
        case _:
            return f'<c r="{name}"><v>{cell}</v></c>'
