"""The hash of a CategorySet beside each row, in files and in a table; rows of other runs are as they were."""

from __future__ import annotations

import csv
import io
import json

from msgspec.structs import replace

from nightsort.adapters.sql.sink import DatabaseSink
from nightsort.api.columns import ResultColumns
from nightsort.formats.row_files import rows_in
from nightsort.formats.rows import Beside, form_of
from nightsort.testing.sink_contract import chunks, failed, labeled
from tests.contract.databases import ANY_HOST, TestDatabase, database, only_sqlite

__all__ = ["database"]
OF_SET = "0123456789abcdef0123456789abcdef"
ROW = replace(labeled("1"), category_set=OF_SET)


def test_files_have_it_behind_all_but_the_hash_of_reuse() -> None:
    row, both = replace(ROW, hash="f" * 32), Beside(hashed=True, of_set=True)

    line = json.loads(form_of("jsonl", beside=both).record(row))
    form = form_of("csv", beside=both)
    header, cells = csv.reader(io.StringIO(form.header + form.record(row)))

    assert list(line)[-2:] == header[-2:] == ["categorySet", "hash"]
    assert [line["categorySet"], line["hash"]] == cells[-2:] == [OF_SET, "f" * 32]


def test_rows_of_other_runs_are_the_same_to_the_byte() -> None:
    for kind in ("jsonl", "csv"):
        assert form_of(kind).record(ROW) == form_of(kind).record(labeled("1"))
        assert form_of(kind).header == form_of(kind, beside=Beside()).header


def test_it_is_read_back() -> None:
    for kind in ("jsonl", "csv"):
        form = form_of(kind, beside=Beside(of_set=True))
        [found] = rows_in(form.header + form.record(ROW), kind)
        assert (found.category_set, found.values) == (OF_SET, ())
        [other] = rows_in(form.header + form.record(labeled("1")), kind)
        assert other.category_set is None


@only_sqlite
async def test_an_upsert_has_a_column_for_it_and_adds_it_to_a_table_that_lacks_it(database: TestDatabase) -> None:
    plain = DatabaseSink(database.url, "labels", "Upsert", ResultColumns(), ANY_HOST)
    await plain.write(chunks(labeled("0")))
    sink = DatabaseSink(database.url, "labels", "Upsert", ResultColumns(), ANY_HOST, of_set=True)

    await sink.write(chunks(ROW, replace(failed("2"), category_set=OF_SET)))

    assert database.rows("SELECT id, category_set FROM labels ORDER BY id") == [
        ("0", None),
        ("1", OF_SET),
        ("2", OF_SET),
    ]


@only_sqlite
async def test_an_update_fills_the_column_that_is_named(database: TestDatabase) -> None:
    database.run("CREATE TABLE tickets (id int PRIMARY KEY, category varchar(64), version varchar(64))")
    database.insert("tickets", {"id": 1})
    columns = ResultColumns.model_validate({"categorySet": "version"})

    await DatabaseSink(database.url, "tickets", "Update", columns, ANY_HOST, of_set=True).write(chunks(ROW))

    assert database.rows("SELECT id, category, version FROM tickets") == [(1, ROW.category, OF_SET)]
