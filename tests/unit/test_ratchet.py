"""What must not grow: calls, writes, events, bytes and memory, counted in ways that no machine's speed changes."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from heapq import heapify, heappop, heappush
from typing import BinaryIO

import pytest

from nightsort.api.condition import Condition
from nightsort.api.plan import Plan
from nightsort.api.resource import Resource
from nightsort.api.spec import Spec
from nightsort.api.status import Status
from nightsort.domain.answer import Answer, Row
from nightsort.domain.batch import Batch
from nightsort.domain.custom_id import encode
from nightsort.domain.errors import OutcomeUnknown
from nightsort.domain.request import CLOSING, OPENING, SEPARATOR, Encoder
from nightsort.domain.stored import Stored
from nightsort.domain.ticket import Ticket
from nightsort.ports import Sink, Source
from nightsort.testing.batch_api import FakeBatchApi
from nightsort.testing.clock import NIGHT
from nightsort.testing.sinks import MemorySink
from nightsort.testing.sources import MemorySource
from tests.support.manifests import manifest
from tests.support.world import World

INTERVAL = 60
KOPFS_WRITES = 2
"""The finalizer: set at the first look, taken away after the last."""
PAGE = 1000
BODY = "x" * 1000


# --- one life ---------------------------------------------------------------------------------------------------------


async def test_a_life_of_one_batch_writes_to_the_api_server_at_most_eight_times(world: World) -> None:
    resource = await world.run_until_finished(world.apply(*["billing"] * 10))

    writes, events = len(world.writes(resource)), len(world.events.told)
    assert writes <= 4
    assert events <= 2
    assert writes + events + KOPFS_WRITES <= 8


async def test_a_life_of_one_batch_makes_few_calls(world: World) -> None:
    await world.run_until_finished(world.apply(*["billing"] * 10))

    lists = world.api.calls.pop("recent")
    assert dict(world.api.calls) == {"model": 1, "count_tokens": 2, "newest": 1, "create": 1, "results": 1}
    assert lists <= 8, "a batch of a minute is looked at when it is 2, 4, 6, 9 … seconds old"


async def test_each_further_shard_costs_three_writes_and_two_events(world: World) -> None:
    one = await world.run_until_finished(world.apply("billing", "other", name="one", shards={"maxRequests": 2}))
    events = len(world.events.told)
    three = await world.run_until_finished(world.apply(*["billing"] * 6, name="three", shards={"maxRequests": 2}))

    assert len(world.writes(three)) - len(world.writes(one)) <= 2 * 3
    assert len(world.events.told) - 2 * events <= 2 * 2


async def test_a_whole_night_of_waiting_writes_nothing(world: World) -> None:
    world.api.duration *= 60 * 10
    resource = world.apply("billing")
    await world.look(resource)
    written = len(world.writes(resource))

    for _ in range(60):
        world.clock.advance(INTERVAL)
        await world.look(resource)

    assert len(world.writes(resource)) == written


# --- bytes ------------------------------------------------------------------------------------------------------------


def test_a_request_is_its_text_and_what_all_share_and_little_else() -> None:
    spec = Spec.model_validate(manifest(prompt={"template": "$body"})["spec"])
    encoder = Encoder(spec, disable_thinking=True)

    short = encoder.request("tag000", "1", encoder.text(Ticket("1", {"body": "x"}, "")) or b"")
    long = encoder.request("tag000", "1", encoder.text(Ticket("1", {"body": "x" * 501}, "")) or b"")

    assert len(long) - len(short) == 500
    assert len(short) <= 712
    assert len(OPENING + CLOSING) + len(SEPARATOR) == 16


# --- many resources ---------------------------------------------------------------------------------------------------


async def look_for(world: World, resources: Sequence[Resource], seconds: float) -> int:
    """Looks at each when it is due, as the operator does; how many looks there were."""
    ends = world.clock.now().timestamp() + seconds
    due = [(world.clock.now().timestamp() + number * 0.01, number) for number in range(len(resources))]
    heapify(due)
    looks = 0
    while due and due[0][0] < ends:
        at, number = heappop(due)
        world.clock.advance(at - world.clock.now().timestamp())
        pause = await world.reconciler.reconcile(world.ledger.current(resources[number].meta))
        looks += 1
        if pause is not None:
            heappush(due, (at + pause, number))
    world.clock.advance(ends - world.clock.now().timestamp())
    return looks


async def test_a_thousand_resources_in_flight_make_one_list_call_in_an_interval(world: World) -> None:
    world.api.duration *= 60 * 10
    resources = [world.apply("billing", name=f"tickets-{number}") for number in range(1_000)]
    await look_for(world, resources, 5 * INTERVAL)
    before, written = world.api.calls.copy(), world.ledger.calls["save"]

    looks = await look_for(world, resources, 10 * INTERVAL)

    calls = world.api.calls - before
    assert looks >= 9_000
    assert 9 <= calls.pop("recent") <= 11
    assert not calls, "nothing is asked for one by one"
    assert world.ledger.calls["save"] == written


async def test_resources_of_every_age_share_their_list_calls(world: World) -> None:
    """A list that reaches back far serves the young as well: it is not read anew for each age.

    The younger look more often, so that it is always one of them who reads: an oldest one's list serves all anyway.
    """
    world.api.duration *= 60 * 10
    resources = []
    for number in range(50):
        seconds = INTERVAL + 50 - number
        resources.append(world.apply("billing", name=f"tickets-{number}", pollIntervalSeconds=seconds))
        await world.reconciler.reconcile(world.ledger.current(resources[-1].meta))
        world.clock.advance(5 * INTERVAL)
    before = world.api.calls["recent"]

    await look_for(world, resources[::-1], 30 * INTERVAL)

    hours = 50 * 5 // 60 + 2
    assert world.api.calls["recent"] - before <= hours + 31, "at first one for each hour, then one in an interval"


async def test_a_hundred_lost_answers_share_one_reading_of_what_is_owned(world: World) -> None:
    async def lost(operation: str, *about: object) -> None:
        if operation == "create":
            raise OutcomeUnknown("the answer was lost")

    world.api.after = lost
    resources = [world.apply("billing", name=f"tickets-{number}") for number in range(100)]
    for resource in resources:
        await world.reconciler.reconcile(world.ledger.current(resource.meta))
    world.restart()

    for resource in resources:
        await world.reconciler.reconcile(world.ledger.current(resource.meta))

    assert world.ledger.calls["owned_batches"] <= 2


async def test_ten_thousand_finished_resources_cost_no_call_at_all(world: World) -> None:
    finished = Condition(type="Finished", status="True", last_transition_time=NIGHT, reason="Complete")
    status = Status(plan=Plan(tickets=1), source_exhausted=True, conditions=(finished,))
    one = replace(world.apply("billing"), status=status)
    calls = world.ledger.calls.copy()

    for number in range(10_000):
        each = replace(one, meta=replace(one.meta, name=f"tickets-{number}", uid=f"uid-{number}"))
        assert await world.reconciler.reconcile(each) is None

    assert not world.api.calls
    assert world.ledger.calls == calls


# --- memory -----------------------------------------------------------------------------------------------------------


class EndlessSource(MemorySource):
    """Makes its tickets when they are read, 1,000 characters each."""

    def __init__(self, count: int) -> None:
        super().__init__([])
        self._count = count

    async def count(self) -> int:
        return self._count

    async def tickets(self, after: str | None = None, through: str | None = None) -> AsyncIterator[Sequence[Ticket]]:
        for start in range(int(after or 0), self._count, PAGE):
            numbers = range(start + 1, min(start + PAGE, self._count) + 1)
            yield [Ticket(str(number), {"body": f"{BODY}{number}"}, str(number)) for number in numbers]


class ForgetfulApi(FakeBatchApi):
    """Reads what is sent and keeps none of it."""

    async def create(self, body: BinaryIO, size: int, tag: str) -> Batch:
        self._tag, self.size = tag, size
        while body.read(64 * 1024):
            pass
        return self._batch(ended=False)

    async def retrieve(self, batch_id: str) -> Batch | None:
        return self._batch(ended=True)

    async def recent(self, since: object) -> Sequence[Batch]:
        return []

    async def results(self, batch: Batch) -> AsyncIterator[Sequence[Answer]]:
        for start in range(0, self.count, PAGE):
            numbers = range(start + 1, start + PAGE + 1)
            yield [Answer(encode(self._tag, str(number)), "succeeded", "billing") for number in numbers]

    def _batch(self, *, ended: bool) -> Batch:
        return Batch("msgbatch_1", self.clock.now(), self.count, ended, self.clock.now() if ended else None)

    count = 0


class CountingSink(MemorySink):
    """Counts rows and keeps none."""

    count = 0

    async def write(self, rows: AsyncIterator[Sequence[Row]]) -> Stored:
        async for page in rows:
            self.count += len(page)
        return Stored({"table": "counted"})


async def peak_of_a_life(tickets: int) -> int:
    """The most bytes that Python's objects took at a time."""
    world = World()
    world.api = account = ForgetfulApi(world.clock)
    account.count = tickets
    resource = world.apply(prompt={"maxBodyChars": 2000})
    source: Source = EndlessSource(tickets)
    sink: Sink = CountingSink()
    world.connections.account = account
    world.connections.sources["tickets"] = source  # type: ignore[assignment]
    world.connections.sinks_of["tickets"] = [sink]  # type: ignore[list-item]
    gc.collect()
    tracemalloc.start()
    try:
        finished = await world.run_until_finished(resource)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert finished.status.tickets.labeled == tickets
    assert account.size > tickets * 1_000
    return peak


@pytest.mark.timeout(120)
async def test_of_a_ticket_nothing_but_its_id_is_kept_in_memory() -> None:
    """Nine times as many tickets of 1,000 characters: what is more is the set of their ids."""
    few, many = await peak_of_a_life(2_000), await peak_of_a_life(18_000)

    assert (many - few) / 16_000 <= 160
