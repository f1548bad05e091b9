"""A file of tickets that is written again while a run works on it: what was bought stays, none is bought twice."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from nightsort.adapters.config_map.source import ConfigMapTickets
from nightsort.adapters.object_store.options import StorePolicy
from nightsort.adapters.object_store.source import ObjectTickets
from nightsort.api.batch_record import BatchState
from nightsort.api.object_store import ObjectStoreSource
from nightsort.api.resource import Resource
from nightsort.api.source import ConfigMapSource
from nightsort.api.status import Status
from nightsort.domain.conditions import is_true
from nightsort.domain.config_map import ConfigMap
from nightsort.domain.errors import Waiting
from nightsort.ports import Source
from nightsort.testing.config_maps import MemoryConfigMaps
from tests.support.faults import raising
from tests.support.world import World

TICKETS = ("T-0", "T-1", "T-2", "T-3", "T-4", "T-5")
NEWER = ("T-7", "T-6", *TICKETS)
HALF: dict[str, Any] = {"shards": {"maxRequests": 3}}


@dataclass
class File:
    """A file of tickets in some store."""

    source: Source
    put: Callable[[str], object]

    def write(self, ids: Sequence[str]) -> None:
        self.put("".join(json.dumps({"id": ticket_id, "body": "billing"}) + "\n" for ticket_id in ids))


def in_a_config_map(directory: Path) -> File:
    maps = MemoryConfigMaps()

    def put(text: str) -> None:
        maps.kept["support", "tickets"] = ConfigMap("tickets", {"t.jsonl": text}, "1")

    return File(ConfigMapTickets(maps, "support", ConfigMapSource(name="tickets", key="t.jsonl"), ("body",)), put)


def in_an_object(directory: Path) -> File:
    source = ObjectStoreSource(url=f"file://{directory}/t.jsonl")
    tickets = ObjectTickets(source, {}, ("body",), StorePolicy(frozenset({"file"})))
    return File(tickets, (directory / "t.jsonl").write_text)


@pytest.fixture(params=[in_a_config_map, in_an_object], ids=lambda make: make.__name__)
def file(request: pytest.FixtureRequest, tmp_path: Path, world: World) -> File:
    """Whatever resource is applied reads this file; the account has room for half of it at once."""
    made: File = request.param(tmp_path)
    made.write(TICKETS)

    async def source(resource: Resource) -> Source:
        return made.source

    world.connections.source = source  # type: ignore[method-assign]
    world.enqueued_requests = 3
    world.restart()
    return made


def status_of(world: World, resource: Resource) -> Status:
    return world.ledger.current(resource.meta).status


async def look_on(world: World, resource: Resource, seconds: float = 300) -> Status:
    """Until so much time has passed."""
    until = world.clock.now().timestamp() + seconds
    while world.clock.now().timestamp() < until:
        await world.clock.sleep(await world.look(resource) or seconds)
    return status_of(world, resource)


async def test_a_file_that_was_changed_before_the_cursor_stalls_and_buys_nothing(world: World, file: File) -> None:
    resource = world.apply(**HALF)
    await world.look(resource)
    file.write(NEWER)

    status = await look_on(world, resource)

    assert is_true(status, "Stalled")
    assert [condition.reason for condition in status.conditions if condition.type == "Stalled"] == ["SourceChanged"]
    assert "Bring the file back as it was" in (status.message or "")
    assert set(world.paid()) == set(world.labels()) == {"T-0", "T-1", "T-2"}, "bought is collected"


async def test_a_file_that_is_brought_back_is_read_to_its_end(world: World, file: File) -> None:
    resource = world.apply(**HALF)
    await world.look(resource)
    file.write(NEWER)
    await look_on(world, resource)
    file.write([*TICKETS, "T-6", "T-7"])

    status = (await world.run_until_finished(resource)).status

    assert status.phase == "Complete"
    assert world.paid() == dict.fromkeys(sorted(NEWER), 1)
    assert set(world.labels()) == set(NEWER)


async def test_a_run_whose_file_was_changed_can_be_cancelled(world: World, file: File) -> None:
    resource = world.apply(**HALF)
    await world.look(resource)
    file.write(NEWER)
    await look_on(world, resource)
    world.ledger.touch(resource.meta, active_deadline_seconds=0)

    status = (await world.run_until_finished(resource, max_looks=3)).status

    assert status.phase == "Failed"
    assert world.labels() == dict.fromkeys(("T-0", "T-1", "T-2"), "billing")
    assert (status.tickets.total, status.tickets.labeled, status.tickets.failed) == (6, 3, 3)
    assert status.results.rows == 3


@pytest.mark.parametrize("ids", [NEWER, ("T-0", "T-1", "T-3", "T-4", "T-5"), ("T-0",)], ids=str)
async def test_a_range_that_was_not_bought_is_not_bought_with_other_tickets(
    world: World, file: File, ids: Sequence[str]
) -> None:
    resource = world.apply(**HALF)
    world.api.before = raising(Waiting("away"), "create")
    await world.look(resource)
    assert [record.state for record in status_of(world, resource).batches] == [BatchState.RELEASED]
    world.api.before = raising(Waiting("away"), "nothing")
    file.write(ids)

    status = await look_on(world, resource)

    assert is_true(status, "Stalled")
    assert not world.paid()
    world.ledger.touch(resource.meta, active_deadline_seconds=0)
    ended = (await world.run_until_finished(resource, max_looks=3)).status
    assert not world.rows, "whose rows they were to be, nobody can tell"
    assert (ended.tickets.total, ended.tickets.failed) == (6, 6)


async def test_answers_that_are_missing_are_not_put_down_to_other_tickets(world: World, file: File) -> None:
    resource = world.apply(**HALF)
    await world.look(resource)
    file.write(("T-0", "T-9", "T-2", *TICKETS[3:]))
    world.api.shorten = lambda answers: [answer for answer in answers if not answer.custom_id.endswith("T-1")]

    status = await look_on(world, resource, 6 * 3600)

    assert world.labels() == {"T-0": "billing", "T-2": "billing"}
    assert (status.tickets.labeled, status.tickets.failed, status.results.rows) == (2, 1, 2)
