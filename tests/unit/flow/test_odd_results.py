"""Results that add, repeat or contradict: what was asked counts, once, and what is left out is told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest

from nightsort.adapters.anthropic.results import LineReader
from nightsort.api.resource import Resource
from nightsort.api.status import Status
from nightsort.domain.answer import Answer
from nightsort.domain.conditions import is_true
from nightsort.domain.ticket import Ticket
from tests.cases import case
from tests.support.world import EXPIRED, PRIVATE, World

Deliver = Callable[[Sequence[Answer]], Sequence[Answer]]


def tickets(world: World, *ids: str) -> Resource:
    found = [Ticket(one, {"subject": "", "body": f"billing {PRIVATE}"}, "") for one in ids]
    return world.apply_tickets(found)


def lines_of(name: str) -> Deliver:
    """A case's lines, under the tag of the batch that is delivered."""

    def deliver(answers: Sequence[Answer]) -> Sequence[Answer]:
        reader = LineReader()
        tag = answers[0].custom_id[:6]
        pages = list(reader.feed(case(f"wire/{name}.jsonl", tag)))
        return [answer for page in (*pages, reader.rest()) for answer in page]

    return deliver


def verdicts(world: World) -> dict[str, str]:
    return {row.id: row.category or row.verdict.value for row in world.rows.values()}


def told(world: World, reason: str) -> list[str]:
    return [message for _, said, message in world.events.told if said == reason]


def final(status: Status) -> str:
    assert is_true(status, "Complete")
    return status.message or ""


# --- the cases ---


async def test_a_byte_that_is_no_utf_8_costs_its_own_ticket_alone(world: World) -> None:
    world.api.shorten = lines_of("bad-utf8")

    status = (await world.run_until_finished(tickets(world, "T-1", "T-2", "T-3"))).status

    assert verdicts(world) == {"T-1": "billing", "T-2": "Errored", "T-3": "technical"}
    assert world.rows["T-2"].reason == "unreadable_result"
    assert (status.tickets.labeled, status.tickets.failed) == (2, 1)
    assert world.api.calls["create"] == 1


async def test_a_line_that_is_nested_too_deep_costs_its_own_ticket_alone(world: World) -> None:
    world.api.shorten = lines_of("deep")

    await world.run_until_finished(tickets(world, "T-1", "T-2"))

    assert verdicts(world) == {"T-1": "billing", "T-2": "Errored"}


async def test_odd_usage_costs_no_label_and_the_total_says_of_how_many_answers_it_is(world: World) -> None:
    world.api.shorten = lines_of("odd-usage")

    status = (await world.run_until_finished(tickets(world, "T-1", "T-2", "T-3"))).status

    assert verdicts(world) == {"T-1": "billing", "T-2": "billing", "T-3": "billing"}
    assert (status.cost.actual_usd, status.cost.unpriced) == (None, 3)
    assert final(status) == "3 tickets: 3 labeled; the cost of 3 requests is not known"


async def test_a_cost_that_is_known_of_some_answers_says_so(world: World) -> None:
    def one_odd(answers: Sequence[Answer]) -> Sequence[Answer]:
        first, *others = sorted(answers, key=lambda answer: answer.custom_id)
        return [Answer(first.custom_id, "succeeded", "billing", "end_turn", usage_known=False), *others]

    world.api.shorten = one_odd

    status = (await world.run_until_finished(world.apply(*["billing " * 400] * 3))).status

    assert status.cost.unpriced == 1
    assert f"cost ${status.cost.actual_usd} for 2 of 3 requests" in final(status)


async def test_an_id_that_was_never_asked_is_no_ticket_and_the_one_that_is_missing_is_missed(world: World) -> None:
    world.api.shorten = lines_of("stray-id")

    status = (await world.run_until_finished(tickets(world, "T-1", "T-2", "T-3"))).status

    assert verdicts(world) == {"T-1": "billing", "T-2": "billing", "T-3": "Missing"}
    assert (status.tickets.total, status.tickets.labeled, status.tickets.failed) == (3, 2, 1)
    assert status.batches[0].strays == 1
    assert "1 line of results answered what was not asked" in final(status)
    assert told(world, "StrayAnswers") == [
        "batch msgbatch_0001: 1 line of its results answer what it did not ask; left out"
    ]


async def test_of_two_lines_for_one_id_a_success_counts_and_two_that_differ_are_told(world: World) -> None:
    world.api.shorten = lines_of("two-lines-for-one-id")

    status = (await world.run_until_finished(tickets(world, "T-1", "T-2"))).status

    assert verdicts(world) == {"T-1": "billing", "T-2": "billing"}
    assert world.api.calls["create"] == 1
    assert status.batches[0].differing == 1
    assert len(told(world, "AnswersDiffer")) == 1


# --- others of their kinds ---


def with_strays(*ids: str, instead_of: str | None = None, like: Answer = EXPIRED) -> Deliver:
    def deliver(answers: Sequence[Answer]) -> Sequence[Answer]:
        tag = answers[0].custom_id[:6]
        kept = [answer for answer in answers if answer.custom_id != f"{tag}-{instead_of}"]
        strays = [
            Answer(f"{tag}-{one}", like.outcome, like.text, like.stop_reason, error_type=like.error_type) for one in ids
        ]
        return [*strays[:1], *kept, *strays[1:]]

    return deliver


LABELED = Answer("", "succeeded", "technical", "end_turn")


@pytest.mark.parametrize("like", [LABELED, EXPIRED, Answer("", "errored", error_type="api_error")], ids=str)
@pytest.mark.parametrize("strays", [("9",), ("8", "9"), ("7", "8", "9", "x" * 40)], ids=len)
async def test_strays_in_addition_are_left_out_and_never_asked_again(
    world: World, strays: tuple[str, ...], like: Answer
) -> None:
    world.api.shorten = with_strays(*strays, like=like)

    status = (await world.run_until_finished(world.apply("billing", "technical"))).status

    assert world.labels() == {"0": "billing", "1": "technical"}
    assert (status.tickets.labeled, status.tickets.failed, status.tickets.total) == (2, 0, 2)
    assert status.batches[0].strays == len(strays)
    assert world.api.calls["create"] == 1


async def test_strays_are_told_from_the_answers_of_tickets_that_have_left_the_source(world: World) -> None:
    world.api.shorten = with_strays("9", like=LABELED)
    resource = world.apply("billing", "technical", "account")
    await world.look(resource)
    world.source.remove("1")

    status = (await world.run_until_finished(resource)).status

    assert world.labels() == {"0": "billing", "1": "technical", "2": "account"}
    assert status.batches[0].strays == 1


async def test_more_strays_than_can_be_told_from_those_that_have_left_never_make_more_tickets_than_were_asked(
    world: World,
) -> None:
    world.api.shorten = with_strays("7", "8", "9", instead_of="2", like=LABELED)
    resource = world.apply("billing", "technical", "account")
    await world.look(resource)
    world.source.remove("1")

    status = (await world.run_until_finished(resource)).status

    assert world.labels()["0"] == "billing"
    assert status.tickets.total == len(world.rows) == 3
    assert status.tickets.failed >= 0


async def test_a_stray_among_what_is_to_be_asked_again_is_not_bought(world: World) -> None:
    asked = 0

    def flaky(text: str) -> str | Answer:
        nonlocal asked
        asked += 1
        return EXPIRED if asked <= 2 else "billing"

    world.respond = flaky
    world.api.shorten = with_strays("9")

    status = (await world.run_until_finished(world.apply("flaky", "flaky"))).status

    assert world.labels() == {"0": "billing", "1": "billing"}
    assert [record.requests for record in status.batches] == [2, 2]


async def test_a_stray_of_a_record_of_the_version_before_makes_no_figure_negative(world: World) -> None:
    world.api.shorten = with_strays("9", like=LABELED)
    resource = world.apply("billing", "technical")
    await world.look(resource)
    current = world.ledger.current(resource.meta)
    batches = tuple(record.model_copy(update={"ids_digest": None}) for record in current.status.batches)
    await world.ledger.save(current.meta, current.status.model_copy(update={"batches": batches}))

    status = (await world.run_until_finished(resource)).status

    assert world.labels() == {"0": "billing", "1": "technical"}
    assert (status.tickets.labeled, status.tickets.failed) == (2, 0)


@pytest.mark.parametrize("first", ["expired", "errored", "canceled", "unreadable", "unknown", "refused", "cut"])
@pytest.mark.parametrize("order", [1, -1])
async def test_a_label_goes_before_any_other_line_for_its_ticket(world: World, first: str, order: int) -> None:
    other = {
        "expired": EXPIRED,
        "errored": Answer("", "errored", error_type="overloaded_error"),
        "canceled": Answer("", "canceled"),
        "unreadable": Answer("", "errored", error_type="unreadable_result"),
        "unknown": Answer("", "succeeded", "no idea", "end_turn"),
        "refused": Answer("", "succeeded", "", "refusal"),
        "cut": Answer("", "succeeded", "bill", "max_tokens"),
    }[first]

    def twice(answers: Sequence[Answer]) -> Sequence[Answer]:
        again = [
            Answer(one.custom_id, other.outcome, other.text, other.stop_reason, error_type=other.error_type)
            for one in answers
        ]
        return [line for pair in zip(again, answers, strict=True) for line in pair[::order]]

    world.api.shorten = twice

    resource = await world.run_until_finished(world.apply("billing", "technical", unknownLabel={"action": "Retry"}))

    assert world.labels() == {"0": "billing", "1": "technical"}
    assert world.api.calls["create"] == 1
    assert resource.status.tickets.labeled == 2
    assert resource.status.batches[0].differing == (2 if first in ("unknown", "refused", "cut") else 0)


async def test_a_late_success_is_not_asked_again_when_only_others_are(world: World) -> None:
    reads = 0

    def respond(text: str) -> str | Answer:
        return (
            EXPIRED if "flaky" in text and world.api.calls["create"] == 1 else text.split()[0].replace("flaky", "other")
        )

    def deliver(answers: Sequence[Answer]) -> Sequence[Answer]:
        nonlocal reads
        reads += 1
        billing = [answer for answer in answers if answer.text == "billing"]
        return [*(Answer(answer.custom_id, "expired") for answer in billing), *answers]

    world.respond = respond
    world.api.shorten = deliver

    status = (await world.run_until_finished(world.apply("billing", "flaky"))).status

    assert reads > 2
    assert [record.requests for record in status.batches] == [2, 1]
    assert world.labels() == {"0": "billing", "1": "other"}
    assert world.paid() == {"0": 1, "1": 1}


async def test_results_that_are_others_at_each_reading_are_waited_for(world: World) -> None:
    reads = 0

    def deliver(answers: Sequence[Answer]) -> Sequence[Answer]:
        nonlocal reads
        reads += 1
        one = answers[0].custom_id
        if reads > 8:
            return answers
        return [Answer(one, "expired"), *answers] if reads % 2 else [Answer(one, "expired"), *answers[1:], answers[0]]

    world.api.shorten = deliver
    began = world.clock.now()

    await world.run_until_finished(world.apply("billing", "technical"))

    assert world.labels() == {"0": "billing", "1": "technical"}
    assert world.clock.now() - began < timedelta(hours=1)


async def test_a_missing_answer_is_given_up_although_another_ticket_has_two_lines(world: World) -> None:
    def deliver(answers: Sequence[Answer]) -> Sequence[Answer]:
        first, second, *_ = sorted(answers, key=lambda answer: answer.custom_id)
        return [Answer(first.custom_id, "expired"), first, second]

    world.api.shorten = deliver
    began = world.clock.now()

    await world.run_until_finished(world.apply("billing", "technical", "account"))

    assert verdicts(world) == {"0": "billing", "1": "technical", "2": "Missing"}
    assert world.clock.now() - began < timedelta(hours=2)
