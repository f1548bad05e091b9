"""Tickets that several columns identify, and tables in which one column does not tell rows apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from nightsort.adapters.sql.source import DatabaseSource
from nightsort.api.columns import ResultColumns, TicketColumns
from nightsort.domain.errors import Stalled
from nightsort.domain.stored import Rehearsal
from nightsort.domain.ticket import Ticket
from nightsort.testing.sink_contract import chunks, labeled
from tests.cases import statements
from tests.contract.databases import ANY_HOST, TestDatabase, database
from tests.contract.tables import TEXT, Mode, sink_of

__all__ = ["database"]

ACME = "SELECT tenant, id, body FROM tickets WHERE tenant = 'acme'"
BOTH = ("tenant", "id")


def make_tenants(database: TestDatabase) -> None:
    """The case's table, with a length where MariaDB wants one for a key."""
    text = TEXT[database.kind].replace("600", "60")
    for statement in statements("composite-key.sql"):
        database.run(statement.replace("tenant text, id text", f"tenant {text}, id {text}"))


def source_of(database: TestDatabase, query: str = ACME, page_rows: int = 1000, **columns: Any) -> DatabaseSource:
    given = TicketColumns.model_validate({"key": BOTH} | columns)
    return DatabaseSource(database.url, query, given, frozenset({"body"}), ANY_HOST, page_rows=page_rows)


async def all_of(source: DatabaseSource) -> Sequence[Ticket]:
    return [ticket async for page in source.tickets() for ticket in page]


async def refusal(database: TestDatabase, *ids: str, columns: ResultColumns, mode: Mode = "Update") -> Stalled:
    with pytest.raises(Stalled) as caught:
        await sink_of(database, mode, columns).check(Rehearsal(len(ids), ("billing",), ids, "claude-haiku-4-5"))
    return caught.value


def categories(database: TestDatabase, table: str = "tickets") -> Sequence[tuple[Any, ...]]:
    return database.rows(f"SELECT tenant, id, category FROM {table} ORDER BY tenant, id")


# --- a part of a key is none ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("others", [True, False])
async def test_an_update_by_a_part_of_the_key_stalls_and_names_the_rest(database: TestDatabase, others: bool) -> None:
    make_tenants(database)
    if not others:  # they may come at any time
        database.run("DELETE FROM tickets WHERE tenant <> 'acme'")

    stopped = await refusal(database, "1", "2", columns=ResultColumns())

    assert stopped.reason == "IdNotUnique"
    assert "'id', 'tenant'" in stopped.message
    assert "columns.key" in stopped.message


async def test_an_update_by_a_column_of_a_unique_index_of_several_stalls(database: TestDatabase) -> None:
    database.run(
        "CREATE TABLE tickets (number int PRIMARY KEY, shop int, id int, category varchar(9))",
        "CREATE UNIQUE INDEX one_each ON tickets (shop, id)",
        "INSERT INTO tickets VALUES (1, 1, 7, NULL)",
    )

    assert (await refusal(database, "7", columns=ResultColumns())).reason == "IdNotUnique"


async def test_labels_that_are_bought_are_stored_by_a_part_of_the_key_while_that_is_safe(
    database: TestDatabase,
) -> None:
    """Such as those of a run that an earlier version began."""
    make_tenants(database)
    database.run("DELETE FROM tickets WHERE tenant <> 'acme' AND id = '1'")
    sink = sink_of(database, columns=ResultColumns())

    await sink.write(chunks(labeled("1")))
    with pytest.raises(Stalled):
        await sink.write(chunks(labeled("2")))

    assert [row for row in categories(database) if row[2]] == [("acme", "1", "billing")]


async def test_an_id_with_an_index_of_its_own_beside_a_wider_key_is_unique(database: TestDatabase) -> None:
    database.run(
        "CREATE TABLE tickets (shop int, id int UNIQUE, category varchar(9), PRIMARY KEY (shop, id))",
        "INSERT INTO tickets VALUES (1, 7, NULL)",
    )

    await sink_of(database, columns=ResultColumns()).check(Rehearsal(1, ("billing",), ("7",), "m"))


async def test_ids_that_several_rows_have_are_found_among_all_of_the_run(database: TestDatabase) -> None:
    database.run("CREATE TABLE tickets (id int, category varchar(9))")
    database.insert("tickets", *({"id": number} for number in (*range(300), 299)))

    async def all_ids() -> Any:
        yield [str(number) for number in range(300)]

    with pytest.raises(Stalled) as caught:
        await sink_of(database, columns=ResultColumns()).check(
            Rehearsal(300, ("billing",), tuple(map(str, range(200))), "m", all_ids)
        )

    assert caught.value.reason == "IdNotUnique"
    assert "'299'" in caught.value.message


@pytest.mark.parametrize("overwrite", [True, False])
async def test_a_row_that_came_later_with_the_same_id_gets_no_label(database: TestDatabase, overwrite: bool) -> None:
    database.run(
        "CREATE TABLE tickets (id int, category varchar(9))", "INSERT INTO tickets VALUES (1, NULL), (2, NULL)"
    )
    sink = sink_of(database, columns=ResultColumns(), overwrite=overwrite)
    await sink.check(Rehearsal(2, ("billing",), ("1", "2"), "m"))
    database.run("INSERT INTO tickets VALUES (1, 'by hand')")

    with pytest.raises(Stalled) as caught:
        await sink.write(chunks(labeled("1"), labeled("2")))

    assert caught.value.reason == "IdNotUnique"
    assert sorted(database.rows("SELECT category FROM tickets WHERE category IS NOT NULL")) == [("by hand",)]


# --- a key of several columns -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("page_rows", [1, 1000])
async def test_a_key_of_two_columns_goes_from_source_to_table(database: TestDatabase, page_rows: int) -> None:
    make_tenants(database)
    source = source_of(database, page_rows=page_rows)
    await source.check()
    tickets = await all_of(source)
    sink = sink_of(database, columns=ResultColumns(key=BOTH))
    await sink.check(Rehearsal(2, ("billing",), tuple(ticket.id for ticket in tickets), "m"))

    stored = await sink.write(chunks(*(labeled(ticket.id) for ticket in tickets)))

    assert await source.count() == len(tickets) == 2
    assert stored.without_row == 0
    assert categories(database) == [
        ("acme", "1", "billing"),
        ("acme", "2", "billing"),
        ("globex", "1", None),
        ("globex", "2", None),
    ]


async def test_tickets_are_found_again_by_their_key(database: TestDatabase) -> None:
    make_tenants(database)
    source = source_of(database, "SELECT * FROM tickets")
    tickets = await all_of(source)

    found = await source.by_ids([tickets[0].id, tickets[3].id])

    assert len({ticket.id for ticket in tickets}) == 4
    assert {ticket.id: ticket.fields for ticket in found} == {
        ticket.id: ticket.fields for ticket in (tickets[0], tickets[3])
    }


@pytest.mark.parametrize("tenant", ['a"b', "a\\b", "größe, 🎟", "a', 'b", "%(id)s", "[1]"])
async def test_parts_of_a_key_may_hold_anything(database: TestDatabase, tenant: str) -> None:
    make_tenants(database)
    database.run("DELETE FROM tickets")
    database.insert("tickets", {"tenant": tenant, "id": "1", "body": "b"}, {"tenant": "x", "id": "1", "body": "b"})
    tickets = await all_of(source_of(database, "SELECT tenant, id, body FROM tickets WHERE tenant <> 'x'"))

    for mode, table in (("Update", "tickets"), ("Upsert", "labels")):
        sink = sink_of(database, "Update" if mode == "Update" else "Upsert", ResultColumns(key=BOTH), table)
        await sink.check(Rehearsal(1, ("billing",), tuple(ticket.id for ticket in tickets), "m"))
        await sink.write(chunks(labeled(tickets[0].id)))

    assert sorted(categories(database)) == sorted([(tenant, "1", "billing"), ("x", "1", None)])
    assert categories(database, "labels") == [(tenant, "1", "billing")]


async def test_an_upsert_makes_its_table_with_the_whole_key(database: TestDatabase) -> None:
    make_tenants(database)
    tickets = await all_of(source_of(database, "SELECT * FROM tickets"))
    sink = sink_of(database, "Upsert", ResultColumns(key=BOTH), "labels")
    for category in ("account", "billing"):
        await sink.write(chunks(*(labeled(ticket.id, category) for ticket in tickets)))

    found = [row[:2] for row in categories(database, "labels")]
    assert found == [row[:2] for row in categories(database)]
    assert {row[2] for row in categories(database, "labels")} == {"billing"}


async def test_numbers_are_parts_of_a_key_as_well(database: TestDatabase) -> None:
    database.run(
        "CREATE TABLE tickets (tenant int, id int, body varchar(9), category varchar(9), PRIMARY KEY (tenant, id))",
        "INSERT INTO tickets VALUES (1, 11, 'b', NULL), (11, 1, 'b', NULL), (1, 1, 'b', NULL)",
    )
    tickets = await all_of(source_of(database, "SELECT * FROM tickets WHERE id = 1"))

    await sink_of(database, columns=ResultColumns(key=BOTH)).write(chunks(*(labeled(each.id) for each in tickets)))

    assert [row for row in categories(database) if row[2] is None] == [(1, 11, None)]


async def test_a_key_with_a_missing_part_is_none(database: TestDatabase) -> None:
    make_tenants(database)
    query = "SELECT CASE WHEN id = '1' THEN tenant END AS tenant, id, body FROM tickets"

    with pytest.raises(Stalled) as caught:
        await source_of(database, query).check()

    assert caught.value.reason == "EmptyIds"


async def test_ids_that_are_no_list_stall_at_a_key_of_two_columns(database: TestDatabase) -> None:
    make_tenants(database)

    for wrong in ("1", '["acme"]', '["acme", 1]', '{"a": "b"}', "[", '["a", "b", "c"]'):
        stopped = await refusal(database, wrong, columns=ResultColumns(key=BOTH))
        assert stopped.reason == "KeyMismatch"


async def test_an_id_far_behind_that_is_no_list_is_found_beforehand(database: TestDatabase) -> None:
    database.run("CREATE TABLE tickets (tenant int, id int, category varchar(9), PRIMARY KEY (tenant, id))")
    database.run("INSERT INTO tickets VALUES (1, 1, NULL)")

    async def all_ids() -> Any:
        yield ['["1", "1"]']
        yield ["2"]

    with pytest.raises(Stalled) as caught:
        await sink_of(database, columns=ResultColumns(key=BOTH)).check(
            Rehearsal(2, ("billing",), ('["1", "1"]',), "m", all_ids)
        )

    assert caught.value.reason == "KeyMismatch"
    assert "'2'" in caught.value.message


async def test_a_key_column_that_is_missing_is_named(database: TestDatabase) -> None:
    make_tenants(database)

    assert "'shop'" in (await refusal(database, "1", columns=ResultColumns(key=("shop", "id")))).message
    with pytest.raises(Stalled, match="'shop'"):
        await source_of(database, key=("shop", "id")).check()
