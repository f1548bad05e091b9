"""One read for many who ask at once, and none that was begun before they asked."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from nightsort.adapters.kubernetes.shared_read import SharedRead
from tests.support.waiting import settled


@dataclass
class Shelf:
    """Counts its reads; each takes as long as the door is shut."""

    reads: int = 0
    door: asyncio.Event = field(default_factory=asyncio.Event)
    error: Exception | None = None

    async def read(self) -> int:
        self.reads += 1
        found = self.reads
        await self.door.wait()
        if self.error:
            raise self.error
        return found


async def asking(shared: SharedRead[int], times: int) -> list[asyncio.Task[int]]:
    tasks = [asyncio.create_task(shared.get()) for _ in range(times)]
    await settled()
    return tasks


async def test_who_asks_while_a_read_is_under_way_shares_the_next_one() -> None:
    shelf = Shelf()
    shared = SharedRead(shelf.read)
    first, later = await asking(shared, 50), await asking(shared, 50)
    shelf.door.set()

    assert [await task for task in (*first, *later)] == [1] * 50 + [2] * 50
    assert await shared.get() == 3


async def test_a_read_that_fails_fails_for_those_who_share_it_and_is_done_again_for_the_next() -> None:
    shelf = Shelf(error=OSError("away"))
    shared = SharedRead(shelf.read)
    shelf.door.set()
    for outcome in await asyncio.gather(shared.get(), shared.get(), return_exceptions=True):
        assert isinstance(outcome, OSError)

    shelf.error = None
    assert await shared.get() == 2


async def test_who_stops_waiting_takes_it_from_nobody() -> None:
    shelf = Shelf()
    shared = SharedRead(shelf.read)
    impatient, patient = await asking(shared, 2)
    impatient.cancel()
    with pytest.raises(asyncio.CancelledError):
        await impatient
    shelf.door.set()

    assert await patient == 1


async def test_whom_an_older_read_serves_shares_the_one_under_way() -> None:
    """Two hundred that begin together make one list, and not a second one for those who came a moment later."""
    shelf = Shelf()
    shared = SharedRead(shelf.read)
    [first] = await asking(shared, 1)
    later = [asyncio.create_task(shared.get(within=10)) for _ in range(50)]
    await settled()
    shelf.door.set()

    assert [await task for task in (first, *later)] == [1] * 51
