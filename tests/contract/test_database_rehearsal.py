"""What a table would do to the results is found out before anything is bought, on real databases."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from nightsort.adapters.sql.database import CONNECT_ARGUMENTS
from nightsort.domain.errors import Stalled, Waiting
from nightsort.domain.stored import Rehearsal
from nightsort.testing.sink_contract import chunks, failed, labeled
from tests.contract.databases import TestDatabase, database, only_mariadb, only_postgresql, only_servers, only_sqlite
from tests.contract.rehearsals import everything, make, refusal
from tests.contract.tables import TEXT, Mode, sink_of

__all__ = ["database"]

CATEGORIES = ("billing", "a category that is longer")
CI = "VARCHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci"


def rehearsal(*ids: str, categories: Sequence[str] = CATEGORIES) -> Rehearsal:
    return Rehearsal(len(ids), tuple(categories), ids, "claude-haiku-4-5")


# --- values that do not fit -------------------------------------------------------------------------------------------


@only_postgresql
@pytest.mark.parametrize("mode", ["Update", "Upsert"])
@pytest.mark.parametrize(
    ("category", "named"),
    [
        ("int", "category"),
        ("kind", "category"),
        ("varchar(9)", "category"),
        ("jsonb", "category"),
        ("text CONSTRAINT few CHECK (category IN ('billing'))", "few"),
        ("text CONSTRAINT known REFERENCES kinds (name)", "known"),
        ("text CONSTRAINT late REFERENCES kinds (name) DEFERRABLE INITIALLY DEFERRED", "late"),
    ],
)
async def test_a_category_that_does_not_fit_postgresql_stalls_before_anything_is_bought(
    database: TestDatabase, mode: Mode, category: str, named: str
) -> None:
    database.run(
        "CREATE TYPE kind AS ENUM ('billing')",
        "CREATE TABLE kinds (name text PRIMARY KEY)",
        "INSERT INTO kinds VALUES ('billing')",
    )
    make(database, f"int PRIMARY KEY, category {category}", 1)

    stopped = await refusal(database, rehearsal("1"), mode)

    assert (type(stopped), stopped.reason) == (Stalled, "ValueRefused")
    assert f"of {named})" in stopped.message
    assert "before anything was bought" in stopped.message


@only_mariadb
@pytest.mark.parametrize("mode", ["Update", "Upsert"])
@pytest.mark.parametrize(
    ("category", "named"),
    [
        ("int", "column category"),
        ("ENUM('billing')", "column category"),
        ("varchar(9)", "column category"),
        ("varchar(40) CHARACTER SET latin1", "column category"),
        ("varchar(40), CONSTRAINT few CHECK (category IN ('billing'))", "of few"),
        ("varchar(40), CONSTRAINT known FOREIGN KEY (category) REFERENCES kinds (name)", "of known"),
    ],
)
async def test_a_category_that_does_not_fit_mariadb_stalls_before_anything_is_bought(
    database: TestDatabase, mode: Mode, category: str, named: str
) -> None:
    database.run("CREATE TABLE kinds (name varchar(40) PRIMARY KEY)", "INSERT INTO kinds VALUES ('billing')")
    make(database, f"int PRIMARY KEY, category {category}", 1)

    stopped = await refusal(database, rehearsal("1", categories=["billing", "заказ и оплата"]), mode)

    assert (type(stopped), stopped.reason) == (Stalled, "ValueRefused")
    assert named in stopped.message


@only_sqlite
async def test_a_category_that_sqlite_refuses_stalls_before_anything_is_bought(database: TestDatabase) -> None:
    make(database, "int PRIMARY KEY, category text CHECK (category <> 'a category that is longer')", 1)

    assert (await refusal(database, rehearsal("1"))).reason == "ValueRefused"


@only_servers
@pytest.mark.parametrize("mode", ["Update", "Upsert"])
async def test_ids_of_the_source_that_the_column_cannot_hold_stall(database: TestDatabase, mode: Mode) -> None:
    make(database, "int PRIMARY KEY, category varchar(40)", 1)

    stopped = await refusal(database, rehearsal("T-1", "T-2"), mode)

    assert stopped.reason == "ValueRefused"
    assert "id" in stopped.message
    assert "T-1" not in stopped.message


async def test_an_upsert_into_a_table_with_another_column_that_must_be_given_stalls(database: TestDatabase) -> None:
    make(database, "int PRIMARY KEY, category varchar(40), customer int NOT NULL")

    stopped = await refusal(database, rehearsal("1"), "Upsert")

    assert stopped.reason == "ValueRefused"
    assert "customer" in stopped.message


async def test_an_upsert_into_a_column_that_failed_tickets_cannot_leave_empty_stalls(database: TestDatabase) -> None:
    make(database, "int PRIMARY KEY, category varchar(40) NOT NULL")

    stopped = await refusal(database, rehearsal("1", "2", "3"), "Upsert")

    assert stopped.reason == "ValueRefused"
    assert "category" in stopped.message


@only_postgresql
async def test_a_verdict_that_is_not_among_an_enums_words_stalls(database: TestDatabase) -> None:
    database.run(
        "CREATE TYPE word AS ENUM ('Labeled', 'Unknown')",
        "CREATE TABLE tickets (id int PRIMARY KEY, category text, verdict word, reason text)",
        "INSERT INTO tickets VALUES (1)",
    )

    assert "verdict" in (await refusal(database, rehearsal("1"))).message


# --- what a rehearsal leaves behind -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("mode", "overwrite"), [("Update", False), ("Update", True), ("Upsert", False)])
async def test_a_rehearsal_that_goes_well_leaves_every_row_as_it_was(
    database: TestDatabase, mode: Mode, overwrite: bool
) -> None:
    make(database, "int PRIMARY KEY, category varchar(40)", 1, 2, 3)
    database.run("UPDATE tickets SET category = 'by hand' WHERE id = 2")
    before = everything(database)

    await sink_of(database, mode, overwrite=overwrite).check(rehearsal("1", "2", "3", "4"))

    assert everything(database) == before


@only_mariadb
@pytest.mark.parametrize("mode", ["Update", "Upsert"])
async def test_a_table_whose_engine_takes_nothing_back_is_not_written_to(database: TestDatabase, mode: Mode) -> None:
    database.run(
        "CREATE TABLE tickets (id int PRIMARY KEY, category varchar(40), verdict text, reason text) ENGINE=MyISAM"
    )
    database.run("INSERT INTO tickets (id) VALUES (1)")
    database.run("CREATE VIEW seen AS SELECT * FROM tickets")
    before = everything(database)

    await sink_of(database, mode).check(rehearsal("1", "2"))
    if mode == "Update":
        await sink_of(database, mode, table="seen").check(rehearsal("1", "2"))

    assert everything(database) == before


async def test_a_rehearsal_waits_for_rows_that_others_hold(
    database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nightsort.adapters.sql.session.LOCK_SECONDS", 1)
    monkeypatch.setitem(CONNECT_ARGUMENTS["sqlite"], "timeout", 1)
    make(database, "int PRIMARY KEY, category varchar(40)", 1)
    with database.engine().connect() as holder:
        holder.exec_driver_sql("BEGIN IMMEDIATE" if database.kind == "sqlite" else "UPDATE tickets SET reason = 'x'")
        with pytest.raises(Waiting) as caught:
            await sink_of(database).check(rehearsal("1"))
        holder.rollback()

    assert caught.value.reason == "DatabaseLocked"
    await sink_of(database).check(rehearsal("1"))


# --- an Update that would fill nothing --------------------------------------------------------------------------------


async def test_an_update_stalls_where_no_ticket_has_a_row_and_shows_ids(database: TestDatabase) -> None:
    make(database, f"{TEXT[database.kind]} PRIMARY KEY, category varchar(40)", "t-1", "t-2")

    stopped = await refusal(database, rehearsal("T-1", "T-2", "T-3", "T-4"))

    assert (type(stopped), stopped.reason) == (Stalled, "NoRowForTickets")
    assert "none of the first 4 tickets has a row in table 'tickets'" in stopped.message
    assert "column 'id' is to be the ticket's id: 'T-1', 'T-2', 'T-3'" in stopped.message


async def test_an_update_is_content_with_one_row_among_the_first_tickets(database: TestDatabase) -> None:
    make(database, "int PRIMARY KEY, category varchar(40)", 1, 7)

    await sink_of(database).check(rehearsal("5", "6", "7"))


async def test_an_update_stalls_where_several_rows_have_the_id_of_a_ticket(database: TestDatabase) -> None:
    make(database, "int, category varchar(40)", 1, 1, 2)

    stopped = await refusal(database, rehearsal("1", "2"))

    assert stopped.reason == "IdNotUnique"
    assert "more than one row has the id '1' in column 'id' of table 'tickets'" in stopped.message


@only_postgresql
async def test_two_ids_of_the_source_that_are_one_are_found_wherever_they_stand(database: TestDatabase) -> None:
    make(database, "int PRIMARY KEY, category varchar(40)", *range(1, 41))
    ids = [str(number) for number in range(1, 41)]

    assert (await refusal(database, rehearsal(*ids, "040"))).reason == "IdsCollide"


async def test_an_update_of_a_column_that_is_never_null_stalls_and_names_the_way_out(database: TestDatabase) -> None:
    make(database, "int PRIMARY KEY, category varchar(40) NOT NULL DEFAULT ''", 1)

    stopped = await refusal(database, rehearsal("1"))

    assert (type(stopped), stopped.reason) == (Stalled, "CategoryNeverNull")
    assert "column 'category' of table 'tickets' is NOT NULL" in stopped.message
    assert "overwrite: true" in stopped.message

    await sink_of(database, overwrite=True).check(rehearsal("1"))
    await sink_of(database, overwrite=True).write(chunks(labeled("1")))
    assert database.rows("SELECT category FROM tickets") == [("billing",)]


async def test_an_update_stalls_where_no_row_is_left_to_fill(database: TestDatabase) -> None:
    make(database, "int PRIMARY KEY, category varchar(40)", 1, 2)
    database.run("UPDATE tickets SET category = ''")

    stopped = await refusal(database, rehearsal("1", "2"))

    assert (type(stopped), stopped.reason) == (Stalled, "NothingToFill")
    assert "overwrite: true" in stopped.message

    await sink_of(database).check(Rehearsal(0, CATEGORIES))  # a night without tickets is none to stall at


async def test_an_update_rehearses_on_other_rows_where_the_first_tickets_have_their_category(
    database: TestDatabase,
) -> None:
    make(database, "int PRIMARY KEY, category varchar(40) CHECK (category <> 'a category that is longer')", 1, 2)
    database.run("UPDATE tickets SET category = 'by hand' WHERE id = 1")

    assert (await refusal(database, rehearsal("1"))).reason == "ValueRefused"


# --- labels without a row ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["PRIMARY KEY", ""])
async def test_labels_whose_row_is_gone_are_counted(database: TestDatabase, key: str) -> None:
    make(database, f"int {key}, category varchar(40)", 1, 3)
    sink = sink_of(database)

    rows = (labeled("1"), labeled("2"), failed("4"), labeled("3"), labeled("5"))
    first = await sink.write(chunks(*rows))
    again = await sink.write(chunks(*rows))

    assert (first.where, first.without_row) == ({"table": "tickets"}, 2)
    assert again == first
    assert [row[1] for row in everything(database)] == ["billing", "billing"]


async def test_rows_that_have_their_category_by_hand_are_not_missed(database: TestDatabase) -> None:
    make(database, "int PRIMARY KEY, category varchar(40)", 1, 2)
    database.run("UPDATE tickets SET category = 'by hand' WHERE id = 1")

    assert (await sink_of(database).write(chunks(labeled("1"), labeled("2")))).without_row == 0


@only_sqlite
@pytest.mark.parametrize("kind", ["", "BLOB", "INTEGER", "TEXT", "NUMERIC"])
async def test_sqlite_finds_numbers_in_columns_of_any_type(database: TestDatabase, kind: str) -> None:
    make(database, f"{kind}, category", 1, 2)
    sink = sink_of(database)
    await sink.check(rehearsal("1", "2"))

    stored = await sink.write(chunks(labeled("1"), labeled("2"), labeled("3")))

    assert stored.without_row == 1
    assert database.rows("SELECT category FROM tickets") == [("billing",), ("billing",)]


# --- ids that a database takes for one --------------------------------------------------------------------------------

ALIKE = [("5003000000D8cuI", "5003000000D8cui"), ("cafe", "café"), ("🎫", "🎟"), ("A-1", "A-1 ")]


@pytest.mark.parametrize(("one", "other"), ALIKE)
async def test_a_table_of_our_own_keeps_ids_apart(database: TestDatabase, one: str, other: str) -> None:
    sink = sink_of(database, "Upsert")
    await sink.check(rehearsal(one, other))

    await sink.write(chunks(labeled(one), labeled(other, "account")))

    found = database.rows("SELECT id, category FROM tickets")
    assert sorted(found) == sorted([(one, "billing"), (other, "account")])


@only_mariadb
@pytest.mark.parametrize(("one", "other"), ALIKE)
@pytest.mark.parametrize("key", ["", ", KEY (id)"])
async def test_each_row_of_mariadb_gets_its_own_label_whatever_the_collation(
    database: TestDatabase, one: str, other: str, key: str
) -> None:
    make(database, f"{CI}, category varchar(40){key}", one, other)
    sink = sink_of(database)
    await sink.check(rehearsal(one, other))

    stored = await sink.write(chunks(labeled(one), labeled(other, "account"), size=3))

    assert stored.without_row == 0
    assert sorted(database.rows("SELECT id, category FROM tickets")) == sorted([(one, "billing"), (other, "account")])


@only_mariadb
@pytest.mark.parametrize(("one", "other"), ALIKE)
async def test_a_label_of_a_ticket_without_a_row_does_not_go_to_one_that_is_alike(
    database: TestDatabase, one: str, other: str
) -> None:
    make(database, f"{CI} PRIMARY KEY, category varchar(40)", one)

    stored = await sink_of(database).write(chunks(labeled(one), labeled(other, "account"), size=3))

    assert stored.without_row == 1
    assert database.rows("SELECT id, category FROM tickets") == [(one, "billing")]


@only_mariadb
@pytest.mark.parametrize(("one", "other"), ALIKE)
@pytest.mark.parametrize("transaction_rows", [1, 2])
@pytest.mark.parametrize("collation", ["utf8mb4_general_ci", "utf8mb4_bin"])
async def test_an_upsert_into_a_key_that_takes_two_ids_for_one_stalls_and_names_both(
    database: TestDatabase, one: str, other: str, transaction_rows: int, collation: str
) -> None:
    if collation == "utf8mb4_bin" and other.strip() == other:
        return  # tells them apart
    make(database, f"VARCHAR(40) CHARACTER SET utf8mb4 COLLATE {collation} PRIMARY KEY, category varchar(40)")
    sink = sink_of(database, "Upsert", transaction_rows=transaction_rows)

    with pytest.raises(Stalled) as caught:
        await sink.write(chunks(labeled(one), labeled(other, "account"), size=3))

    assert caught.value.reason == "IdsCollide"
    assert repr(one) in caught.value.message
    assert repr(other) in caught.value.message
    assert (await refusal(database, rehearsal(one, other), "Upsert")).reason == "IdsCollide"


@only_postgresql
@pytest.mark.parametrize(
    ("kind", "one", "other", "told"),
    [
        ("int", "7", "007", "more than one of the tickets' ids becomes '7'"),
        ("char(5)", "a", "a ", "more than one of the tickets' ids becomes 'a'"),
        ("citext", "a", "A", "takes the ids 'A' and 'a' for one"),
    ],
)
@pytest.mark.parametrize("mode", ["Update", "Upsert"])
async def test_ids_that_a_column_of_postgresql_takes_for_one_stall_and_are_named(
    database: TestDatabase, kind: str, one: str, other: str, told: str, mode: Mode
) -> None:
    database.run("CREATE EXTENSION IF NOT EXISTS citext")
    make(database, f"{kind} PRIMARY KEY, category varchar(40)", one)

    stopped = await refusal(database, rehearsal(one, other), mode)
    with pytest.raises(Stalled) as caught:
        await sink_of(database, mode).write(chunks(labeled(one), labeled(other, "account")))

    assert (stopped.reason, caught.value.reason) == ("IdsCollide", "IdsCollide")
    assert told in caught.value.message
    assert "column 'id' of table 'tickets'" in caught.value.message


@only_sqlite
async def test_sqlites_collations_are_no_reason_for_a_wrong_label_either(database: TestDatabase) -> None:
    make(database, "TEXT COLLATE NOCASE PRIMARY KEY, category text", "a")

    stored = await sink_of(database).write(chunks(labeled("a"), labeled("A", "account")))
    with pytest.raises(Stalled) as caught:
        await sink_of(database, "Upsert").write(chunks(labeled("a"), labeled("A", "account")))

    assert stored.without_row == 1
    assert caught.value.reason == "IdsCollide"
    assert database.rows("SELECT id, category FROM tickets") == [("a", "billing")]
