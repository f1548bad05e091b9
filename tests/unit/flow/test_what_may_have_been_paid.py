"""maxCostUSD is the most that a run costs: what may have been paid counts as paid, and answers for all they may use."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from nightsort.api.batch_record import BatchRecord
from nightsort.api.resource import Resource
from nightsort.api.status import Status
from nightsort.domain.answer import Answer
from nightsort.domain.batch import Batch, ModelFacts
from nightsort.domain.conditions import is_true
from nightsort.domain.errors import OutcomeUnknown
from nightsort.domain.prompt import system_prompt
from nightsort.flow.tickets import sample
from nightsort.testing.batch_api import MODEL, MODELS, tokens
from tests.support.world import World

INPUT, OUTPUT = Decimal("0.0000005"), Decimal("0.0000025")
"""USD for a token of claude-haiku-4-5 in a batch."""


class Till:
    """What an account charges: every answer uses all that its request allows, whether or not it is ever seen."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._create = world.api.create
        self.max_tokens: set[int] = set()
        world.api.create = self.create  # type: ignore[method-assign]

    async def create(self, body: Any, size: int, tag: str) -> Batch:
        sent = body.read()
        batch = await self._create(io.BytesIO(sent), size, tag)
        held = self._world.api.held[batch.id]
        for number, request in enumerate(json.loads(sent)["requests"]):
            params = request["params"]
            self.max_tokens.add(params["max_tokens"])
            used = tokens(params["system"]) + tokens(params["messages"][0]["content"])
            answer = held.answers[number]
            if answer.outcome == "succeeded":
                held.answers[number] = Answer(
                    answer.custom_id, "succeeded", answer.text, "end_turn", "", used, params["max_tokens"]
                )
        return batch

    @property
    def bill(self) -> Decimal:
        answers = [answer for held in self._world.api.held.values() for answer in held.answers]
        return sum((answer.input_tokens * INPUT + answer.output_tokens * OUTPUT for answer in answers), Decimal(0))


@pytest.fixture
def till(world: World) -> Till:
    return Till(world)


def now(world: World, resource: Resource) -> Status:
    return world.ledger.current(resource.meta).status


async def let_live(world: World, resource: Resource, looks: int = 60) -> Status:
    """Looks until it is stalled for good or has ended."""
    for _ in range(looks):
        seconds = await world.look(resource)
        if seconds is None:
            break
        await world.clock.sleep(seconds)
    return now(world, resource)


async def test_answers_that_use_all_that_they_may_do_not_pass_the_limit(world: World, till: Till) -> None:
    resource = world.apply(*["billing"] * 120, shards={"maxRequests": 10}, maxCostUSD="0.0200")

    status = await let_live(world, resource)

    assert till.bill <= Decimal("0.0200")
    assert till.bill > Decimal("0.0170"), "the limit is used as far as it is safe"
    assert status.conditions[0].reason == "CostLimitExceeded"
    assert "an answer that is not there yet counts for all its 50 tokens" in (status.message or "")


@pytest.mark.parametrize("most", [200, 4096])
async def test_a_long_answer_is_cut_at_what_the_longest_name_can_take(world: World, till: Till, most: int) -> None:
    resource = world.apply(*["billing"] * 100, prompt={"maxTokens": most}, maxCostUSD="1.00")

    status = (await world.run_until_finished(resource)).status

    assert till.max_tokens == {len("technical") + 64}
    assert till.bill < Decimal("0.05")
    assert status.plan is not None
    assert status.plan.max_tokens == 73


@pytest.mark.parametrize("most", [1, 8, 50, 72])
async def test_what_is_less_than_the_longest_name_can_take_is_sent_as_it_is(
    world: World, till: Till, most: int
) -> None:
    await world.run_until_finished(world.apply("billing", prompt={"maxTokens": most}))

    assert till.max_tokens == {most}


@pytest.mark.parametrize(
    ("facts", "most", "limits"),
    [
        (ModelFacts("claude-mythos-5", thinks=True, can_disable_thinking=False), 4096 + 1024, ("2.50", "2.60")),
        (ModelFacts("claude-mythos-5", silent=True), 4096, ("2.00", "2.10")),
    ],
    ids=["must think", "says nothing"],
)
async def test_a_model_that_may_think_gets_all_tokens_and_is_held_at_them(
    world: World, till: Till, facts: ModelFacts, most: int, limits: tuple[str, str]
) -> None:
    world.api.models = {facts.id: facts}
    spec: dict[str, Any] = {"model": facts.id, "prompt": {"maxTokens": 4096}}
    refused = world.apply(*["billing"] * 20, name="refused", maxCostUSD=limits[0], **spec)
    await world.look(refused)
    assert now(world, refused).conditions[0].reason == "CostLimitExceeded"
    assert world.api.calls["create"] == 0

    await world.run_until_finished(world.apply(*["billing"] * 20, maxCostUSD=limits[1], **spec))

    assert till.max_tokens == {most}


async def test_answers_that_never_come_count_as_paid(world: World, till: Till) -> None:
    """A quarter of the first batch's lines is lost on the way: they are on the bill all the same."""
    lost = {"4", "5", "6", "7", "8"}
    world.api.shorten = lambda answers: [one for one in answers if one.custom_id.split("-")[1] not in lost]
    bodies = ["billing"] * 60
    limit = "0.0112"
    resource = world.apply(*bodies, shards={"maxRequests": 20}, maxCostUSD=limit)

    status = await let_live(world, resource, looks=400)

    assert till.bill <= Decimal(limit)
    assert status.batches[0].unpriced == 5
    assert status.tickets.failed == 5
    world.ledger.touch(resource.meta, max_cost_usd="1.00")
    assert is_true((await world.run_until_finished(resource)).status, "Complete")


async def test_each_answer_that_does_not_say_what_it_used_is_counted(world: World) -> None:
    answers = {
        "nothing": Answer("", "succeeded", "billing", "end_turn"),
        "output only": Answer("", "succeeded", "billing", "end_turn", output_tokens=3),
        "unreadable": Answer("", "errored", error_type="unreadable_result"),
        "of a kind that nobody knows": Answer("", "postponed"),
    }
    free = {
        "refused": Answer("", "succeeded", "", "refusal"),
        "an error": Answer("", "errored", error_type="invalid_request_error"),
        "canceled": Answer("", "canceled"),
        "expired": Answer("", "expired"),
        "from the cache": Answer("", "succeeded", "billing", "end_turn", cache_read_tokens=5),
    }
    said = {**answers, **free}
    world.respond = lambda text: next(answer for word, answer in said.items() if text.startswith(word))
    resource = world.apply(*said, backoffLimit=0)

    status = (await world.run_until_finished(resource)).status

    assert status.batches[0].unpriced == len(answers)


async def test_an_intent_whose_answer_was_lost_counts_as_paid(world: World, till: Till) -> None:
    lose_answers_to_creates(world)
    resource = world.apply(*["billing"] * 40, shards={"maxRequests": 20}, maxCostUSD="0.0070")

    await world.look(resource)

    assert len(world.api.held) == 1
    assert now(world, resource).conditions[0].reason in ("CostLimitNear", "Adopting")
    await let_live(world, resource)
    assert till.bill <= Decimal("0.0070")


def lose_answers_to_creates(world: World) -> None:
    async def after(operation: str, *about: object) -> None:
        if operation == "create":
            raise OutcomeUnknown("the answer to the create call was lost")

    world.api.after = after


async def test_a_plan_of_an_earlier_version_is_held_at_what_its_requests_allow(world: World, till: Till) -> None:
    """It had no cap: its requests go on as they began, and count for all that the spec allows."""
    resource = world.apply(*["billing"] * 40, shards={"maxRequests": 20}, prompt={"maxTokens": 400})
    await world.look(resource)
    world.api.held.clear()
    status = now(world, resource)
    assert status.plan is not None
    old = status.plan.model_copy(update={"max_tokens": None})
    begun = status.model_copy(update={"plan": old, "batches": (), "cursor": None, "source_exhausted": False})
    resource = world.ledger.add(replace(resource, status=begun))
    world.reconciler.forget(resource.meta.uid)
    world.ledger.touch(resource.meta, max_cost_usd="0.0300")
    till.max_tokens.clear()

    await let_live(world, resource)

    assert till.max_tokens == {400}
    assert till.bill <= Decimal("0.0300")


@pytest.mark.parametrize(("limit", "bought"), [("0.0080", 0), ("0.0500", 20)])
async def test_a_plan_without_counts_is_held_by_the_bytes_of_its_texts(
    world: World, till: Till, limit: str, bought: int
) -> None:
    resource = world.apply(*["billing"] * 20)
    await world.look(resource)
    world.api.held.clear()
    status = now(world, resource)
    assert status.plan is not None
    old = status.plan.model_copy(update={"max_tokens": None, "tokens": None})
    begun = status.model_copy(update={"plan": old, "batches": (), "cursor": None, "source_exhausted": False})
    resource = world.ledger.add(replace(resource, status=begun))
    world.reconciler.forget(resource.meta.uid)
    world.ledger.touch(resource.meta, max_cost_usd=limit)

    await let_live(world, resource)

    assert sum(world.paid().values()) == bought
    assert till.bill <= Decimal(limit)


async def test_tickets_in_another_script_count_for_what_the_ones_before_have_used(world: World) -> None:
    """The API counted a fourth of what the answers of the first batch say: the next ones are held at that."""
    system = tokens(system_prompt(world.apply("x").spec))

    def dear(text: str) -> Answer:
        return Answer("", "succeeded", "billing", "end_turn", "", 4 * (system + tokens(text)), 5)

    world.respond = dear
    resource = world.apply(*["billing"] * 60, shards={"maxRequests": 10}, maxCostUSD="0.0180", name="script")

    status = await let_live(world, resource)

    bill = sum((price(record) for record in status.batches), Decimal(0))
    assert bill <= Decimal("0.0180")


def price(record: BatchRecord) -> Decimal:
    return record.usage.input_tokens * INPUT + record.usage.output_tokens * OUTPUT


def test_the_account_of_these_tests_has_the_model_that_they_name() -> None:
    assert MODELS[MODEL].only_answers


async def test_the_reason_of_a_cut_answer_names_the_tokens_that_were_sent(world: World) -> None:
    world.respond = lambda text: Answer("", "succeeded", "Well, as far as I can", "max_tokens", "", 9, 73)

    await world.run_until_finished(world.apply("x", prompt={"maxTokens": 4096}))

    assert "73 tokens" in world.rows["0"].reason
    assert "4096" not in world.rows["0"].reason


def by_script(text: str) -> int:
    """What a real tokenizer does: of Chinese each character is a token, of English each fourth."""
    wide = sum(ord(char) > 255 for char in text)
    return wide + (len(text) - wide) // 4 + 1


@pytest.mark.parametrize("limit", ["0.0200", "0.0100", "0.0060"])
async def test_texts_of_another_language_behind_those_that_were_counted_do_not_pass_the_limit(
    world: World, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    """Pre-flight sees two English tickets of two hundred; the others are Chinese, all in one batch."""
    monkeypatch.setattr(sample, "LOOKED_AT", 2)
    system = by_script(system_prompt(world.apply("x").spec))
    used: list[int] = []

    async def count(model: str, system: str, text: str) -> int:
        return by_script(system) + by_script(text)

    def respond(text: str) -> Answer:
        used.append(system + by_script(text))
        return Answer("", "succeeded", "billing", "end_turn", "", used[-1], 50)

    world.api.count_tokens = count  # type: ignore[method-assign]
    world.respond = respond
    resource = world.apply(*["billing " + "word " * 100] * 2, *["billing " + "退款" * 100] * 58, maxCostUSD=limit)

    status = await let_live(world, resource)

    bill = sum(used) * INPUT + len(used) * 50 * OUTPUT
    assert bill <= Decimal(limit)
    assert is_true(status, "Complete") == (limit == "0.0200")


async def test_the_texts_of_a_batch_are_counted_only_where_a_limit_is_to_be_held(world: World) -> None:
    await world.run_until_finished(world.apply(*["billing"] * 40, name="free"))
    free = world.api.calls["count_tokens"]

    await world.run_until_finished(world.apply(*["billing"] * 40, name="limited", maxCostUSD="5"))

    assert (free, world.api.calls["count_tokens"] - free) == (2, 3)


@pytest.mark.parametrize("texts", [1, 19, 20, 39, 40, 41, 1_000, 12_345])
def test_some_of_many_texts_are_from_the_first_to_the_last(texts: int) -> None:
    some = sample.Spread()
    for number in range(texts):
        some.note(msgspec.json.encode(str(number)))

    kept = [int(text) for text in some.texts]
    assert kept[0] == 0
    assert kept[-1] >= texts // 2
    assert len(kept) == min(texts, len(kept)) < 40
    assert some.few() == (texts < 20)
    assert len({after - before for before, after in pairwise(kept)}) <= 1


@pytest.mark.parametrize(("prompt", "limit", "bought"), [(99_000, "0.0600", 10), (101_000, "0.0600", 0)])
async def test_a_prompt_that_is_priced_higher_is_held_at_its_price(
    world: World, prompt: int, limit: str, bought: int
) -> None:
    """Ten requests at $0.05 for a million tokens, or at five times as much."""
    facts = replace(MODELS[MODEL], id="claude-haiku-5-5", max_input_tokens=1_000_000)
    world.api.models = {facts.id: facts}

    async def count(model: str, system: str, text: str) -> int:
        return prompt + tokens(text)

    world.api.count_tokens = count  # type: ignore[method-assign]
    spec: dict[str, Any] = {"model": facts.id, "prompt": {"maxBodyChars": 100}, "maxCostUSD": limit}
    resource = world.apply(*["billing"] * 10, **spec)

    await world.look(resource)

    assert sum(record.requests for record in now(world, resource).batches) == bought
