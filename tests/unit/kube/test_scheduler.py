"""The scheduler between kopf and the flow: who is looked at when, and what the liveness probe hears of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from nightsort.api.resource import Meta
from nightsort.kube.scheduler import LOOKS_AT_ONCE, ResourceScheduler
from nightsort.testing.sources import MemorySource
from tests.support.manifests import manifest
from tests.support.waiting import settled
from tests.support.world import World

DEADLINE = timedelta(seconds=0.05)
LATER = timedelta(minutes=3).total_seconds()


@pytest.fixture
def scheduler(world: World) -> ResourceScheduler:
    return ResourceScheduler(world.services, DEADLINE)


def body(world: World, name: str = "tickets", namespace: str = "support", **metadata: Any) -> dict[str, Any]:
    """What kopf has of a resource that is applied here, too."""
    meta = world.apply("billing", name=name, namespace=namespace).meta
    seen = {
        "name": name,
        "namespace": meta.namespace,
        "uid": meta.uid,
        "resourceVersion": meta.resource_version,
        "generation": meta.generation,
    }
    return {**manifest(), "metadata": {**seen, **metadata}}


async def test_a_resource_that_is_looked_at_is_no_problem(scheduler: ResourceScheduler, world: World) -> None:
    seen = body(world)
    scheduler.see("ADDED", seen)
    world.clock.advance(LATER)
    await scheduler.reconcile(seen)

    assert scheduler.problems() == []


async def test_a_timer_that_has_died_is_a_problem(scheduler: ResourceScheduler, world: World) -> None:
    scheduler.see("ADDED", body(world))
    world.clock.advance(LATER)

    assert scheduler.problems() == ["1 unfinished resources are not looked at any more"]


async def test_a_look_that_takes_long_is_no_problem(scheduler: ResourceScheduler, world: World) -> None:
    seen = body(world)
    scheduler.see("ADDED", seen)
    hanging = asyncio.create_task(looking_for_ever(scheduler, world, seen))
    await settled()
    world.clock.advance(LATER)

    assert scheduler.problems() == []
    hanging.cancel()


@pytest.mark.parametrize("gone", ["deleted", "being deleted", "finished"])
async def test_what_needs_no_timer_any_more_is_no_problem(
    scheduler: ResourceScheduler, world: World, gone: str
) -> None:
    seen = body(world)
    scheduler.see("ADDED", seen)
    if gone == "being deleted":
        seen["metadata"]["deletionTimestamp"] = "2026-11-22T20:00:00Z"
    if gone == "finished":
        now = {"lastTransitionTime": "2026-11-22T20:00:00Z", "reason": "Complete", "message": ""}
        seen["status"] = {"conditions": [{"type": "Finished", "status": "True", **now}]}
    scheduler.see("DELETED" if gone == "deleted" else "MODIFIED", seen)
    world.clock.advance(LATER)

    assert scheduler.problems() == []


async def test_the_first_looks_at_a_thousand_resources_are_spread_over_ten_seconds(
    scheduler: ResourceScheduler,
) -> None:
    turns = [scheduler.turn("support") for _ in range(1000)]

    assert turns[0] < 0.5, "a single one waits for nobody"
    assert 9 < turns[-1] < 11
    assert max(later - sooner for sooner, later in pairwise(turns)) < 0.02


async def test_a_resource_does_not_stand_behind_ten_thousand_of_another_namespace(
    scheduler: ResourceScheduler,
) -> None:
    for _ in range(10_000):
        scheduler.turn("crowded")

    turns = [scheduler.turn("support") for _ in range(100)]

    assert turns[0] < 0.5
    assert 1.5 < turns[-1] < 2.5, "half the pace, for two"


async def test_a_thousand_namespaces_that_begin_together_are_not_a_thousand_times_as_fast(
    scheduler: ResourceScheduler,
) -> None:
    turns = sorted(scheduler.turn(f"team-{number}") for _ in range(10) for number in range(1000))

    assert sum(turn < 1.25 for turn in turns) < 2 * 1000, "their first ones, and few of the others"


async def test_of_a_namespace_whose_turns_are_over_nothing_is_remembered(
    scheduler: ResourceScheduler, world: World
) -> None:
    for number in range(100):
        scheduler.turn(f"team-{number}")
    world.clock.advance(60)
    scheduler.turn("support")

    assert set(scheduler._turns) == {"support"}


async def looking_for_ever(scheduler: ResourceScheduler, world: World, seen: dict[str, Any]) -> None:
    async def hang(operation: str, *about: Any) -> None:
        await asyncio.Event().wait()

    world.api.before = hang
    await scheduler.reconcile(seen)


async def test_a_finalizer_does_not_wait_for_a_look_that_hangs(scheduler: ResourceScheduler, world: World) -> None:
    seen = body(world)
    hanging = asyncio.create_task(looking_for_ever(scheduler, world, seen))
    await settled()

    async with asyncio.timeout(5):
        await scheduler.finalize(seen)
        await hanging


async def test_no_move_is_begun_when_the_process_is_about_to_end(scheduler: ResourceScheduler, world: World) -> None:
    await scheduler.reconcile(body(world), stopped=lambda: True)

    assert not world.api.calls


# --- resting between two looks ----------------------------------------------------------------------------------------

TICK = 1.0
INTERVAL = 60


async def never() -> None:
    await asyncio.Event().wait()


async def resting(scheduler: ResourceScheduler, world: World) -> tuple[dict[str, Any], asyncio.Task[None]]:
    """A resource whose batch is in flight for long, and its timer's rest."""
    world.api.duration *= 600
    seen = body(world)
    await scheduler.reconcile(seen)
    world.clock.advance(LATER)
    await scheduler.reconcile({**seen, "status": world.ledger.current(Meta.of(seen)).status.model_dump(by_alias=True)})
    rest = asyncio.create_task(scheduler.rest(seen["metadata"]["uid"], TICK, never))
    await settled()
    return seen, rest


async def test_a_timer_rests_while_its_resource_is_not_due(scheduler: ResourceScheduler, world: World) -> None:
    _, rest = await resting(scheduler, world)

    assert not rest.done()
    rest.cancel()


@pytest.mark.parametrize("change", [{"generation": 2}, {"generation": 2, "deletionTimestamp": "2026-11-22T20:00:00Z"}])
async def test_a_changed_resource_wakes_its_timer(
    scheduler: ResourceScheduler, world: World, change: dict[str, Any]
) -> None:
    seen, rest = await resting(scheduler, world)

    scheduler.see("MODIFIED", {**seen, "metadata": seen["metadata"] | change})

    await asyncio.wait_for(rest, 1)


async def test_a_status_of_our_own_wakes_no_timer(scheduler: ResourceScheduler, world: World) -> None:
    seen, rest = await resting(scheduler, world)

    scheduler.see("MODIFIED", seen)
    await settled()

    assert not rest.done()
    rest.cancel()


async def test_a_timer_that_is_to_stop_does_not_rest(scheduler: ResourceScheduler, world: World) -> None:
    seen, rest = await resting(scheduler, world)
    rest.cancel()
    stopped = asyncio.Event()
    stopped.set()

    await asyncio.wait_for(scheduler.rest(seen["metadata"]["uid"], TICK, stopped.wait), 1)


async def test_a_resource_that_is_due_at_the_next_tick_is_not_kept_waiting(
    scheduler: ResourceScheduler, world: World
) -> None:
    seen, rest = await resting(scheduler, world)
    rest.cancel()
    due_in, tick = 45, 30  # the next ring is at 30 s, and the one after it too late
    world.clock.advance(INTERVAL - due_in)

    rest = asyncio.create_task(scheduler.rest(seen["metadata"]["uid"], tick, never))
    await settled()

    assert rest.done()


# --- many at once -----------------------------------------------------------------------------------------------------

ALONE = 48
CROWD = LOOKS_AT_ONCE + 10


class Crowd:
    """Looks at many resources of a namespace whose sources are mute: they hang until the end of the test."""

    def __init__(self, scheduler: ResourceScheduler, world: World) -> None:
        self._scheduler, self._world = scheduler, world
        self._looks: list[asyncio.Task[None]] = []
        self.bodies: list[dict[str, Any]] = []
        self.begun = 0

    async def come(self, namespace: str, many: int = CROWD) -> None:
        for number in range(many):
            seen = body(self._world, f"{namespace}-{number}", namespace)
            self._world.connections.sources[seen["metadata"]["name"]] = MuteSource(self)
            self._scheduler.see("ADDED", seen)
            self.bodies.append(seen)
            self._looks.append(asyncio.create_task(self._scheduler.reconcile(seen)))
        for _ in range(200):
            await asyncio.sleep(0)

    async def go(self) -> None:
        for look in self._looks:
            look.cancel()
        await asyncio.gather(*self._looks, return_exceptions=True)


class MuteSource(MemorySource):
    def __init__(self, crowd: Crowd) -> None:
        super().__init__([])
        self._crowd = crowd

    async def check(self) -> Sequence[str]:
        self._crowd.begun += 1
        await never()
        return ()


@pytest.fixture
async def crowd(scheduler: ResourceScheduler, world: World) -> AsyncIterator[Crowd]:
    crowd = Crowd(scheduler, world)
    yield crowd
    await crowd.go()


async def test_of_many_resources_only_some_are_looked_at_at_once(crowd: Crowd) -> None:
    await crowd.come("crowded")

    assert crowd.begun == ALONE


async def test_a_namespace_whose_looks_all_hang_does_not_keep_another_from_being_looked_at(
    scheduler: ResourceScheduler, world: World, crowd: Crowd
) -> None:
    await crowd.come("crowded")

    for number in range(20):
        await scheduler.reconcile(body(world, f"tickets-{number}"))

    assert world.api.calls["create"] == 20


async def test_twenty_namespaces_whose_looks_all_hang_do_not_keep_another_from_being_looked_at(
    scheduler: ResourceScheduler, world: World, crowd: Crowd
) -> None:
    for number in range(20):
        await crowd.come(f"crowded-{number}", 50)

    await scheduler.reconcile(body(world))

    assert world.api.calls["create"] == 1


async def test_a_look_that_waits_for_its_place_is_no_problem(
    scheduler: ResourceScheduler, world: World, crowd: Crowd
) -> None:
    await crowd.come("crowded")
    world.clock.advance(LATER)

    assert scheduler.problems() == []


async def test_a_deletion_does_not_wait_for_a_look_that_has_no_place_yet(
    scheduler: ResourceScheduler, crowd: Crowd
) -> None:
    await crowd.come("crowded")

    async with asyncio.timeout(5):
        await scheduler.finalize(crowd.bodies[-1])


async def test_no_look_begins_for_what_was_deleted_while_it_waited_for_its_place(
    scheduler: ResourceScheduler, world: World, crowd: Crowd
) -> None:
    await crowd.come("crowded", ALONE)
    deleted: list[bool] = []
    waiting = asyncio.create_task(scheduler.reconcile(body(world, "late", "crowded"), lambda: bool(deleted)))
    await asyncio.sleep(0)
    deleted.append(True)
    await crowd.go()
    await waiting

    assert not world.api.calls


@pytest.mark.parametrize("end", ["MODIFIED", "DELETED"])
async def test_what_another_leader_has_ended_takes_no_room_any_more(world: World, end: str) -> None:
    world.enqueued_requests = 1
    world.restart()
    scheduler = ResourceScheduler(world.services, DEADLINE)
    running, waiting = body(world, "running"), body(world, "waiting")
    await scheduler.reconcile(running)
    await scheduler.reconcile(waiting)
    assert world.api.calls["create"] == 1

    now = {"lastTransitionTime": "2026-11-22T20:00:00Z", "reason": "Complete", "message": ""}
    finished = {"conditions": [{"type": "Finished", "status": "True", **now}]}
    scheduler.see(end, {**running, "status": finished})
    world.clock.advance(60)
    await scheduler.reconcile(seen_again(world, waiting))

    assert world.api.calls["create"] == 2


async def test_room_that_becomes_free_ends_the_rest_of_who_waits_for_it(world: World) -> None:
    world.enqueued_requests = 1
    world.restart()
    scheduler = ResourceScheduler(world.services, DEADLINE)
    running, waiting = body(world, "running"), body(world, "waiting")
    await scheduler.reconcile(running)
    await scheduler.reconcile(waiting)
    rest = asyncio.create_task(scheduler.rest(waiting["metadata"]["uid"], 1.0, asyncio.Event().wait))
    await settled()
    assert not rest.done()

    scheduler.see("DELETED", running)
    await rest
    await scheduler.reconcile(seen_again(world, waiting))

    assert world.api.calls["create"] == 2, "without a step of the clock"


async def test_room_that_becomes_free_during_a_pass_makes_the_next_one_due_at_once(world: World) -> None:
    world.enqueued_requests = 1
    world.restart()
    scheduler = ResourceScheduler(world.services, DEADLINE)
    running, waiting = body(world, "running"), body(world, "waiting")
    await scheduler.reconcile(running)

    async def end(operation: str, *about: Any) -> None:
        if operation == "save" and about[1].conditions[0].reason == "Queued":
            scheduler.see("DELETED", running)

    world.ledger.before = end
    await scheduler.reconcile(waiting)
    await scheduler.reconcile(seen_again(world, waiting))

    assert world.api.calls["create"] == 2, "without a step of the clock"


def seen_again(world: World, seen: dict[str, Any]) -> dict[str, Any]:
    """The newest version, as the watch shows it."""
    resource = world.ledger.current(Meta.of(seen))
    status = resource.status.model_dump(mode="json", by_alias=True, exclude_none=True)
    metadata = seen["metadata"] | {"resourceVersion": resource.meta.resource_version}
    return {**seen, "metadata": metadata, "status": status}
