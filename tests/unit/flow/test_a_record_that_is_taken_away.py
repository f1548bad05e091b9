"""Whoever wipes a status, or brings an older one back, does not make the run buy again."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from nightsort.api.batch_record import BatchState
from nightsort.api.resource import Resource
from nightsort.api.status import Status
from nightsort.domain.conditions import is_true
from nightsort.domain.errors import OutcomeUnknown, Stalled, Waiting
from nightsort.domain.reasons import Reason
from nightsort.flow.reconcile import Reconciler
from tests.support.faults import all_paid_once, raising
from tests.support.world import EXPIRED, Killed, World

Wipe = Callable[[Status], Status]
WIPES: dict[str, Wipe] = {
    "remove /status": lambda status: Status(),
    "batches: []": lambda status: status.model_copy(update={"batches": ()}),
    "one batch less": lambda status: status.model_copy(update={"batches": status.batches[:1]}),
    "no plan either": lambda status: status.model_copy(update={"batches": (), "plan": None, "cursor": None}),
}


def status_of(world: World, resource: Resource) -> Status:
    return world.ledger.current(resource.meta).status


def wiped(world: World, resource: Resource, wipe: Wipe) -> None:
    world.ledger.wipe(resource.meta, wipe(status_of(world, resource)))


@pytest.mark.parametrize("restarted", [False, True], ids=["the same process", "another process"])
@pytest.mark.parametrize("wipe", WIPES.values(), ids=WIPES)
async def test_a_status_that_is_wiped_in_flight_buys_nothing_again(world: World, wipe: Wipe, restarted: bool) -> None:
    resource = world.apply(*["billing"] * 6, shards={"maxRequests": 2})
    await world.look(resource)
    wiped(world, resource, wipe)
    if restarted:
        world.restart()

    resource = await world.run_until_finished(resource)

    assert is_true(resource.status, "Complete")
    assert world.api.calls["create"] == 3
    assert all_paid_once(world, 6)
    assert world.labels() == dict.fromkeys("012345", "billing")
    assert resource.status.tickets.labeled == 6
    assert world.events.reasons.count("RecordRestored") == 1


@pytest.mark.parametrize("wipe", [WIPES["remove /status"], WIPES["batches: []"]])
async def test_a_status_that_is_wiped_while_an_answer_is_lost_is_adopted_by_the_tag(world: World, wipe: Wipe) -> None:
    resource = world.apply("billing", "technical")
    world.api.after = raising(OutcomeUnknown("no answer"), "create")
    await world.look(resource)
    wiped(world, resource, wipe)
    world.restart()

    await world.run_until_finished(resource)

    assert world.api.calls["create"] == 1
    assert all_paid_once(world, 2)


async def test_a_status_that_is_wiped_during_the_create_keeps_the_batch(world: World) -> None:
    resource = world.apply("billing", "technical")

    async def meanwhile(operation: str, *about: object) -> None:
        if operation == "create":
            world.api.after = raising(Killed(), "nothing")
            world.ledger.wipe(resource.meta)

    world.api.after = meanwhile
    resource = await world.run_until_finished(resource)

    assert is_true(resource.status, "Complete")
    assert all_paid_once(world, 2)
    assert not any(held.canceling for held in world.api.held.values())


@pytest.mark.parametrize("wipe", [WIPES["remove /status"], WIPES["batches: []"], WIPES["no plan either"]])
async def test_what_another_process_bought_between_two_looks_is_put_back_though_this_one_never_saw_it(
    world: World, wipe: Wipe
) -> None:
    """The wiped status is all that this process has ever known, or less: only the copy has the batch."""
    resource = world.apply("billing", "technical")
    world.connections.errors_of["tickets"] = Waiting("the Secret cannot be read")
    await world.look(resource)
    here = world.services
    world.restart()
    world.connections.errors_of.clear()
    await world.look(resource)
    assert world.api.calls["create"] == 1
    wiped(world, resource, wipe)
    world.services = here
    world.reconciler = Reconciler(here, jitter=lambda: 0.0)

    resource = await world.run_until_finished(resource)

    assert is_true(resource.status, "Complete")
    assert resource.status.tickets.labeled == 2
    assert all_paid_once(world, 2)


async def test_a_wipe_in_the_middle_of_a_look_is_seen_before_anything_is_bought(world: World) -> None:
    """The record looks as it did when the look began, and another process has bought under it meanwhile."""
    resource = world.apply("billing", "technical")
    here = world.services

    async def meanwhile(operation: str, *about: object) -> None:
        if operation == "save":
            world.ledger.before = raising(Killed(), "nothing")
            world.restart()
            await world.look(resource)
            world.ledger.wipe(resource.meta)
            world.services, world.reconciler = here, Reconciler(here, jitter=lambda: 0.0)

    world.ledger.before = meanwhile
    await world.reconciler.reconcile(world.ledger.current(resource.meta), lambda: False)

    resource = await world.run_until_finished(resource)

    assert world.api.calls["create"] == 1
    assert all_paid_once(world, 2)
    assert resource.status.tickets.labeled == 2


async def test_an_older_backup_of_the_status_is_brought_up_to_date(world: World) -> None:
    resource = world.apply(*["billing"] * 6, shards={"maxRequests": 2})
    await world.look(resource)
    first = next(status for status in world.writes(resource) if len(status.batches) == 1)
    world.ledger.wipe(resource.meta, first)
    world.restart()

    resource = await world.run_until_finished(resource)

    assert all_paid_once(world, 6)
    assert [count.tickets for count in resource.status.categories] == [6]


@pytest.mark.parametrize("restarted", [False, True], ids=["the same process", "another process"])
async def test_a_backup_from_before_an_intent_was_given_another_tag_is_brought_up_to_date(
    world: World, restarted: bool
) -> None:
    resource = world.apply("billing", "technical")
    world.api.before = raising(Waiting("full", reason=Reason.RATE_LIMITED), "create")
    await world.look(resource)
    released = status_of(world, resource)
    assert [one.state for one in released.batches] == [BatchState.RELEASED]
    world.clock.advance(60)
    await world.look(resource)
    world.ledger.wipe(resource.meta, released)
    if restarted:
        world.restart()

    await world.run_until_finished(resource)

    assert len(world.api.held) == 1
    assert all_paid_once(world, 2)


@pytest.mark.parametrize("bodies", [["billing"] * 3, ["billing"] * 2], ids=["within the source", "at its end"])
async def test_batches_that_are_emptied_before_anything_was_bought_are_read_anew(
    world: World, bodies: list[str]
) -> None:
    """The process ends between the intent and its copy; what says how far the source was read is left."""
    resource = world.apply(*bodies, shards={"maxRequests": 2})
    world.ledger.before = raising(Killed(), "keep_record")
    with pytest.raises(Killed):
        await world.look(resource)
    wiped(world, resource, WIPES["batches: []"])
    world.restart()

    resource = await world.run_until_finished(resource)

    assert is_true(resource.status, "Complete")
    assert resource.status.tickets.labeled == len(bodies)
    assert all_paid_once(world, len(bodies))
    assert world.events.reasons.count("RecordRestored") == 1


async def test_a_finished_run_that_is_wiped_collects_again_and_buys_nothing(world: World) -> None:
    resource = await world.run_until_finished(world.apply("billing", "technical"))
    world.ledger.wipe(resource.meta)
    world.restart()

    resource = await world.run_until_finished(resource)

    assert is_true(resource.status, "Complete")
    assert world.api.calls["create"] == 1
    assert resource.status.tickets.labeled == 2


async def test_retries_of_a_record_that_was_wiped_are_not_sent_again(world: World) -> None:
    asked: set[str] = set()

    def flaky(text: str) -> object:
        fails = text.startswith("flaky") and text not in asked
        asked.add(text)
        return EXPIRED if fails else "billing"

    world.respond = flaky  # type: ignore[assignment]
    resource = world.apply("flaky", "billing")
    for _ in range(200):
        await world.clock.sleep(await world.look(resource) or 0)
        if any(record.attempt == 1 for record in status_of(world, resource).batches):
            break
    world.ledger.wipe(resource.meta)
    world.restart()

    resource = await world.run_until_finished(resource)

    assert world.api.calls["create"] == 2
    assert all_paid_once(world, 2)


async def test_only_a_persons_word_begins_anew_and_it_counts_once(world: World) -> None:
    resource = world.apply("billing")
    await world.look(resource)
    world.ledger.annotate(resource.meta, begin_anew="2026-11-28")
    world.ledger.wipe(resource.meta)

    await world.look(resource)
    assert "BegunAnew" in world.events.reasons
    await world.look(resource)
    assert world.api.calls["create"] == 2
    world.ledger.wipe(resource.meta)
    world.restart()
    resource = await world.run_until_finished(resource)

    assert is_true(resource.status, "Complete")
    assert world.api.calls["create"] == 2


async def test_a_word_alone_begins_nothing_anew(world: World) -> None:
    resource = world.apply("billing")
    await world.look(resource)
    world.ledger.annotate(resource.meta, begin_anew="2026-11-28")
    world.restart()

    await world.run_until_finished(resource)

    assert world.api.calls["create"] == 1


async def test_nothing_is_bought_where_no_copy_of_the_record_can_be_kept(world: World) -> None:
    resource = world.apply("billing")
    refused = Stalled("a ResourceQuota of the namespace is used up", reason=Reason.QUOTA_EXCEEDED)
    world.ledger.before = raising(refused, "keep_record")
    await world.look(resource)

    status = status_of(world, resource)
    assert world.api.calls["create"] == 0
    assert [one.state for one in status.batches] == [BatchState.RELEASED]
    assert status.conditions[-1].reason == "QuotaExceeded"
    await world.run_until_finished(resource)
    assert all_paid_once(world, 1)


async def test_a_wiped_record_whose_copy_cannot_be_read_stalls(world: World) -> None:
    resource = world.apply("billing")
    await world.look(resource)
    world.ledger.wipe(resource.meta)
    world.restart()
    world.ledger.before = raising(
        Stalled("no copy that can be read", reason=Reason.RECORD_UNREADABLE), "kept_record", times=3
    )

    await world.look(resource)
    assert is_true(status_of(world, resource), "Stalled")
    await world.run_until_finished(resource)

    assert world.api.calls["create"] == 1


async def test_a_run_of_an_earlier_version_is_copied_at_the_first_look(world: World) -> None:
    resource = world.apply("billing")
    await world.look(resource)
    await world.ledger.forget_record(resource.meta, "")
    world.restart()
    await world.look(resource)
    world.ledger.wipe(resource.meta)
    world.restart()

    await world.run_until_finished(resource)

    assert world.api.calls["create"] == 1
