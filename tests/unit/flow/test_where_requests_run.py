"""spec.inferenceGeo is sent with every request, counted at its price, and refused where the model takes no place."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from decimal import Decimal
from typing import Any, BinaryIO

import pytest

from nightsort.api.resource import Resource
from nightsort.api.status import Status
from nightsort.domain.answer import Answer
from nightsort.domain.batch import Batch
from nightsort.domain.conditions import is_true
from nightsort.domain.cost import batch_price, price_of, total
from nightsort.domain.prices import PRICE_TABLE
from nightsort.domain.prompt import system_prompt
from nightsort.testing.batch_api import MODEL, MODELS, SECOND_MODEL, tokens
from tests.support.world import World

SMALL = "claude-haiku-5-5"
TENTH_MORE = Decimal("1.1")


@pytest.fixture
def sent(world: World) -> list[dict[str, Any]]:
    """The parameters of every request. Answers use as many tokens as the account counts, and write eight."""
    found: list[dict[str, Any]] = []
    create = world.api.create

    async def noted(body: BinaryIO, size: int, tag: str) -> Batch:
        content = body.read()
        found.extend(each["params"] for each in json.loads(content)["requests"])
        return await create(io.BytesIO(content), size, tag)

    world.api.create = noted  # type: ignore[method-assign]
    world.api.models = MODELS | {SMALL: replace(MODELS[MODEL], id=SMALL)}
    system = tokens(system_prompt(world.apply("x").spec))

    def respond(text: str) -> Answer:
        asked = system + tokens(text)
        return Answer("", "succeeded", text.split()[0], "end_turn", input_tokens=asked, output_tokens=8)

    world.respond = respond
    return found


def now(world: World, resource: Resource) -> Status:
    return world.ledger.current(resource.meta).status


def dollars(text: str | None) -> Decimal:
    return Decimal(text or "NaN")


@pytest.mark.parametrize("place", ["us", "global"])
async def test_a_model_that_takes_no_place_is_refused_before_anything_is_bought(
    world: World, sent: list[dict[str, Any]], place: str
) -> None:
    refused = await world.run_until_finished(world.apply("billing", model=MODEL, inferenceGeo=place))

    assert is_true(refused.status, "Failed")
    assert refused.status.conditions[0].reason == "ModelWithoutGeo"
    assert refused.status.message is not None
    assert f"spec.inferenceGeo: {MODEL!r} (spec.model)" in refused.status.message
    assert "leave inferenceGeo out, or name a model of 4.6 or later" in refused.status.message
    assert world.api.calls["create"] == world.api.calls["count_tokens"] == 0


async def test_the_second_model_must_take_a_place_too(world: World, sent: list[dict[str, Any]]) -> None:
    review = {"model": MODEL, "of": ["Unknown"]}

    refused = await world.run_until_finished(world.apply("billing", model=SMALL, inferenceGeo="us", review=review))

    assert refused.status.conditions[0].reason == "ModelWithoutGeo"
    assert f"{MODEL!r} (spec.review.model)" in (refused.status.message or "")
    assert not sent


async def test_both_readers_requests_run_where_the_spec_says(world: World, sent: list[dict[str, Any]]) -> None:
    review = {"model": SECOND_MODEL, "of": ["Unknown"]}

    await world.run_until_finished(world.apply("billing", "what", model=SMALL, inferenceGeo="us", review=review))

    assert [(each["model"], each["inference_geo"]) for each in sent] == [
        (SMALL, "us"),
        (SMALL, "us"),
        (SECOND_MODEL, "us"),
    ]


async def test_without_a_place_requests_are_as_ever(world: World, sent: list[dict[str, Any]]) -> None:
    await world.run_until_finished(world.apply("billing", model=SMALL))

    assert "inference_geo" not in sent[0]


async def costs(world: World, name: str, **spec: Any) -> tuple[Decimal, Decimal, Decimal]:
    """Estimated, actual and standard USD of a run."""
    resource = world.apply(*["billing " + "word " * 3_000] * 500, name=name, model=SMALL, **spec)
    cost = (await world.run_until_finished(resource)).status.cost
    return dollars(cost.estimated_usd), dollars(cost.actual_usd), dollars(cost.standard_usd)


@pytest.mark.usefixtures("sent")
async def test_the_us_is_estimated_and_told_a_tenth_dearer(world: World) -> None:
    elsewhere = await costs(world, "elsewhere", inferenceGeo="global")
    there = await costs(world, "there", inferenceGeo="us")

    for one, other in zip(there, elsewhere, strict=True):
        assert one == pytest.approx(other * TENTH_MORE, abs=Decimal("0.0001"))


@pytest.mark.usefixtures("sent")
async def test_an_account_whose_default_is_the_us_is_told_at_its_price_though_nobody_could_estimate_it(
    world: World,
) -> None:
    elsewhere = await costs(world, "elsewhere")
    world.api.geo = "us"

    there = await costs(world, "there")

    assert there[1] == pytest.approx(elsewhere[1] * TENTH_MORE, abs=Decimal("0.0001"))
    assert there[0] in (elsewhere[0], there[1]), "what is measured since then raises it"


def begin(world: World, limit: Decimal, **spec: Any) -> Resource:
    """Two batches of ten tickets."""
    prompt = {"maxTokens": 8}
    shards = {"maxRequests": 10}
    return world.apply(*["billing"] * 20, model=SMALL, maxCostUSD=f"{limit:.6f}", prompt=prompt, shards=shards, **spec)


async def price_of_twenty(world: World) -> Decimal:
    """USD of both batches elsewhere, unrounded: answers use all that they may."""
    run = await world.run_until_finished(begin(world, Decimal(1), name="elsewhere"))
    return batch_price(total(record.usage for record in run.status.batches), price_of(SMALL, PRICE_TABLE))


@pytest.mark.parametrize(("place", "bought"), [("us", 10), ("global", 20), (None, 20)])
async def test_a_limit_that_is_enough_elsewhere_is_not_for_the_us(
    world: World, sent: list[dict[str, Any]], place: str | None, bought: int
) -> None:
    limit = await price_of_twenty(world) * Decimal("1.05")
    sent.clear()

    resource = begin(world, limit, **({} if place is None else {"inferenceGeo": place}))
    for _ in range(20):
        await world.clock.sleep(600)
        await world.look(resource)

    assert len(sent) == bought, now(world, resource).message
    assert is_true(now(world, resource), "Stalled") is (bought < 20)


async def test_an_answer_that_was_made_in_the_us_makes_the_next_batch_count_as_dear(
    world: World, sent: list[dict[str, Any]]
) -> None:
    """One after the other fits in the queue, so that the first has answered before the second is to be bought."""
    limit = await price_of_twenty(world) * Decimal("1.08")
    world.api.geo, world.enqueued_requests = "us", 10
    world.restart()
    sent.clear()

    resource = begin(world, limit)
    for _ in range(20):
        await world.clock.sleep(600)
        await world.look(resource)

    assert len(sent) == 10
    assert now(world, resource).conditions[0].reason == "CostLimitExceeded"
    assert dollars(now(world, resource).cost.actual_usd) < limit
