"""Fields of a spec: the schema is tried with one ticket, and each answer has its columns."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from nightsort.domain.answer import Answer, Verdict
from nightsort.domain.custom_id import tag_of
from nightsort.domain.reasons import Reason
from nightsort.testing.batch_api import MODEL, MODELS
from tests.support.world import EXPIRED, World, first_word

FIELDS = [{"name": "urgency", "values": ["low", "high"]}, {"name": "summary", "maxLength": 20}]
REFUSAL = "output_config.format.schema: the compiled grammar is too large"
REFUSED = Answer("", "errored", error_type="invalid_request_error", error_message=REFUSAL)


def as_object(text: str) -> str:
    return json.dumps({"category": first_word(text), "urgency": "high", "summary": "short"})


@pytest.fixture
def structured(world: World) -> World:
    """A world whose model takes schemas, and answers with an object."""
    world.api.models = {MODEL: replace(MODELS[MODEL], structured_outputs=True)}
    world.respond = as_object
    return world


def sizes(world: World) -> list[int]:
    return [len(held.answers) for held in world.api.held.values()]


async def test_one_ticket_tries_the_schema_before_the_others_are_bought(structured: World) -> None:
    resource = structured.apply("billing", "technical", "other", fields=FIELDS)
    await structured.look(resource)

    assert sizes(structured) == [1]
    assert structured.ledger.current(resource.meta).status.message is not None
    ended = await structured.run_until_finished(resource)

    assert sizes(structured) == [1, 2]
    assert structured.labels() == {"0": "billing", "1": "technical", "2": "other"}
    assert {row.values for row in structured.rows.values()} == {("high", "short")}
    assert set(structured.paid().values()) == {1}, "the probe is a ticket like any other"
    assert [(one.name, one.values[0].tickets) for one in ended.status.fields] == [("urgency", 3)]


async def test_a_schema_that_is_refused_ends_the_run_with_the_apis_words_and_no_bill(structured: World) -> None:
    structured.respond = lambda text: REFUSED

    ended = await structured.run_until_finished(structured.apply("billing", "technical", "other", fields=FIELDS))

    assert sizes(structured) == [1]
    assert not structured.paid()
    assert ended.status.stop is not None
    assert ended.status.stop.reason == Reason.SCHEMA_REFUSED
    assert REFUSAL in ended.status.stop.message
    assert {row.verdict for row in structured.rows.values()} == {Verdict.ERRORED, Verdict.CANCELED}
    assert len(structured.rows) == 3


async def test_a_request_that_is_invalid_for_its_own_sake_does_not_end_the_run(structured: World) -> None:
    odd = replace_message(REFUSED, "messages.0: the text has a character that is not allowed")
    structured.respond = lambda text: odd if text.startswith("odd") else as_object(text)

    ended = await structured.run_until_finished(structured.apply("odd", "billing", "technical", fields=FIELDS))

    assert sizes(structured) == [1, 1, 1]
    assert ended.status.stop is None
    assert structured.labels() == {"0": None, "1": "billing", "2": "technical"}


async def test_three_tickets_that_are_called_invalid_end_the_run(structured: World) -> None:
    structured.respond = lambda text: replace_message(REFUSED, "something new of next year")

    ended = await structured.run_until_finished(structured.apply(*["billing"] * 9, fields=FIELDS))

    assert sizes(structured) == [1, 1, 1]
    assert "something new of next year" in (ended.status.stop.message if ended.status.stop else "")
    assert len(structured.rows) == 9


async def test_a_probe_that_expires_is_asked_again_before_the_others(structured: World) -> None:
    answers = iter([EXPIRED])
    structured.respond = lambda text: next(answers, as_object(text))

    await structured.run_until_finished(structured.apply("billing", "technical", "other", fields=FIELDS))

    assert sizes(structured) == [1, 1, 2]
    assert structured.labels() == {"0": "billing", "1": "technical", "2": "other"}


async def test_after_three_tickets_without_an_answer_the_others_are_sent(structured: World) -> None:
    answers = iter([EXPIRED] * 3)
    structured.respond = lambda text: next(answers, as_object(text))

    await structured.run_until_finished(structured.apply(*["billing"] * 9, fields=FIELDS, backoffLimit=0))

    assert sizes(structured) == [1, 1, 1, 6]


async def test_a_model_without_structured_outputs_gets_no_schema_and_no_probe(world: World) -> None:
    world.respond = as_object

    ended = await world.run_until_finished(world.apply("billing", "technical", fields=FIELDS))

    assert sizes(world) == [2]
    assert ended.status.plan is not None
    assert not ended.status.plan.structured
    assert {row.values for row in world.rows.values()} == {("high", "short")}


async def test_a_run_without_fields_sends_all_of_its_tickets_at_once(structured: World) -> None:
    structured.respond = first_word

    ended = await structured.run_until_finished(structured.apply("billing", "technical"))

    assert sizes(structured) == [2]
    assert ended.status.fields == ()
    assert {row.values for row in structured.rows.values()} == {()}


async def test_after_a_restart_the_probe_is_still_alone(structured: World) -> None:
    resource = structured.apply("billing", "technical", "other", fields=FIELDS)
    await structured.look(resource)
    structured.restart()
    await structured.look(resource)

    assert sizes(structured) == [1]
    await structured.run_until_finished(resource)
    assert len({tag_of(answer.custom_id) for held in structured.api.held.values() for answer in held.answers}) == 2
    assert set(structured.paid().values()) == {1}


async def test_a_limit_that_leaves_no_room_for_the_fields_is_refused_before_anything_is_bought(world: World) -> None:
    spec: dict[str, Any] = {"fields": [{"name": "summary", "maxLength": 1000}], "prompt": {"maxTokens": 50 + 1}}

    ended = await world.run_until_finished(world.apply("billing", **spec))

    assert ended.status.stop is not None
    assert ended.status.stop.reason == Reason.FIELDS_TOO_LONG
    assert not world.api.held


async def test_values_of_tickets_that_get_no_further_attempt_are_counted(world: World) -> None:
    world.respond = lambda text: json.dumps({"category": "weather", "urgency": "low"})
    rule = {"action": "Retry"}

    ended = await world.run_until_finished(world.apply("billing", fields=FIELDS, unknownLabel=rule, backoffLimit=1))

    assert world.rows["0"].values == ("low", None)
    assert [(one.name, one.values[0].tickets, one.unknown) for one in ended.status.fields] == [("urgency", 1, 0)]


def replace_message(answer: Answer, message: str) -> Answer:
    return Answer("", answer.outcome, error_type=answer.error_type, error_message=message)


async def test_a_text_that_nothing_can_store_does_not_keep_the_batch_from_being_stored(structured: World) -> None:
    broken = '{"category": "other", "urgency": "high", "summary": "half a smile \\ud83d, \\u0000"}'
    structured.respond = lambda text: broken if text.startswith("other") else as_object(text)

    await structured.run_until_finished(structured.apply("billing", "other", fields=FIELDS))

    assert structured.labels() == {"0": "billing", "1": "other"}
    assert structured.rows["1"].values == ("high", "half a smile ,")
