"""Every sink stores the answers to the fields of a spec as columns."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from msgspec.structs import replace

from nightsort.adapters.config_map.sink import ConfigMapRows
from nightsort.adapters.config_map.stored_rows import stored_rows
from nightsort.api.columns import ResultColumns
from nightsort.api.resource import Meta
from nightsort.api.results import ConfigMapResults
from nightsort.domain.answer import Row
from nightsort.domain.errors import Stalled
from nightsort.domain.fields import AskedField, FieldKind, specimens
from nightsort.domain.reasons import Reason
from nightsort.domain.stored import Rehearsal
from nightsort.formats.rows import COLUMNS, form_of
from nightsort.testing.config_maps import MemoryConfigMaps
from nightsort.testing.sink_contract import REHEARSAL, SUMMARY, chunks, failed, labeled
from tests.contract.databases import TestDatabase, database, only_servers
from tests.contract.tables import TEXT, Mode, sink_of

__all__ = ["database"]

FIELDS = (
    AskedField("urgency", FieldKind.ONE, values=("low", "high")),
    AskedField("topics", FieldKind.SEVERAL, values=("shipping", "price"), most=2),
    AskedField("summary", FieldKind.TEXT, most=600),
    AskedField("stars", FieldKind.NUMBER, least=-5, greatest=1_000_000_000),
)
SUMMARY_TEXT = 'Größe, "Preis"\u2028🙂'
ROWS = (
    replace(labeled("1"), values=("high", ["price", "shipping"], SUMMARY_TEXT, -5)),
    replace(labeled("2"), values=(None, [], None, 1_000_000_000)),
    failed("3"),
)
STORED = {
    "1": ("high", "price, shipping", SUMMARY_TEXT, -5),
    "2": (None, "", None, 1_000_000_000),
    "3": (None, None, None, None),
}
WHOLE: Rehearsal = Rehearsal(3, REHEARSAL.categories, REHEARSAL.ids, REHEARSAL.model, None, tuple(specimens(FIELDS)))


def read(database: TestDatabase, columns: str = "urgency, topics, summary, stars") -> dict[str, tuple[Any, ...]]:
    return {str(row[0]): tuple(row[1:]) for row in database.rows(f"SELECT id, {columns} FROM tickets")}


def make_table(database: TestDatabase, columns: str, *ids: str) -> None:
    text = TEXT[database.kind]
    key = "VARCHAR(64)" if database.kind == "mariadb" else "text"
    database.run(
        f"CREATE TABLE tickets (id {key} PRIMARY KEY, category {text}, verdict {text}, reason {text}, {columns})",
        *(f"INSERT INTO tickets (id) VALUES ('{each}')" for each in ids),
    )


def columns_of(database: TestDatabase) -> str:
    text = TEXT[database.kind]
    return f"urgency {text}, topics {text}, summary {text}, stars bigint"


@pytest.mark.parametrize("mode", ["Update", "Upsert"])
async def test_a_table_has_a_column_for_each_field(database: TestDatabase, mode: Mode) -> None:
    if mode == "Update":
        make_table(database, columns_of(database), "1", "2", "3")
    sink = sink_of(database, mode, asked=FIELDS)

    await sink.check(WHOLE)
    await sink.write(chunks(*ROWS))
    await sink.write(chunks(*ROWS))

    assert read(database) == STORED


async def test_a_fields_column_may_have_another_name(database: TestDatabase) -> None:
    text = TEXT[database.kind]
    make_table(database, f"how_soon {text}, topics {text}, summary {text}, stars bigint", "1", "2", "3")
    columns = ResultColumns(verdict="verdict", fields={"urgency": "how_soon"})

    sink = sink_of(database, columns=columns, asked=FIELDS)
    await sink.check(WHOLE)
    await sink.write(chunks(*ROWS))

    assert read(database, "how_soon, topics, summary, stars") == STORED


async def test_a_column_that_is_missing_stalls_before_anything_is_bought(database: TestDatabase) -> None:
    make_table(database, "urgency " + TEXT[database.kind], "1", "2", "3")

    with pytest.raises(Stalled, match="has no column 'topics', 'summary'") as stalled:
        await sink_of(database, asked=FIELDS).check(WHOLE)

    assert stalled.value.reason is Reason.COLUMN_MISSING


@only_servers
async def test_a_column_that_is_too_short_for_the_longest_answer_stalls(database: TestDatabase) -> None:
    text = TEXT[database.kind]
    make_table(database, f"urgency {text}, topics {text}, summary VARCHAR(20), stars bigint", "1", "2", "3")

    with pytest.raises(Stalled, match="before anything was bought") as stalled:
        await sink_of(database, asked=FIELDS).check(WHOLE)

    assert stalled.value.reason is Reason.VALUE_REFUSED


OWNER = Meta("support", "tickets", "11111111-2222-4333-8444-555555555555")


@pytest.mark.parametrize("format", ["csv", "jsonl"])
async def test_a_config_map_has_a_column_for_each_field(format: str) -> None:
    config_maps = MemoryConfigMaps()
    results = ConfigMapResults.model_validate({"format": format})
    sink = ConfigMapRows(config_maps, OWNER, results, FIELDS)
    await sink.check(WHOLE)
    await sink.claim()
    await sink.write(chunks(*ROWS))
    await sink.write(chunks(*ROWS))
    await sink.finish(SUMMARY)

    found = await config_maps.read("support", "tickets-results")
    assert found is not None
    text = found.data[f"results.{format}"]
    if format == "csv":
        header, *lines = csv.reader(io.StringIO(text, newline=""))
        assert header == [*COLUMNS, "urgency", "topics", "summary", "stars"]
        assert lines[0][-4:] == ["high", "price, shipping", SUMMARY_TEXT, "-5"]
        assert lines[2][-4:] == ["", "", "", ""]
    else:
        first, second, third = map(json.loads, text.splitlines())
        assert first["topics"] == ["price", "shipping"]
        assert (second["urgency"], second["topics"], second["stars"]) == (None, [], 1_000_000_000)
        assert third["summary"] is None
    back = [row async for page in stored_rows(config_maps, OWNER, "tickets-results") for row in page]
    assert [(row.id, row.category, len(row.values)) for row in back] == [
        (row.id, row.category, len(FIELDS)) for row in ROWS
    ]


@pytest.mark.parametrize("format", ["csv", "jsonl"])
def test_without_fields_the_bytes_are_the_same_as_ever(format: str) -> None:
    row: Row = labeled("1")

    assert form_of(format).record(row) == form_of(format, ()).record(row)
    assert "urgency" not in form_of(format).header + form_of(format).record(row)
    if format == "csv":
        assert (
            form_of(format).header == "id,category,verdict,reason,model,batchId,classifiedAt,inputTokens,outputTokens\n"
        )
