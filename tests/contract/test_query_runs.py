"""Whole runs over real databases, with queries whose rows change while the run goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nightsort.adapters.sql.sink import DatabaseSink
from nightsort.adapters.sql.source import DatabaseSource
from nightsort.api.columns import ResultColumns, TicketColumns
from nightsort.api.resource import Resource
from nightsort.api.status import Status
from tests.contract.databases import ANY_HOST, TestDatabase, database, only_postgresql
from tests.support.world import World

__all__ = ["database"]

CASES = Path(__file__).parents[1] / "cases" / "sql"
LIMITED = "SELECT id, body FROM tickets WHERE category IS NULL ORDER BY id LIMIT 500"


def make_tickets(database: TestDatabase, ids: range, id_type: str = "integer") -> None:
    database.run(f"CREATE TABLE tickets (id {id_type} PRIMARY KEY, body text, category varchar(50))")
    if ids:
        add(database, *ids)


def add(database: TestDatabase, *ids: object) -> None:
    database.insert("tickets", *({"id": each, "body": f"I was charged twice {each}"} for each in ids))


def labeled(database: TestDatabase) -> list[Any]:
    return [row[0] for row in database.rows("SELECT id FROM tickets WHERE category IS NOT NULL ORDER BY id")]


class Night:
    """A run over a query. `room` requests are in batches at once, so that some wait for others to be labeled."""

    def __init__(
        self, database: TestDatabase, query: str, *, room: int = 100, shard: int = 100, page_rows: int = 70
    ) -> None:
        self.world = World()
        self.world.respond = lambda text: "billing"
        self.world.enqueued_requests = room
        self.world.restart()
        self.resource = self.world.apply_tickets([], shards={"maxRequests": shard})
        source = DatabaseSource(
            database.url, query, TicketColumns(), frozenset({"body"}), ANY_HOST, page_rows=page_rows
        )
        sink = DatabaseSink(database.url, "tickets", "Update", ResultColumns(), ANY_HOST)
        connections: Any = self.world.connections
        connections.sources["tickets"], connections.sinks_of["tickets"] = source, [sink]

    async def live(self, meanwhile: Callable[[Status], None] = lambda status: None) -> Resource:
        for _ in range(300):
            seconds = await self.world.look(self.resource)
            if seconds is None:
                return self.now
            meanwhile(self.now.status)
            await self.world.clock.sleep(seconds)
        raise AssertionError(self.now.status)

    @property
    def now(self) -> Resource:
        return self.world.ledger.current(self.resource.meta)


@only_postgresql
async def test_a_limit_is_what_is_bought_whatever_is_labeled_meanwhile(database: TestDatabase) -> None:
    """The case query-with-limit.sql: 900 of 500 were bought, all 2,000 where batches waited for each other."""
    statements = (CASES / "query-with-limit.sql").read_text().split(";\n")
    database.run(*(statement for statement in statements if statement.strip()))

    night = Night(database, LIMITED)
    finished = await night.live()

    assert finished.status.phase == "Complete"
    assert sum(night.world.paid().values()) == finished.status.tickets.labeled == 500
    assert labeled(database) == list(range(1, 501))


@pytest.mark.parametrize("room", [60, 1000])
async def test_the_last_rows_are_those_that_were_counted_though_others_come_behind_them(
    database: TestDatabase, room: int
) -> None:
    make_tickets(database, range(1, 301))
    night = Night(
        database, "SELECT id, body FROM tickets WHERE category IS NULL ORDER BY id DESC LIMIT 100", room=room, shard=30
    )
    more = iter(range(301, 1000, 150))

    def come(status: Status) -> None:
        if status.batches and (first := next(more, None)):
            add(database, *range(first, first + 150))

    finished = await night.live(come)

    assert finished.status.phase == "Complete"
    assert labeled(database) == list(range(201, 301))
    assert sum(night.world.paid().values()) == 100


@pytest.mark.parametrize("limit", ["LIMIT 40", "LIMIT 40 OFFSET 10"])
async def test_rows_that_are_chosen_by_chance_are_chosen_once(database: TestDatabase, limit: str) -> None:
    make_tickets(database, range(1, 201))
    chance = "RAND()" if database.kind == "mariadb" else "random()"
    night = Night(database, f"SELECT id, body FROM tickets ORDER BY {chance} {limit}", room=20, shard=15)

    finished = await night.live()

    assert (finished.status.phase, finished.status.tickets.labeled) == ("Complete", 40)
    assert len(labeled(database)) == sum(night.world.paid().values()) == 40


async def test_rows_that_come_during_a_run_are_left_to_the_next_one(database: TestDatabase) -> None:
    id_type = "varchar(36)"
    make_tickets(database, range(0), id_type)
    add(database, *(f"{number:04d}" for number in range(0, 200, 2)))
    night = Night(database, "SELECT id, body FROM tickets WHERE category IS NULL", room=25, shard=25)
    odd = iter(range(1, 200, 2))

    def come(status: Status) -> None:
        if status.batches and (number := next(odd, None)):
            add(database, f"{number:04d}")

    finished = await night.live(come)

    assert finished.status.tickets.labeled == finished.status.tickets.total == 100
    assert labeled(database) == [f"{number:04d}" for number in range(0, 200, 2)]


async def test_a_counted_ticket_that_a_person_has_labeled_meanwhile_is_not_bought_and_not_forgotten(
    database: TestDatabase,
) -> None:
    make_tickets(database, range(1, 41))
    night = Night(database, "SELECT id, body FROM tickets WHERE category IS NULL", room=20, shard=20)

    def by_hand(status: Status) -> None:
        if status.batches:
            database.run("UPDATE tickets SET category = 'mine' WHERE id IN (35, 40)")

    finished = await night.live(by_hand)

    counts = finished.status.tickets
    assert (counts.total, counts.labeled, counts.failed) == (40, 38, 2)
    assert sum(night.world.paid().values()) == 38
    assert database.rows("SELECT id FROM tickets WHERE category = 'mine' ORDER BY id") == [(35,), (40,)]


async def test_a_retry_finds_its_tickets_though_the_limit_has_slid_past_them(database: TestDatabase) -> None:
    make_tickets(database, range(1, 101))
    query = "SELECT id, body FROM tickets WHERE category IS NULL ORDER BY id DESC LIMIT 20"
    night = Night(database, query, room=1000, shard=20)
    night.world.respond = lambda text: "gibberish" if len(night.now.status.batches) < 2 else "billing"
    night.resource = night.world.ledger.touch(
        night.resource.meta, unknown_label=night.resource.spec.unknown_label.model_copy(update={"action": "Retry"})
    )

    def come(status: Status) -> None:
        if len(status.batches) == 1 and not database.rows("SELECT id FROM tickets WHERE id = 101"):
            add(database, *range(101, 201))

    finished = await night.live(come)

    assert finished.status.tickets.labeled == 20
    assert labeled(database) == list(range(81, 101))


async def test_a_new_process_goes_on_with_the_same_tickets(database: TestDatabase) -> None:
    make_tickets(database, range(1, 101))
    night = Night(database, LIMITED.replace("500", "50"), room=10, shard=10)

    finished = await night.live(lambda status: night.world.restart())

    assert labeled(database) == list(range(1, 51))
    assert sum(night.world.paid().values()) == finished.status.tickets.total == 50
    assert not night.world.ledger.lose_long_ids(finished.meta), "a finished resource may stay for years"


async def test_an_earlier_version_after_a_rollback_goes_on_behind_what_was_bought(database: TestDatabase) -> None:
    """It knows nothing of kept ids, and takes cursors for ids of the source."""
    make_tickets(database, range(1001, 1101))
    night = Night(database, "SELECT id, body FROM tickets", room=20, shard=20)
    for _ in range(50):
        if len(night.now.status.batches) == 2:
            break
        await night.world.clock.sleep(await night.world.look(night.resource) or 0)
    now = night.now
    assert now.status.plan is not None
    earlier = now.status.plan.model_copy(update={"snapshot": None})
    await night.world.ledger.save(now.meta, now.status.model_copy(update={"plan": earlier}))

    await night.live()

    assert labeled(database) == list(range(1001, 1101))
    assert set(night.world.paid().values()) == {1}


async def test_where_the_kept_ids_are_gone_nothing_else_is_bought_in_their_place(database: TestDatabase) -> None:
    make_tickets(database, range(1, 101))
    night = Night(database, LIMITED.replace("500", "50"), room=10, shard=10)
    looks = 0
    while len(night.now.status.batches) < 2 and looks < 50:
        looks += 1
        await night.world.clock.sleep(await night.world.look(night.resource) or 0)
    night.world.ledger.lose_long_ids(night.resource.meta)
    for _ in range(60):
        await night.world.clock.sleep(await night.world.look(night.resource) or 0)

    (ready,) = [one for one in night.now.status.conditions if one.type == "Ready"]
    assert ready.reason == "IdsMissing"
    assert sum(night.world.paid().values()) <= 20


async def test_with_too_many_rows_to_keep_their_ids_the_last_one_is_kept(
    database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nightsort.adapters.sql.snapshot.MOST_KEPT_IDS", 50)
    make_tickets(database, range(1, 101))
    night = Night(database, "SELECT id, body FROM tickets WHERE category IS NULL", room=30, shard=30)
    more = iter(range(101, 300, 50))

    def come(status: Status) -> None:
        if status.batches and (first := next(more, None)):
            add(database, *range(first, first + 50))

    finished = await night.live(come)

    assert labeled(database) == list(range(1, 101))
    assert finished.status.tickets.total == 100


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("SELECT id, body FROM tickets WHERE {random} < 0.5", "RowsChange"),
        ("SELECT * FROM (SELECT id, body FROM tickets ORDER BY id LIMIT 10) AS x", "RowsChange"),
        ("SELECT id, body FROM tickets WHERE category IS NULL LIMIT 60", "TooManyRows"),
        ("SELECT {uuid} AS id, body FROM tickets", "RowsChange"),
        ("SELECT {uuid} AS id, body FROM tickets LIMIT 10", "RowsChange"),
    ],
)
async def test_what_cannot_be_chosen_once_is_refused_with_the_reason_and_buys_nothing(
    database: TestDatabase, query: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nightsort.adapters.sql.snapshot.MOST_KEPT_IDS", 50)
    make_tickets(database, range(1, 51) if reason == "RowsChange" else range(1, 101))
    words = {
        "postgresql": {"random": "random()", "uuid": "gen_random_uuid()"},
        "mariadb": {"random": "RAND()", "uuid": "UUID()"},
        "sqlite": {"random": "random() / 9223372036854775808.0", "uuid": "hex(randomblob(8))"},
    }[database.kind]
    night = Night(database, query.format(**words))

    for _ in range(3):
        await night.world.look(night.resource)

    (ready,) = [one for one in night.now.status.conditions if one.type == "Ready"]
    assert ready.reason == reason, ready
    assert not night.world.paid()


@only_postgresql
async def test_a_sample_of_a_table_is_refused(database: TestDatabase) -> None:
    make_tickets(database, range(1, 101))
    night = Night(database, "SELECT id, body FROM tickets TABLESAMPLE BERNOULLI (50)")

    await night.world.look(night.resource)

    assert "TABLESAMPLE" in (night.now.status.message or "")
    assert not night.world.paid()
