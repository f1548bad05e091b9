"""An evaluation: known tickets travel first, and nothing else is bought or published until they are good enough."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from nightsort.api.resource import Resource
from nightsort.api.status import Status
from nightsort.domain.answer import Answer
from nightsort.domain.conditions import HELD, is_finished, is_true
from nightsort.domain.known_tickets import least_for
from nightsort.domain.ticket import Ticket
from nightsort.testing.sources import MemoryQuery, MemorySource
from tests.support.world import EXPIRED, PRIVATE, World

TRUTH = "agent"


def ticket(ticket_id: str, answer: str, truth: str = "") -> Ticket:
    fields = {"body": f"{answer} {PRIVATE}"} if answer else {}
    return Ticket(ticket_id, {**fields, TRUTH: truth}, "")


def known(count: int, right: int) -> list[Ticket]:
    """Known tickets of billing and technical; the answers of the first ones are right."""
    truths = ["billing" if number % 2 else "technical" for number in range(count)]
    return [ticket(f"k{number}", truth if number < right else "account", truth) for number, truth in enumerate(truths)]


OTHERS = [ticket(str(number), "billing") for number in range(5)]


def apply(world: World, tickets: Sequence[Ticket], **more: Any) -> Resource:
    evaluation = {"truth": {"column": TRUTH}, "minAccuracy": "0.80", **more.pop("evaluation", {})}
    return world.apply_tickets(tickets, evaluation=evaluation, **more)


def release(world: World, resource: Resource) -> None:
    rule = world.ledger.current(resource.meta).spec.evaluation
    assert rule is not None
    world.ledger.touch(resource.meta, evaluation=rule.model_copy(update={"release": True}))


async def wait(world: World, resource: Resource, looks: int = 40) -> Status:
    """Looks until the run is held or has ended."""
    for _ in range(looks):
        seconds = await world.look(resource)
        status = world.ledger.current(resource.meta).status
        if seconds is None or is_true(status, HELD):
            return status
        await world.clock.sleep(seconds)
    raise AssertionError(status.message)


def ids(prefix: str, count: int) -> set[str]:
    return {f"{prefix}{number}" for number in range(count)}


async def test_labels_that_are_good_enough_let_the_run_go_on(world: World) -> None:
    resource = apply(world, [*OTHERS, *known(40, right=40)])

    status = await wait(world, resource)

    assert is_finished(status)
    assert world.labels() == dict.fromkeys(ids("", 5), "billing")
    assert world.paid() == dict.fromkeys(ids("", 5) | ids("k", 40), 1)
    assert status.tickets.total == status.tickets.labeled == 5
    told = status.evaluation
    assert told is not None
    assert told.interval is not None
    assert (told.outcome, told.known, told.correct, told.accuracy) == ("Passed", 40, 40, "1.0000")
    assert told.interval.low == "0.9123"
    assert "40 of 40 known tickets are right: accuracy 100.0 % (91.2 to 100.0 %)" in (status.message or "")


async def test_labels_that_are_not_good_enough_hold_the_run_before_anything_is_published(world: World) -> None:
    resource = apply(world, [*OTHERS, *known(40, right=30)])

    status = await wait(world, resource)

    assert is_true(status, HELD)
    assert is_true(status, "Stalled")
    assert status.phase == "Held"
    assert world.paid() == dict.fromkeys(ids("k", 40), 1)
    assert not world.rows
    told = status.evaluation
    assert told is not None
    assert told.outcome == "Failed"
    assert (told.known, told.correct) == (40, 30)
    assert told.cost_usd == status.cost.actual_usd is not None
    run = (resource.meta.namespace, resource.spec.model)
    assert (world.metrics.known[(*run, "right")], world.metrics.known[(*run, "wrong")]) == (30, 10)
    assert world.metrics.accuracy[run] == (0.75, float(told.interval.low if told.interval else 1))
    assert not world.metrics.tickets
    (report,) = world.sink.reports
    assert (report.figures.outcome, report.figures.known) == ("Failed", 40)
    assert dict(report.answers) == {
        ("billing", "billing"): 15,
        ("technical", "technical"): 15,
        ("billing", "account"): 5,
        ("technical", "account"): 5,
    }
    assert [(each.truth, each.label, each.tickets) for each in told.confusions] == [
        ("billing", "account", 5),
        ("technical", "account", 5),
    ]
    assert [(each.name, each.precision, each.recall, each.support) for each in told.categories] == [
        ("billing", "1.0000", "0.7500", 20),
        ("technical", "1.0000", "0.7500", 20),
        ("account", "0.0000", "0.0000", 0),
    ]


async def test_a_released_run_buys_each_ticket_once(world: World) -> None:
    resource = apply(world, [*OTHERS, *known(40, right=30)])
    await wait(world, resource)
    release(world, resource)

    status = (await world.run_until_finished(resource)).status

    assert status.evaluation is not None
    assert status.evaluation.released
    assert world.paid() == dict.fromkeys(ids("", 5) | ids("k", 40), 1)
    assert set(world.labels()) == ids("", 5)


async def test_a_release_that_is_taken_back_stops_nothing(world: World) -> None:
    resource = apply(world, [*OTHERS, *known(40, right=30)], shards={"maxRequests": 3})
    await wait(world, resource)
    rule = world.ledger.current(resource.meta).spec.evaluation
    assert rule is not None
    release(world, resource)
    await world.look(resource)
    world.ledger.touch(resource.meta, evaluation=rule)

    assert is_finished((await world.run_until_finished(resource)).status)
    assert set(world.labels()) == ids("", 5)


async def test_fail_ends_the_run_without_a_row(world: World) -> None:
    resource = apply(world, [*OTHERS, *known(40, right=30)], evaluation={"onFailure": "Fail"})

    status = await wait(world, resource)

    assert is_true(status, "Failed")
    assert status.stop is not None
    assert status.stop.reason == "AccuracyTooLow"
    assert not world.rows
    assert world.paid() == dict.fromkeys(ids("k", 40), 1)


async def test_report_only_tells(world: World) -> None:
    resource = apply(world, [*OTHERS, *known(40, right=30)], evaluation={"onFailure": "Report"})

    status = await wait(world, resource)

    assert is_true(status, "Complete")
    assert status.evaluation is not None
    assert status.evaluation.outcome == "Failed"
    assert set(world.labels()) == ids("", 5)


async def test_time_does_not_count_while_a_run_is_held(world: World) -> None:
    resource = apply(world, [*OTHERS, *known(40, right=30)], activeDeadlineSeconds=3600)
    await wait(world, resource)
    await world.clock.sleep(1_000_000.0)
    await world.look(resource)
    assert is_true(world.ledger.current(resource.meta).status, HELD)
    release(world, resource)

    assert is_true((await world.run_until_finished(resource)).status, "Complete")


async def test_a_held_run_that_is_canceled_ends_without_a_row(world: World) -> None:
    resource = apply(world, [*OTHERS, *known(40, right=30)])
    await wait(world, resource)
    world.ledger.touch(resource.meta, active_deadline_seconds=0)

    status = (await world.run_until_finished(resource)).status

    assert is_true(status, "Failed")
    assert not world.rows
    assert world.paid() == dict.fromkeys(ids("k", 40), 1)


async def test_known_tickets_beyond_the_sample_are_neither_bought_nor_published(world: World) -> None:
    resource = apply(world, [*OTHERS, *known(60, right=60)], evaluation={"sample": 40})

    status = await wait(world, resource)

    told = status.evaluation
    assert told is not None
    assert (told.available, told.sample, told.known) == (60, 40, 40)
    assert [each.support for each in told.categories] == [20, 20]
    assert len(world.paid()) == 45
    assert set(world.paid().values()) == {1}
    assert set(world.labels()) == ids("", 5)


async def test_a_run_chooses_the_same_tickets_again_and_another_run_others(world: World) -> None:
    chosen = []
    for name in ("one", "one", "two"):
        other = World()
        resource = apply(other, [*OTHERS, *known(60, right=60)], name=name, evaluation={"sample": 40})
        await wait(other, resource)
        chosen.append(frozenset(other.paid()))

    assert chosen[0] == chosen[1] != chosen[2]


async def test_the_known_tickets_travel_in_batches_of_their_own(world: World) -> None:
    resource = apply(world, [*OTHERS, *known(40, right=40)], shards={"maxRequests": 15})

    await wait(world, resource)

    batches = [{name.split("-")[1][0] == "k" for name in bill} for bill in world.api.bill.values()]
    assert batches == [{True}, {True}, {True}, {False}]


async def test_a_known_ticket_that_never_gets_an_answer_counts_neither_way(world: World) -> None:
    tickets = known(40, right=40)
    world.respond = lambda text: EXPIRED if text.startswith("technical") else text.split()[0]
    resource = apply(world, [*OTHERS, *tickets], evaluation={"minAccuracy": "0.70"}, backoffLimit=0)

    status = await wait(world, resource)

    told = status.evaluation
    assert told is not None
    assert (told.sample, told.known, told.correct) == (40, 20, 20)


async def test_values_that_are_no_category_are_counted_and_the_first_five_shown(world: World) -> None:
    odd = [ticket(f"o{number}", "billing", f"queue {number}") for number in range(7)]
    resource = apply(world, [*OTHERS, *known(40, right=40), *odd])

    await world.look(resource)

    status = world.ledger.current(resource.meta).status
    assert is_true(status, "Stalled")
    assert not world.api.held
    assert "7 known tickets have a value that is no category: 'queue 0', 'queue 1', 'queue 2', 'queue 3', " in str(
        status.message
    )
    assert "queue 5" not in str(status.message)


async def test_a_run_that_could_not_pass_buys_nothing(world: World) -> None:
    resource = apply(world, [*OTHERS, *known(15, right=15)])

    await world.look(resource)

    status = world.ledger.current(resource.meta).status
    assert is_true(status, "Stalled")
    assert not world.api.held
    assert "15 known tickets, and at least 16 are needed for minAccuracy 0.80" in str(status.message)


async def test_without_tickets_to_label_no_known_one_is_bought(world: World) -> None:
    resource = apply(world, known(40, right=40))

    status = await wait(world, resource)

    assert is_true(status, "Complete")
    assert not world.api.held
    assert status.message == "the source has no tickets but 40 known ones; nothing was bought"


async def test_categories_with_few_known_tickets_are_named(world: World) -> None:
    resource = apply(world, [*OTHERS, *known(40, right=40)])

    await wait(world, resource)

    told = [event for event in map(str, world.events.told) if "FewKnown" in event]
    assert len(told) == 1
    assert "account (0), feedback (0), other (0)" in told[0]


async def test_a_query_buys_its_other_tickets_though_known_ones_were_counted_with_them(world: World) -> None:
    resource = apply(world, [*OTHERS, *known(40, right=40)], shards={"maxRequests": 3})
    world.connections.sources["tickets"] = MemoryQuery(
        [*OTHERS[:2], *known(40, right=40), *OTHERS[2:]], lambda: set(world.rows), limit=44
    )

    status = await wait(world, resource, looks=200)

    assert is_finished(status)
    assert status.tickets.total == 4
    assert set(world.labels()) == ids("", 4)
    assert world.paid() == dict.fromkeys(ids("", 4) | ids("k", 40), 1)


async def test_the_figures_survive_that_batches_are_summed_up(world: World) -> None:
    world.use(places=8)
    resource = apply(world, [*OTHERS, *known(40, right=33)], shards={"maxRequests": 4}, evaluation={"sample": 40})
    status = await wait(world, resource, looks=300)

    assert any(record.summed_up for record in status.batches)
    told = status.evaluation
    assert told is not None
    assert (told.known, told.correct, told.cost_usd) == (40, 33, status.cost.actual_usd)


async def test_a_later_run_over_the_same_source_says_that_it_waits_for_a_held_one(world: World) -> None:
    await wait(world, apply(world, [*OTHERS, *known(40, right=30)], name="monday"))
    await world.clock.sleep(60.0)
    later = apply(world, [*OTHERS, *known(40, right=40)], name="tuesday", overlapPolicy="Wait")

    await world.look(later)

    told = world.ledger.current(later.meta).status.message
    assert told is not None
    assert (
        "monday goes first: it is held by its evaluation, until somebody releases or deletes it, and works on" in told
    )


SET = {"truth": {"configMap": {"name": "known", "key": "known.csv"}}, "minAccuracy": "0.80"}


def known_set(world: World, count: int, right: int) -> None:
    """A set of its own, whose column is called `category`; one of its tickets has none."""
    tickets = [
        Ticket(each.id, {"body": each.fields["body"], "category": each.fields[TRUTH]}, "")
        for each in [*known(count, right), ticket("unknown", "billing")]
    ]
    world.connections.sources["known"] = MemorySource(tickets)


@pytest.mark.parametrize(("right", "phase"), [(40, "Complete"), (30, "Held")])
async def test_known_tickets_may_be_a_set_of_their_own(world: World, right: int, phase: str) -> None:
    known_set(world, 40, right)
    resource = world.apply_tickets(OTHERS, evaluation=SET, shards={"maxRequests": 15})

    status = await wait(world, resource)

    assert status.phase == phase
    assert status.evaluation is not None
    assert (status.evaluation.available, status.evaluation.known, status.evaluation.correct) == (40, 40, right)
    others = ids("", 5) if phase == "Complete" else set()
    assert world.paid() == dict.fromkeys(ids("k", 40) | others, 1)
    assert set(world.labels()) == others


async def test_tickets_of_a_set_that_are_asked_again_are_read_from_the_set(world: World) -> None:
    known_set(world, 40, 40)
    asked: list[str] = []

    def respond(text: str) -> str | Answer:
        asked.append(text)
        return EXPIRED if text.startswith("technical") and len(asked) <= 40 else text.split()[0]

    world.respond = respond
    resource = world.apply_tickets(OTHERS, evaluation=SET)

    status = await wait(world, resource)

    assert status.evaluation is not None
    assert (status.evaluation.known, status.evaluation.correct) == (40, 40)
    assert len(asked) == 40 + 20 + 5


async def test_a_set_with_ids_of_the_source_is_refused(world: World) -> None:
    world.connections.sources["known"] = MemorySource(
        [Ticket(each.id.removeprefix("k"), {"body": "billing", "category": "billing"}, "") for each in known(40, 40)]
    )
    resource = world.apply_tickets(OTHERS, evaluation=SET)

    await world.look(resource)

    status = world.ledger.current(resource.meta).status
    assert is_true(status, "Stalled")
    assert "5 known tickets of the set have ids of the source's tickets, such as '0', " in str(status.message)
    assert not world.api.held


async def test_a_set_may_go_once_its_answers_are_there(world: World) -> None:
    known_set(world, 40, 30)
    resource = world.apply_tickets(OTHERS, evaluation=SET)
    await wait(world, resource)
    world.connections.sources["known"].error = AssertionError("nobody needs it any more")
    release(world, resource)

    assert is_true((await world.run_until_finished(resource)).status, "Complete")
    assert set(world.labels()) == ids("", 5)


@pytest.mark.parametrize(("threshold", "least"), [(0.5, 4), (0.8, 16), (0.9, 35), (0.95, 73), (0.99, 381)])
def test_so_many_known_tickets_are_needed_for_a_threshold(threshold: float, least: int) -> None:
    assert least_for(threshold) == least
