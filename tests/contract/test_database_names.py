"""Tables whose names differ from the one that is given in capitals, and ids that a source's type pads."""

from __future__ import annotations

from typing import Any

import pytest

from nightsort.adapters.sql.source import DatabaseSource
from nightsort.api.columns import ResultColumns, TicketColumns
from nightsort.domain.errors import Stalled
from nightsort.domain.stored import Rehearsal
from nightsort.testing.sink_contract import chunks, labeled
from tests.cases import statements
from tests.contract.databases import (
    ANY_HOST,
    TestDatabase,
    database,
    only_mariadb,
    only_postgresql,
    only_sqlite,
)
from tests.contract.tables import Mode, sink_of

__all__ = ["database"]

IDS = Rehearsal(2, ("billing",), ("T-1", "T-2"), "claude-haiku-4-5")
PLAIN = ResultColumns()


async def fill(database: TestDatabase, table: str, mode: Mode = "Upsert") -> None:
    sink = sink_of(database, mode, PLAIN, table)
    await sink.check(IDS)
    await sink.write(chunks(labeled("T-1"), labeled("T-2")))


def tables(database: TestDatabase) -> set[str]:
    return {str(name) for (name,) in database.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}


# --- names ------------------------------------------------------------------------------------------------------------


@only_postgresql
@pytest.mark.parametrize("name", ["Ticket_Labels", "TICKET_LABELS", "Public.Ticket_Labels"])
async def test_an_upsert_finds_the_table_that_its_name_means(database: TestDatabase, name: str) -> None:
    database.run(*statements("upsert-beside-folded-name.sql"))

    await fill(database, name)

    assert tables(database) == {"ticket_labels"}
    assert database.rows("SELECT COUNT(*) FROM Ticket_Labels WHERE category = 'billing'") == [(2,)]


@only_postgresql
async def test_an_update_finds_it_too(database: TestDatabase) -> None:
    database.run(*statements("upsert-beside-folded-name.sql"), "INSERT INTO Ticket_Labels (id) VALUES ('T-1')")

    await fill(database, "Ticket_Labels", "Update")

    assert database.rows("SELECT category FROM ticket_labels") == [("billing",)]


@only_postgresql
async def test_the_table_of_the_very_name_goes_before_the_folded_one(database: TestDatabase) -> None:
    database.run(
        *statements("upsert-beside-folded-name.sql"),
        'CREATE TABLE "Ticket_Labels" (id text PRIMARY KEY, category text)',
    )

    await fill(database, "Ticket_Labels")

    assert database.rows('SELECT COUNT(*) FROM "Ticket_Labels"') == [(2,)]
    assert database.rows("SELECT COUNT(*) FROM ticket_labels") == [(0,)]


@only_postgresql
@pytest.mark.parametrize("mode", ["Update", "Upsert"])
@pytest.mark.parametrize("name", ["ticket_labels", "Ticket_Labels", "public.ticket_labels"])
async def test_a_table_that_only_its_exact_name_means_is_asked_about(
    database: TestDatabase, mode: Mode, name: str
) -> None:
    database.run('CREATE TABLE "TICKET_LABELS" (id text PRIMARY KEY, category text)')

    with pytest.raises(Stalled) as caught:
        await sink_of(database, mode, PLAIN, name).check(IDS)

    assert caught.value.reason == "TableAlike"
    assert "TICKET_LABELS'" in caught.value.message
    assert tables(database) == {"TICKET_LABELS"}


@only_mariadb
async def test_mariadb_tells_capitals_apart_and_so_is_asked_about(database: TestDatabase) -> None:
    database.run("CREATE TABLE ticket_labels (id varchar(40) PRIMARY KEY, category text)")

    with pytest.raises(Stalled) as caught:
        await sink_of(database, "Upsert", PLAIN, "Ticket_Labels").check(IDS)

    assert caught.value.reason == "TableAlike"
    assert database.rows("SHOW TABLES") == [("ticket_labels",)]


@only_sqlite
async def test_sqlite_takes_capitals_for_the_same(database: TestDatabase) -> None:
    database.run("CREATE TABLE ticket_labels (id text PRIMARY KEY, category text)")

    await fill(database, "Ticket_Labels")

    assert database.rows("SELECT COUNT(*) FROM ticket_labels") == [(2,)]


# --- ids that are padded ----------------------------------------------------------------------------------------------


def source_of(database: TestDatabase, **columns: Any) -> DatabaseSource:
    query, given = "SELECT id, body FROM tickets", TicketColumns.model_validate(columns)
    return DatabaseSource(database.url, query, given, frozenset({"body"}), ANY_HOST, page_rows=1)


async def ids_of(source: DatabaseSource) -> tuple[str, ...]:
    return tuple([ticket.id async for page in source.tickets() for ticket in page])


async def label_all(database: TestDatabase, source: DatabaseSource) -> None:
    ids = await ids_of(source)
    sink = sink_of(database, "Upsert", PLAIN, "labels")
    await sink.check(Rehearsal(len(ids), ("billing",), ids, "claude-haiku-4-5"))
    await sink.write(chunks(*(labeled(each) for each in ids)))


@only_postgresql
@pytest.mark.parametrize("kind", [None, "text", "varchar(20)", "char(8)", "char(12)"])
async def test_joins_find_each_row_of_padded_ids(database: TestDatabase, kind: str | None) -> None:
    database.run(*statements("padded-ids.sql"))
    if kind is not None:
        database.run(f"CREATE TABLE labels (id {kind} PRIMARY KEY, category text)")
    source = source_of(database)
    await source.check()

    await label_all(database, source)

    assert await ids_of(source) == ("T-1", "T-2")
    assert database.rows("SELECT count(*) FROM tickets t JOIN labels l ON l.id = t.id") == [(2,)]
    assert database.rows("SELECT count(*) FROM tickets t JOIN labels l ON t.id = l.id") == [(2,)]


@only_postgresql
async def test_a_padded_id_is_found_again_however_it_was_read(database: TestDatabase) -> None:
    """Earlier versions have bought under the id with its spaces."""
    database.run(*statements("padded-ids.sql"))

    found = await source_of(database).by_ids(["T-1", "T-2     "])

    assert {ticket.id for ticket in found} == {"T-1", "T-2     "}


@only_postgresql
async def test_a_padded_part_of_a_key_loses_its_spaces_too(database: TestDatabase) -> None:
    database.run(*statements("padded-ids.sql"))

    assert await ids_of(source_of(database, key=["id", "body"])) == (
        '["T-1", "I was charged twice"]',
        '["T-2", "I cannot log in"]',
    )


@only_postgresql
@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("integer", "7"),
        ("bigint", "9007199254740993"),
        ("numeric(12,3)", "1.500"),
        ("uuid", "0D4E0CE6-5B5E-4A9C-8D1F-3F2A1B0C9D8E"),
        ("date", "2026-01-01"),
        ("timestamp", "2026-01-01 00:00:00.5"),
        ("timestamptz", "2026-01-01 00:00:00.25+02"),
        ("char(8)", "T-1"),
        ("varchar(8)", "T-1 "),
        ("text", " T-1 "),
    ],
)
async def test_joins_by_the_sources_own_type_find_each_row(database: TestDatabase, kind: str, value: str) -> None:
    database.run(f"CREATE TABLE tickets (id {kind} PRIMARY KEY, body text)", f"INSERT INTO tickets VALUES ('{value}')")

    await label_all(database, source_of(database))

    assert database.rows(f"SELECT count(*) FROM tickets t JOIN labels l ON CAST(l.id AS {kind}) = t.id") == [(1,)]


@only_mariadb
@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("int", "7"),
        ("bigint", "9007199254740992"),
        ("decimal(12,3)", "1.500"),
        ("uuid", "0D4E0CE6-5B5E-4A9C-8D1F-3F2A1B0C9D8E"),
        ("date", "2026-01-01"),
        ("datetime(3)", "2026-01-01 00:00:00.500"),
        ("char(8)", "T-1"),
        ("varchar(8)", "T-1"),
        ("varchar(8) CHARACTER SET latin1", "T-é"),
        ("varchar(8) COLLATE utf8mb4_general_ci", "T-1"),
        ("varchar(8) COLLATE utf8mb4_unicode_ci", "🎟"),
        ("char(8) CHARACTER SET ascii COLLATE ascii_bin", "T-1"),
    ],
)
async def test_joins_in_mariadb_find_each_row(database: TestDatabase, kind: str, value: str) -> None:
    database.run(
        f"CREATE TABLE tickets (id {kind} PRIMARY KEY, body text)", f"INSERT INTO tickets VALUES ('{value}', '')"
    )

    await label_all(database, source_of(database))

    assert database.rows("SELECT count(*) FROM tickets t JOIN labels l ON l.id = t.id") == [(1,)]


@only_sqlite
@pytest.mark.parametrize("kind", ["", "INTEGER", "TEXT", "CHAR(8)", "NUMERIC", "BLOB"])
@pytest.mark.parametrize("value", ["7", "'T-1'", "'T-1 '"])
async def test_joins_in_sqlite_find_each_row(database: TestDatabase, kind: str, value: str) -> None:
    database.run(f"CREATE TABLE tickets (id {kind}, body text)", f"INSERT INTO tickets VALUES ({value}, '')")

    await label_all(database, source_of(database))

    assert database.rows("SELECT count(*) FROM tickets t JOIN labels l ON l.id = CAST(t.id AS TEXT)") == [(1,)]
