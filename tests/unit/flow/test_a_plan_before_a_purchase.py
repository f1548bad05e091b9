"""A run that is created suspended says what it would buy and cost, and buys nothing until it is resumed."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from nightsort.api.resource import Resource
from nightsort.api.status import Status
from nightsort.domain.conditions import is_true
from nightsort.domain.errors import Rejected, Stalled, Waiting
from nightsort.domain.reasons import Reason
from tests.support.world import World


def now(world: World, resource: Resource) -> Status:
    return world.ledger.current(resource.meta).status


async def test_its_price_stands_in_the_status_and_nothing_is_bought(world: World) -> None:
    resource = world.apply(*["billing"] * 250, suspend=True, shards={"maxRequests": 100})

    await world.look(resource)

    status = now(world, resource)
    assert status.forecast is not None
    assert (status.forecast.tickets, status.forecast.requests, status.forecast.batches) == (250, 250, 3)
    assert status.plan is None
    assert status.batches == ()
    assert status.cost.estimated_usd == status.forecast.batch_usd
    assert is_true(status, "Suspended")
    assert world.api.calls["create"] == 0
    assert status.message is not None
    assert status.message.startswith(
        "spec.suspend is true: nothing is bought; it would send 250 requests in 3 batches for"
    )
    assert f"${status.forecast.batch_usd} " in status.message


async def test_its_amounts_belong_together(world: World) -> None:
    resource = world.apply(*["billing"] * 250, suspend=True)

    await world.look(resource)

    found = now(world, resource).forecast
    assert found is not None
    batch, low, high, most, standard, month = (
        Decimal(amount or "NaN")
        for amount in (
            found.batch_usd, found.low_usd, found.high_usd, found.most_usd, found.standard_usd, found.month_usd,
        )
    )  # fmt: skip
    assert low < batch < high <= most
    assert float(standard) == pytest.approx(2 * float(batch), rel=0.01)
    assert float(month) == pytest.approx(30 * float(batch), rel=0.01)


async def test_it_is_estimated_once_and_told_in_one_event(world: World) -> None:
    resource = world.apply("billing", suspend=True)

    for _ in range(3):
        await world.look(resource)
        world.clock.advance(timedelta(minutes=5).total_seconds())

    assert world.api.calls["count_tokens"] == 2
    assert world.events.reasons == [Reason.ESTIMATED]


async def test_resumed_it_looks_at_its_source_again_and_buys_each_ticket_once(world: World) -> None:
    resource = world.apply("billing", "account", suspend=True)
    await world.look(resource)

    world.ledger.touch(resource.meta, suspend=False)
    status = (await world.run_until_finished(world.ledger.current(resource.meta))).status

    assert status.tickets.labeled == 2
    assert world.api.calls["create"] == 1
    assert status.plan is not None


@pytest.mark.parametrize("obstacle", [Waiting("db:5432 does not answer"), Stalled("the Secret is missing")])
async def test_an_obstacle_is_named_and_tried_again_and_nobody_is_paged(
    world: World, obstacle: Waiting | Stalled
) -> None:
    resource = world.apply("billing", suspend=True)
    world.connections.error = obstacle
    for _ in range(3):
        await world.look(resource)
        world.clock.advance(61)

    status = now(world, resource)
    assert is_true(status, "Suspended")
    assert not is_true(status, "Stalled")
    assert status.message is not None
    assert status.message.endswith(f"what it would cost is not known: {obstacle.message}")
    assert world.events.reasons == [Reason.NOT_ESTIMATED]

    world.connections.error = None
    await world.look(resource)
    found = now(world, resource).forecast
    assert found is not None
    assert (found.tickets, found.obstacle) == (1, None)


async def test_an_obstacle_that_stays_for_a_day_costs_a_hundred_writes_of_the_status(world: World) -> None:
    resource = world.apply("billing", suspend=True)
    world.connections.error = Stalled("the Secret is missing")
    ends = world.clock.now() + timedelta(days=1)
    versions = set()
    while world.clock.now() < ends:
        world.clock.advance(await world.look(resource) or 0.0)
        versions.add(world.ledger.current(resource.meta).meta.resource_version)

    assert 90 <= len(versions) <= 120

    world.connections.error = None
    world.clock.advance(timedelta(minutes=15).total_seconds())
    await world.look(resource)
    found = now(world, resource).forecast
    assert found is not None
    assert found.obstacle is None


async def test_a_run_that_could_never_work_fails_at_once(world: World) -> None:
    resource = world.apply("billing", suspend=True)
    world.connections.error = Rejected("no such model", reason=Reason.UNKNOWN_MODEL)

    await world.look(resource)
    await world.look(resource)

    assert now(world, resource).stop is not None


async def test_a_limit_that_it_would_pass_is_told(world: World) -> None:
    resource = world.apply(*["billing"] * 100, suspend=True, maxCostUSD="0.000001")

    await world.look(resource)

    found = now(world, resource).forecast
    assert found is not None
    assert (found.remarks or "").startswith("this is above maxCostUSD 0.000001: the run would buy nothing")


async def test_a_run_that_is_suspended_on_its_way_is_not_estimated(world: World) -> None:
    resource = world.apply("billing")
    await world.look(resource)
    world.ledger.touch(resource.meta, suspend=True)

    await world.look(world.ledger.current(resource.meta))

    assert now(world, resource).forecast is None


async def test_suspended_again_on_its_way_it_does_not_say_what_it_would_have_sent(world: World) -> None:
    resource = world.apply("billing", "account", suspend=True)
    await world.look(resource)
    world.ledger.touch(resource.meta, suspend=False)
    await world.look(world.ledger.current(resource.meta))
    world.ledger.touch(resource.meta, suspend=True)

    await world.look(world.ledger.current(resource.meta))

    status = now(world, resource)
    assert is_true(status, "Suspended")
    assert "it would send" not in (status.message or "")
