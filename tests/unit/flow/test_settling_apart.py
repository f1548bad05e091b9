"""An intent that is open holds up nothing else: what has ended is collected, and what may still run is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from nightsort.api.batch_record import BatchState
from nightsort.api.resource import Resource
from nightsort.api.status import Status
from nightsort.domain.answer import Answer, Verdict
from nightsort.domain.batch import Batch
from nightsort.domain.conditions import is_true
from nightsort.domain.errors import OutcomeUnknown, Stalled, Waiting
from nightsort.domain.reasons import Reason
from nightsort.domain.record import in_state
from nightsort.testing.batch_api import Held
from nightsort.testing.ledger import nothing
from tests.support.world import Killed, World

ONE_EACH = {"maxRequests": 1}
BODIES = ("billing", "technical", "account")


def now(world: World, resource: Resource) -> Status:
    return world.ledger.current(resource.meta).status


def lose_answer(world: World, number: int) -> None:
    """The answer to this create of all is lost; the batch is there."""
    creates = 0

    async def after(operation: str, *about: Any) -> None:
        nonlocal creates
        creates += operation == "create"
        if operation == "create" and creates == number:
            raise OutcomeUnknown("the answer to the create call was lost")

    world.api.after = after


def lengthen_list(world: World) -> None:
    async def recent(since: datetime) -> Sequence[Batch]:
        raise Waiting("more than 20,000 batches are too new to be passed over", reason=Reason.LIST_TOO_LONG)

    world.api.recent = recent  # type: ignore[method-assign]


def cut_list(world: World) -> None:
    """Nor does it lead on from the batch that the intent has noted."""

    async def behind(batch_id: str, until: datetime) -> Sequence[Batch]:
        raise Waiting("the list of batches does not lead there", reason=Reason.LIST_TOO_LONG)

    world.api.behind = behind  # type: ignore[method-assign]


async def live(world: World, resource: Resource, looks: int = 12) -> Status:
    for _ in range(looks):
        seconds = await world.look(resource)
        if seconds is None:
            break
        await world.clock.sleep(seconds)
    return now(world, resource)


@pytest.fixture
def stuck(world: World) -> Resource:
    """Of three batches one has no answer to its create, and the list is too long to find it."""
    lose_answer(world, 2)
    lengthen_list(world)
    cut_list(world)
    return world.apply(*BODIES, shards=ONE_EACH)


async def test_where_the_list_is_too_long_it_is_read_from_what_the_intent_has_noted(world: World) -> None:
    lose_answer(world, 2)
    lengthen_list(world)
    resource = world.apply(*BODIES, shards=ONE_EACH)

    status = await live(world, resource, looks=40)

    assert is_true(status, "Complete")
    assert world.labels() == {"0": "billing", "1": "technical", "2": "account"}
    assert world.api.calls["create"] == 3


async def test_what_was_not_bought_is_released_where_the_list_is_too_long(world: World) -> None:
    """The create was lost before it arrived; strangers' batches of the same size stand behind the noted one."""
    creates = 0

    async def before(operation: str, *about: Any) -> None:
        nonlocal creates
        creates += operation == "create"
        if operation == "create" and creates == 2:
            raise OutcomeUnknown("the create call was lost")

    world.api.before = before
    lengthen_list(world)
    resource = world.apply(*BODIES, shards=ONE_EACH)
    await world.look(resource)
    later = world.clock.now()
    world.api.held["theirs"] = Held(
        "theirs", "theirs", later, later, [Answer("theirs-x", "succeeded", "x", "end_turn")]
    )

    status = await live(world, resource, looks=60)

    assert is_true(status, "Complete")
    assert world.paid()["1"] == 1
    assert status.batches[1].id != "theirs"


async def test_an_intent_that_has_noted_nothing_is_left_to_a_person_and_the_others_are_settled(world: World) -> None:
    """The first was made when the list was empty."""
    creates = 0

    async def after(operation: str, *about: Any) -> None:
        nonlocal creates
        creates += operation == "create"
        if operation == "create" and creates in (1, 3):
            raise OutcomeUnknown("the answer to the create call was lost")

    world.api.after = after
    lengthen_list(world)
    resource = world.apply(*BODIES, shards=ONE_EACH)

    status = await live(world, resource, looks=40)

    assert world.labels() == {"1": "technical", "2": "account"}
    assert status.batches[0].state is BatchState.INTENDED
    assert status.conditions[0].reason == Reason.LIST_TOO_LONG
    assert "whose custom_ids begin with t00000" in (status.message or "")


async def test_a_list_that_is_too_long_keeps_no_other_batch_from_being_collected(world: World, stuck: Resource) -> None:
    status = await live(world, stuck)

    assert world.labels() == {"0": "billing", "2": "account"}
    assert len(in_state(status, BatchState.INTENDED)) == 1
    assert is_true(status, "Stalled")
    assert status.conditions[0].reason == Reason.LIST_TOO_LONG
    assert "the answer to a create call of 1 request at 2026-11-22T20:00:00Z was lost" in (status.message or "")
    assert "whose custom_ids begin with t00001" in (status.message or "")
    assert "annotate cb tickets nightsort.dev/buy-again=t00001" in (status.message or "")
    assert world.api.calls["create"] == 3


async def test_while_others_are_in_flight_the_run_is_not_stalled(world: World, stuck: Resource) -> None:
    """In local mode nobody would be there to collect them."""
    await world.look(stuck)

    status = now(world, stuck)
    assert not is_true(status, "Stalled")
    assert "2 other batches are collected first" in (status.message or "")


def annotate(world: World, resource: Resource, tag: str) -> None:
    kept = world.ledger.kept[resource.meta.key]
    kept.resource = replace(kept.resource, meta=replace(kept.resource.meta, buy_again=tag))
    world.ledger.touch(resource.meta)


async def test_a_person_may_say_that_what_cannot_be_found_was_not_bought(world: World, stuck: Resource) -> None:
    await live(world, stuck)
    annotate(world, stuck, "t00001")

    status = await live(world, stuck)

    assert is_true(status, "Complete")
    assert world.labels() == {"0": "billing", "1": "technical", "2": "account"}


async def test_a_word_about_another_intent_buys_nothing_again(world: World, stuck: Resource) -> None:
    await live(world, stuck)
    annotate(world, stuck, "t00000")

    await live(world, stuck)

    assert world.api.calls["create"] == 3


async def test_a_run_whose_intent_cannot_be_told_ends_when_it_is_cancelled(world: World, stuck: Resource) -> None:
    """Its ticket may have been paid for, so that it is not bought again and has a row that says so."""
    await live(world, stuck)
    world.ledger.touch(stuck.meta, active_deadline_seconds=0)

    status = await live(world, stuck, looks=300)

    assert is_true(status, "Failed")
    assert world.rows["1"].verdict is Verdict.MISSING
    [told] = [message for _, reason, message in world.events.told if reason == "BatchLost"]
    assert status.batches[1].tag in told
    assert world.labels() == {"0": "billing", "1": None, "2": "account"}
    assert world.clock.now() - status.batches[1].intended_at < timedelta(hours=3)


async def test_a_list_that_is_short_enough_again_settles_the_intent(world: World, stuck: Resource) -> None:
    """Another process begins anew: it knows nothing of what was too long."""
    await live(world, stuck)
    del world.api.recent
    del world.api.behind
    world.restart()

    status = await live(world, stuck, looks=40)

    assert is_true(status, "Complete")
    assert world.api.calls["create"] == 3


@pytest.mark.parametrize(
    "trouble",
    [
        Waiting("the API server does not answer", reason=Reason.KUBERNETES_UNAVAILABLE),
        Stalled("the namespaces cannot be read", reason=Reason.FORBIDDEN),
    ],
)
async def test_whatever_keeps_an_intent_from_being_settled_keeps_nothing_from_being_collected(
    world: World, trouble: Waiting | Stalled
) -> None:
    lose_answer(world, 2)
    resource = world.apply(*BODIES, shards=ONE_EACH)
    await world.look(resource)
    world.clock.advance(60)

    async def away(operation: str, *about: Any) -> None:
        if operation == "owned_batches":
            raise trouble

    world.ledger.before = away
    status = await live(world, resource)

    assert world.labels() == {"0": "billing", "2": "account"}
    assert (status.message or "").startswith(trouble.message), "and since when, once the patience is over"
    world.ledger.before = nothing
    assert is_true(await live(world, resource, looks=40), "Complete")
    assert world.api.calls["create"] == 3


async def test_what_keeps_an_intent_from_being_settled_is_tried_once_in_a_look(world: World) -> None:
    lose_answer(world, 2)
    resource = world.apply(*BODIES, shards=ONE_EACH)
    await world.look(resource)
    world.clock.advance(60)
    asked = 0

    async def away(operation: str, *about: Any) -> None:
        nonlocal asked
        if operation == "owned_batches":
            asked += 1
            raise Waiting("away")

    world.ledger.before = away
    await world.look(resource)

    assert asked == 1
    assert world.api.calls["results"] == 2


async def test_nothing_more_is_bought_while_an_intent_cannot_be_looked_for(world: World) -> None:
    """An API that is away refuses the next create as well, and a store that is away cannot keep its intent."""
    lose_answer(world, 1)

    async def away(operation: str, *about: Any) -> None:
        if operation == "owned_batches":
            raise Waiting("the API server is away", reason=Reason.KUBERNETES_UNAVAILABLE)

    async def refuse(operation: str, *about: Any) -> None:
        if operation == "create" and world.api.held:
            raise Waiting("the rate limit is reached", reason=Reason.RATE_LIMITED, retry_after=5)

    world.api.before, world.ledger.before = refuse, away
    resource = world.apply("billing", "technical", shards=ONE_EACH)
    await world.look(resource)
    creates = world.api.calls["create"]
    world.api.before = nothing

    status = await live(world, resource, looks=5)

    assert status.conditions[0].reason == "KubernetesUnavailable"
    assert world.api.calls["create"] == creates
    world.ledger.before = nothing
    assert is_true(await live(world, resource, looks=40), "Complete")


# --- what may still run is told ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", [{"suspend": True}, {"active_deadline_seconds": 0}])
async def test_a_run_that_is_to_stop_says_what_an_open_intent_may_have_bought(
    world: World, change: dict[str, Any]
) -> None:
    lose_answer(world, 1)
    resource = world.apply("billing", "technical")
    await world.look(resource)
    world.ledger.touch(resource.meta, **change)

    await world.look(resource)

    message = now(world, resource).message or ""
    assert "nothing is bought" not in message
    assert "2 requests may have been bought and be running" in message
    assert "is cancelled if it has not ended by then" in message


async def test_a_suspended_run_says_what_was_asked_to_end(world: World) -> None:
    resource = world.apply("billing", "technical", shards=ONE_EACH)
    await world.look(resource)
    world.ledger.touch(resource.meta, suspend=True)

    await world.look(resource)

    assert now(world, resource).message == (
        "spec.suspend is true: nothing more is bought; 2 batches were asked to end, and what they answer is stored"
    )
    world.clock.advance(60)
    await world.look(resource)
    assert now(world, resource).message == "spec.suspend is true: nothing is bought"


@pytest.mark.parametrize("change", [{"suspend": True}, {"active_deadline_seconds": 0}])
async def test_what_an_intent_has_bought_is_cancelled_once_it_is_found(world: World, change: dict[str, Any]) -> None:
    """The process knows the batch, and could only not write it down: it still runs."""
    world.api.duration = timedelta(hours=10)
    resource = world.apply("billing", "technical")
    away = True

    async def before(operation: str, *about: Any) -> None:
        if operation == "save" and world.api.held and away:
            raise Waiting("the API server is away")

    world.ledger.before = before
    await world.look(resource)
    away = False
    world.ledger.touch(resource.meta, **change)

    await live(world, resource)

    assert world.api.held["msgbatch_0001"].canceling


async def test_an_intent_under_which_nothing_can_be_bought_is_begun_anew_at_once(world: World) -> None:
    """Its tickets have no text; the process has ended before it could note that their rows are stored."""
    lengthen_list(world)
    cut_list(world)
    resource = world.apply("", "", backoffLimit=0)
    kill = True

    async def killed(operation: str, *about: Any) -> None:
        if operation == "load" and kill:
            raise Killed

    world.ledger.before = killed
    with pytest.raises(Killed):
        await world.look(resource)
    assert in_state(now(world, resource), BatchState.INTENDED)
    kill = False
    world.restart()

    status = await live(world, resource, looks=3)

    assert is_true(status, "Finished")
    assert {row.verdict for row in world.rows.values()} == {Verdict.UNSENDABLE}
    assert world.api.calls["recent"] == world.api.calls["create"] == 0
