"""Files that a person hands to the command line, larger than what is held in memory: named with the bound."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from nightsort.formats.opening import open_table
from nightsort.formats.table import Limits, Options
from nightsort.formats.unusable import UnusableFile
from tests.unit.formats.workbooks import workbook

CASES: dict[str, tuple[str, Callable[[], bytes], str, str]] = {
    "a JSON list": ("t.json", lambda: json.dumps([{"id": "x" * 2000}]).encode(), "json_chars", "1,000"),
    "a spreadsheet": ("t.xlsx", lambda: workbook({"A": [["id"], ["x"]]}), "sheet_bytes", "1,000"),
    "a spreadsheet that unpacks to more": (
        "t.xlsx",
        lambda: workbook({"A": [["id"], ["x" * 20_000]]}),
        "unpacked_sheet_bytes",
        "it unpacks to",
    ),
    "a Parquet file": ("t.parquet", lambda: b"PAR1" * 999, "parquet_bytes", "more than 1,000 bytes"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_table_of_more_than_memory_should_hold_is_named(tmp_path: Path, case: str) -> None:
    name, make, bound, told = CASES[case]
    path = tmp_path / name
    path.write_bytes(make())
    limits = Limits(**{bound: 1_000})

    with pytest.raises(UnusableFile, match=told):
        open_table(path, Options(limits=limits))
