"""A run whose categories differ from those of the runs before says so, once, and only beside runs that are alike."""

from __future__ import annotations

from datetime import timedelta

from nightsort.domain.answer import Answer
from nightsort.domain.errors import Waiting
from nightsort.domain.reasons import Reason
from tests.support.world import World, first_word

USUAL = ["billing"] * 30 + ["technical"] * 20
ODD = ["billing"] * 10 + ["technical"] * 40
SHIFT = Reason.CATEGORIES_SHIFTED


async def night(world: World, number: int, answers: list[str], **spec: object) -> str:
    """One more run over the same source; what its condition says at its end."""
    await world.clock.sleep(timedelta(days=1).total_seconds())
    resource = await world.run_until_finished(world.apply(*answers, name=f"night-{number}", **spec))
    return resource.status.message or ""


async def nights(world: World, count: int, **spec: object) -> None:
    for number in range(count):
        assert "differ" not in await night(world, number, USUAL, **spec)


def told(world: World) -> list[str]:
    return [message for kind, reason, message in world.events.told if (kind, reason) == ("Warning", SHIFT)]


async def test_a_night_that_differs_is_told_in_its_condition_an_event_and_the_metrics(world: World) -> None:
    await nights(world, 5)

    message = await night(world, 5, ODD)

    shift = (
        "the categories differ from those of the 5 runs before: billing 20.0% (60.0% before), "
        "technical 80.0% (40.0% before)"
    )
    assert shift in message
    assert message.startswith("50 tickets: 50 labeled; ")
    assert told(world) == [shift]
    assert world.metrics.shifts == {("support", "claude-haiku-4-5"): 1}


async def test_tickets_without_a_category_count_as_a_kind_of_their_own(world: World) -> None:
    await nights(world, 5)
    assert "(unknown) 60.0% (0.0% before)" in await night(world, 5, ["what?"] * 30 + ["technical"] * 20)


async def test_nights_that_are_alike_and_the_first_ones_say_nothing(world: World) -> None:
    assert "differ" not in await night(world, 0, ODD)
    assert "differ" not in await night(world, 1, USUAL)
    assert "differ" not in await night(world, 2, ODD)
    assert "differ" not in await night(world, 3, USUAL), "nights that always differ from each other"
    assert told(world) == []


async def test_runs_over_another_source_or_with_another_question_are_no_nights_before(world: World) -> None:
    await nights(world, 5)
    other = {"configMap": {"name": "others", "key": "tickets.csv"}}
    assert "differ" not in await night(world, 5, ODD, source=other)
    assert "differ" not in await night(world, 6, ODD, prompt={"instructions": "A password is technical."})
    assert "differ" in await night(world, 7, ODD)


async def test_runs_that_failed_do_not_count(world: World) -> None:
    world.respond = lambda text: Answer("", "errored", error_type="invalid_request_error")
    for number in range(5):
        assert "failed" in await night(world, number, USUAL)
    world.respond = first_word
    assert "differ" not in await night(world, 5, USUAL)


async def test_a_run_ends_without_the_comparison_where_the_others_cannot_be_read(world: World) -> None:
    await nights(world, 5)

    async def away(operation: str, *about: object) -> None:
        if operation == "ended":
            raise Waiting("the store is away", reason=Reason.API_UNAVAILABLE)

    world.ledger.before = away
    message = await night(world, 5, ODD)
    assert message.startswith("50 tickets: 50 labeled")
    assert "differ" not in message
