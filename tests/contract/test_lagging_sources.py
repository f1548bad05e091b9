"""Sources that are read from a copy of the database that labels are written to, and that lag behind it."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from nightsort.adapters.sql.query_conditions import Labels
from nightsort.adapters.sql.sink import DatabaseSink
from nightsort.adapters.sql.source import DatabaseSource
from nightsort.api.columns import ResultColumns, TicketColumns
from nightsort.api.status import Status
from tests.contract.databases import ANY_HOST, TestDatabase, another_database, database
from tests.support.world import World

__all__ = ["another_database", "database"]

DIRECT = "SELECT id, body FROM tickets WHERE category IS NULL"
BY_VIEW = "SELECT id, body FROM todo"
ALL = "SELECT id, body FROM tickets"
LABELS = Labels("tickets", "id", "category")


def fill(database: TestDatabase) -> None:
    database.run(
        "CREATE TABLE tickets (id integer PRIMARY KEY, body text, category varchar(50))",
        "CREATE VIEW todo AS SELECT id, body FROM tickets WHERE category IS NULL",
    )
    database.insert("tickets", *({"id": each, "body": f"Charged twice {each}"} for each in range(1, 31)))


def catch_up(database: TestDatabase, replica: TestDatabase) -> None:
    rows = database.rows("SELECT id, category FROM tickets WHERE category IS NOT NULL")
    replica.run(
        "UPDATE tickets SET category = NULL",
        *(f"UPDATE tickets SET category = '{category}' WHERE id = {ticket}" for ticket, category in rows),
    )


@pytest.fixture
def pair(database: TestDatabase, another_database: TestDatabase) -> tuple[TestDatabase, TestDatabase]:
    replica = another_database
    fill(database)
    if database.kind == "sqlite":
        shutil.copy(database.url.removeprefix("sqlite:///"), replica.url.removeprefix("sqlite:///"))
    else:
        fill(replica)
    return database, replica


class Nights:
    """Runs whose source is the replica and whose results go to the database itself."""

    def __init__(
        self, pair: tuple[TestDatabase, TestDatabase], query: str, labels: Labels | None, *, knows_primary: bool
    ) -> None:
        self.database, self.replica = pair
        self.world = World()
        self.world.respond = lambda text: "billing"
        self._query, self._labels, self._knows_primary = query, labels, knows_primary

    def apply(self, name: str) -> Any:
        resource = self.world.apply_tickets([], name=name)
        columns, fields = TicketColumns(), frozenset({"body"})
        primary = DatabaseSource(self.database.url, self._query, columns, fields, ANY_HOST)
        connections: Any = self.world.connections
        connections.sources[name] = DatabaseSource(
            self.replica.url,
            self._query,
            columns,
            fields,
            ANY_HOST,
            labels=self._labels,
            primary=primary if self._knows_primary else None,
        )
        connections.sinks_of[name] = [DatabaseSink(self.database.url, "tickets", "Update", ResultColumns(), ANY_HOST)]
        return resource

    async def look(self, resource: Any, looks: int = 3) -> Status:
        for _ in range(looks):
            seconds = await self.world.look(resource)
            if seconds is None:
                break
            await self.world.clock.sleep(seconds)
        return self.world.ledger.current(resource.meta).status

    async def live(self, resource: Any) -> Status:
        return (await self.world.run_until_finished(resource)).status


def reason_of(status: Status) -> str:
    return next(each.reason for each in status.conditions if each.type == "Ready")


@pytest.mark.parametrize(
    ("query", "labels", "knows_primary"), [(DIRECT, LABELS, False), (DIRECT, None, True), (BY_VIEW, LABELS, True)]
)
async def test_what_a_replica_does_not_show_as_labeled_yet_is_not_bought_again(
    pair: tuple[TestDatabase, TestDatabase], query: str, labels: Labels | None, knows_primary: bool
) -> None:
    nights = Nights(pair, query, labels, knows_primary=knows_primary)
    first = await nights.live(nights.apply("first"))
    assert first.tickets.labeled == 30

    second = nights.apply("second")
    waiting = await nights.look(second)
    assert reason_of(waiting) == "SourceLags"
    assert waiting.plan is None
    catch_up(*pair)
    done = await nights.live(second)

    assert (done.phase, done.tickets.total) == ("Complete", 0)
    assert nights.world.paid().total() == 30


async def test_a_replica_that_lags_by_one_label_is_waited_for(pair: tuple[TestDatabase, TestDatabase]) -> None:
    nights = Nights(pair, DIRECT, LABELS, knows_primary=False)
    await nights.live(nights.apply("first"))
    catch_up(*pair)
    pair[1].run("UPDATE tickets SET category = NULL WHERE id = 17")

    waiting = await nights.look(nights.apply("second"))

    assert reason_of(waiting) == "SourceLags"
    assert "'17'" in (waiting.message or "")
    assert nights.world.paid().total() == 30


async def test_what_a_person_has_emptied_where_labels_are_written_is_bought_again(
    pair: tuple[TestDatabase, TestDatabase],
) -> None:
    nights = Nights(pair, DIRECT, LABELS, knows_primary=True)
    await nights.live(nights.apply("first"))
    pair[0].run("UPDATE tickets SET category = NULL WHERE id IN (3, 4)")
    catch_up(*pair)

    done = await nights.live(nights.apply("second"))

    assert done.tickets.labeled == 2
    assert nights.world.paid().total() == 32


@pytest.mark.parametrize("knows_primary", [False, True])
async def test_a_query_that_gives_labeled_rows_on_purpose_is_not_held_up(
    pair: tuple[TestDatabase, TestDatabase], knows_primary: bool
) -> None:
    pair[0].run("UPDATE tickets SET category = 'mine' WHERE id = 3")
    nights = Nights(pair, ALL, LABELS, knows_primary=knows_primary)

    done = await nights.live(nights.apply("first"))

    assert done.tickets.total == 30


async def test_where_the_query_cannot_be_asked_at_the_results_it_is_not_held_up(
    pair: tuple[TestDatabase, TestDatabase],
) -> None:
    pair[0].run("DROP VIEW todo", "UPDATE tickets SET category = 'mine' WHERE id = 3")
    nights = Nights(pair, BY_VIEW, None, knows_primary=True)

    done = await nights.live(nights.apply("first"))

    assert done.tickets.total == 30
