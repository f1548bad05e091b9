"""A Secret comes to name another database while a run goes on."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from nightsort.adapters.sql.sink import DatabaseSink
from nightsort.adapters.sql.source import DatabaseSource
from nightsort.api.columns import ResultColumns, TicketColumns
from nightsort.api.status import Status
from nightsort.testing.sources import MemorySource
from tests.contract.databases import (
    ANY_HOST,
    TestDatabase,
    another_database,
    database,
    only_postgresql,
)
from tests.support.world import World

__all__ = ["another_database", "database"]

QUERY = "SELECT id, body FROM tickets WHERE category IS NULL"


def source_in(database: TestDatabase) -> DatabaseSource:
    return DatabaseSource(database.url, QUERY, TicketColumns(), frozenset({"body"}), ANY_HOST)


def sink_in(database: TestDatabase, table: str = "tickets") -> DatabaseSink:
    return DatabaseSink(database.url, table, "Update", ResultColumns(), ANY_HOST)


def fill(database: TestDatabase) -> None:
    database.run("CREATE TABLE tickets (id integer PRIMARY KEY, body text, category varchar(50))")
    database.insert("tickets", *({"id": each, "body": f"Charged twice {each}"} for each in range(1, 31)))


def labeled(database: TestDatabase) -> int:
    return len(database.rows("SELECT id FROM tickets WHERE category IS NOT NULL"))


class Night:
    def __init__(self, database: TestDatabase) -> None:
        self.world = World()
        self.world.respond = lambda text: "billing"
        self.world.enqueued_requests = 10
        self.world.restart()
        self.resource = self.world.apply_tickets([], shards={"maxRequests": 10})
        self.lead_to(database, database)

    def lead_to(self, source: TestDatabase | None, sink: TestDatabase) -> None:
        connections: Any = self.world.connections
        if source is not None:
            connections.sources["tickets"] = source_in(source)
        connections.sinks_of["tickets"] = [sink_in(sink)]

    async def look(self, looks: int) -> Status:
        for _ in range(looks):
            seconds = await self.world.look(self.resource)
            if seconds is None:
                break
            await self.world.clock.sleep(seconds)
        return self.status

    async def until_bought(self, batches: int) -> None:
        for _ in range(100):
            if len(self.status.batches) >= batches:
                return
            await self.look(1)
        raise AssertionError(self.status)

    @property
    def status(self) -> Status:
        return self.world.ledger.current(self.resource.meta).status


def reason_of(status: Status) -> str:
    return next(each.reason for each in status.conditions if each.type == "Ready")


@pytest.mark.parametrize("moved", ["both", "source", "results"])
async def test_another_database_gets_no_labels_and_gives_no_tickets_to_a_run_that_began_elsewhere(
    database: TestDatabase, another_database: TestDatabase, moved: str
) -> None:
    fill(database)
    fill(another_database)
    night = Night(database)
    await night.until_bought(1)
    source = database if moved == "results" else another_database
    night.lead_to(source, database if moved == "source" else another_database)

    stalled = await night.look(30)
    paid = night.world.paid().total()
    night.lead_to(database, database)
    done = await night.look(200)

    assert reason_of(stalled) == "DatabaseChanged"
    assert paid == 10
    assert done.tickets.labeled == labeled(database) == 30
    assert labeled(another_database) == 0
    assert night.world.paid().total() == 30


async def test_rows_of_other_sources_are_held_to_their_table_too(
    database: TestDatabase, another_database: TestDatabase
) -> None:
    fill(database)
    fill(another_database)
    night = Night(database)
    night.world.connections.sources["tickets"] = MemorySource.of(*["Charged"] * 10)
    night.lead_to(None, database)
    await night.until_bought(1)
    night.lead_to(None, another_database)

    assert reason_of(await night.look(20)) == "DatabaseChanged"
    assert labeled(another_database) == 0


async def test_a_run_that_an_earlier_version_began_goes_on(database: TestDatabase) -> None:
    fill(database)
    night = Night(database)
    await night.until_bought(1)
    plan = night.status.plan
    assert plan is not None
    earlier = plan.model_copy(update={"source_place": (), "results_place": ()})
    current = night.world.ledger.current(night.resource.meta)
    await night.world.ledger.save(current.meta, current.status.model_copy(update={"plan": earlier}))

    done = await night.look(200)

    assert done.tickets.labeled == labeled(database) == 30


async def test_a_place_is_told_by_what_is_there_and_not_by_who_comes_how(
    database: TestDatabase, another_database: TestDatabase
) -> None:
    fill(database)
    fill(another_database)
    place = await source_in(database).place()

    assert set(place) & set(await source_in(database).place())
    assert not set(place) & set(await source_in(another_database).place())
    assert not set(await sink_in(database).place()) & set(await sink_in(another_database).place())
    assert not set(await sink_in(database).place()) & set(await sink_in(database, "others").place())
    url = sa.make_url(database.url)
    for secret in filter(None, (url.password, url.host, url.database)):
        assert secret not in str(place)


@only_postgresql
async def test_another_name_of_the_server_is_the_same_place(database: TestDatabase) -> None:
    fill(database)
    named = TestDatabase(database.kind, database.url.replace("127.0.0.1", "localhost"))
    assert named.url != database.url

    assert set(await source_in(named).place()) & set(await source_in(database).place())


@only_postgresql
async def test_a_role_with_fewer_rights_and_another_password_finds_the_same_place(database: TestDatabase) -> None:
    fill(database)
    url = sa.make_url(database.url)
    name = f"r_{url.database}"
    database.run(
        f"CREATE ROLE {name} LOGIN PASSWORD 'x'",
        f"GRANT SELECT, UPDATE ON tickets TO {name}",
    )
    other = TestDatabase("postgresql", url.set(username=name, password="x").render_as_string(hide_password=False))

    try:
        assert set(await source_in(other).place()) == set(await source_in(database).place())
        assert set(await sink_in(other).place()) == set(await sink_in(database).place())
    finally:
        database.run(f"DROP OWNED BY {name}", f"DROP ROLE {name}")


@only_postgresql
async def test_a_role_whose_names_are_looked_for_in_another_schema_is_in_another_place(database: TestDatabase) -> None:
    fill(database)
    before = await source_in(database).place(), await sink_in(database).place()
    name = sa.make_url(database.url).database
    database.run(
        "CREATE SCHEMA other",
        "CREATE TABLE other.tickets (id integer PRIMARY KEY, body text, category text)",
        f"ALTER DATABASE {name} SET search_path = other, public",
    )

    assert not set(before[0]) & set(await source_in(database).place())
    assert not set(before[1]) & set(await sink_in(database).place())
