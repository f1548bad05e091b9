"""What a run's owner is told in time: a model that retires, old prices, too small a queue, answers that expire."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from nightsort.domain.conditions import is_true
from nightsort.domain.errors import Stalled
from nightsort.domain.prices import PRICE_TABLE, Price
from nightsort.domain.reasons import Reason
from nightsort.testing.batch_api import MODEL, MODELS
from nightsort.testing.clock import NIGHT
from tests.support.world import World


@pytest.mark.parametrize(("days", "told"), [(59, True), (60, True), (61, False)])
async def test_a_model_that_retires_is_told_sixty_days_before(world: World, days: int, told: bool) -> None:
    at = NIGHT + timedelta(days=days)
    world.api.models = {MODEL: replace(MODELS[MODEL], retires_at=at)}

    resource = await world.run_until_finished(world.apply("billing"))

    assert (Reason.MODEL_RETIRES_SOON in world.events.reasons) is told
    assert world.metrics.retirements == {MODEL: at}
    messages = [status.message or "" for status in world.writes(resource)]
    assert any(f"served until {at:%Y-%m-%d}" in message for message in messages) is told


@pytest.mark.parametrize(("days", "told"), [(90, False), (91, True)])
async def test_prices_older_than_ninety_days_are_told(world: World, days: int, told: bool) -> None:
    day = (NIGHT - timedelta(days=days)).date().isoformat()
    world.use(prices=replace(PRICE_TABLE, day=day))

    await world.run_until_finished(world.apply("billing"))

    assert (Reason.PRICES_OLD in world.events.reasons) is told


@pytest.mark.parametrize(("agreed_on", "told"), [(None, False), ("2026-11-01", False), ("2026-01-01", True)])
async def test_prices_of_ones_own_have_a_day_of_their_own(world: World, agreed_on: str | None, told: bool) -> None:
    own = replace(Price.of("1", "5", "1.25", "0.10"), agreed_on=agreed_on)
    world.use(prices=replace(PRICE_TABLE, day="2020-01-01").with_own({MODEL: own}))

    resource = await world.run_until_finished(world.apply("billing"))

    assert (Reason.PRICES_OLD in world.events.reasons) is told
    assert resource.status.cost.prices_of == (agreed_on or "NIGHTSORT_PRICES")
    assert Decimal(resource.status.cost.actual_usd or "NaN") > 0


async def test_a_run_larger_than_the_queue_says_in_how_many_turns_it_goes(world: World) -> None:
    world.use(enqueued_requests=5)

    await world.run_until_finished(world.apply(*["billing"] * 12, shards={"maxRequests": 2}))

    [message] = [message for _, reason, message in world.events.told if reason == Reason.QUEUE_TOO_SMALL]
    assert message.startswith("12 tickets are more than the 5 requests that may be enqueued at once")
    assert "in 3 turns" in message


async def test_answers_that_nobody_stores_are_told_before_the_api_deletes_them(world: World) -> None:
    resource = world.apply("billing")
    await world.look(resource)
    world.clock.advance(60)
    world.sink.error = Stalled("the table is gone")
    await world.look(resource)
    early = world.ledger.current(resource.meta).status

    world.clock.advance(timedelta(days=25).total_seconds())
    await world.look(resource)
    late = world.ledger.current(resource.meta).status

    assert early.message == "the table is gone"
    assert is_true(late, "Stalled")
    day = f"{NIGHT + timedelta(days=29):%Y-%m-%d}"
    assert late.message == (
        f"the table is gone; the API deletes the answers of {late.batches[0].id} on {day}, and they are not stored"
    )
    assert world.events.told[-1][2] == late.message
