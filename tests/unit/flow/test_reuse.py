"""`reuse: Unchanged`: a ticket whose row of an earlier run stands is not bought again, as long as nothing changes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from msgspec import structs

from nightsort.api.resource import Resource
from nightsort.domain.answer import Answer
from nightsort.domain.conditions import COMPLETE, FAILED, is_true
from nightsort.domain.errors import Waiting
from nightsort.domain.reasons import Reason
from nightsort.domain.ticket import Ticket
from nightsort.flow.preflight import reuse
from nightsort.flow.results import hashes
from nightsort.testing.sinks import MemorySink
from nightsort.testing.sources import MemoryQuery, MemorySource
from tests.support.world import EXPIRED, World

TABLE = {"database": {"urlSecretRef": {"name": "db", "key": "url"}, "table": "labels", "mode": "Upsert"}}
FIVE = ("billing", "account", "gibberish", "refuse", "")


def respond(text: str) -> str | Answer:
    word = text.split()[0]
    return Answer("", "succeeded", "", "refusal", input_tokens=5) if word == "refuse" else word


class Nights:
    """Runs over the same tickets, which end in the same table."""

    def __init__(self, world: World) -> None:
        self.world, self.table = world, MemorySink()
        self.world.respond = respond

    async def night(self, number: int, *bodies: str, **spec: Any) -> Resource:
        return await self.world.run_until_finished(self.begin(number, *bodies, **spec))

    def begin(self, number: int, *bodies: str, **spec: Any) -> Resource:
        name = f"night-{number}"
        given = {"reuse": "Unchanged", "results": TABLE} | spec
        resource = self.world.apply(*bodies, name=name, **given)
        self.world.connections.sinks_of[name] = [self.table]
        return resource

    def bought(self) -> int:
        return self.world.paid().total()


@pytest.fixture
def nights(world: World) -> Nights:
    return Nights(world)


async def test_the_same_tickets_are_not_bought_again_whatever_their_verdict(nights: Nights) -> None:
    first = await nights.night(1, *FIVE)
    paid, rows = nights.bought(), dict(nights.table.rows)
    second = await nights.night(2, *FIVE)

    counts = first.status.tickets
    assert (counts.labeled, counts.unknown, counts.failed, counts.reused) == (2, 1, 2, 0)
    assert (paid, nights.bought()) == (4, 4), "the ticket without a text costs nothing"
    assert (second.status.tickets.reused, second.status.tickets.total) == (5, 5)
    assert is_true(second.status, COMPLETE)
    assert second.status.message == "5 tickets: 5 reused"
    assert nights.table.rows == rows, "their rows stand as they were"
    told = [message for _, reason, message in nights.world.events.told if reason == "TicketsReused"]
    assert told == ["5 tickets reused: their rows stand, and nothing has changed"]


async def test_new_and_changed_tickets_are_bought_and_no_others(nights: Nights) -> None:
    await nights.night(1, "billing", "account", "other")
    resource = await nights.night(2, "billing", "account by mistake", "other", "billing again", "billing new")

    assert nights.world.paid() == {"0": 1, "1": 2, "2": 1, "3": 1, "4": 1}
    counts = resource.status.tickets
    assert (counts.labeled, counts.reused, counts.total) == (3, 2, 5)
    assert "5 tickets: 3 labeled, 2 reused; cost" in (resource.status.message or "")
    assert nights.world.metrics.left_out.total() == 2


@pytest.mark.parametrize(
    "change",
    [
        {"categories": [{"name": "billing"}, {"name": "account"}]},
        {"prompt": {"instructions": "A refund is billing."}},
        {"unknownLabel": {"action": "Fallback", "category": "other"}},
        {"model": "claude-sonnet-5-5"},
    ],
)
async def test_whatever_an_answer_depends_on_has_every_ticket_bought_again(
    nights: Nights, change: dict[str, Any]
) -> None:
    world = nights.world
    world.api.models = {**world.api.models, "claude-sonnet-5-5": next(iter(world.api.models.values()))}
    await nights.night(1, "billing", "account")
    await nights.night(2, "billing", "account", **change)

    assert world.paid() == {"0": 2, "1": 2}


async def test_without_reuse_every_ticket_is_bought_and_no_hash_is_stored(nights: Nights) -> None:
    await nights.night(1, "billing", reuse="Never")
    await nights.night(2, "billing", reuse="Never")

    assert nights.world.paid() == {"0": 2}
    assert [row.hash for row in nights.table.rows.values()] == [None]


async def test_a_ticket_that_expires_at_every_attempt_is_counted_once_and_not_bought_the_next_night(
    nights: Nights,
) -> None:
    nights.world.respond = lambda text: EXPIRED
    first = await nights.night(1, "billing", backoffLimit=1)
    second = await nights.night(2, "billing")

    assert (first.status.tickets.failed, first.status.tickets.total) == (1, 1)
    assert (second.status.tickets.reused, len(second.status.batches)) == (1, 0)


async def test_tickets_of_a_cancelled_run_are_bought_by_the_next(nights: Nights) -> None:
    """Nobody was asked about them, and nothing was paid."""
    resource = nights.begin(1, "billing", "account", activeDeadlineSeconds=1)
    await nights.world.run_until_finished(resource)
    second = await nights.night(2, "billing", "account")

    assert {row.verdict for row in nights.table.rows.values()} == {"Labeled"}
    assert (second.status.tickets.labeled, second.status.tickets.reused) == (2, 0)


async def test_a_ticket_that_changes_between_purchase_and_answer_is_bought_again(nights: Nights) -> None:
    """Its row has the hash of the text that was sent."""
    world, resource = nights.world, nights.begin(1, "billing", "account")
    while not world.api.bill:
        await world.look(resource)
    world.connections.sources["night-1"].kept[0] = Ticket("0", {"body": "account now"}, "0")
    await world.run_until_finished(resource)
    await nights.night(2, "account now", "account")

    assert world.paid()["1"] == 1
    assert world.paid()["0"] == 2


async def test_what_is_left_out_is_decided_once_whatever_the_table_says_later(nights: Nights) -> None:
    """A row that is lost meanwhile, and a restart in between, change nothing."""
    world = nights.world
    await nights.night(1, "billing", "account")
    resource = nights.begin(2, "billing", "account", "other", "billing too", shards={"maxRequests": 1})
    while len(world.ledger.current(resource.meta).status.batches) < 1:
        await world.look(resource)
    nights.table.rows.clear()
    world.restart()
    ended = await world.run_until_finished(resource)

    assert world.paid() == {"0": 1, "1": 1, "2": 1, "3": 1}
    assert (ended.status.tickets.reused, ended.status.tickets.labeled) == (2, 2)


@pytest.mark.parametrize("call", ["keep_long_ids", "save"])
@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_crash_at_any_write_of_pre_flight_loses_no_ticket_and_buys_none_twice(
    nights: Nights, call: str, when: str
) -> None:
    world = nights.world
    await nights.night(1, "billing", "account")
    resource = nights.begin(2, "billing", "account", "other")
    ended = await world.run_killed_at_each(resource, call, when)
    assert world.paid() == {"0": 1, "1": 1, "2": 1}
    assert (ended.status.tickets.reused, ended.status.tickets.labeled) == (2, 1)


async def test_a_query_whose_tickets_slide_buys_those_that_were_counted_without_a_row(nights: Nights) -> None:
    world = nights.world
    await nights.night(1, "billing", "account")
    resource = nights.begin(2)
    bodies = {"0": "billing", "1": "account", "2": "other", "3": "billing more"}
    query = MemoryQuery(sent_by(world, bodies), lambda: (), limit=100, page=2)
    world.connections.sources["night-2"] = query
    while world.ledger.current(resource.meta).status.plan is None:
        await world.look(resource)
    query.add(Ticket("4", {"body": "billing late"}, ""))
    ended = await world.run_until_finished(resource)

    assert world.paid() == {"0": 1, "1": 1, "2": 1, "3": 1}
    assert (ended.status.tickets.total, ended.status.tickets.reused) == (4, 2)


def sent_by(world: World, bodies: dict[str, str]) -> Sequence[Ticket]:
    first = world.connections.sources["night-1"].kept[0]
    assert first is not None
    mark = first.fields["body"].removeprefix("billing")
    return [Ticket(name, {"subject": "", "body": body + mark}, "") for name, body in bodies.items()]


async def test_the_estimate_is_of_what_is_bought(nights: Nights) -> None:
    bodies = [f"billing {'x' * 200} {number}" for number in range(40)]
    first = await nights.night(1, *bodies)
    second = await nights.night(2, *bodies, "billing", maxCostUSD="0.0005")

    assert float(second.status.cost.estimated_usd or 1) < float(first.status.cost.estimated_usd or 0) / 10
    assert second.status.tickets.labeled == 1


async def test_many_tickets_are_compared_in_parts_and_their_hashes_kept_in_blocks(
    nights: Nights, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reuse, "AT_ONCE", 3)
    monkeypatch.setattr(hashes, "BLOCK_TICKETS", 2)
    bodies = [f"billing {number}" for number in range(11)]
    await nights.night(1, *bodies)
    second = await nights.night(2, *bodies, "billing new")

    assert (second.status.tickets.reused, second.status.tickets.labeled) == (11, 1)


async def test_more_new_tickets_than_ids_can_be_kept_of_are_refused_before_anything_is_bought(
    nights: Nights, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unless nothing is left out: then no id needs to be kept."""
    monkeypatch.setattr(reuse, "MOST_CHOSEN", 2)
    await nights.night(1, "billing", "account", "other")
    second = await nights.night(2, "billing", "account new", "other new", "billing new")

    assert nights.bought() == 3
    assert is_true(second.status, FAILED)
    assert second.status.message == (
        "3 tickets have no row that stands, and others have one: reuse can tell them apart where at most 2 are to be "
        "bought. Split the source among several resources"
    )


async def test_the_hashes_of_a_run_that_has_ended_take_no_room_in_the_cluster(
    nights: Nights, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hashes, "BLOCK_TICKETS", 2)
    resource = await nights.night(1, *["billing"] * 5)

    kept = nights.world.ledger.kept[resource.meta.key].long_ids
    assert list(kept.values()) == [{}, {}, {}]
    assert all(row.hash for row in nights.table.rows.values())


async def test_the_hashes_of_a_create_that_is_refused_time_after_time_are_kept_once(nights: Nights) -> None:
    world, resource = nights.world, nights.begin(1, "billing")

    async def refuse(operation: str, *about: Any) -> None:
        if operation == "create":
            raise Waiting("429", reason=Reason.RATE_LIMITED)

    world.api.before = refuse
    for _ in range(10):
        await world.look(resource)
        world.clock.advance(timedelta(hours=1).total_seconds())

    kept = nights.world.ledger.kept[resource.meta.key].long_ids
    assert len(kept) > 3
    assert sum(map(bool, kept.values())) == 1


async def test_hashes_that_somebody_has_deleted_cost_a_second_purchase_and_no_row(nights: Nights) -> None:
    world, resource = nights.world, nights.begin(1, "billing")
    while not world.api.bill:
        await world.look(resource)
    world.ledger.lose_long_ids(resource.meta)
    ended = await world.run_until_finished(resource)

    assert ended.status.tickets.labeled == 1
    assert [structs.asdict(row)["hash"] for row in nights.table.rows.values()] == [None]


async def test_the_forecast_of_a_suspended_run_is_of_what_it_would_buy(nights: Nights) -> None:
    await nights.night(1, "billing", "account")
    resource = nights.begin(2, "billing", "account", "other", suspend=True)
    await nights.world.look(resource)

    forecast = nights.world.ledger.current(resource.meta).status.forecast
    assert forecast is not None
    assert (forecast.tickets, forecast.requests) == (1, 1)
    assert forecast.remarks == "2 tickets reused: their rows stand, and nothing has changed"
    assert nights.bought() == 2


async def test_a_simulated_answer_stands_for_no_real_one(nights: Nights) -> None:
    nights.world.use(simulated=True)
    await nights.night(1, "billing")
    again = await nights.night(2, "billing")
    nights.world.use(simulated=False)
    real = await nights.night(3, "billing")

    assert (again.status.tickets.reused, real.status.tickets.reused) == (1, 0)


async def test_of_two_runs_at_once_the_second_finds_the_rows_of_the_first(nights: Nights) -> None:
    """They wait for each other by default; who allows overlaps buys twice."""
    both = [nights.begin(number, "billing", "account", overlapPolicy="Wait") for number in (1, 2)]
    await nights.world.run_all(*both)

    reused = [nights.world.ledger.current(each.meta).status.tickets.reused for each in both]
    assert sorted(reused) == [0, 2]
    assert nights.world.paid() == {"0": 1, "1": 1}


async def test_a_forecast_counts_the_batches_of_what_is_left_to_buy(nights: Nights) -> None:
    await nights.night(1, *["billing"] * 481)
    resource = nights.begin(2, *["billing"] * 481, "account", shards={"maxRequests": 1}, suspend=True)

    await nights.world.look(resource)

    status = nights.world.ledger.current(resource.meta).status
    assert status.stop is None
    assert status.forecast is not None
    assert (status.forecast.tickets, status.forecast.batches) == (1, 1)


MEASURED: dict[str, Any] = {
    "truth": {"configMap": {"name": "known", "key": "known.csv"}},
    "minAccuracy": "0.80",
}


def know(world: World, right: int) -> None:
    """Forty known tickets in a set of their own; the answers of the first ones are right."""
    answers = ["billing" if number < right else "other" for number in range(40)]
    known = [Ticket(f"k{place}", {"body": answer, "category": "billing"}, "") for place, answer in enumerate(answers)]
    world.connections.sources["known"] = MemorySource(known)


async def test_each_night_measures_known_tickets_before_it_buys_what_is_new(nights: Nights) -> None:
    know(nights.world, right=40)
    await nights.night(1, "billing", "account", evaluation=MEASURED)
    assert nights.bought() == 42
    second = await nights.night(2, "billing", "account", "other", evaluation=MEASURED)

    paid = nights.world.paid()
    assert {paid[name] for name in ("0", "1", "2")} == {1}
    assert {paid[f"k{place}"] for place in range(40)} == {2}, "the model of tonight is the one that is measured"
    told = second.status.evaluation
    assert told is not None
    assert (told.outcome, told.known) == ("Passed", 40)
    assert (second.status.tickets.labeled, second.status.tickets.reused) == (1, 2)
    assert set(nights.table.rows) == {"0", "1", "2"}, "known tickets get no row"


async def test_a_night_without_anything_new_measures_nothing(nights: Nights) -> None:
    know(nights.world, right=40)
    await nights.night(1, "billing", "account", evaluation=MEASURED)
    second = await nights.night(2, "billing", "account", evaluation=MEASURED)

    assert nights.bought() == 42
    assert is_true(second.status, COMPLETE)
    unmeasured = "known tickets are not measured, since there is no other ticket to buy"
    assert second.status.message == f"2 tickets: 2 reused; {unmeasured}"


async def test_a_night_that_is_not_good_enough_leaves_the_rows_of_earlier_ones_alone(nights: Nights) -> None:
    know(nights.world, right=40)
    await nights.night(1, "billing", "account", evaluation=MEASURED)
    rows = dict(nights.table.rows)
    know(nights.world, right=20)
    ended = await nights.night(2, "account", "account", "other", evaluation={**MEASURED, "onFailure": "Fail"})

    assert is_true(ended.status, FAILED)
    assert nights.table.rows == rows
    assert nights.bought() == 42 + 40
