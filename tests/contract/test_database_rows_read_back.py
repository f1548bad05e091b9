"""Rows of a run that its person reads back from a table, with credentials of their own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from nightsort.adapters.sql import stored_rows as adapter
from nightsort.adapters.sql.stored_rows import StoredRows, time_of
from nightsort.api.columns import ResultColumns
from nightsort.api.credentials import SecretRef
from nightsort.api.results import DatabaseResults
from nightsort.domain.answer import Row, Verdict
from nightsort.domain.errors import Stalled
from nightsort.domain.fields import AskedField
from nightsort.testing.sink_contract import chunks
from tests.contract.databases import ANY_HOST, TestDatabase, database, only_postgresql, only_sqlite
from tests.contract.tables import Mode, a_user_with, sink_of

__all__ = ["database"]

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
ALL = ResultColumns(
    verdict="verdict", reason="reason", model="model", batch_id="batch", classified_at="at", input_tokens="read",
    output_tokens="written",
)  # fmt: skip
ROWS = [
    Row("1", "billing", Verdict.LABELED, model="claude-haiku-5-5", batch_id="b1", classified_at=NOON, input_tokens=90),
    Row("2 '%s", None, Verdict.UNKNOWN, 'said "x"', batch_id="b2", output_tokens=3),
    Row("3 ä", "other", Verdict.UNKNOWN, "fallback", batch_id="b2"),
]


def of(columns: ResultColumns, mode: Mode = "Upsert") -> DatabaseResults:
    return DatabaseResults(url_secret_ref=SecretRef(name="db", key="url"), table="tickets", mode=mode, columns=columns)


def stored(
    database: TestDatabase, columns: ResultColumns, batches: Sequence[str], asked: Sequence[AskedField] = ()
) -> list[Row]:
    rows = StoredRows(database.url, of(columns), asked, batches, ANY_HOST)
    return [row for page in rows.pages() for row in page]


async def test_rows_are_read_back_as_they_were_stored_page_by_page(
    database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapter, "PAGE_ROWS", 1)
    await sink_of(database, "Upsert", ALL).write(chunks(*ROWS))

    assert sorted(stored(database, ALL, ["b1", "b2"]), key=lambda row: row.id) == ROWS


async def test_rows_of_other_runs_in_the_table_are_left_out(database: TestDatabase) -> None:
    await sink_of(database, "Upsert", ALL).write(chunks(*ROWS))

    assert stored(database, ALL, ["b1"]) == ROWS[:1]
    assert stored(database, ALL, []) == []


async def test_without_a_column_of_batches_every_row_that_was_written_is_read(database: TestDatabase) -> None:
    database.run("CREATE TABLE tickets (id int PRIMARY KEY, body varchar(50), category varchar(64))")
    database.insert("tickets", *({"id": number, "body": "a body"} for number in (9, 10, 11)))
    await sink_of(database, columns=ResultColumns()).write(
        chunks(Row("9", "billing", Verdict.LABELED), Row("10", "other", Verdict.LABELED))
    )

    assert stored(database, ResultColumns(), ["b1"]) == [
        Row("9", "billing", Verdict.LABELED),
        Row("10", "other", Verdict.LABELED),
    ]


async def test_ids_of_several_columns_are_read_as_they_were_sent(database: TestDatabase) -> None:
    columns = ResultColumns(key=("tenant", "id"), verdict="verdict", batch_id="batch")
    rows = [
        Row('["a", "1"]', "billing", Verdict.LABELED, batch_id="b1"),
        Row('["b", "1"]', None, Verdict.UNKNOWN, batch_id="b1"),
    ]
    await sink_of(database, "Upsert", columns).write(chunks(*rows))

    assert sorted(stored(database, columns, ["b1"]), key=lambda row: row.id) == rows


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("", "there is no table 'tickets'"),
        ("CREATE TABLE tickets (id int, category text)", "has no column 'verdict', 'reason'"),
    ],
)
@only_sqlite
def test_what_is_not_there_is_named(database: TestDatabase, table: str, told: str) -> None:
    if table:
        database.run(table)
    with pytest.raises(Stalled, match=told):
        StoredRows(database.url, of(ResultColumns(verdict="verdict", reason="reason")), (), (), ANY_HOST).check()


@only_sqlite
def test_a_verdict_that_is_none_is_told_and_not_repeated(database: TestDatabase) -> None:
    database.run(
        "CREATE TABLE tickets (id int, category text, verdict text)", "INSERT INTO tickets VALUES (1, 'a', 'secret')"
    )

    with pytest.raises(Stalled, match="somebody has changed it") as caught:
        stored(database, ResultColumns(verdict="verdict"), ())
    assert "secret" not in caught.value.message


@only_postgresql
async def test_who_may_only_read_the_table_reads_it(database: TestDatabase) -> None:
    await sink_of(database, "Upsert", ALL).write(chunks(*ROWS))

    with a_user_with(database, "GRANT SELECT ON tickets TO {user}") as reader:
        assert len(stored(reader, ALL, ["b1", "b2"])) == len(ROWS)
    with a_user_with(database) as stranger, pytest.raises(Stalled, match="SELECT on the table of the results"):
        stored(stranger, ALL, ["b1"])


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("2026-11-22 12:00:00+00:00", NOON),
        ("2026-11-22 13:00:00+01:00", NOON),
        (NOON.replace(tzinfo=None), NOON),
        ("noon", None),
        (7, None),
        (None, None),
    ],
)
def test_times_are_read_in_utc(value: object, told: datetime | None) -> None:
    assert time_of(value) == told
