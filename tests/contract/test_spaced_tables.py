"""Tables and schemas whose names have spaces or hyphens in them; views that leave out what has its label."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from nightsort.adapters.sql.sink import DatabaseSink
from nightsort.adapters.sql.source import DatabaseSource
from nightsort.api.columns import ResultColumns, TicketColumns
from nightsort.api.results import Table
from nightsort.domain.answer import Row, Verdict
from nightsort.domain.stored import Rehearsal
from tests.contract.databases import ANY_HOST, TestDatabase, database, only_postgresql, only_servers

__all__ = ["database"]

TABLES: TypeAdapter[str] = TypeAdapter(Table)


def sink_of(database: TestDatabase, table: str, mode: Any) -> DatabaseSink:
    return DatabaseSink(database.url, TABLES.validate_python(table), mode, ResultColumns(), ANY_HOST)


async def rows(*ids: int) -> AsyncIterator[Sequence[Row]]:
    yield [Row(str(each), "billing", Verdict.LABELED, "") for each in ids]


@pytest.mark.parametrize("mode", ["Update", "Upsert"])
@pytest.mark.parametrize("name", ["Support Tickets", "ticket-labels 2"])
async def test_a_table_may_have_spaces_in_its_name(database: TestDatabase, name: str, mode: str) -> None:
    quoted = database.quote(name)
    database.run(f"CREATE TABLE {quoted} (id integer PRIMARY KEY, body varchar(50), category varchar(50))")
    database.run(f"INSERT INTO {quoted} (id, body) VALUES (1, 'a'), (2, 'b')")
    query = f"SELECT id, body FROM {quoted} WHERE category IS NULL"
    source = DatabaseSource(database.url, query, TicketColumns(), frozenset({"body"}), ANY_HOST)
    sink = sink_of(database, name, mode)

    await source.check()
    await sink.check(Rehearsal(2, ("billing",), ("1", "2"), "m"))
    stored = await sink.write(rows(1, 2))

    assert stored.without_row == 0
    assert list(await sink.labeled(["1", "2"])) == ["1", "2"]
    assert await sink.place()
    assert database.rows(f"SELECT category FROM {quoted}") == [("billing",), ("billing",)]


@only_postgresql
async def test_a_schema_may_have_spaces_in_its_name(database: TestDatabase) -> None:
    database.run('CREATE SCHEMA "My Desk"', 'CREATE TABLE "My Desk"."My Labels" (id text PRIMARY KEY, category text)')

    await sink_of(database, "My Desk.My Labels", "Upsert").write(rows(1))

    assert database.rows('SELECT id, category FROM "My Desk"."My Labels"') == [("1", "billing")]


@pytest.mark.parametrize(
    "name", ["", " ", "a ", " a", "a.b.c", "a;b", 'a"b', "a`b", "a..b", "a. b", "1a", "a\tb", "a\n"]
)
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        TABLES.validate_python(name)


@only_servers
async def test_a_view_that_leaves_out_what_has_its_label_raises_no_alarm(database: TestDatabase) -> None:
    database.run(
        "CREATE TABLE tickets (id integer PRIMARY KEY, category varchar(50))",
        "INSERT INTO tickets (id) VALUES (1), (2), (3), (4)",
        "CREATE VIEW todo AS SELECT id, category FROM tickets WHERE category IS NULL",
    )
    sink = sink_of(database, "todo", "Update")

    first = await sink.write(rows(1, 2))
    again = await sink.write(rows(1, 2, 3))

    assert (first.without_row, again.without_row) == (0, 0)
    assert database.rows("SELECT id FROM tickets WHERE category IS NULL") == [(4,)]
