"""Tickets in spreadsheets and Parquet files."""

from __future__ import annotations

import gzip
import io
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import array, table, timestamp
from pyarrow.parquet import write_table

from nightsort.formats.columns import find_columns
from nightsort.formats.exports import survey, tickets_of
from nightsort.formats.kinds import labeled_path
from nightsort.formats.labeled import write_labeled
from nightsort.formats.opening import open_table
from nightsort.formats.table import Options
from nightsort.formats.unusable import UnusableFile
from tests.unit.formats.workbooks import Xml, workbook

HEADER = ("Ticket ID", "Subject", "Description")
ROWS = (HEADER, (17.0, "Card", "It has not come\nyet"), (), (18, 'A "quote"', "a, b"))


def put(folder: Path, content: bytes, name: str = "tickets.xlsx") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def said_of(path: Path, options: Options | None = None) -> str:
    with pytest.raises(UnusableFile) as caught:
        survey(table := open_table(path, options or Options()), find_columns(table.header))
    assert str(caught.value).startswith(f"{path}: ")
    return str(caught.value)


def test_a_sheet_is_read_with_the_numbers_of_its_rows_and_written_back_as_csv(tmp_path: Path) -> None:
    path = put(tmp_path, workbook({"Export": ROWS}))
    table = open_table(path)
    columns = find_columns(table.header)

    found = [(ticket.number, ticket.id, ticket.subject, ticket.body) for ticket in tickets_of(table, columns)]
    write_labeled(table, columns, lambda _: ("card", "Labeled", ""), labeled_path(path))

    assert found == [(2, "17", "Card", "It has not come\nyet"), (4, "18", 'A "quote"', "a, b")]
    assert (tmp_path / "tickets.labeled.csv").read_text() == (
        'Ticket ID,Subject,Description,category,verdict,reason\n17,Card,"It has not come\nyet",card,Labeled,\n'
        '18,"A ""quote""","a, b",card,Labeled,\n'
    )


def test_of_several_sheets_one_must_be_named_where_more_than_one_is_filled(tmp_path: Path) -> None:
    path = put(tmp_path, workbook({"Open": ROWS, "Closed": ROWS, "Notes": ()}))
    one = put(tmp_path, workbook({"Notes": (), "Closed": ROWS}), "one.xlsx")

    assert "it has several sheets, 'Open', 'Closed': name one with --sheet" in said_of(path)
    assert "there is no sheet 'Shut': it has 'Open', 'Closed', 'Notes'" in said_of(path, Options(sheet="Shut"))
    assert "the sheet 'Notes' is empty" in said_of(path, Options(sheet="Notes"))
    assert open_table(path, Options(sheet="closed")).notes == ("the sheet 'Closed' is read, of 3",)
    assert open_table(one).notes == ("the sheet 'Closed' is read, of 2",)


@pytest.mark.parametrize(
    "cell", ["><f>A2&amp;B2</f>", "><f>A2</f><v></v>", "><f>A2</f><v/>", ' s="1"><f t="shared" si="0"/>']
)
def test_a_formula_without_a_value_is_named(tmp_path: Path, cell: str) -> None:
    path = put(tmp_path, workbook({"Export": (HEADER, (1, "a", "b"), (2, "a", Xml(cell)))}))

    assert "sheet 'Export', cell C3: a formula that was never computed: open it in a spreadsheet" in said_of(path)


def test_a_formula_has_the_value_that_was_last_computed(tmp_path: Path) -> None:
    rows = (HEADER, (1, Xml(' t="str"><f>"a"</f><v>a &amp; b</v>'), Xml(' t="str"><f>""</f><v></v>')), (2, "c", "d"))
    table = open_table(put(tmp_path, workbook({"Export": rows})))

    assert [row.cells for row in table.records()] == [("1", "a & b", ""), ("2", "c", "d")]


def test_numbers_times_and_truths_are_read_as_they_are_shown(tmp_path: Path) -> None:
    rows = (("id", "text", "n", "t"), (10000000000001, 1.5, True, -0.25))
    table = open_table(put(tmp_path, workbook({"Export": rows})))

    assert [row.cells for row in table.records()] == [("10000000000001", "1.5", "TRUE", "-0.25")]


PROTECTED = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 504 + "EncryptedPackage".encode("utf-16-le")


def test_a_cell_beyond_the_header_has_a_column(tmp_path: Path) -> None:
    table = open_table(put(tmp_path, workbook({"Export": (("id", "text"), (1, "a"), (2, "b", "c"))})))

    assert table.header == ("id", "text", "column 3")
    assert [row.cells for row in table.records()] == [("1", "a", ""), ("2", "b", "c")]


@pytest.mark.parametrize("far", ["XFD1048576", "ZZZZ4", "A20000001", "C99999999991"])
def test_a_cell_that_stands_far_off_is_named_before_it_fills_the_memory(tmp_path: Path, far: str) -> None:
    stray = Xml(f'><v>1</v></c><c r="{far}"><v>1</v>')
    path = put(tmp_path, workbook({"Export": (HEADER, (1, "a", "b", stray))}))

    assert "more than 20,000,000 cells: delete what stands far off, or save it as CSV" in said_of(path)


def test_cells_that_are_empty_reach_nowhere(tmp_path: Path) -> None:
    empty = Xml('><v>1</v></c><c r="XFD1048576" s="1"/><c r="E2"><v>2</v>')
    table = open_table(put(tmp_path, workbook({"Export": (HEADER, (1, "a", "b", empty))})))

    assert [row.cells for row in table.records()] == [("1", "a", "b", "1", "2")]


BAD: dict[str, tuple[bytes, str]] = {
    "protected": (PROTECTED, "a password protects it: save it without one"),
    "old": (PROTECTED[:512], "this is a spreadsheet of an old kind (.xls): save it as .xlsx"),
    "text": (b"id,text\n", "this is no spreadsheet, whatever its name says"),
    "empty": (b"", "the file is empty"),
    "cut": (workbook({"Export": ROWS})[:-99], "it is damaged or was cut: export it anew"),
    "another archive": (b"PK\x05\x06" + b"\0" * 18, "this is no spreadsheet"),
    "only a header": (workbook({"Export": (HEADER,)}), "only a header and no tickets below it"),
    "no cells": (workbook({"Export": ()}), "its sheets are all empty"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_spreadsheet_is_named(tmp_path: Path, case: str) -> None:
    content, what = BAD[case]

    assert what in said_of(put(tmp_path, content))


def test_a_sheet_is_named_for_spreadsheets_alone(tmp_path: Path) -> None:
    assert "csv has no sheets: leave --sheet away" in said_of(put(tmp_path, b"id,text\n", "t.csv"), Options(sheet="a"))


@settings(deadline=None, max_examples=60)
@given(at=st.floats(0, 1), byte=st.binary(min_size=1, max_size=3), name=st.sampled_from(["t.xlsx", "t.parquet"]))
def test_a_damaged_file_raises_no_exception_but_ours(
    tmp_path_factory: pytest.TempPathFactory, at: float, byte: bytes, name: str
) -> None:
    whole = workbook({"Export": ROWS}) if name == "t.xlsx" else parquet()
    place = int(at * len(whole))
    path = put(tmp_path_factory.mktemp("damaged"), whole[:place] + byte + whole[place + len(byte) :], name)

    try:
        table = open_table(path)
        assert list(table.records()) is not None
    except UnusableFile as error:
        said = str(error)
    else:
        said = f"{path}: "
    assert said.startswith(f"{path}: ")


# --- Parquet ----------------------------------------------------------------------------------------------------------


def parquet(ids: Sequence[int] = (7, 8), texts: Sequence[str | None] = ("Hello", None)) -> bytes:
    out = io.BytesIO()
    columns = {"ticket_id": list(ids), "description": list(texts), "at": array([0] * len(ids), timestamp("us"))}
    write_table(table(columns), out)
    return out.getvalue()


def test_parquet_is_read_and_written_back_as_csv(tmp_path: Path) -> None:
    path = put(tmp_path, parquet(), "tickets.parquet")
    table = open_table(path)
    columns = find_columns(table.header)

    write_labeled(table, columns, lambda _: ("card", "Labeled", ""), labeled_path(path))

    assert [(ticket.id, ticket.body) for ticket in tickets_of(table, columns)] == [("7", "Hello"), ("8", "")]
    assert (tmp_path / "tickets.labeled.csv").read_text() == (
        "ticket_id,description,at,category,verdict,reason\n7,Hello,1970-01-01 00:00:00,card,Labeled,\n"
        "8,,1970-01-01 00:00:00,card,Labeled,\n"
    )


def test_packed_files_of_every_kind_are_read(tmp_path: Path) -> None:
    assert open_table(put(tmp_path, gzip.compress(parquet()), "t.parquet.gz")).header[0] == "ticket_id"
    assert open_table(put(tmp_path, gzip.compress(workbook({"S": ROWS})), "t.xlsx.gz")).header == HEADER


def test_a_bad_parquet_file_is_named(tmp_path: Path) -> None:
    assert "this is no Parquet file" in said_of(put(tmp_path, b"id,text\n", "t.parquet"))
    assert "it is no whole Parquet file" in said_of(put(tmp_path, parquet()[:-20], "t.parquet"))
    assert "only a header and no tickets" in said_of(put(tmp_path, parquet([], []), "t.parquet"))


@pytest.mark.parametrize(
    ("module", "name", "what"),
    [
        ("pyarrow.parquet", "t.parquet", "reading Parquet needs pyarrow: pip install 'nightsort[parquet]'"),
        ("python_calamine", "t.xlsx", "reading spreadsheets needs python-calamine: pip install python-calamine"),
    ],
)
def test_a_library_that_is_missing_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, name: str, what: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)

    content = parquet() if name.endswith("parquet") else workbook({"Export": ROWS})
    assert what in said_of(put(tmp_path, content, name))
