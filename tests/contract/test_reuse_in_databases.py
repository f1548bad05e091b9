"""Rows of earlier runs in real databases, and the hashes beside them."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from nightsort.adapters.sql.sink import DatabaseSink
from nightsort.api.columns import ResultColumns
from nightsort.domain.errors import Stalled
from nightsort.testing.sink_contract import (
    HASH,
    OTHER_HASH,
    REHEARSAL,
    Reusable,
    ReusableSinkContract,
    chunks,
    failed,
    hashed,
    labeled,
)
from tests.contract.databases import ANY_HOST, TestDatabase, database, only_postgresql
from tests.contract.tables import Mode, a_user_with

__all__ = ["database"]

NAMED = ResultColumns(verdict="verdict", hash="seen")


def sink_of(database: TestDatabase, mode: Mode = "Upsert", columns: ResultColumns | None = None) -> DatabaseSink:
    columns = columns or ResultColumns(verdict="verdict")
    return DatabaseSink(database.url, "tickets", mode, columns, ANY_HOST, reuses=True, transaction_rows=2)


def make_tickets(database: TestDatabase, hash_type: str = "varchar(32)") -> None:
    database.run(
        f"CREATE TABLE tickets (id int PRIMARY KEY, category varchar(64), verdict varchar(20), seen {hash_type})"
    )
    database.insert("tickets", *({"id": each} for each in (1, 2, 3)))


@dataclass
class Table:
    database: TestDatabase
    mode: Mode
    columns: ResultColumns

    def sink(self) -> DatabaseSink:
        return sink_of(self.database, self.mode, self.columns)

    another_sink = sink


class TestUpsert(ReusableSinkContract):
    @pytest.fixture
    def reusable(self, database: TestDatabase) -> Reusable:
        return Table(database, "Upsert", ResultColumns(verdict="verdict"))


class TestUpdate(ReusableSinkContract):
    """Where the table of the tickets has a column for it."""

    @pytest.fixture
    def reusable(self, database: TestDatabase) -> Reusable:
        make_tickets(database)
        return Table(database, "Update", NAMED)


async def test_an_upsert_adds_its_column_to_a_table_of_an_earlier_version(database: TestDatabase) -> None:
    """Rows from before have no hash, so that each of their tickets is bought once more."""
    plain = DatabaseSink(database.url, "tickets", "Upsert", ResultColumns(verdict="verdict"), ANY_HOST)
    await plain.write(chunks(labeled("1"), failed("2")))

    sink = sink_of(database)
    await sink.check(REHEARSAL)
    await sink.write(chunks(hashed(failed("2"))))

    assert not plain.reuses
    assert set(await sink.unchanged(dict.fromkeys(("1", "2"), HASH))) == {"2"}
    stored = database.rows("SELECT id, category, hash FROM tickets ORDER BY id")
    assert stored == [("1", "billing", None), ("2", None, HASH)]


@only_postgresql
async def test_who_may_not_add_the_column_is_told_the_statement_before_anything_is_bought(
    database: TestDatabase,
) -> None:
    database.run("CREATE TABLE tickets (id text PRIMARY KEY, category text, verdict text)")
    with a_user_with(database, "GRANT SELECT, INSERT, UPDATE ON tickets TO {user}") as guest:
        with pytest.raises(Stalled, match='ALTER TABLE "tickets" ADD COLUMN "hash" text') as caught:
            await sink_of(guest).check(REHEARSAL)

        assert caught.value.reason == "ColumnMissing"
        database.run('ALTER TABLE tickets ADD COLUMN "hash" text')
        await sink_of(guest).check(REHEARSAL)


async def test_an_update_adds_no_column_to_the_table_of_the_tickets(database: TestDatabase) -> None:
    database.run("CREATE TABLE tickets (id int PRIMARY KEY, category varchar(64), verdict varchar(20))")
    database.insert("tickets", {"id": 1})

    with pytest.raises(Stalled, match="has no column 'seen'"):
        await sink_of(database, "Update", NAMED).check(REHEARSAL)


@pytest.mark.parametrize("mode", ["Update", "Upsert"])
async def test_a_label_of_a_former_text_goes_where_the_new_text_has_none(database: TestDatabase, mode: Mode) -> None:
    """And a row without a hash, as of a paused process or a cancelled run, replaces none."""
    make_tickets(database)
    sink = sink_of(database, mode, NAMED)
    await sink.write(chunks(*(hashed(labeled(each)) for each in ("1", "2", "3"))))

    changed, same, unsent = hashed(failed("1"), OTHER_HASH), hashed(failed("2")), hashed(failed("3"), None)
    await sink.write(chunks(changed, same, unsent))

    stored = database.rows("SELECT id, category, verdict, seen FROM tickets ORDER BY id")
    assert stored == [
        (1, None, "Errored", OTHER_HASH),
        (2, "billing", "Labeled", HASH),
        (3, "billing", "Labeled", HASH),
    ]


async def test_an_update_leaves_what_people_have_labelled(database: TestDatabase) -> None:
    make_tickets(database)
    database.run("UPDATE tickets SET category = 'by hand' WHERE id = 1")

    await sink_of(database, "Update", NAMED).write(chunks(hashed(labeled("1"))))

    assert database.rows("SELECT category, seen FROM tickets WHERE id = 1") == [("by hand", None)]


async def test_a_table_without_reuse_gets_no_column_of_hashes(database: TestDatabase) -> None:
    sink = DatabaseSink(database.url, "tickets", "Upsert", ResultColumns(verdict="verdict"), ANY_HOST)
    await sink.write(chunks(labeled("1")))

    assert len(database.rows("SELECT * FROM tickets")[0]) == len(("id", "category", "verdict"))
