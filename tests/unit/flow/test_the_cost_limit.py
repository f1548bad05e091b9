"""maxCostUSD holds: no batch is bought that would bring a run above it, as far as the API's own counts tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from nightsort.api.resource import Resource
from nightsort.api.status import Status
from nightsort.domain.answer import Answer
from nightsort.domain.batch import ModelFacts
from nightsort.domain.conditions import is_true
from nightsort.domain.errors import Rejected, Waiting
from nightsort.domain.prompt import system_prompt
from nightsort.domain.reasons import Reason
from nightsort.domain.ticket import Ticket
from nightsort.flow.tickets import sample
from nightsort.testing.batch_api import MODEL, MODELS, tokens
from tests.support.world import World

LONG = "billing " + "word " * 300


@pytest.fixture
def honest(world: World) -> World:
    """Answers use as many tokens as the account counts, the system prompt included."""
    system = tokens(system_prompt(world.apply("x").spec))

    def respond(text: str) -> Answer:
        return Answer("", "succeeded", "billing", "end_turn", input_tokens=system + tokens(text), output_tokens=3)

    world.respond = respond
    return world


def now(world: World, resource: Resource) -> Status:
    return world.ledger.current(resource.meta).status


def dollars(text: str | None) -> Decimal:
    return Decimal(text or "NaN")


def is_refused(status: Status) -> bool:
    return is_true(status, "Stalled") and status.conditions[0].reason == "CostLimitExceeded"


# --- the estimate -----------------------------------------------------------------------------------------------------


async def test_long_tickets_behind_short_ones_are_in_the_estimate(honest: World) -> None:
    bodies = ["billing"] * 20 + [LONG] * 480

    cost = (await honest.run_until_finished(honest.apply(*bodies))).status.cost

    assert float(dollars(cost.estimated_usd)) == pytest.approx(float(dollars(cost.actual_usd)), rel=0.03)


async def test_a_run_of_long_tickets_behind_short_ones_is_held_against_the_limit(honest: World) -> None:
    resource = honest.apply(*["billing"] * 20, *[LONG] * 480, maxCostUSD="0.06")

    await honest.look(resource)

    assert is_refused(now(honest, resource))
    assert honest.api.calls["create"] == 0


async def test_a_model_that_must_think_is_estimated_at_all_that_it_may_write(world: World) -> None:
    facts = ModelFacts("claude-mythos-5", thinks=True, can_disable_thinking=False)
    world.api.models = MODELS | {facts.id: facts}
    costs = []
    for number, most in enumerate([8, 1008]):
        resource = world.apply(*["billing"] * 100, name=f"run-{number}", model=facts.id, prompt={"maxTokens": most})
        costs.append(dollars((await world.run_until_finished(resource)).status.cost.estimated_usd))

    assert costs[1] - costs[0] == Decimal("2.5")  # 100 tickets x 1,000 tokens x $50 / 1,000,000 / 2


async def test_a_fraction_of_a_cent_is_told_beside_a_limit_below_it(world: World) -> None:
    facts = replace(MODELS[MODEL], id="claude-haiku-5-5")
    world.api.models = MODELS | {facts.id: facts}
    resource = world.apply("billing", model=facts.id, maxCostUSD="0.000001")

    await world.look(resource)

    assert is_refused(now(world, resource))
    assert now(world, resource).message == (
        "estimated at $0.000008, which is above maxCostUSD 0.000001; nothing was bought"
    )
    assert world.api.calls["create"] == 0


async def test_the_sample_is_spread_over_what_was_looked_at_and_each_text_of_it_is_bounded(world: World) -> None:
    resource = world.apply(*[f"{number} {'x' * 9_000}" for number in range(400)], prompt={"maxBodyChars": 100_000})
    counted: list[str] = []

    async def note(model: str, system: str, text: str) -> int:
        counted.append(text)
        return 100 + tokens(text)

    world.api.count_tokens = note  # type: ignore[method-assign]
    await world.look(resource)

    firsts = [int(text.split()[0]) for text in counted[0].split("\n")]
    assert firsts == list(range(0, 400, 20))
    assert len(counted[0]) <= sample.SAMPLED_TEXTS * (sample.MOST_TEXT_CHARS + 1)
    assert counted[1:] == [sample.LEAST_TEXT]


# --- each batch before it is bought -----------------------------------------------------------------------------------


@pytest.fixture
def short_sight(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pre-flight sees two tickets: what follows is like tickets behind the first thousands of a large source."""
    monkeypatch.setattr(sample, "LOOKED_AT", 2)


@pytest.mark.usefixtures("short_sight")
async def test_what_pre_flight_did_not_see_is_measured_before_it_is_bought(honest: World) -> None:
    resource = honest.apply("billing", "billing", *[LONG] * 498, maxCostUSD="0.06")
    await honest.look(resource)
    refused = now(honest, resource)
    assert dollars(refused.cost.estimated_usd) < Decimal("0.06"), "pre-flight had no objection"
    assert is_refused(refused)
    assert "above maxCostUSD 0.06; nothing was bought" in (refused.message or "")
    assert not refused.batches
    assert honest.api.calls["create"] == 0

    honest.ledger.touch(resource.meta, max_cost_usd="0.30")
    finished = await honest.run_until_finished(resource)

    assert is_true(finished.status, "Complete")
    assert dollars(finished.status.cost.actual_usd) <= Decimal("0.30")
    assert dollars(finished.status.cost.estimated_usd) >= dollars(finished.status.cost.actual_usd), "measured since"


@pytest.mark.usefixtures("short_sight")
async def test_a_later_batch_is_held_against_what_the_earlier_ones_left(honest: World) -> None:
    resource = honest.apply(*["billing"] * 100, *[LONG] * 400, shards={"maxRequests": 100}, maxCostUSD="0.10")
    for _ in range(20):
        await honest.clock.sleep(await honest.look(resource) or 0)
    status = now(honest, resource)
    assert is_refused(status)
    assert "with the next batch the run may cost $0.1" in (status.message or "")
    assert 1 < honest.api.calls["create"] < 5
    assert Decimal("0.05") < dollars(status.cost.actual_usd) <= Decimal("0.10")

    honest.ledger.touch(resource.meta, max_cost_usd="1.00")
    finished = await honest.run_until_finished(resource)

    assert is_true(finished.status, "Complete")
    assert set(honest.paid().values()) == {1}
    assert finished.status.tickets.labeled == 500


@pytest.mark.usefixtures("short_sight")
async def test_what_is_in_flight_may_come_to_less_and_is_waited_for(honest: World) -> None:
    """All requests of the first batch come back as errors, which cost nothing: then there is room for the second."""
    honest.respond = lambda text: Answer("", "errored", error_type="invalid_request_error")
    resource = honest.apply("billing", "billing", *[LONG] * 18, shards={"maxRequests": 10}, maxCostUSD="0.005")

    await honest.look(resource)

    waiting = now(honest, resource)
    assert waiting.conditions[0].reason == "CostLimitNear"
    assert not is_true(waiting, "Stalled")
    assert honest.events.told[-1][1] == "Submitted", "no alarm"
    await honest.run_until_finished(resource)
    assert honest.api.calls["create"] == 2


@pytest.mark.usefixtures("short_sight")
async def test_a_batch_that_is_too_dear_is_not_read_from_the_source_at_every_look(honest: World) -> None:
    resource = honest.apply("billing", "billing", *[LONG] * 498, maxCostUSD="0.06")
    reads = 0
    read = honest.source.tickets

    def counted(after: str | None = None, through: str | None = None) -> Any:
        nonlocal reads
        reads += 1
        return read(after, through)

    honest.source.tickets = counted  # type: ignore[method-assign]
    assert await honest.look(resource) == 30
    assert is_refused(now(honest, resource))
    before = reads
    for _ in range(10):
        honest.clock.advance(30)
        assert await honest.look(resource) in (60, 120, 240)
    assert reads == before
    assert len([reason for _, reason, _ in honest.events.told if reason == "CostLimitExceeded"]) == 1

    for number in range(2, 500):
        honest.source.remove(str(number))
    honest.clock.advance(600)

    finished = await honest.run_until_finished(resource)
    assert is_true(finished.status, "Complete"), "what was too much has left the source"


@pytest.mark.usefixtures("short_sight")
async def test_a_restart_forgets_nothing_that_the_limit_needs(honest: World) -> None:
    resource = honest.apply(*["billing"] * 100, *[LONG] * 400, shards={"maxRequests": 100}, maxCostUSD="0.10")
    for _ in range(20):
        honest.restart()
        await honest.clock.sleep(await honest.look(resource) or 0)

    assert is_refused(now(honest, resource))
    assert sum(honest.paid().values()) == 100 * honest.api.calls["create"] < 500


async def test_a_limit_of_a_model_that_has_lost_its_price_buys_nothing_more(world: World) -> None:
    resource = world.apply(*["billing"] * 4, shards={"maxRequests": 2}, maxCostUSD="1.00")
    world.api.before = refuse_second_create(world)
    await world.look(resource)
    world.use(prices=replace(world.services.prices, prices={}))
    for _ in range(5):
        await world.clock.sleep(await world.look(resource) or 0)

    assert now(world, resource).conditions[0].reason == "PriceUnknown"
    assert len(world.api.held) == 1


def refuse_second_create(world: World) -> Any:
    async def before(operation: str, *about: object) -> None:
        if operation == "create" and world.api.held:
            raise Waiting("the rate limit is reached", reason=Reason.RATE_LIMITED)

    return before


# --- at the limit itself ----------------------------------------------------------------------------------------------

HUNDREDTH_OF_A_CENT = Decimal("0.0001")


def worth(status: Status, requests: int, text_bytes: int) -> Decimal:
    """What so many requests come to at the most, at $1 and $5 for a million tokens, halved.

    That is the API's counts of the sample, and answers of 50 tokens, which prompt.maxTokens allows.
    """
    assert status.plan is not None
    counted = status.plan.tokens
    assert counted is not None
    of_texts = -(-text_bytes * counted.sample // counted.sample_bytes)
    return ((requests * counted.prompt + of_texts) * 1 + requests * 50 * 5) / Decimal(2_000_000)


async def bought_without_a_limit(world: World, *bodies: str, **spec: Any) -> tuple[list[str], list[Decimal]]:
    """What each batch is worth, all in flight at once; the last body has grown until the sum can be a limit.

    A limit has six decimals, and an input token is worth half of the last one.
    """
    for filler in range(20):
        grown = [*bodies[:-1], bodies[-1] + "x" * filler]
        resource = world.apply(*grown, name=f"free-{filler}", **spec)
        await world.look(resource)
        status = now(world, resource)
        world.ledger.lose(resource.meta)
        amounts = [worth(status, record.requests, record.text_bytes) for record in status.batches]
        if amounts and sum(amounts) % Decimal("0.000001") == 0:
            return grown, amounts
    raise AssertionError("no such sum")


TEN = {"shards": {"maxRequests": 10}}


async def test_a_run_that_may_come_to_the_limit_is_bought_and_one_that_may_come_above_it_is_not(world: World) -> None:
    bodies, amounts = await bought_without_a_limit(world, *["billing and " + "more " * 40] * 20)
    assert len(amounts) == 1
    equal = world.apply(*bodies, name="equal", maxCostUSD=f"{sum(amounts):.6f}")
    below = world.apply(*bodies, name="below", maxCostUSD=f"{sum(amounts) - HUNDREDTH_OF_A_CENT:.6f}")
    world.api.calls.clear()

    await world.look(below)
    assert is_refused(now(world, below))
    assert world.api.calls["create"] == 0

    await world.look(equal)
    assert not is_refused(now(world, equal))
    assert world.api.calls["create"] == 1


async def test_a_limit_between_what_is_expected_and_what_is_possible_is_told_at_once(world: World) -> None:
    """Four batches; answers use a few of the 50 tokens that they may, so that each leaves room for the next."""
    bodies = ["billing and " + "more " * 40] * 20
    bought = world.apply(*bodies, name="free")
    await world.look(bought)
    most = worth(now(world, bought), 20, now(world, bought).batches[0].text_bytes)
    resource = world.apply(*bodies, maxCostUSD=f"{most - HUNDREDTH_OF_A_CENT:.6f}", shards={"maxRequests": 5})
    world.events.told.clear()

    await world.look(resource)

    assert world.events.reasons[0] == "CostLimitNear"
    assert f"the run may cost ${most:.4f}"[:-1] in world.events.told[0][2]
    assert "(estimated at $0.00" in world.events.told[0][2]
    assert len(now(world, resource).batches) == 3
    assert now(world, resource).conditions[0].reason == "CostLimitNear"
    finished = await world.run_until_finished(resource)
    assert is_true(finished.status, "Complete")


@pytest.mark.usefixtures("short_sight")
async def test_a_batch_that_brings_a_run_to_the_limit_is_bought_and_one_that_brings_it_above_is_not(
    honest: World,
) -> None:
    """Pre-flight has no objection to either: it sees short tickets only."""
    bodies, amounts = await bought_without_a_limit(honest, "billing", "billing", *[LONG] * 18, **TEN)
    assert len(amounts) == 2
    came = {}
    for name, limit in {"equal": sum(amounts), "below": sum(amounts) - HUNDREDTH_OF_A_CENT}.items():
        resource = honest.apply(*bodies, name=name, maxCostUSD=f"{limit:.6f}", **TEN)
        await honest.look(resource)
        status = now(honest, resource)
        came[name] = (len(status.batches), status.conditions[0].reason)

    assert came == {"equal": (2, "Processing"), "below": (1, "CostLimitNear")}


# --- the prompt fits --------------------------------------------------------------------------------------------------


def window(world: World, most: int) -> None:
    world.api.models = {MODEL: replace(MODELS[MODEL], max_input_tokens=most)}


async def test_a_prompt_that_the_model_has_no_room_for_is_failed_and_nothing_is_bought(world: World) -> None:
    window(world, 1_000)
    long = world.apply(*["billing"] * 30, prompt={"instructions": "word " * 790})

    status = (await world.run_until_finished(long)).status

    assert is_true(status, "Failed")
    assert status.conditions[0].reason == "PromptTooLong"
    assert "a request comes to about 1," in (status.message or "")
    assert f"{MODEL} takes 1,000: shorten them" in (status.message or "")
    assert world.api.calls["create"] == 0


async def test_texts_that_the_model_has_no_room_for_are_failed_and_nothing_is_bought(world: World) -> None:
    window(world, 1_000)

    status = (await world.run_until_finished(world.apply("x" * 9_000, prompt={"maxBodyChars": 9_000}))).status

    assert status.conditions[0].reason == "PromptTooLong"
    assert "lower prompt.maxBodyChars" in (status.message or "")
    assert world.api.calls["create"] == 0


async def test_a_single_ticket_that_is_too_long_holds_nobody_up(world: World) -> None:
    window(world, 1_000)

    bodies = ["billing"] * 30 + ["billing " + "x" * 4_000]
    resource = await world.run_until_finished(world.apply(*bodies, prompt={"maxBodyChars": 9_000}))

    assert is_true(resource.status, "Complete")


def refusing(world: World, most_chars: int) -> list[int]:
    """count_tokens refuses longer texts; the lengths that it was asked for."""
    asked: list[int] = []
    count = world.api.count_tokens

    async def refuse(model: str, system: str, text: str) -> int:
        asked.append(len(text))
        if len(text) > most_chars:
            raise Rejected("spec.prompt: the API refuses it (413)", reason=Reason.PROMPT_REFUSED)
        return await count(model, system, text)

    world.api.count_tokens = refuse  # type: ignore[method-assign]
    return asked


async def test_a_sample_that_is_refused_is_made_smaller(world: World) -> None:
    asked = refusing(world, 1_000)
    resource = world.apply(*["billing " + "x" * 500] * 50)

    await world.look(resource)

    assert world.api.calls["create"] == 1
    assert len(asked) == 3
    assert asked[0] > 1_000 > asked[1] > 500


@pytest.mark.parametrize("tickets", [0, 1, 50])
async def test_a_prompt_that_is_refused_with_a_single_text_is_failed_and_nothing_is_bought(
    world: World, tickets: int
) -> None:
    refusing(world, 0)

    status = (await world.run_until_finished(world.apply(*["billing"] * tickets))).status

    assert is_true(status, "Failed")
    assert status.conditions[0].reason == "PromptRefused"
    assert "spec.prompt" in (status.message or "")
    assert world.api.calls["create"] == 0


async def test_tickets_that_come_after_pre_flight_saw_none_are_held_against_the_limit_too(world: World) -> None:
    resource = world.apply(maxCostUSD="0.01")
    await_tickets = [Ticket(str(number), {"body": LONG}, "") for number in range(100)]
    world.sink.check = fill(world, await_tickets, world.sink.check)  # type: ignore[method-assign]

    await world.look(resource)

    assert is_refused(now(world, resource))
    assert world.api.calls["create"] == 0


def fill(world: World, tickets: Sequence[Ticket], check: Any) -> Any:
    """The tickets arrive behind pre-flight's count."""

    async def checked(*about: Any) -> None:
        await check(*about)
        bodies = [ticket.fields["body"] for ticket in tickets]
        world.source.kept = type(world.source).of(*bodies).kept

    return checked
