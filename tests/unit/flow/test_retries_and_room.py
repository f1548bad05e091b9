"""What pre-flight has accepted can be finished, however many retries, suspensions and long cursors there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from nightsort.api.batch_record import BatchState
from nightsort.api.resource import Resource
from nightsort.api.status import Status
from nightsort.domain.answer import Answer
from nightsort.domain.conditions import is_true
from nightsort.domain.room import MOST_BATCHES, PLACES_TO_END
from nightsort.testing.ledger import serialized
from tests.support.world import EXPIRED, World, first_word

OVERLOADED = Answer("", "errored", error_type="overloaded_error")
PLACES = MOST_BATCHES // 4
"""A full record costs by the square of its entries: a quarter shows the same in a sixteenth of the time."""


def failing_once(every: int) -> object:
    """Of so many texts one fails the first time it is asked."""
    asked: Counter[str] = Counter()

    def respond(text: str) -> str | Answer:
        asked[text] += 1
        fails = int(text.split()[1]) % every == 0 and asked[text] == 1
        return OVERLOADED if fails else first_word(text)

    return respond


async def look(world: World, resource: Resource) -> float | None:
    return await world.reconciler.reconcile(world.ledger.current(resource.meta))


async def lived(world: World, resource: Resource, max_looks: int = 3_000) -> Resource:
    """A run to its end. What was said on the way is looked through at the end only: there are many large statuses."""
    for _ in range(max_looks):
        seconds = await look(world, resource)
        if seconds is None:
            world.writes(resource)[:-1] = []
            world.audit(resource)
            return world.ledger.current(resource.meta)
        world.clock.advance(seconds)
    raise AssertionError(f"not finished after {max_looks} looks: {world.ledger.current(resource.meta).status.message}")


def most_entries(world: World, resource: Resource) -> int:
    return max(len(status.batches) for status in world.writes(resource))


def record_most(world: World) -> Callable[[], int]:
    """How many entries a record had at the most, so far."""
    most = 0

    async def see(operation: str, *about: Any) -> None:
        nonlocal most
        if operation == "save":
            most = max(most, len(about[1].batches))

    world.ledger.before = see
    return lambda: most


async def test_100_shards_with_one_passing_error_each_are_sent_to_the_last_ticket(world: World) -> None:
    world.use(places=PLACES)
    world.respond = failing_once(50)  # type: ignore[assignment]
    resource = world.apply(*(f"billing {n}" for n in range(5_000)), shards={"maxRequests": 50})

    most = record_most(world)
    resource = await lived(world, resource)

    assert is_true(resource.status, "Complete")
    assert resource.status.tickets.labeled == 5_000
    assert world.labels() == {str(n): "billing" for n in range(5_000)}
    assert world.paid() == {str(n): 1 for n in range(5_000)}, "errors are not paid"
    assert most() <= PLACES + PLACES_TO_END
    assert world.api.calls["create"] < 125, "retries travel together"


async def test_more_suspensions_than_a_record_has_places_end_with_every_ticket_labeled(world: World) -> None:
    world.use(places=PLACES)
    resource = world.apply(*(f"billing {n}" for n in range(8)), shards={"maxRequests": 2}, backoffLimit=0)
    most = record_most(world)
    for _ in range(PLACES // 4 + 2):
        await look(world, resource)
        world.ledger.touch(resource.meta, suspend=True)
        await look(world, resource)
        world.clock.advance(5)
        await look(world, resource)
        world.ledger.touch(resource.meta, suspend=False)

    resource = await lived(world, resource)

    assert PLACES < most() <= PLACES + PLACES_TO_END

    assert is_true(resource.status, "Complete")
    assert resource.status.tickets.labeled == 8
    assert world.labels() == {str(n): "billing" for n in range(8)}
    assert world.paid() == {str(n): 1 for n in range(8)}


async def test_more_tickets_than_pre_flight_counted_find_room_when_earlier_batches_are_collected(
    world: World,
) -> None:
    """A table grows while it is read: its run goes on instead of dying when the record is full."""
    world.use(places=10)
    resource = world.apply(*(f"billing {n}" for n in range(40)), shards={"maxRequests": 1})

    resource = await world.run_until_finished(resource, max_looks=1_000)

    assert is_true(resource.status, "Complete")
    assert resource.status.tickets.labeled == 40
    assert world.paid() == {str(n): 1 for n in range(40)}
    assert most_entries(world, resource) <= 13
    assert any("no room for another batch" in (status.message or "") for status in world.writes(resource))


async def test_all_that_waits_for_a_retry_in_a_full_record_gets_it(world: World) -> None:
    world.use(places=10)
    seen: Counter[str] = Counter()

    def respond(text: str) -> str | Answer:
        seen[text] += 1
        return EXPIRED if seen[text] < 3 else first_word(text)

    world.respond = respond
    resource = world.apply(*(f"billing {n}" for n in range(30)), shards={"maxRequests": 1}, backoffLimit=2)

    resource = await world.run_until_finished(resource, max_looks=2_000)

    assert resource.status.tickets.labeled == 30
    assert most_entries(world, resource) <= 13


async def test_a_process_that_ends_in_the_middle_of_a_joint_retry_buys_it_once(world: World) -> None:
    world.respond = failing_once(2)  # type: ignore[assignment]
    resource = world.apply(*(f"billing {n}" for n in range(8)), shards={"maxRequests": 4})
    await world.look(resource)
    world.clock.advance(61)
    await world.look(resource)
    assert any(one.attempt for one in world.ledger.current(resource.meta).status.batches)
    world.restart()

    resource = await world.run_until_finished(resource)

    assert world.labels() == {str(n): "billing" for n in range(8)}
    assert [one.requests for one in resource.status.batches if one.attempt] == [4]
    assert world.paid() == {str(n): 1 for n in range(8)}


async def test_a_retry_that_was_begun_by_an_earlier_version_keeps_to_its_shard(world: World) -> None:
    """Its record has no note at the parents: the shard says whose tickets are asked for."""
    world.respond = failing_once(2)  # type: ignore[assignment]
    resource = world.apply(*(f"billing {n}" for n in range(4)), shards={"maxRequests": 2})
    await world.look(resource)
    world.clock.advance(61)
    await world.look(resource)
    status = world.ledger.current(resource.meta).status
    child = next(one for one in status.batches if one.attempt)
    assert (child.shard, child.state, child.requests) == (0, BatchState.SUBMITTED, 2)
    old = serialized(status).replace('"passedOn"', '"unknownThen"').replace('"summedUp"', '"unknownToo"')
    assert Status.model_validate_json(old).batches[0].retryable == 1

    resource = await world.run_until_finished(resource)

    assert world.labels() == {str(n): "billing" for n in range(4)}


async def test_ids_that_two_attempts_left_are_asked_once(world: World) -> None:
    """A table may get an id again behind the cursor; both attempts leave it, and one answer is its row."""
    world.respond = failing_once(1)  # type: ignore[assignment]
    resource = world.apply(*(f"billing {n}" for n in range(4)), shards={"maxRequests": 2})
    again = world.source.kept[0]
    assert again is not None
    world.source.kept[3] = type(again)(again.id, again.fields, "3")

    resource = await world.run_until_finished(resource)

    assert world.labels() == {"0": "billing", "1": "billing", "2": "billing"}
    assert is_true(resource.status, "Complete")
