"""An account takes only so many requests at once: the others stand in a line and say so."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from nightsort.api.resource import Resource
from nightsort.domain.errors import Stalled
from nightsort.domain.queue import SHOWN_PLACES
from nightsort.domain.reasons import Reason
from nightsort.flow.preflight.admit import ASK_SECONDS
from nightsort.flow.reconcile import Reconciler
from nightsort.ports import BatchApi, Sink, Source
from nightsort.testing.batch_api import FakeBatchApi
from tests.support.world import EXPIRED, World, first_word


def limited(world: World, requests: int) -> None:
    world.enqueued_requests = requests
    world.restart()


def reason(world: World, resource: Resource) -> str:
    return world.ledger.current(resource.meta).status.conditions[0].reason


def phase(world: World, resource: Resource) -> str | None:
    return world.ledger.current(resource.meta).status.phase


@pytest.fixture
def called(world: World) -> list[str]:
    """The uids of those who were told that they may go, in this order."""
    return []


def listening(world: World, called: list[str], requests: int) -> None:
    limited(world, requests)
    world.reconciler = Reconciler(world.services, jitter=lambda: 0.0, call=called.append)


async def test_room_that_becomes_free_calls_those_that_fit_in_their_order(world: World, called: list[str]) -> None:
    listening(world, called, 3)
    running = world.apply("a", "b", "c", name="running")
    small, large, last = world.apply("a", name="small"), world.apply("a", "b", "c", name="large"), world.apply("a")
    for resource in (running, small, large, last):
        await world.look(resource)
    assert called == []

    world.clock.advance(60)
    await world.look(running)

    assert called == [small.meta.uid], "the large one is next, and nobody overtakes it"
    await world.look(small)
    for resource in (large, last):
        await world.look(resource)
    world.clock.advance(60)
    await world.look(small)
    assert called == [small.meta.uid, large.meta.uid]


@pytest.mark.parametrize("end", ["deleted", "cancelled"])
async def test_room_of_what_is_deleted_or_cancelled_calls_the_next(world: World, called: list[str], end: str) -> None:
    listening(world, called, 2)
    running, waiting = world.apply("a", "b", name="running"), world.apply("a", name="waiting")
    await world.look(running)
    await world.look(waiting)

    if end == "deleted":
        world.ledger.lose(running.meta)
        world.reconciler.forget(running.meta.uid)
    else:
        world.ledger.touch(running.meta, active_deadline_seconds=0)
        await world.look(running)
        assert called == [], "what is being cancelled still takes its room"
        world.clock.advance(60)
        await world.look(running)

    assert called == [waiting.meta.uid]


async def test_who_was_called_and_is_busy_is_not_called_for_all_that_becomes_free(
    world: World, called: list[str]
) -> None:
    listening(world, called, 2)
    first, second = world.apply("a", name="first"), world.apply("a", name="second")
    waiting = world.apply("a", name="waiting")
    for resource in (first, second, waiting):
        await world.look(resource)

    for resource in (first, second):
        world.reconciler.forget(resource.meta.uid)

    assert called == [waiting.meta.uid]


async def test_a_shard_that_does_not_fit_waits_with_its_place_and_goes_when_there_is_room(world: World) -> None:
    limited(world, 3)
    first, second = world.apply("billing", "billing", name="first"), world.apply("a", "b", name="second")
    await world.look(first)
    await world.look(second)

    status = world.ledger.current(second.meta).status
    assert status.conditions[0].reason == "Queued"
    assert "place 1" in (status.message or "")
    assert world.api.calls["create"] == 1

    await world.run_all(first, second)

    assert [phase(world, one) for one in (first, second)] == ["Complete", "Complete"]
    assert world.api.calls["create"] == 2


async def test_the_shards_of_one_resource_go_as_far_as_there_is_room(world: World) -> None:
    limited(world, 4)
    resource = world.apply(*["billing"] * 6, shards={"maxRequests": 2})

    await world.look(resource)

    assert world.api.calls["create"] == 2
    assert reason(world, resource) == "Queued"
    assert (await world.run_until_finished(resource)).status.tickets.labeled == 6


async def test_a_retry_waits_until_there_is_room_for_all_of_its_tickets(world: World) -> None:
    limited(world, 5)
    world.respond = lambda text: EXPIRED
    retried = world.apply("a", "b", "c", name="retried", backoffLimit=1)
    await world.look(retried)
    world.api.duration *= 600
    await world.look(world.apply("a", "b", name="running"))
    limited(world, 4)
    world.clock.advance(60)

    await world.look(retried)

    status = world.ledger.current(retried.meta).status
    assert [record.retryable for record in status.batches] == [3]
    assert reason(world, retried) == "Queued", "3 and the 2 that are running are more than 4"
    assert world.api.calls["create"] == 2


async def test_after_a_restart_what_is_in_flight_is_counted_before_anything_is_bought(world: World) -> None:
    limited(world, 3)
    first, second = world.apply("a", "b", name="first"), world.apply("a", "b", name="second")
    await world.look(first)
    world.restart()

    await world.look(second)

    assert reason(world, second) == "Queued"
    assert world.api.calls["create"] == 1


async def test_a_resource_whose_key_cannot_be_read_takes_nobodys_room(world: World) -> None:
    limited(world, 3)
    first, second = world.apply("a", "b", name="first"), world.apply("a", "b", name="second")
    await world.look(first)
    world.restart()
    world.connections.errors_of[first.meta.name] = Stalled("the Secret is missing", reason=Reason.SECRET_MISSING)

    await world.look(second)

    assert world.api.calls["create"] == 2


async def test_who_has_left_the_line_keeps_nobody_waiting(world: World) -> None:
    limited(world, 2)
    running, gone = world.apply("a", "b", name="running"), world.apply("a", name="gone")
    await world.look(running)
    await world.look(gone)
    world.ledger.lose(gone.meta)
    last = world.apply("a", name="last")
    await world.look(last)
    assert "place 2" in (world.ledger.current(last.meta).status.message or "")

    world.clock.advance(61)
    await world.look(last)

    assert "place 1" in (world.ledger.current(last.meta).status.message or "")
    await world.run_all(running, last)
    assert [phase(world, one) for one in (running, last)] == ["Complete", "Complete"]


async def test_a_resource_that_is_gone_gives_its_room_back(world: World) -> None:
    limited(world, 2)
    running, second = world.apply("a", "b", name="running"), world.apply("a", name="second")
    await world.look(running)
    await world.look(second)
    world.ledger.lose(running.meta)
    world.reconciler.forget(running.meta.uid)

    assert (await world.run_until_finished(second)).status.phase == "Complete"


async def test_who_waits_asks_for_no_key(world: World) -> None:
    limited(world, 1)
    for number in range(SHOWN_PLACES + 2):
        world.apply("billing", name=f"run-{number:02}")
    resources = await world.ledger.unfinished()
    for resource in resources:
        await world.look(resource)
    world.connections.error = Stalled("nobody needs a key now", reason=Reason.SECRET_MISSING)

    pauses = [await world.look(resource) for resource in resources[1:]]

    assert {reason(world, resource) for resource in resources[1:]} == {"Queued"}
    assert pauses == [ASK_SECONDS] * (SHOWN_PLACES + 1)
    world.connections.error = None
    await world.run_all(*resources, max_looks=2_000)
    assert {phase(world, resource) for resource in resources} == {"Complete"}


async def test_who_got_another_key_while_waiting_goes_where_that_leads(world: World) -> None:
    limited(world, 1)
    running, waiting = world.apply("a", name="running"), world.apply("b", name="waiting")
    await world.look(running)
    await world.look(waiting)
    other = FakeBatchApi(world.clock, first_word, prefix="msgbatch_other_")
    world.connections.account = other
    world.reconciler.forget(running.meta.uid)

    await world.look(waiting)

    assert other.calls["create"] == 1
    assert world.api.calls["create"] == 1


async def test_looks_that_begin_together_count_once_what_is_in_flight(world: World) -> None:
    world.apply("a", "b", name="running")
    limited(world, 3)
    waiting = [world.apply("a", name=f"run-{number}") for number in range(10)]
    for resource in await world.ledger.unfinished():
        if resource.meta.name == "running":
            await world.look(resource)
    world.restart()
    world.ledger.calls.clear()
    world.ledger.after = slowly

    await asyncio.gather(*(world.look(resource) for resource in waiting))

    assert world.ledger.calls["unfinished"] == 1
    assert world.api.calls["create"] == 2, "there was room for one more"


async def slowly(operation: str, *about: object) -> None:
    """The others have their turn before the answer is there."""
    await asyncio.sleep(0)


class EndsMeanwhile:
    """Connections; while the key of this resource is read, it is seen to have ended."""

    def __init__(self, world: World, uid: str) -> None:
        self._world, self._uid = world, uid

    async def api(self, resource: Resource) -> BatchApi:
        if resource.meta.uid == self._uid:
            self._world.reconciler.forget(self._uid)
        return await self._world.connections.api(resource)

    async def source(self, resource: Resource) -> Source:
        return await self._world.connections.source(resource)

    async def sinks(self, resource: Resource) -> Sequence[Sink]:
        return await self._world.connections.sinks(resource)

    async def finds_unlabeled_again(self, resource: Resource) -> bool:
        return await self._world.connections.finds_unlabeled_again(resource)


async def test_what_ends_while_it_is_counted_takes_no_room(world: World) -> None:
    limited(world, 1)
    running, waiting = world.apply("a", name="running"), world.apply("b", name="waiting")
    await world.look(running)
    world.restart()
    world.use(connections=EndsMeanwhile(world, running.meta.uid))

    await world.look(waiting)

    assert world.api.calls["create"] == 2


async def test_a_resource_that_is_first_in_the_queue_and_does_not_come_keeps_nobody_waiting(world: World) -> None:
    """Its look hangs at a mute server, or waits for a place among those of its namespace."""
    limited(world, 4)
    world.api.duration /= 10
    running, absent = (
        world.apply("a", "b", "c", name="running", namespace="team"),
        world.apply("a", "b", name="absent"),
    )
    await world.look(running)
    await world.look(absent)
    assert reason(world, absent) == "Queued"
    small = world.apply("a", name="small", namespace="team")
    await world.look(small)
    assert reason(world, small) == "Queued"

    world.clock.advance(20)
    await world.look(running)
    assert phase(world, running) == "Complete"
    await world.look(small)

    assert reason(world, small) != "Queued"
