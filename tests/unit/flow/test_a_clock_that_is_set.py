"""Somebody sets the machine's clock: pauses last as long as they were to, and no answer is given up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from nightsort.api.resource import Resource
from nightsort.api.status import Status
from nightsort.domain.answer import Answer
from nightsort.domain.conditions import is_true
from nightsort.domain.errors import Waiting
from nightsort.flow.ending.cancel import Finalizer
from nightsort.flow.preflight.admit import FORGOTTEN
from nightsort.flow.run.circuit_breaker import CircuitBreakerApi
from nightsort.kube.scheduler import ResourceScheduler
from nightsort.testing.batch_api import FakeBatchApi
from nightsort.testing.clock import NIGHT, VirtualClock
from tests.support.faults import raising
from tests.support.manifests import manifest
from tests.support.world import World

HOURS = [-7_200.0, 7_200.0, -172_800.0, 172_800.0]
TWO = timedelta(hours=2).total_seconds()


class Right:
    """The clock of the API's servers, which nobody sets."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock

    def now(self) -> datetime:
        return NIGHT + timedelta(seconds=self._clock.monotonic())

    def monotonic(self) -> float:
        return self._clock.monotonic()

    async def sleep(self, seconds: float) -> None:
        await self._clock.sleep(seconds)


@pytest.fixture(autouse=True)
def right(world: World) -> None:
    world.api.clock = Right(world.clock)


def status_of(world: World, resource: Resource) -> Status:
    return world.ledger.current(resource.meta).status


@pytest.mark.parametrize("seconds", HOURS)
async def test_a_pause_after_a_failure_lasts_as_long_as_it_was_to(seconds: float) -> None:
    clock = VirtualClock()
    api = FakeBatchApi(clock)
    paced = CircuitBreakerApi(api, clock, jitter=lambda: 0.0)
    api.before = raising(Waiting("away", retry_after=100.0), "retrieve")
    with pytest.raises(Waiting):
        await paced.retrieve("x")

    clock.set(seconds)
    clock.advance(99)
    with pytest.raises(Waiting) as told:
        await paced.retrieve("x")
    assert told.value.retry_after == pytest.approx(1)
    clock.advance(2)
    await paced.retrieve("x")

    assert api.calls["retrieve"] == 2


@pytest.mark.parametrize("seconds", HOURS)
async def test_a_queue_goes_on_without_who_has_left_it(world: World, seconds: float) -> None:
    world.enqueued_requests = 2
    world.restart()
    names = ("first", "gone", "third")
    first, gone, third = (world.apply("billing", "billing", name=name) for name in names)
    for resource in (first, gone, third):
        await world.look(resource)
    assert "place 2" in (status_of(world, third).message or "")

    world.clock.set(seconds)
    world.clock.advance(FORGOTTEN + 1)
    await world.look(first)
    await world.look(third)

    assert is_true(status_of(world, first), "Complete")
    assert status_of(world, third).batches


async def test_who_is_gone_leaves_its_line_at_once(world: World) -> None:
    world.enqueued_requests = 2
    world.restart()
    names = ("first", "gone", "third")
    first, gone, third = (world.apply("billing", "billing", name=name) for name in names)
    for resource in (first, gone, third):
        await world.look(resource)
    assert world.reconciler.queued() == 2

    world.reconciler.forget(gone.meta.uid)

    assert world.reconciler.queued() == 1
    await world.look(third)
    assert "place 1" in (status_of(world, third).message or "")


@pytest.mark.parametrize("seconds", HOURS)
async def test_a_resource_is_looked_at_when_it_is_due(world: World, seconds: float) -> None:
    scheduler = ResourceScheduler(world.services, timedelta(seconds=30))
    meta = world.apply("billing").meta
    body = {
        **manifest(),
        "metadata": {
            "name": meta.name,
            "namespace": meta.namespace,
            "uid": meta.uid,
            "resourceVersion": meta.resource_version,
            "generation": 1,
        },
    }
    scheduler.see("ADDED", body)
    await scheduler.reconcile(body)
    asked = world.api.calls.total()

    world.clock.set(seconds)
    assert scheduler.problems() == []
    await scheduler.reconcile(body)
    assert world.api.calls.total() == asked, "not due yet"
    world.clock.advance(600)
    await scheduler.reconcile(body)

    assert world.api.calls.total() > asked
    assert scheduler.problems() == []
    assert scheduler.turn("support") < 1


@pytest.mark.parametrize("seconds", HOURS)
async def test_a_finalizer_takes_no_longer_than_it_may(world: World, seconds: float) -> None:
    world.api.duration = timedelta(hours=20)
    resource = world.apply("billing")
    await world.look(resource)
    began, tries = world.clock.monotonic(), 0

    async def away(operation: str, *about: object) -> None:
        nonlocal tries
        if operation == "cancel":
            tries += 1
            if tries == 1:
                world.clock.set(seconds)
            raise Waiting("away")

    world.api.before = away
    await Finalizer(world.services, world.reconciler.memory, timedelta(seconds=30)).finalize(
        resource.meta, status_of(world, resource)
    )

    assert 30 <= world.clock.monotonic() - began <= 35
    assert tries > 10
    assert world.events.reasons[-1] == "CancelFailed"


@pytest.mark.parametrize("seconds", HOURS)
async def test_lines_that_are_missing_are_waited_for_as_long_as_ever(world: World, seconds: float) -> None:
    """Set forward, an hour would be over at once, and an answer that is paid for be given up."""
    resource = world.apply("billing", "technical")
    await world.look(resource)
    world.clock.advance(60)

    def one(answers: Sequence[Answer]) -> Sequence[Answer]:
        return answers[:1]

    world.api.shorten = one
    for _ in range(10):
        await world.look(resource)
    world.clock.set(seconds)
    await world.look(resource)
    assert not is_true(status_of(world, resource), "Finished")

    world.clock.advance(TWO)
    await world.look(resource)

    assert is_true(status_of(world, resource), "Complete")


async def test_a_batch_that_is_not_shown_is_not_given_up_because_the_clock_is_set(world: World) -> None:
    """A 404 of two seconds, and the clock two days ahead."""
    resource = world.apply("billing")
    await world.look(resource)
    world.api.hidden.add("msgbatch_0001")
    world.clock.advance(60)
    await world.look(resource)
    world.clock.set(172_800)
    await world.look(resource)
    assert not is_true(status_of(world, resource), "Finished")
    world.api.hidden.clear()

    finished = await world.run_until_finished(resource)

    assert is_true(finished.status, "Complete")
    assert world.labels() == {"0": "billing"}
