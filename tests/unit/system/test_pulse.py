"""What the liveness probe hears: a process that does not get to its work, and no tenant's own trouble."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from threading import Event

import pytest

from nightsort.system.fair_room import FairRoom, Target
from nightsort.system.pulse import BEAT_SECONDS, BEATS, BLOCKED_BEATS, LATE_SECONDS, STARVED_SECONDS, Pulse
from nightsort.system.threads import DaemonThreads
from nightsort.testing.clock import VirtualClock

PLACES = 8
HOUR = 3600.0


class LateClock(VirtualClock):
    """Whoever sleeps is woken so many seconds late."""

    late = 0.0

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds + self.late)


@pytest.fixture
def clock() -> LateClock:
    return LateClock()


@pytest.fixture
def room(clock: LateClock) -> FairRoom:
    return FairRoom(PLACES, clock=clock.monotonic)


@pytest.fixture
def pulse(clock: LateClock, room: FairRoom) -> Pulse:
    return Pulse(clock, {"look": room})


@pytest.fixture
async def asking(room: FairRoom) -> AsyncIterator[list[asyncio.Task[None]]]:
    tasks: list[asyncio.Task[None]] = []
    yield tasks
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def ask(asking: list[asyncio.Task[None]], room: FairRoom, namespace: str, times: int = 1) -> None:
    asking += [asyncio.create_task(room.enter(Target(namespace))) for _ in range(times)]
    await asyncio.sleep(0)


async def test_a_process_that_works_has_no_problem(pulse: Pulse) -> None:
    for _ in range(10):
        await pulse.beat()

    assert pulse.problems() == []


async def test_an_event_loop_that_is_late_time_and_again_is_a_problem(pulse: Pulse, clock: LateClock) -> None:
    clock.late = LATE_SECONDS + 2
    for _ in range(BEATS):
        await pulse.beat()

    assert pulse.problems() == ["the event loop is late by 12 s or more, 3 times in a row"]


async def test_one_long_piece_of_work_is_no_problem(pulse: Pulse, clock: LateClock) -> None:
    for late in (0.0, HOUR, 0.0, HOUR, 0.0):
        clock.late = late
        await pulse.beat()
        assert pulse.problems() == []


async def test_an_event_loop_that_is_in_time_again_is_well(pulse: Pulse, clock: LateClock) -> None:
    clock.late = HOUR
    for _ in range(BEATS):
        await pulse.beat()
    clock.late = 0.0
    await pulse.beat()

    assert pulse.problems() == []


async def test_own_threads_that_all_hang_are_a_problem(pulse: Pulse) -> None:
    loop, mute = asyncio.get_running_loop(), Event()
    loop.set_default_executor(DaemonThreads(2, "own"))
    hanging = [asyncio.ensure_future(asyncio.to_thread(mute.wait)) for _ in range(2)]
    await asyncio.sleep(0)
    for _ in range(BLOCKED_BEATS):
        assert pulse.problems() == []
        await pulse.beat()

    assert pulse.problems() == ["the operator's own threads have begun nothing for 60 s"]

    mute.set()
    await asyncio.gather(*hanging)
    assert pulse._asked is not None
    await pulse._asked
    assert pulse.problems() == []


async def test_looks_that_nobody_else_gets_are_a_problem(
    pulse: Pulse, clock: LateClock, room: FairRoom, asking: list[asyncio.Task[None]]
) -> None:
    for number in range(PLACES):
        await ask(asking, room, f"hog-{number}", 50)
    await ask(asking, room, "support")
    clock.advance(STARVED_SECONDS)
    assert pulse.problems() == []
    clock.advance(BEAT_SECONDS)

    assert pulse.problems() == ["no look has begun for 905 s, and a namespace that has none waits for one"]


async def test_places_that_change_hands_are_no_problem(
    pulse: Pulse, clock: LateClock, room: FairRoom, asking: list[asyncio.Task[None]]
) -> None:
    for number in range(2 * PLACES):
        await ask(asking, room, f"team-{number}")
    clock.advance(HOUR)
    room.leave(Target("team-0"))

    assert pulse.problems() == []


async def test_a_tenant_whose_servers_are_mute_is_no_problem(
    pulse: Pulse, clock: LateClock, room: FairRoom, asking: list[asyncio.Task[None]]
) -> None:
    await ask(asking, room, "mute", 200)
    await ask(asking, room, "also mute", 200)
    clock.advance(24 * HOUR)

    assert pulse.problems() == []
