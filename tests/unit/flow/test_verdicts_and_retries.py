"""Every ticket ends in exactly one row; what can pass is asked again, and only that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import count

import msgspec
import pytest

from nightsort.api.batch_record import FIRST_RULES, BatchState
from nightsort.api.resource import Resource
from nightsort.domain.answer import Answer, Verdict
from nightsort.domain.conditions import is_true
from nightsort.domain.errors import Stalled
from nightsort.domain.reasons import Reason
from nightsort.domain.record import in_state
from nightsort.domain.ticket import Ticket
from nightsort.domain.verdict import Judge
from nightsort.flow.collection import collect
from nightsort.flow.results import answers
from tests.support.faults import raising
from tests.support.world import EXPIRED, World, first_word

OVERLOADED = Answer("", "errored", error_type="overloaded_error")
INVALID = Answer("", "errored", error_type="invalid_request_error")
REFUSED = Answer("", "succeeded", "", "refusal")
TRUNCATED = Answer("", "succeeded", "I believe that", "max_tokens")
CANCELED = Answer("", "canceled")
SPECIAL = {
    "expired": EXPIRED,
    "overloaded": OVERLOADED,
    "invalid": INVALID,
    "refused": REFUSED,
    "truncated": TRUNCATED,
    "canceled": CANCELED,
}


def special(text: str) -> str | Answer:
    """Bodies that start with a failure get it, every time."""
    return SPECIAL.get(first_word(text), first_word(text))


def healed_after(failures: int, said: str | Answer) -> Callable[[str], str | Answer]:
    """Each text that starts with `flaky` fails so often, then is billing."""
    asked: Counter[str] = Counter()

    def respond(text: str) -> str | Answer:
        if not text.startswith("flaky"):
            return first_word(text)
        asked[text] += 1
        return said if asked[text] <= failures else "billing"

    return respond


@pytest.mark.parametrize(
    ("body", "verdict", "attempts"),
    [
        ("billing", Verdict.LABELED, 1),
        ("shipping", Verdict.UNKNOWN, 1),
        ("refused", Verdict.REFUSED, 1),
        ("truncated", Verdict.TRUNCATED, 1),
        ("invalid", Verdict.ERRORED, 1),
        ("canceled", Verdict.CANCELED, 1),
        ("overloaded", Verdict.ERRORED, 3),
        ("expired", Verdict.EXPIRED, 3),
    ],
)
async def test_a_ticket_gets_one_row_with_its_verdict_and_reason(
    world: World, body: str, verdict: Verdict, attempts: int
) -> None:
    world.respond = special

    resource = await world.run_until_finished(world.apply("billing", body))

    row = world.rows["1"]
    assert row.verdict is verdict
    assert bool(row.reason) is (verdict is not Verdict.LABELED)
    assert world.sink.writes == {"0": 1, "1": 1}
    assert len(resource.status.batches) == attempts
    assert is_true(resource.status, "Complete")


@pytest.mark.parametrize("failure", [EXPIRED, OVERLOADED], ids=["expired", "overloaded"])
async def test_a_retry_sends_only_what_failed_in_a_way_that_can_pass(world: World, failure: Answer) -> None:
    world.respond = healed_after(1, failure)

    resource = await world.run_until_finished(world.apply("billing", "flaky 1", "technical", "flaky 2", "shipping"))

    assert [(one.attempt, one.requests, one.retryable) for one in resource.status.batches] == [(0, 5, 2), (1, 2, 0)]
    assert world.labels() == {"0": "billing", "1": "billing", "2": "technical", "3": "billing", "4": None}
    assert world.paid() == {"0": 1, "1": 1, "2": 1, "3": 1, "4": 1}
    assert set(world.sink.writes.values()) == {1}


@pytest.mark.parametrize(("limit", "attempts"), [(0, 1), (1, 2), (2, 3), (10, 11)])
async def test_what_keeps_failing_is_asked_up_to_the_limit_and_then_gets_its_row(
    world: World, limit: int, attempts: int
) -> None:
    world.respond = special

    resource = await world.run_until_finished(world.apply("billing", "overloaded", backoffLimit=limit))

    assert len(resource.status.batches) == attempts
    assert world.rows["1"].reason == "overloaded_error"
    assert resource.status.tickets.failed == 1
    assert is_true(resource.status, "Complete")


async def test_a_run_without_any_label_is_failed_with_its_rows(world: World) -> None:
    world.respond = special

    resource = await world.run_until_finished(world.apply("refused", "invalid"))

    assert is_true(resource.status, "Failed")
    assert resource.status.conditions[0].reason == "NoTicketLabeled"
    assert len(world.rows) == 2
    assert world.events.told[-1][0] == "Warning"


async def test_the_money_of_every_attempt_is_counted(world: World) -> None:
    world.respond = healed_after(1, Answer("", "succeeded", "dunno", "end_turn", input_tokens=1_000_000))
    resource = world.apply("flaky", unknownLabel={"action": "Retry"})

    resource = await world.run_until_finished(resource)

    assert [one.usage.input_tokens > 0 for one in resource.status.batches] == [True, True]
    assert float(resource.status.cost.actual_usd or 0) >= 0.5


async def test_a_ticket_that_left_the_source_before_its_retry_gets_a_row_that_says_so(world: World) -> None:
    world.respond = healed_after(1, EXPIRED)
    resource = world.apply("flaky 1", "flaky 2")
    await world.look(resource)
    world.source.remove("0")

    resource = await world.run_until_finished(resource)

    assert world.labels() == {"0": None, "1": "billing"}
    assert world.rows["0"].verdict is Verdict.MISSING
    assert "left the source" in world.rows["0"].reason
    assert resource.status.tickets.failed == 1


async def test_when_all_have_left_the_source_nothing_more_is_bought(world: World) -> None:
    world.respond = special
    resource = world.apply("billing", "expired")
    await world.look(resource)
    world.source.remove("1")

    resource = await world.run_until_finished(resource)

    assert world.api.calls["create"] == 1
    assert [(one.attempt, one.requests, one.failed) for one in resource.status.batches] == [(0, 2, 0), (1, 0, 1)]


async def test_a_ticket_that_has_lost_its_text_before_its_retry_gets_a_row(world: World) -> None:
    world.respond = healed_after(1, EXPIRED)
    resource = world.apply("flaky 1", "flaky 2")
    await world.look(resource)
    world.source.kept[0] = Ticket("0", {"body": ""}, "0")

    await world.run_until_finished(resource)

    assert world.rows["0"].verdict is Verdict.UNSENDABLE
    assert world.labels() == {"0": None, "1": "billing"}


async def test_tickets_that_have_grown_beyond_a_batch_before_their_retry_get_a_row(world: World) -> None:
    world.respond = healed_after(1, EXPIRED)
    resource = world.apply(
        "flaky 1", "flaky 2", "flaky 3", prompt={"maxBodyChars": 100_000}, shards={"maxBytes": 100_000}
    )
    await world.look(resource)
    for number, ticket in enumerate(world.source.kept):
        assert ticket is not None
        world.source.kept[number] = msgspec.structs.replace(
            ticket, fields={"body": f"billing {number} " + "x" * 60_000}
        )

    resource = await world.run_until_finished(resource)

    assert Counter(row.verdict for row in world.rows.values()) == {Verdict.LABELED: 1, Verdict.UNSENDABLE: 2}
    assert resource.status.tickets.failed == 2


async def test_many_retries_are_read_from_the_source_in_portions(world: World) -> None:
    world.respond = healed_after(1, EXPIRED)

    await world.run_until_finished(world.apply(*[f"flaky {number}" for number in range(2_100)]))

    assert set(world.labels().values()) == {"billing"}
    assert len(world.rows) == 2_100


async def test_a_retry_keeps_ids_that_do_not_fit(world: World) -> None:
    world.respond = healed_after(1, EXPIRED)
    tickets = [Ticket("x" * 500, {"body": "flaky"}, ""), Ticket("1", {"body": "billing"}, "")]

    await world.run_until_finished(world.apply_tickets(tickets))

    assert world.labels() == {"x" * 500: "billing", "1": "billing"}


@pytest.mark.parametrize(
    ("rule", "category", "attempts"),
    [
        ({"action": "Fallback", "category": "other"}, "other", 1),
        ({"action": "Retry"}, None, 3),
        ({"action": "Fail"}, None, 1),
    ],
    ids=["Fallback", "Retry", "Fail"],
)
async def test_an_answer_that_is_no_category_goes_where_the_rule_says(
    world: World, rule: dict[str, str], category: str | None, attempts: int
) -> None:
    resource = await world.run_until_finished(world.apply("billing", "shipping", unknownLabel=rule))

    assert (world.rows["1"].verdict, world.rows["1"].category) == (Verdict.UNKNOWN, category)
    assert len(resource.status.batches) == attempts
    assert resource.status.tickets.unknown == 1
    assert sum(one.tickets for one in resource.status.categories) == (2 if category else 1)


async def test_an_unknown_label_that_is_retried_may_be_known_the_second_time(world: World) -> None:
    world.respond = healed_after(1, "dunno")

    resource = await world.run_until_finished(world.apply("flaky", unknownLabel={"action": "Retry"}))

    assert world.labels() == {"0": "billing"}
    assert (resource.status.tickets.labeled, resource.status.tickets.unknown) == (1, 0)


async def test_retries_of_several_shards_travel_together(world: World) -> None:
    world.respond = healed_after(1, EXPIRED)

    resource = await world.run_until_finished(
        world.apply("flaky 1", "billing", "flaky 2", "billing", shards={"maxRequests": 2})
    )

    assert [(one.shard, one.attempt, one.requests) for one in resource.status.batches] == [
        (0, 0, 2),
        (0, 1, 2),
        (1, 0, 2),
    ]
    assert world.labels() == {"0": "billing", "1": "billing", "2": "billing", "3": "billing"}
    assert set(world.sink.writes.values()) == {1}


# --- what becomes of a retry when results go --------------------------------------------------------------------------


def expired_first(tickets: int) -> Callable[[str], str | Answer]:
    """So many answers are expired, then all is well."""
    asked = count()
    return lambda text: EXPIRED if next(asked) < tickets else first_word(text)


async def waiting_for_its_retry(world: World, expired: int) -> Resource:
    """A run whose first attempt is collected, and whose second one is not bought yet, since creates are refused."""
    world.respond = expired_first(expired)
    resource = world.apply("billing", "technical", "account", activeDeadlineSeconds=4 * 3600)
    await world.look(resource)
    world.clock.advance(61)
    world.api.before = raising(Stalled("no credit", reason=Reason.CREDIT_EXHAUSTED), "create", times=10_000)
    await world.look(resource)
    return resource


async def test_a_retry_of_all_tickets_needs_no_results(world: World) -> None:
    resource = await waiting_for_its_retry(world, expired=3)
    world.api.hidden.add("msgbatch_0001")
    world.ledger.touch(resource.meta, active_deadline_seconds=None)
    world.api.before = raising(Stalled("never"), "nothing")

    await world.run_until_finished(resource, max_looks=2000)

    assert world.labels() == {"0": "billing", "1": "technical", "2": "account"}


async def test_tickets_that_nobody_can_name_any_more_count_and_have_no_row(world: World) -> None:
    resource = await waiting_for_its_retry(world, expired=2)
    world.api.hidden.add("msgbatch_0001")

    resource = await world.run_until_finished(resource)

    assert (resource.status.tickets.labeled, resource.status.tickets.failed) == (1, 2)
    assert resource.status.results.rows == len(world.rows) == 1


async def test_two_absences_with_a_sight_between_them_are_not_one_long_absence(world: World) -> None:
    resource = await waiting_for_its_retry(world, expired=2)
    world.api.hidden.add("msgbatch_0001")
    world.clock.advance(30)
    await world.look(resource)
    world.api.hidden.clear()
    world.clock.advance(3600)
    await world.look(resource)
    world.clock.advance(4 * 3600)
    world.api.hidden.add("msgbatch_0001")
    await world.look(resource)
    world.api.hidden.clear()

    resource = await world.run_until_finished(resource)

    assert [row.verdict for row in world.rows.values()].count(Verdict.EXPIRED) == 2


async def test_no_more_tickets_are_missing_than_were_sent(world: World) -> None:
    """A row that came into the range after the purchase was never asked about."""
    resource = world.apply_tickets([Ticket("a", {"body": "billing"}, "0"), Ticket("z", {"body": "billing"}, "1")])
    await world.look(resource)
    world.source.kept[0:0] = [Ticket("0", {"body": "technical"}, "0"), Ticket("1", {"body": "technical"}, "0")]
    world.api.shorten = lambda answers: [one for one in answers if not one.custom_id.endswith("-z")]

    resource = await world.run_until_finished(resource)

    assert resource.status.results.rows == len(world.rows) == 2


async def test_a_refusal_before_any_output_costs_nothing(world: World) -> None:
    spoken = Answer("", "succeeded", "I", "refusal", input_tokens=1_000_000, output_tokens=1)
    silent = Answer("", "succeeded", "", "refusal", input_tokens=1_000_000)
    world.respond = lambda text: silent if text.startswith("silent") else spoken

    free = (await world.run_until_finished(world.apply("silent", name="free"))).status.cost
    paid = (await world.run_until_finished(world.apply("spoken", name="paid"))).status.cost

    assert (free.actual_usd, paid.actual_usd) == (None, "0.5000")


async def test_what_an_earlier_version_left_to_be_asked_again_gets_its_row_under_the_rules_of_this_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`- billing` was none of the categories then: nobody has stored a row for it, and it is asked once more."""
    world.respond = healed_after(1, "- billing")
    resource = world.apply("flaky", "technical", unknownLabel={"action": "Retry"})
    with monkeypatch.context() as earlier:
        earlier.setattr(answers, "Judge", lambda spec, rules=FIRST_RULES: Judge(spec, FIRST_RULES))
        earlier.setattr(collect, "RULES", FIRST_RULES)
        while not in_state(world.ledger.current(resource.meta).status, BatchState.COLLECTED):
            await world.clock.sleep(await world.look(resource) or 0)
    [left] = in_state(world.ledger.current(resource.meta).status, BatchState.COLLECTED)
    assert (left.retryable, left.rules) == (1, FIRST_RULES)
    world.restart()

    ended = await world.run_until_finished(resource)

    assert world.labels() == {"0": "billing", "1": "technical"}
    assert (ended.status.tickets.labeled, ended.status.tickets.failed) == (2, 0)


async def test_an_answer_in_another_form_is_not_asked_again(world: World) -> None:
    world.respond = lambda text: {"one": "- billing", "two": '{"category": "technical"}'}[first_word(text)]

    await world.run_until_finished(world.apply("one", "two", unknownLabel={"action": "Retry"}))

    assert world.labels() == {"0": "billing", "1": "technical"}
    assert set(world.paid().values()) == {1}
