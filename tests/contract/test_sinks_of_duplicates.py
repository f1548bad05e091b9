"""`sameAs` in the places of results: whose copy a row is, where a run asks once about the same text."""

from __future__ import annotations

import csv
import io
import json

import pytest
from msgspec.structs import replace

from nightsort.adapters.config_map.sink import ConfigMapRows
from nightsort.adapters.config_map.stored_rows import stored_rows
from nightsort.adapters.sql.sink import DatabaseSink
from nightsort.api.columns import ResultColumns
from nightsort.api.resource import Meta
from nightsort.api.results import ConfigMapResults
from nightsort.formats.rows import COLUMNS, SAME_AS
from nightsort.testing.config_maps import MemoryConfigMaps
from nightsort.testing.sink_contract import REHEARSAL, chunks, labeled
from tests.contract.databases import ANY_HOST, TestDatabase, database
from tests.contract.tables import Mode

__all__ = ["database"]

OWNER = Meta("support", "tickets", "11111111-2222-4333-8444-555555555555")
ROWS = (labeled("1"), replace(labeled("2"), same_as="1"))


@pytest.mark.parametrize("mode", ["Update", "Upsert"])
async def test_a_table_has_it_where_a_column_is_named(database: TestDatabase, mode: Mode) -> None:
    if mode == "Update":
        database.run("CREATE TABLE tickets (id int PRIMARY KEY, category varchar(64), asked varchar(20))")
        database.insert("tickets", {"id": 1}, {"id": 2})
    sink = DatabaseSink(database.url, "tickets", mode, ResultColumns(same_as="asked"), ANY_HOST)
    await sink.check(REHEARSAL)
    await sink.write(chunks(*ROWS))

    stored = database.rows("SELECT id, category, asked FROM tickets ORDER BY id")
    assert [(str(ticket), category, asked) for ticket, category, asked in stored] == [
        ("1", "billing", None),
        ("2", "billing", "1"),
    ]


@pytest.mark.parametrize("format", ["csv", "jsonl"])
@pytest.mark.parametrize("deduped", [True, False])
async def test_a_file_has_a_further_column_and_none_without_dedupe(format: str, deduped: bool) -> None:
    config_maps = MemoryConfigMaps()
    results = ConfigMapResults.model_validate({"format": format})
    sink = ConfigMapRows(config_maps, OWNER, results, deduped=deduped)
    await sink.check(REHEARSAL)
    await sink.claim()
    await sink.write(chunks(ROWS[0]))
    await sink.write(chunks(ROWS[1]))

    found = await config_maps.read("support", "tickets-results")
    assert found is not None
    text = found.data[f"results.{format}"]
    if format == "csv":
        header, *lines = csv.reader(io.StringIO(text, newline=""))
        assert header == [*COLUMNS, *([SAME_AS] if deduped else [])]
        assert [line[len(COLUMNS) :] for line in lines] == ([[""], ["1"]] if deduped else [[], []])
    else:
        assert [json.loads(line).get(SAME_AS) for line in text.splitlines()] == [None, "1" if deduped else None]
        assert (SAME_AS in text) is deduped
    back = [row async for page in stored_rows(config_maps, OWNER, "tickets-results") for row in page]
    assert [row.same_as for row in back] == [None, "1" if deduped else None]
    assert not any(row.values for row in back)
