"""Rows into tables of real databases."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest
import sqlalchemy as sa

from nightsort.adapters.sql.database import CONNECT_ARGUMENTS
from nightsort.adapters.sql.policy import DatabasePolicy
from nightsort.api.columns import ResultColumns
from nightsort.domain.answer import Row, Verdict
from nightsort.domain.errors import Stalled, Waiting
from nightsort.domain.stored import Rehearsal, Stored
from nightsort.ports import Sink
from nightsort.testing.sink_contract import CLASSIFIED, THREE, SinkContract, Store, chunks, failed, labeled
from tests.contract.databases import (
    TestDatabase,
    database,
    only_mariadb,
    only_postgresql,
    only_servers,
)
from tests.contract.tables import TEXT, Mode, a_user_with, refusal, sink_of
from tests.support.processes import free_ports
from tests.support.waiting import eventually

__all__ = ["database"]

ALL = ResultColumns.model_validate({name: name for name in ResultColumns.model_fields if name not in ("key", "fields")})


def make_tickets(database: TestDatabase, *ids: object, id_type: str = "int PRIMARY KEY", body: str = "a body") -> None:
    database.run(
        f"CREATE TABLE tickets (id {id_type}, body varchar(50), category varchar(64), verdict varchar(20), reason text)"
    )
    if ids:
        database.insert("tickets", *({"id": each, "body": body} for each in ids))


def read(database: TestDatabase, columns: str = "id, category, verdict, reason") -> Sequence[tuple[Any, ...]]:
    return database.rows(f"SELECT {columns} FROM tickets ORDER BY id")


@dataclass
class Table:
    database: TestDatabase
    mode: Mode
    overwrite: bool

    def sink(self) -> Sink:
        return sink_of(self.database, self.mode, overwrite=self.overwrite)

    def read(self) -> dict[str, tuple[str | None, str]]:
        if not sa.inspect(self.database.engine()).has_table("tickets"):
            return {}
        rows = read(self.database)
        return {str(row[0]): (row[1], row[2]) for row in rows if row[2] is not None}


class TestUpdate(SinkContract):
    @pytest.fixture(params=[False, True])
    def store(self, database: TestDatabase, request: pytest.FixtureRequest) -> Store:
        make_tickets(database, 1, 2, 3)
        return Table(database, "Update", request.param)


class TestUpsert(SinkContract):
    @pytest.fixture
    def store(self, database: TestDatabase) -> Store:
        return Table(database, "Upsert", False)


# --- Update -----------------------------------------------------------------------------------------------------------


async def test_an_update_fills_only_rows_without_a_category(database: TestDatabase) -> None:
    make_tickets(database, 1, 2, 3)
    database.run("UPDATE tickets SET category = 'by hand' WHERE id IN (1, 2)")

    await sink_of(database).write(chunks(labeled("1"), failed("2"), labeled("3")))

    assert read(database) == [(1, "by hand", None, None), (2, "by hand", None, None), (3, "billing", "Labeled", None)]


async def test_an_overwriting_update_replaces_categories_but_never_by_nothing(database: TestDatabase) -> None:
    make_tickets(database, 1, 2, 3)
    database.run("UPDATE tickets SET category = 'old', verdict = 'Unknown', reason = 'old' WHERE id IN (1, 2)")

    await sink_of(database, overwrite=True).write(chunks(labeled("1"), failed("2"), failed("3")))

    assert read(database) == [
        (1, "billing", "Labeled", None),
        (2, "old", "Unknown", "old"),
        (3, None, "Errored", "api_error"),
    ]


@pytest.mark.parametrize(("mode", "overwrite"), [("Update", False), ("Update", True), ("Upsert", False)])
async def test_a_ticket_that_failed_and_is_labelled_later_ends_labelled(
    database: TestDatabase, mode: Mode, overwrite: bool
) -> None:
    make_tickets(database, 1, 2)
    sink = sink_of(database, mode, overwrite=overwrite)

    await sink.write(chunks(failed("1"), failed("2")))
    await sink.write(chunks(labeled("1")))
    await sink.write(chunks(failed("1"), failed("2", "expired")))

    assert read(database) == [(1, "billing", "Labeled", None), (2, None, "Errored", "expired")]


async def test_of_two_rows_for_a_ticket_in_one_write_the_labelled_one_stays(database: TestDatabase) -> None:
    make_tickets(database, 1, 2)

    await sink_of(database, "Upsert", transaction_rows=100).write(
        chunks(failed("1"), labeled("1"), labeled("2"), failed("2"), size=3)
    )

    assert [row[1] for row in read(database)] == ["billing", "billing"]


async def test_a_ticket_that_was_deleted_meanwhile_is_no_error_and_not_made_again(database: TestDatabase) -> None:
    make_tickets(database, 1)

    await sink_of(database).write(chunks(labeled("1"), labeled("2")))

    assert read(database, "id, category") == [(1, "billing")]


async def test_a_table_whose_id_is_no_key_can_be_updated(database: TestDatabase) -> None:
    make_tickets(database, "a", "b", "c", id_type=TEXT[database.kind])
    sink = sink_of(database)
    await sink.check(Rehearsal(2))

    await sink.write(chunks(labeled("a"), labeled("b")))

    assert [row[1] for row in read(database)] == ["billing", "billing", None]


async def test_25000_rows_are_stored_exactly_once(database: TestDatabase) -> None:
    make_tickets(database, *range(25_000))
    rows = [labeled(str(number), f"category {number % 7}") for number in reversed(range(25_000))]

    stored = await sink_of(database, transaction_rows=10_000).write(chunks(*rows, size=1000))

    assert stored == Stored({"table": "tickets"})
    assert read(database, "id, category") == [(number, f"category {number % 7}") for number in range(25_000)]
    assert read(database, "body")[0] == ("a body",)


@only_servers
async def test_rows_find_their_tickets_by_uuid(database: TestDatabase) -> None:
    ids = [f"00000000-0000-0000-0000-00000000000{number}" for number in range(3)]
    make_tickets(database, *ids, id_type="uuid PRIMARY KEY")

    await sink_of(database).write(chunks(*(labeled(each) for each in ids)))

    assert [row[0] for row in read(database, "category")] == ["billing"] * 3


@only_postgresql
async def test_columns_of_other_types_take_what_fits(database: TestDatabase) -> None:
    database.run(
        "CREATE TYPE kind AS ENUM ('billing', 'account')",
        "CREATE TABLE tickets (id bigint PRIMARY KEY, category kind, model varchar(40), classified_at timestamp)",
        "INSERT INTO tickets VALUES (1), (2)",
    )
    sink = sink_of(database, columns=ResultColumns(model="model", classified_at="classified_at"))
    await sink.check(Rehearsal(2))

    await sink.write(chunks(labeled("1"), labeled("2", "account")))

    assert database.rows("SELECT * FROM tickets ORDER BY id") == [
        (1, "billing", "claude-haiku-4-5", CLASSIFIED.replace(tzinfo=None)),
        (2, "account", "claude-haiku-4-5", CLASSIFIED.replace(tzinfo=None)),
    ]


@only_mariadb
async def test_a_timestamp_of_mariadb_is_the_time_itself_wherever_the_server_is(database: TestDatabase) -> None:
    database.run(
        "CREATE TABLE tickets (id int PRIMARY KEY, category ENUM('billing'), at TIMESTAMP NULL)",
        "INSERT INTO tickets (id) VALUES (1)",
    )
    database.run("SET GLOBAL time_zone = '+05:00'")
    try:
        await sink_of(database, columns=ResultColumns(classified_at="at")).write(chunks(labeled("1")))
    finally:
        database.run("SET GLOBAL time_zone = SYSTEM")

    assert database.rows("SELECT UNIX_TIMESTAMP(at) FROM tickets") == [(int(CLASSIFIED.timestamp()),)]


# --- Upsert -----------------------------------------------------------------------------------------------------------


async def test_an_upsert_makes_its_table_with_all_columns(database: TestDatabase) -> None:
    sink = sink_of(database, "Upsert", ALL)
    await sink.check(Rehearsal(1))
    assert read(database) == []

    await sink.write(chunks(labeled("1"), failed("2")))

    first, second = database.rows("SELECT * FROM tickets ORDER BY id")
    assert first[:6] == ("1", "billing", "Labeled", None, "claude-haiku-4-5", "msgbatch_01")
    assert first[7:] == (120, 5, None, None, None)
    assert second[:4] == ("2", None, "Errored", "api_error")
    when = datetime.fromisoformat(first[6]) if isinstance(first[6], str) else first[6]
    assert when.replace(tzinfo=when.tzinfo or CLASSIFIED.tzinfo) == CLASSIFIED


async def test_an_upsert_replaces_the_results_of_an_earlier_run(database: TestDatabase) -> None:
    sink = sink_of(database, "Upsert")
    await sink.write(chunks(*THREE))

    await sink.write(chunks(labeled("1", "feedback"), labeled("4")))

    assert read(database, "id, category") == [("1", "feedback"), ("2", None), ("3", "account"), ("4", "billing")]


async def test_hostile_ids_names_and_values_are_stored_as_they_are(database: TestDatabase) -> None:
    columns = ResultColumns(id='Ticket "Id" `%s`', category="50% :off", verdict="select", reason="Größe ?")
    ids = ["'; DROP TABLE tickets; --", "emoji 🎟️", "x" * 500, "a\tb\\N\n", "%(id)s", "A", "a", '"', "\\"]
    sink = sink_of(database, "Upsert", columns, table="Order")
    await sink.check(Rehearsal(1))

    for _ in range(2):
        await sink.write(
            chunks(*(labeled(each, 'c "ß" \\ %') for each in ids), Row("n", None, Verdict.ERRORED, "\0\ud800"))
        )

    names = ", ".join(database.quote(name) for name in ('Ticket "Id" `%s`', "50% :off", "Größe ?"))
    names = names if database.kind == "sqlite" else names.replace("%", "%%")
    stored = database.rows(f"SELECT {names} FROM {database.quote('Order')}")
    assert sorted(stored) == sorted([*((each, 'c "ß" \\ %', None) for each in ids), ("n", None, "?")])


async def test_a_long_reason_is_cut_to_what_fits(database: TestDatabase) -> None:
    database.run("CREATE TABLE tickets (id int PRIMARY KEY, category text, verdict text, reason varchar(20))")
    sink = sink_of(database, "Upsert")

    await sink.write(chunks(failed("1", "ä" * 5000)))

    assert database.rows("SELECT reason FROM tickets") == [("ä" * (500 if database.kind == "sqlite" else 20),)]


@only_mariadb
async def test_an_emoji_in_a_reason_does_not_stop_a_table_that_cannot_hold_it(database: TestDatabase) -> None:
    database.run("CREATE TABLE tickets (id int PRIMARY KEY, category text, verdict text, reason text) CHARSET latin1")

    await sink_of(database, "Upsert").write(chunks(failed("1", "the answer '🙂' is none")))

    assert database.rows("SELECT reason FROM tickets") == [("the answer '\\U0001f642' is none",)]


@only_postgresql
async def test_a_table_may_have_a_schema(database: TestDatabase) -> None:
    database.run("CREATE SCHEMA results")
    await sink_of(database, "Upsert", table="results.select").write(chunks(*THREE))

    assert database.rows('SELECT COUNT(*) FROM results."select"') == [(3,)]


@pytest.mark.parametrize("key", ["", ", UNIQUE (id, verdict)", ", PRIMARY KEY (verdict, id)"])
async def test_an_upsert_needs_a_key_on_the_id_alone(database: TestDatabase, key: str) -> None:
    database.run(f"CREATE TABLE tickets (id int, category varchar(9), verdict varchar(9), reason text{key})")

    stopped = await refusal(sink_of(database, "Upsert"))

    assert (type(stopped), stopped.reason) == (Stalled, "KeyMissing")
    assert "column 'id' of table 'tickets'" in stopped.message


@pytest.mark.parametrize("key", ["PRIMARY KEY (id)", "UNIQUE (id)"])
async def test_an_upsert_takes_a_table_with_a_key_and_columns_of_its_own(database: TestDatabase, key: str) -> None:
    database.run(f"CREATE TABLE tickets (own int DEFAULT 7, ID int, category text, verdict text, reason text, {key})")
    sink = sink_of(database, "Upsert")
    await sink.check(Rehearsal(3))
    await sink.write(chunks(*THREE))

    assert read(database, "id, own") == [(1, 7), (2, 7), (3, 7)]


# --- what is refused before anything is bought ------------------------------------------------------------------------


async def test_a_missing_table_stalls(database: TestDatabase) -> None:
    stopped = await refusal(sink_of(database))

    assert (type(stopped), stopped.reason) == (Stalled, "TableMissing")
    assert "no table 'tickets'" in stopped.message


@pytest.mark.parametrize("mode", ["Update", "Upsert"])
async def test_missing_columns_stall_and_are_named(database: TestDatabase, mode: Mode) -> None:
    database.run("CREATE TABLE tickets (id int PRIMARY KEY, verdict text)")

    stopped = await refusal(sink_of(database, mode, ALL))

    assert (type(stopped), stopped.reason) == (Stalled, "ColumnMissing")
    assert "'category', 'reason', 'model'" in stopped.message
    assert "'verdict'" not in stopped.message


@only_postgresql
@pytest.mark.parametrize("grant", ["SELECT ON tickets", "UPDATE ON tickets", "SELECT (body) ON tickets"])
async def test_missing_rights_stall_in_postgresql(database: TestDatabase, grant: str) -> None:
    make_tickets(database, 1)
    with a_user_with(database, f"GRANT {grant} TO {{user}}") as limited:
        stopped = await refusal(sink_of(limited))

    assert (type(stopped), stopped.reason) == (Stalled, "PermissionDenied")
    assert "needs SELECT and UPDATE" in stopped.message


@only_postgresql
async def test_rights_on_the_columns_are_enough_in_postgresql(database: TestDatabase) -> None:
    make_tickets(database, 1)
    grant = "GRANT SELECT (id, category, verdict, reason), UPDATE (category, verdict, reason) ON tickets TO {user}"
    with a_user_with(database, grant) as limited:
        await sink_of(limited).check(Rehearsal(1))
        await sink_of(limited).write(chunks(labeled("1")))

    assert read(database, "category") == [("billing",)]


@only_mariadb
@pytest.mark.parametrize(
    ("grants", "enough"),
    [
        ("GRANT SELECT, UPDATE ON tickets TO {user}", False),
        ("GRANT CREATE TEMPORARY TABLES ON {database}.* TO {user}; GRANT SELECT ON tickets TO {user}", False),
        ("GRANT CREATE TEMPORARY TABLES ON {database}.* TO {user}; GRANT SELECT, UPDATE ON tickets TO {user}", True),
    ],
)
async def test_rights_are_known_before_anything_is_bought_in_mariadb(
    database: TestDatabase, grants: str, enough: bool
) -> None:
    make_tickets(database, 1)
    with a_user_with(database, *grants.split("; ")) as limited:
        if enough:
            await sink_of(limited).check(Rehearsal(1))
            await sink_of(limited).write(chunks(labeled("1")))
        else:
            stopped = await refusal(sink_of(limited))
            assert stopped.reason in ("PermissionDenied", "DatabaseMissing")


# --- what goes wrong while rows are written ---------------------------------------------------------------------------


@only_servers
async def test_an_id_that_the_column_cannot_hold_stalls_without_showing_it(database: TestDatabase) -> None:
    make_tickets(database, 1)

    with pytest.raises(Stalled) as caught:
        await sink_of(database).write(chunks(labeled("no number")))

    assert (caught.value.reason, "no number" in caught.value.message) == ("ValueRefused", False)
    assert database.kind == "postgresql" or "column id" in caught.value.message


@only_servers
async def test_a_category_that_is_too_long_stalls_and_is_not_cut(database: TestDatabase) -> None:
    database.run(
        "CREATE TABLE tickets (id int PRIMARY KEY, category varchar(3))", "INSERT INTO tickets VALUES (1, NULL)"
    )

    with pytest.raises(Stalled, match="does not fit"):
        await sink_of(database, columns=ResultColumns()).write(chunks(labeled("1")))

    assert read(database, "category") == [(None,)]


async def test_a_lock_that_others_hold_is_waited_for(database: TestDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nightsort.adapters.sql.session.LOCK_SECONDS", 1)
    monkeypatch.setitem(CONNECT_ARGUMENTS["sqlite"], "timeout", 1)
    make_tickets(database, 1)
    with database.engine().connect() as holder:
        holder.exec_driver_sql("BEGIN IMMEDIATE" if database.kind == "sqlite" else "UPDATE tickets SET body = 'x'")
        with pytest.raises(Waiting) as caught:
            await sink_of(database).write(chunks(labeled("1")))
        holder.rollback()

    assert caught.value.reason == "DatabaseLocked"
    await sink_of(database).write(chunks(labeled("1")))
    assert read(database, "category") == [("billing",)]


@only_servers
async def test_a_connection_that_is_lost_between_two_transactions_leaves_what_can_be_written_again(
    database: TestDatabase,
) -> None:
    make_tickets(database, 1, 2, 3)

    async def interrupted() -> AsyncIterator[Sequence[Row]]:
        yield THREE[:2]
        raise Waiting("the results were cut short")

    with pytest.raises(Waiting):
        await sink_of(database).write(interrupted())
    await sink_of(database).write(chunks(*THREE))

    assert read(database, "category") == [("billing",), (None,), ("account",)]


@only_servers
async def test_a_connection_that_the_server_ends_is_waited_for(database: TestDatabase) -> None:
    make_tickets(database, 1)
    with database.engine().connect() as holder:
        holder.exec_driver_sql("UPDATE tickets SET body = 'x'")
        writing = asyncio.create_task(sink_of(database).write(chunks(labeled("1"))))
        await asyncio.to_thread(end_the_waiting, database)
        with pytest.raises(Waiting):
            await writing


def end_the_waiting(database: TestDatabase) -> None:
    """Ends the connection that waits for a lock, as soon as there is one."""
    if database.kind == "postgresql":
        end = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        eventually(lambda: bool(database.rows(end)))
        return
    # Not information_schema.innodb_trx: it shows nothing new to those who look more often than ten times a second.
    running = (
        "SELECT id FROM information_schema.processlist "
        "WHERE db = DATABASE() AND info LIKE 'UPDATE%%nightsort_staged_rows%%' AND id <> CONNECTION_ID()"
    )
    eventually(lambda: bool(database.rows(running)))
    database.run(f"KILL CONNECTION {database.rows(running)[0][0]}")


async def test_a_server_that_is_not_there_is_waited_for() -> None:
    url = f"postgresql://user:hunter2@127.0.0.1:{free_ports(1)[0]}/tickets"

    stopped = await refusal(sink_of(TestDatabase("postgresql", url)))

    assert (type(stopped), stopped.reason) == (Waiting, "DatabaseUnreachable")


def test_sqlite_is_refused_where_the_policy_does_not_name_it() -> None:
    with pytest.raises(Stalled, match="allowed: postgresql"):
        sink_of(TestDatabase("sqlite", "sqlite:///x.db"), policy=DatabasePolicy(frozenset({"postgresql"}), ("*",)))
