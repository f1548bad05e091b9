"""A second reader: after the first answers, another model reads some tickets, and each has one row all the same."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nightsort.api.resource import Resource
from nightsort.api.reviewed import ReviewStatus
from nightsort.domain.answer import Answer, Verdict
from nightsort.domain.errors import OutcomeUnknown, RefusedBatch
from nightsort.domain.reasons import Reason
from nightsort.testing.batch_api import MODEL, SECOND_MODEL
from tests.support.world import EXPIRED, World, first_word

UNKNOWN = {"model": SECOND_MODEL, "of": ["Unknown"]}
EVERY = {"model": SECOND_MODEL, "of": ["Sample"], "sample": "100%"}


def second_word(text: str) -> str:
    """The second model says the second word of a ticket."""
    return text.split()[1]


@pytest.fixture
def reading(world: World) -> World:
    world.api.others[SECOND_MODEL] = second_word
    return world


def sizes(world: World) -> list[int]:
    return [len(held.answers) for held in world.api.held.values()]


def values(world: World) -> dict[str, tuple[Any, ...]]:
    return {row.id: row.values for row in world.rows.values()}


def told(resource: Resource) -> ReviewStatus:
    assert resource.status.review is not None
    return resource.status.review


async def test_a_second_model_reads_what_the_first_one_does_not_know(reading: World) -> None:
    resource = reading.apply(
        "billing -", "gibberish technical", "nonsense nonsense", review=UNKNOWN | {"onDisagreement": "Replace"}
    )

    ended = await reading.run_until_finished(resource)

    assert sizes(reading) == [3, 2]
    assert reading.labels() == {"0": "billing", "1": "technical", "2": None}
    assert values(reading) == {"0": (), "1": ("Replaced", "technical"), "2": ("Agreed", None)}
    assert {row.id: row.model for row in reading.rows.values()} == {"0": MODEL, "1": SECOND_MODEL, "2": MODEL}
    figures = told(ended)
    assert (figures.read, figures.agreed, figures.disagreed, figures.replaced) == (2, 1, 1, 1)
    assert (figures.agreement, figures.sample) == ("0.5000", None)
    assert (ended.status.tickets.labeled, ended.status.tickets.unknown) == (2, 1)
    assert {one.name: one.tickets for one in ended.status.categories} == {"billing": 1, "technical": 1}


async def test_a_sample_of_all_tells_the_agreement_with_its_interval_and_what_it_costs(reading: World) -> None:
    resource = reading.apply(*["billing billing"] * 9, "billing technical", review=EVERY)

    ended = await reading.run_until_finished(resource)

    figures = told(ended)
    assert figures.sample is not None
    assert figures.sample.interval is not None
    assert (figures.sample.read, figures.sample.agreed, figures.sample.agreement) == (10, 9, "0.9000")
    assert (figures.sample.interval.low, figures.sample.interval.high) == ("0.5958", "0.9822")
    assert reading.labels() == dict.fromkeys(map(str, range(10)), "billing"), "Keep changes no label"
    assert values(reading)["9"] == ("Kept", "technical")
    assert set(reading.paid().values()) == {2}, "each is paid once for each model"
    assert "agrees on 9 of 10 tickets drawn by chance (90.0 %, 59.6 to 98.2 %)" in (ended.status.message or "")
    first, second = ended.status.batches
    assert figures.cost_usd == f"{(second.usage.input_tokens + 5 * second.usage.output_tokens) / 1e6:.6f}"
    both = first.usage.input_tokens / 2e6 + first.usage.output_tokens / 4e5 + float(figures.cost_usd)
    assert float(ended.status.cost.actual_usd or 0) == pytest.approx(both, abs=1e-6)
    assert float(sum(reading.metrics.actual.values())) == pytest.approx(both, abs=1e-6)
    run = (resource.meta.namespace, MODEL)
    assert reading.metrics.reviews == {(*run, "agreed"): 9, (*run, "disagreed"): 1}


async def test_a_sample_is_drawn_at_its_share_and_the_same_after_a_restart(reading: World) -> None:
    review = {"model": SECOND_MODEL, "of": ["Sample"], "sample": "20%"}
    resource = reading.apply(*["billing billing"] * 400, review=review)
    await reading.look(resource)
    reading.restart()

    ended = await reading.run_until_finished(resource)

    assert 50 <= told(ended).read <= 110
    assert set(reading.paid().values()) == {1, 2}


async def test_disagreements_are_marked_for_a_person_where_the_user_wants_that(reading: World) -> None:
    resource = reading.apply("billing technical", "account account", review=EVERY | {"onDisagreement": "NeedsReview"})

    ended = await reading.run_until_finished(resource)

    assert reading.labels() == {"0": "billing", "1": "account"}
    assert values(reading) == {"0": ("NeedsReview", "technical"), "1": ("Agreed", "account")}
    assert told(ended).needs_review == 1


async def test_a_second_answer_that_is_no_category_replaces_no_label(reading: World) -> None:
    resource = reading.apply("billing gibberish", review=EVERY | {"onDisagreement": "Replace"})

    await reading.run_until_finished(resource)

    assert (reading.labels(), values(reading)) == ({"0": "billing"}, {"0": ("Kept", None)})


async def test_tickets_of_low_confidence_are_read_again(reading: World) -> None:
    def say(place: int) -> Any:
        def answer(text: str) -> str:
            said = text.split()[place]
            return json.dumps({"category": said, "confidence": text.split()[2]})

        return answer

    reading.respond, reading.api.others[SECOND_MODEL] = say(0), say(1)
    review = {"model": SECOND_MODEL, "of": ["LowConfidence"], "onDisagreement": "Replace"}
    resource = reading.apply("billing technical low", "billing technical high", confidence=True, review=review)

    await reading.run_until_finished(resource)

    assert values(reading) == {"0": ("low", "Replaced", "technical"), "1": ("high",)}
    assert reading.labels() == {"0": "technical", "1": "billing"}


async def test_the_second_reader_waits_for_the_retries_of_the_first(reading: World) -> None:
    tried: set[str] = set()

    def respond(text: str) -> str | Answer:
        if "again" in text and text not in tried:
            tried.add(text)
            return EXPIRED
        return first_word(text)

    reading.respond = respond
    resource = reading.apply("billing billing again", "billing billing", review=EVERY)

    ended = await reading.run_until_finished(resource)

    assert sizes(reading) == [2, 1, 2]
    assert told(ended).agreed == 2


async def test_what_the_second_model_does_not_answer_has_its_first_answer(reading: World) -> None:
    reading.api.others[SECOND_MODEL] = lambda text: EXPIRED if "lost" in text else second_word(text)
    resource = reading.apply("billing billing", "technical lost", review=EVERY)

    ended = await reading.run_until_finished(resource)

    assert reading.labels() == {"0": "billing", "1": "technical"}
    assert values(reading)["1"] == ("Unread", None)
    assert (told(ended).read, told(ended).unread) == (1, 1)
    assert "no usable answer" in (told(ended).message or "")


async def test_a_second_reading_that_is_too_dear_is_left_out_and_told(reading: World) -> None:
    resource = reading.apply("billing billing", "technical technical", review=EVERY, maxCostUSD="0.0024")
    reading.respond = lambda text: Answer(
        "", "succeeded", first_word(text), "end_turn", input_tokens=2_000, output_tokens=5
    )

    ended = await reading.run_until_finished(resource)

    assert sizes(reading) == [2]
    assert reading.labels() == {"0": "billing", "1": "technical"}
    assert "above maxCostUSD 0.0024" in (told(ended).message or "")
    assert told(ended).unread == 2
    assert Reason.REVIEW_LEFT_OUT in reading.events.reasons
    assert ended.status.phase == "Complete"


async def test_a_batch_that_the_api_refuses_leaves_the_first_answers(reading: World) -> None:
    async def refuse(operation: str, *about: Any) -> None:
        if operation == "create" and len(reading.api.held) == 1:
            raise RefusedBatch("the API refuses the batch (400)", reason=Reason.BATCH_REFUSED, answer="400")

    reading.api.before = refuse
    ended = await reading.run_until_finished(reading.apply("billing billing", review=EVERY))

    assert reading.labels() == {"0": "billing"}
    assert told(ended).message == "the API refuses the batch (400)"
    assert ended.status.phase == "Complete"


async def test_a_deadline_ends_the_second_reading_and_publishes_the_first_answers(reading: World) -> None:
    reading.api.duration *= 60
    resource = reading.apply("billing technical", review=EVERY, activeDeadlineSeconds=4000)

    ended = await reading.run_until_finished(resource)

    assert len(sizes(reading)) == 2
    assert ended.status.phase == "Failed"
    assert reading.labels() == {"0": "billing"}
    assert (told(ended).read, told(ended).unread) == (0, 1)


async def test_a_lost_answer_to_the_second_create_buys_nothing_twice(reading: World) -> None:
    async def lose(operation: str, *about: Any) -> None:
        if operation == "create" and len(reading.api.held) == 2:
            reading.api.after = nothing
            raise OutcomeUnknown("cut")

    async def nothing(operation: str, *about: Any) -> None: ...

    reading.api.after = lose
    resource = reading.apply("billing technical", review=EVERY | {"onDisagreement": "Replace"})

    ended = await reading.run_until_finished(resource)

    assert sizes(reading) == [1, 1]
    assert reading.labels() == {"0": "technical"}
    assert told(ended).read == 1


async def test_first_answers_of_a_suspended_run_are_published_before_the_api_forgets_them(reading: World) -> None:
    resource = reading.apply("billing technical", review=EVERY)
    await reading.look(resource)
    await reading.clock.sleep(100)
    reading.ledger.touch(resource.meta, suspend=True)
    await reading.look(resource)
    assert not reading.rows
    await reading.clock.sleep(22 * 86_400)

    await reading.look(resource)

    assert reading.labels() == {"0": "billing"}
    assert sizes(reading) == [1]


async def test_an_unknown_second_model_is_refused_before_anything_is_bought(reading: World) -> None:
    ended = await reading.run_until_finished(reading.apply("billing billing", review=EVERY | {"model": "nobody"}))

    assert "spec.review.model: the API knows no model 'nobody'" in (ended.status.message or "")
    assert not reading.api.held


async def test_a_ticket_that_has_left_the_source_keeps_its_first_answer(reading: World) -> None:
    resource = reading.apply("billing technical", "account account", review=EVERY)
    await reading.look(resource)
    reading.source.remove("0")

    ended = await reading.run_until_finished(resource)

    assert values(reading) == {"0": ("Unread", None), "1": ("Agreed", "account")}
    assert {row.verdict for row in reading.rows.values()} == {Verdict.LABELED}
    assert ended.status.tickets.labeled == 2
