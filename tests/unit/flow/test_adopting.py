"""What was bought when the create's answer was lost is found by its tag, whatever counts, clocks and keys say."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from nightsort.api.batch_record import BatchState
from nightsort.api.resource import Resource
from nightsort.api.status import Status
from nightsort.domain.answer import Answer
from nightsort.domain.conditions import is_true
from nightsort.domain.errors import OutcomeUnknown, Waiting
from nightsort.domain.reasons import Reason
from nightsort.testing.batch_api import Held
from tests.support.faults import WrongClock, all_paid_once, raising
from tests.support.world import Killed, World

LOST = OutcomeUnknown("no answer")
HOUR = 3600.0
DAY = 24 * HOUR


def status_of(world: World, resource: Resource) -> Status:
    return world.ledger.current(resource.meta).status


async def look_for(world: World, resource: Resource, seconds: float) -> None:
    """Looks at it for so long, as often as it says."""
    ends = world.clock.monotonic() + seconds
    while world.clock.monotonic() < ends:
        pause = await world.look(resource)
        if pause is None:
            return
        world.clock.advance(min(pause, ends - world.clock.monotonic()))


# --- counts -----------------------------------------------------------------------------------------------------------


def at(world: World, *steps: tuple[float, int]) -> Callable[[Held], int]:
    """How many requests a batch is said to have, by its age in seconds."""

    def count(held: Held) -> int:
        age = (world.clock.now() - held.created_at).total_seconds()
        return next(total for until, total in steps if age < until)

    return count


EVER = 1e9


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param([(1200, 0), (EVER, 5)], id="lag at zero for 20 minutes"),
        pytest.param([(EVER, 0)], id="zero for good"),
        pytest.param([(300, 0), (900, 1), (1500, 3), (EVER, 4)], id="grow, and never to the end"),
        pytest.param([(1700, 5), (EVER, 4)], id="do not add up any more when it has ended"),
        pytest.param([(100, 2), (1700, 3), (EVER, 5)], id="grow late"),
        pytest.param([(EVER, -1)], id="make no sense"),
    ],
)
@pytest.mark.parametrize("duration", [60.0, 1800.0])
async def test_a_batch_is_adopted_whatever_its_counts_say(
    world: World, steps: list[tuple[float, int]], duration: float
) -> None:
    world.api.duration = timedelta(seconds=duration)
    world.api.total = at(world, *steps)
    resource = world.apply(*["billing"] * 5)
    world.api.after = raising(LOST, "create")

    resource = await world.run_until_finished(resource, max_looks=2000)

    assert world.api.calls["create"] == 1
    assert world.labels() == dict.fromkeys("01234", "billing")
    assert all_paid_once(world, 5)


async def test_a_batch_that_has_ended_with_other_counts_is_looked_into_at_once(world: World) -> None:
    """What its results say costs one read; waiting for its counts to be steady would cost the grace."""
    world.api.total = lambda held: 3
    resource = world.apply(*["billing"] * 5)
    world.api.after = raising(LOST, "create")

    await look_for(world, resource, world.services.grace.total_seconds() - 60)
    await world.run_until_finished(resource, max_looks=2000)

    assert world.api.calls["create"] == 1
    assert all_paid_once(world, 5)


async def test_a_batch_with_lower_counts_whose_results_cannot_be_read_for_long_is_not_passed_over(world: World) -> None:
    world.api.total = lambda held: len(held.answers) - 1
    resource = world.apply(*["billing"] * 5)
    world.api.after = raising(LOST, "create")
    world.api.before = raising(Waiting("away", reason=Reason.API_UNAVAILABLE), "results", times=200)

    await world.run_until_finished(resource, max_looks=2000)

    assert world.api.calls["create"] == 1
    assert all_paid_once(world, 5)


async def never_accepted(world: World, tickets: int, foreign: int) -> Resource:
    """An intent that bought nothing, and a batch of another tenant that comes right behind it and runs for hours."""
    resource = world.apply(*["billing"] * tickets)
    world.api.before = raising(OutcomeUnknown("no answer"), "create")
    await world.look(resource)
    world.api.duration = timedelta(hours=3)
    number, now = len(world.api.held) + 1, world.clock.now()
    answers = [Answer(f"theirs-t{each}", "succeeded", "billing", "end_turn") for each in range(foreign)]
    held = Held(f"msgbatch_{number:04d}", "theirs", now, now + world.api.duration, answers)
    world.api.held[held.id] = held
    world.api.duration = timedelta(seconds=60)
    return resource


@pytest.mark.parametrize("foreign", [1, 4, 6, 600])
async def test_a_running_batch_of_another_steady_size_holds_nothing_up(world: World, foreign: int) -> None:
    resource = await never_accepted(world, 5, foreign)

    await look_for(world, resource, world.services.grace.total_seconds() + 120)

    assert world.api.calls["create"] == 2
    assert world.paid()["0"] == 1


async def test_a_running_batch_whose_counts_are_absent_is_waited_for_until_its_tag_is_strange(world: World) -> None:
    world.api.total = lambda held: 0
    resource = await never_accepted(world, 5, 5)

    await look_for(world, resource, 3 * HOUR - 60)
    assert world.api.calls["create"] == 1
    await look_for(world, resource, 300)

    assert world.api.calls["create"] == 2
    assert "Released" in world.events.reasons


# --- clocks -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hours", [-30.0, -3.0, -0.2, 0.2, 3.0, 30.0])
async def test_two_leaders_whose_clocks_differ_do_not_buy_twice(world: World, hours: float) -> None:
    """The first one has sent the create and is gone; the other one's clock says that this was long ago, or will be."""
    resource = world.apply("billing", "technical")
    world.api.after = raising(Killed(), "create")
    with pytest.raises(Killed):
        await world.run_until_finished(resource)
    world.api.after = raising(Killed(), "nothing")
    world.restart()
    world.use(clock=WrongClock(world.clock, timedelta(hours=hours)))

    await world.run_until_finished(resource, max_looks=4000)

    assert world.api.calls["create"] == 1
    assert all_paid_once(world, 2)


@pytest.mark.parametrize("hours", [-30, 30])
async def test_an_api_whose_clock_differs_shows_what_was_bought(world: World, hours: float) -> None:
    world.use(clock=WrongClock(world.clock, timedelta(hours=hours)))
    resource = world.apply("billing")
    world.api.after = raising(LOST, "create")

    await world.run_until_finished(resource)

    assert world.api.calls["create"] == 1


@pytest.mark.parametrize("seconds", [11 * 60, DAY, -DAY])
async def test_a_clock_that_is_set_while_an_answer_is_lost_ends_no_grace(world: World, seconds: float) -> None:
    world.api.listed_after = timedelta(minutes=9)
    resource = world.apply("billing")
    world.api.after = raising(LOST, "create")
    await world.look(resource)
    wrong = WrongClock(world.clock, timedelta(seconds=seconds))
    world.use(clock=wrong)

    await world.run_until_finished(resource, max_looks=4000)

    assert world.api.calls["create"] == 1


async def test_the_grace_begins_anew_with_the_process_that_counts_it(world: World) -> None:
    resource = world.apply("billing")
    world.api.before = raising(Killed(), "create")
    with pytest.raises(Killed):
        await world.look(resource)
    world.api.before = raising(Killed(), "nothing")
    world.clock.advance(9 * 60)
    world.restart()

    await look_for(world, resource, 9 * 60)
    assert world.api.calls["create"] == 1
    await look_for(world, resource, 2 * 60)

    assert world.api.calls["create"] == 2


async def test_one_short_list_is_read_for_each_create(world: World) -> None:
    resource = world.apply(*["billing"] * 6, shards={"maxRequests": 2})

    await world.run_until_finished(resource)

    assert world.api.calls["newest"] == world.api.calls["create"] == 3


async def test_nothing_is_intended_where_the_list_cannot_be_read(world: World) -> None:
    resource = world.apply("billing")
    world.api.before = raising(Waiting("away", reason=Reason.API_UNAVAILABLE), "newest")
    await world.look(resource)

    assert status_of(world, resource).batches == ()
    await world.run_until_finished(resource)
    assert all_paid_once(world, 1)


# --- who is paused in the middle of an upload -------------------------------------------------------------------------


def reading_slowly(world: World, pause: float) -> Any:
    """An account that reads a body in ten pieces, and is kept waiting for each."""
    create = world.api.create

    async def slow(body: Any, size: int, tag: str) -> Any:
        sent = b""
        while piece := body.read(max(size // 10, 1)):
            sent += piece
            world.clock.advance(pause)
        return await create(io.BytesIO(sent), size, tag)

    return slow


async def test_a_process_that_is_paused_in_the_middle_of_an_upload_buys_nothing(world: World) -> None:
    resource = world.apply("billing", "technical")
    world.api.create = reading_slowly(world, 15 * 60)  # type: ignore[method-assign]
    await world.look(resource)
    assert world.api.held == {}

    del world.api.create
    await world.run_until_finished(resource)
    assert all_paid_once(world, 2)


async def test_an_upload_may_take_minutes(world: World) -> None:
    resource = world.apply("billing", "technical")
    world.api.create = reading_slowly(world, 30)  # type: ignore[method-assign]

    await world.look(resource)

    assert len(world.api.held) == 1


async def test_a_whole_body_is_not_taken_for_one_that_was_cut_off(world: World) -> None:
    """Whoever has read all of it may have sent all of it: nothing tells that it was not bought."""
    resource = world.apply("billing")
    create = world.api.create

    async def late_at_the_end(body: Any, size: int, tag: str) -> Any:
        sent = body.read(size)
        world.clock.advance(15 * 60)
        assert body.read(size) == b""
        return await create(io.BytesIO(sent), size, tag)

    world.api.create = late_at_the_end  # type: ignore[method-assign]
    await world.look(resource)

    assert len(world.api.held) == 1


# --- who comes back too late ------------------------------------------------------------------------------------------


async def given_up_meanwhile(world: World, resource: Resource) -> None:
    """While the create is under way, another process takes over, waits the grace out and gives the intent up."""

    async def during(operation: str, *about: Any) -> None:
        if operation == "create":
            world.api.before = raising(Killed(), "nothing")
            status = status_of(world, resource)
            record = status.batches[0].model_copy(update={"state": BatchState.RELEASED})
            meta = world.ledger.current(resource.meta).meta
            await world.ledger.save(meta, status.model_copy(update={"batches": (record,)}))

    world.api.before = during


async def test_whoever_comes_back_with_a_batch_and_finds_its_intent_gone_cancels_it_at_once(world: World) -> None:
    resource = world.apply("billing")
    await given_up_meanwhile(world, resource)

    await world.look(resource)

    assert world.api.held["msgbatch_0001"].canceling
    assert "BoughtTooLate" in world.events.reasons
    await world.run_until_finished(resource)
    assert world.labels() == {"0": "billing"}
    assert all_paid_once(world, 1)


async def test_a_batch_that_came_too_late_is_cancelled_by_the_next_look_where_the_api_was_away(world: World) -> None:
    resource = world.apply("billing")
    await given_up_meanwhile(world, resource)
    world.api.after = raising(Waiting("away", reason=Reason.API_UNAVAILABLE), "cancel")
    world.api.duration = timedelta(hours=1)

    await look_for(world, resource, 60)

    assert world.api.calls["cancel"] == 2
    assert world.api.held["msgbatch_0001"].canceling
    await world.run_until_finished(resource)
    assert all_paid_once(world, 1)


async def test_a_batch_whose_resource_is_gone_when_it_comes_is_cancelled(world: World) -> None:
    resource = world.apply("billing")
    current = world.ledger.current(resource.meta)

    async def gone(operation: str, *about: Any) -> None:
        if operation == "create":
            world.ledger.lose(resource.meta)

    world.api.after = gone

    assert await world.reconciler.reconcile(current) is None
    assert world.api.held["msgbatch_0001"].canceling


# --- accounts ---------------------------------------------------------------------------------------------------------


class Elsewhere:
    """Another account's key, and the way back."""

    def __init__(self, world: World, names: tuple[str, str]) -> None:
        self._world = world
        self.home = world.api
        world.api.names = names
        self.away = World().api
        self.away.clock = world.clock
        self.away._prefix = "msgbatch_away_"
        self.away.names = ("organization", "another") if names[1] else names
        self.away.key = "another key"

    def leave(self) -> None:
        self._world.connections.account = self.away

    def come_back(self, key: str = "key") -> None:
        self.home.key = key
        self._world.connections.account = self.home


TELLING, SILENT = ("organization", "workspace"), ("", "")


@pytest.mark.parametrize("names", [TELLING, SILENT], ids=["told by headers", "not told"])
async def test_an_open_intent_of_another_account_is_not_bought_again(world: World, names: tuple[str, str]) -> None:
    elsewhere = Elsewhere(world, names)
    resource = world.apply(*["billing"] * 4, shards={"maxRequests": 2})
    world.api.after = raising(LOST, "create")
    world.api.before = raising(Waiting("full", reason=Reason.RATE_LIMITED), "create", skip=1)
    await world.look(resource)
    elsewhere.leave()

    await look_for(world, resource, 5 * HOUR)

    status = status_of(world, resource)
    assert elsewhere.away.calls["create"] == 0
    assert is_true(status, "Stalled")
    assert status.conditions[-1].reason == "AccountChanged"
    assert f"nightsort.dev/buy-again={status.batches[0].tag}" in (status.message or "")
    assert world.events.reasons.count("AccountChanged") == 1
    elsewhere.come_back()
    resource = await world.run_until_finished(resource)
    assert is_true(resource.status, "Complete")
    assert all_paid_once(world, 4)


@pytest.mark.parametrize("names", [TELLING, SILENT], ids=["told by headers", "known by a batch of before"])
async def test_a_key_that_was_only_rotated_is_not_taken_for_another_account(
    world: World, names: tuple[str, str]
) -> None:
    elsewhere = Elsewhere(world, names)
    await world.run_until_finished(world.apply("billing", name="before"))
    resource = world.apply("billing")
    world.api.before = raising(LOST, "create")
    await world.look(resource)
    elsewhere.come_back("a new key")

    await look_for(world, resource, world.services.grace.total_seconds() + 120)

    assert "AccountChanged" not in world.events.reasons
    assert "Released" in world.events.reasons


async def test_a_rotated_key_that_nothing_tells_of_releases_after_a_day_and_two_hours(world: World) -> None:
    elsewhere = Elsewhere(world, SILENT)
    resource = world.apply("billing")
    world.api.before = raising(LOST, "create")
    await world.look(resource)
    elsewhere.come_back("a new key")

    await look_for(world, resource, 25 * HOUR)
    assert world.api.calls["create"] == 1
    await look_for(world, resource, 2 * HOUR)

    assert world.api.calls["create"] == 2


async def test_a_rotated_key_adopts_by_the_tag(world: World) -> None:
    elsewhere = Elsewhere(world, SILENT)
    resource = world.apply("billing")
    world.api.after = raising(LOST, "create")
    await world.look(resource)
    elsewhere.come_back("a new key")

    await world.run_until_finished(resource)

    assert world.api.calls["create"] == 1


async def test_the_grace_does_not_run_while_another_account_is_asked(world: World) -> None:
    elsewhere = Elsewhere(world, TELLING)
    world.api.listed_after = timedelta(minutes=40)
    resource = world.apply("billing")
    world.api.after = raising(LOST, "create")
    await world.look(resource)
    elsewhere.leave()
    await look_for(world, resource, 35 * 60)
    elsewhere.come_back()

    await world.run_until_finished(resource)

    assert world.api.calls["create"] == 1


async def test_a_person_says_that_the_account_will_not_come_back(world: World) -> None:
    elsewhere = Elsewhere(world, TELLING)
    resource = world.apply("billing")
    world.api.before = raising(LOST, "create")
    await world.look(resource)
    elsewhere.leave()
    await look_for(world, resource, 3 * DAY)
    assert elsewhere.away.calls["create"] == 0

    world.ledger.annotate(resource.meta, buy_again=status_of(world, resource).batches[0].tag)
    resource = await world.run_until_finished(resource)

    assert is_true(resource.status, "Complete")
    assert elsewhere.away.calls["create"] == 1


async def test_the_fingerprint_of_an_account_holds_no_key(world: World) -> None:
    resource = world.apply("billing")
    world.api.after = raising(LOST, "create")
    await world.look(resource)

    seen = status_of(world, resource).batches[0].seen
    assert seen is not None
    assert (seen.organization, seen.workspace) == TELLING
    resource = await world.run_until_finished(resource)
    assert resource.status.batches[0].seen is None, "it is of no more use"


async def test_a_key_that_changes_between_a_look_and_a_purchase_buys_nothing_elsewhere(world: World) -> None:
    elsewhere = Elsewhere(world, TELLING)
    resource = world.apply(*["billing"] * 4, shards={"maxRequests": 2})
    world.api.after = raising(LOST, "create")

    async def change(operation: str, *about: Any) -> None:
        if operation == "recent":
            elsewhere.leave()

    world.api.before = change
    await world.look(resource)

    assert [one.tag for one in status_of(world, resource).batches] == ["t00000"]
    assert elsewhere.away.calls["create"] == 0
    assert status_of(world, resource).conditions[-1].reason == "AccountChanged"
