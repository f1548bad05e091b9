"""Labels that a database drops without an error: found before anything is bought, or told where they were to go."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from nightsort.domain.errors import Stalled
from nightsort.domain.stored import Rehearsal
from nightsort.testing.sink_contract import chunks, failed, labeled
from tests.cases import statements
from tests.contract.databases import TestDatabase, database, only_mariadb, only_postgresql, only_sqlite
from tests.contract.rehearsals import everything, make, refusal
from tests.contract.tables import Mode, a_user_with, sink_of

__all__ = ["database"]

SIX = tuple(f"T-{number}" for number in range(1, 7))
CASE = Rehearsal(6, ("billing", "account"), SIX, "claude-haiku-4-5")
TRIGGER = """CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN {body} END $$"""
ON_UPDATE = "CREATE TRIGGER meddle BEFORE UPDATE ON tickets FOR EACH ROW EXECUTE FUNCTION meddle()"
ON_BOTH = "CREATE TRIGGER meddle BEFORE INSERT OR UPDATE ON tickets FOR EACH ROW EXECUTE FUNCTION meddle()"


def make_text(database: TestDatabase, *ids: str) -> None:
    make(database, "varchar(40) PRIMARY KEY, category varchar(40)", *ids)


def let_meddle(database: TestDatabase, body: str, trigger: str = ON_UPDATE) -> None:
    database.run(TRIGGER.format(body=body), trigger)


def categories(database: TestDatabase) -> Sequence[str | None]:
    return [category for (category,) in database.rows("SELECT category FROM tickets ORDER BY id")]


# --- found in the rehearsal -------------------------------------------------------------------------------------------


@only_postgresql
async def test_a_role_that_row_level_security_keeps_from_updating_stalls(database: TestDatabase) -> None:
    database.run(*statements("row-level-security.sql"), "ALTER TABLE tickets ADD verdict text, ADD reason text")
    grants = "GRANT SELECT, UPDATE ON tickets TO {user}"
    with a_user_with(database, grants) as limited:
        stopped = await refusal(limited, CASE)

    assert (type(stopped), stopped.reason) == (Stalled, "LabelsDropped")
    assert "of 6 labels 6 were not there" in stopped.message
    assert "before anything was bought" in stopped.message


@only_postgresql
async def test_a_trigger_that_swallows_some_rows_stalls_and_shows_their_ids(database: TestDatabase) -> None:
    database.run(*statements("trigger-that-swallows.sql"), "ALTER TABLE tickets ADD verdict text, ADD reason text")

    stopped = await refusal(database, CASE)

    assert stopped.reason == "LabelsDropped"
    assert "of 6 labels 3 were not there" in stopped.message
    assert "'T-1', 'T-2', 'T-3'" in stopped.message


@only_postgresql
@pytest.mark.parametrize(
    "body",
    [
        "RETURN OLD;",
        "NEW.category := OLD.category; RETURN NEW;",
        "NEW.category := NULL; RETURN NEW;",
        "NEW.category := 'to be sorted'; RETURN NEW;",
        "IF NEW.id = 'T-6' THEN RETURN OLD; END IF; RETURN NEW;",
    ],
)
@pytest.mark.parametrize(("was", "overwrite"), [(None, False), (None, True), ("by hand", True)])
async def test_a_trigger_that_keeps_the_old_row_stalls(
    database: TestDatabase, body: str, was: str | None, overwrite: bool
) -> None:
    make_text(database, *SIX)
    if was is not None:
        database.run(f"UPDATE tickets SET category = '{was}'")
    let_meddle(database, body)
    before = everything(database)

    with pytest.raises(Stalled) as caught:
        await sink_of(database, overwrite=overwrite).check(CASE)

    assert caught.value.reason == "LabelsDropped"
    assert everything(database) == before


@only_postgresql
@pytest.mark.parametrize(
    "rule",
    [
        "CREATE RULE nothing AS ON INSERT TO tickets DO INSTEAD NOTHING",
        TRIGGER.format(body="RETURN NULL;") + ";" + ON_BOTH,
        TRIGGER.format(body="IF TG_OP = 'UPDATE' THEN RETURN NULL; END IF; RETURN NEW;") + ";" + ON_BOTH,
        TRIGGER.format(body="IF TG_OP = 'UPDATE' THEN RETURN OLD; END IF; RETURN NEW;") + ";" + ON_BOTH,
    ],
)
async def test_an_upsert_that_is_swallowed_stalls(database: TestDatabase, rule: str) -> None:
    make_text(database)
    database.run(rule)

    stopped = await refusal(database, CASE, "Upsert")

    assert stopped.reason in ("LabelsDropped", "QueryFailed")  # PostgreSQL itself refuses ON CONFLICT under a rule


AFTERWARDS = """CREATE FUNCTION empty() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN UPDATE tickets SET category = NULL WHERE id = NEW.id AND category IS NOT NULL; RETURN NULL; END $$"""


@only_postgresql
@pytest.mark.parametrize(
    "swallower",
    [
        ["CREATE RULE nothing AS ON UPDATE TO tickets DO INSTEAD NOTHING"],
        ["CREATE RULE few AS ON UPDATE TO tickets WHERE NEW.id = 'T-2' DO INSTEAD NOTHING"],
        [AFTERWARDS, "CREATE TRIGGER e AFTER UPDATE ON tickets FOR EACH ROW EXECUTE FUNCTION empty()"],
        [
            AFTERWARDS,
            """CREATE CONSTRAINT TRIGGER e AFTER UPDATE ON tickets DEFERRABLE INITIALLY DEFERRED
               FOR EACH ROW EXECUTE FUNCTION empty()""",
        ],
    ],
)
async def test_rules_and_what_comes_after_the_write_are_seen_as_well(
    database: TestDatabase, swallower: Sequence[str]
) -> None:
    make_text(database, *SIX)
    database.run(*swallower)

    assert (await refusal(database, CASE)).reason == "LabelsDropped"


@only_postgresql
async def test_a_partitioned_table_that_swallows_in_one_partition_stalls(database: TestDatabase) -> None:
    database.run(
        "CREATE TABLE tickets (id text PRIMARY KEY, category text, verdict text, reason text) PARTITION BY RANGE (id)",
        "CREATE TABLE low PARTITION OF tickets FOR VALUES FROM (MINVALUE) TO ('T-4')",
        "CREATE TABLE high PARTITION OF tickets FOR VALUES FROM ('T-4') TO (MAXVALUE)",
    )
    database.insert("tickets", *({"id": each} for each in SIX))
    await sink_of(database).check(CASE)
    database.run(
        TRIGGER.format(body="RETURN OLD;"),
        "CREATE TRIGGER meddle BEFORE UPDATE ON high FOR EACH ROW EXECUTE FUNCTION meddle()",
    )

    assert "'T-4', 'T-5', 'T-6'" in (await refusal(database, CASE)).message


@only_sqlite
async def test_a_trigger_of_sqlite_that_empties_the_label_afterwards_stalls(database: TestDatabase) -> None:
    make_text(database, *SIX)
    database.run(
        "CREATE TRIGGER e AFTER UPDATE ON tickets WHEN NEW.category IS NOT NULL "
        "BEGIN UPDATE tickets SET category = NULL WHERE id = NEW.id; END"
    )

    assert (await refusal(database, CASE)).reason == "LabelsDropped"


@only_sqlite
@pytest.mark.parametrize("mode", ["Update", "Upsert"])
async def test_a_trigger_of_sqlite_that_ignores_stalls(database: TestDatabase, mode: Mode) -> None:
    make_text(database, *SIX)
    database.run("CREATE TRIGGER swallow BEFORE UPDATE ON tickets WHEN NEW.id < 'T-3' BEGIN SELECT RAISE(IGNORE); END")

    assert (await refusal(database, CASE, mode)).reason == "LabelsDropped"


@only_mariadb
@pytest.mark.parametrize("mode", ["Update", "Upsert"])
async def test_a_trigger_of_mariadb_that_sets_the_old_category_stalls(database: TestDatabase, mode: Mode) -> None:
    make_text(database, *SIX)
    database.run("CREATE TRIGGER keep BEFORE UPDATE ON tickets FOR EACH ROW SET NEW.category = OLD.category")

    assert (await refusal(database, CASE, mode)).reason == "LabelsDropped"


@only_postgresql
@pytest.mark.parametrize("mode", ["Update", "Upsert"])
async def test_a_table_may_spell_categories_in_its_own_way(database: TestDatabase, mode: Mode) -> None:
    make_text(database, *SIX)
    let_meddle(database, "NEW.category := upper(NEW.category); RETURN NEW;", ON_BOTH)

    sink = sink_of(database, mode)
    await sink.check(CASE)

    assert (await sink.write(chunks(labeled("T-1")))).without_row == 0
    assert categories(database)[0] == "BILLING"


async def test_a_view_of_what_is_still_to_be_sorted_is_no_swallower(database: TestDatabase) -> None:
    make_text(database, *SIX)
    database.run("CREATE VIEW todo AS SELECT * FROM tickets WHERE category IS NULL")
    if database.kind == "sqlite":
        database.run(
            "CREATE TRIGGER fill INSTEAD OF UPDATE ON todo BEGIN UPDATE tickets SET category = NEW.category, "
            "verdict = NEW.verdict, reason = NEW.reason WHERE id = OLD.id; END"
        )
    sink = sink_of(database, table="todo", transaction_rows=10)
    await sink.check(CASE)

    first = await sink.write(chunks(*(labeled(each) for each in SIX)))
    again = await sink.write(chunks(*(labeled(each) for each in SIX)))

    assert (first.without_row, again.without_row) == (0, 0)
    assert set(categories(database)) == {"billing"}


# --- what begins later is told ----------------------------------------------------------------------------------------


@only_postgresql
@pytest.mark.parametrize("body", ["RETURN NULL;", "RETURN OLD;", "NEW.category := OLD.category; RETURN NEW;"])
@pytest.mark.parametrize("mode", ["Update", "Upsert"])
async def test_labels_that_are_swallowed_later_are_counted(database: TestDatabase, body: str, mode: Mode) -> None:
    make_text(database, *SIX)
    sink = sink_of(database, mode)
    await sink.check(CASE)
    let_meddle(database, f"IF NEW.id <= 'T-2' THEN {body} END IF; RETURN NEW;")

    stored = await sink.write(chunks(*(labeled(each) for each in SIX[:5]), failed("T-6")))

    assert stored.without_row == 2
    assert categories(database) == [None, None, "billing", "billing", "billing", None]


@only_postgresql
@pytest.mark.parametrize("body", ["RETURN NULL;", "RETURN OLD;", "NEW.category := OLD.category; RETURN NEW;"])
@pytest.mark.parametrize("mode", ["Update", "Upsert"])
async def test_labels_that_were_to_replace_others_and_are_swallowed_later_are_counted(
    database: TestDatabase, body: str, mode: Mode
) -> None:
    make_text(database, *SIX)
    database.run("UPDATE tickets SET category = 'other' WHERE id < 'T-5'")
    sink = sink_of(database, mode, overwrite=True, transaction_rows=6)
    await sink.check(CASE)
    let_meddle(database, f"IF NEW.id <= 'T-2' THEN {body} END IF; RETURN NEW;")

    stored = await sink.write(chunks(*(labeled(each) for each in SIX)))
    again = await sink.write(chunks(*(labeled(each) for each in SIX)))

    assert (stored.without_row, again.without_row) == (2, 2)
    assert categories(database) == ["other", "other", "billing", "billing", "billing", "billing"]


@only_mariadb
async def test_labels_that_mariadb_gives_back_later_are_counted(database: TestDatabase) -> None:
    make_text(database, *SIX)
    database.run("UPDATE tickets SET category = 'other' WHERE id = 'T-1'")
    sink = sink_of(database, "Upsert", transaction_rows=6)
    await sink.check(CASE)
    database.run("CREATE TRIGGER keep BEFORE UPDATE ON tickets FOR EACH ROW SET NEW.category = OLD.category")

    assert (await sink.write(chunks(*(labeled(each) for each in SIX)))).without_row == 6


@only_sqlite
async def test_labels_that_sqlite_ignores_later_are_counted(database: TestDatabase) -> None:
    make_text(database, *SIX)
    sink = sink_of(database)
    await sink.check(CASE)
    database.run("CREATE TRIGGER s BEFORE UPDATE ON tickets WHEN NEW.id = 'T-1' BEGIN SELECT RAISE(IGNORE); END")

    assert (await sink.write(chunks(*(labeled(each) for each in SIX)))).without_row == 1


@only_postgresql
async def test_labels_that_row_level_security_drops_later_are_counted(database: TestDatabase) -> None:
    make_text(database, *SIX)
    with a_user_with(database, "GRANT SELECT, UPDATE ON tickets TO {user}") as limited:
        sink = sink_of(limited, transaction_rows=4)
        await sink.check(CASE)
        database.run(
            "ALTER TABLE tickets ENABLE ROW LEVEL SECURITY",
            "CREATE POLICY readable ON tickets FOR SELECT USING (true)",
            "CREATE POLICY few ON tickets FOR UPDATE USING (id > 'T-4')",
        )
        stored = await sink.write(chunks(*(labeled(each) for each in SIX)))

    assert stored.without_row == 4


@only_postgresql
async def test_more_rows_than_were_sent_are_taken_back(database: TestDatabase) -> None:
    """A key of a parent says nothing of the tables that inherit from it."""
    make_text(database, "T-1", "T-2")
    database.run("CREATE TABLE older () INHERITS (tickets)", "INSERT INTO older (id) VALUES ('T-1')")

    with pytest.raises(Stalled) as caught:
        await sink_of(database).write(chunks(labeled("T-1"), labeled("T-2")))

    assert caught.value.reason == "IdNotUnique"
    assert "2 rows were sent and 3 changed" in caught.value.message
    assert set(categories(database)) == {None}
