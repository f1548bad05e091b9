"""Places are shared: whoever holds few comes before whoever holds many, and nobody holds all."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightsort.system.fair_room import FairRoom, Target

PLACES = 16
ALONE = 6
"""Half of what is shared; a quarter is for those who hold nothing."""
A, B = Target("a", "db.a"), Target("b", "db.b")


class Guests:
    """Who has asked for a place, in which order, and who was let in."""

    def __init__(self, room: FairRoom) -> None:
        self._room = room
        self._tasks: list[tuple[Target, asyncio.Task[None]]] = []
        self.inside: list[Target] = []

    async def ask(self, *targets: Target) -> None:
        for target in targets:
            self._tasks.append((target, asyncio.create_task(self._enter(target))))
        await self.settle()

    async def _enter(self, target: Target) -> None:
        await self._room.enter(target)
        self.inside.append(target)

    async def settle(self) -> None:
        for _ in range(3):
            await asyncio.sleep(0)

    async def go(self, *targets: Target) -> None:
        for target in targets:
            self.inside.remove(target)
            self._room.leave(target)
        await self.settle()

    async def give_up(self, target: Target) -> None:
        """The one that has waited longest."""
        waiting = [task for each, task in self._tasks if each == target and not task.done()]
        waiting[0].cancel()
        await self.settle()

    def waiting(self) -> list[Target]:
        return [target for target, task in self._tasks if not task.done()]

    def held(self) -> Counter[str]:
        return Counter(target.namespace for target in self.inside)

    async def end(self) -> None:
        for target in dict.fromkeys(self.waiting()):
            while target in self.waiting():
                await self.give_up(target)
        await self.go(*self.inside)


def room(of_target: int | None = None) -> tuple[FairRoom, Guests]:
    shared = FairRoom(PLACES, of_target)
    return shared, Guests(shared)


async def test_a_namespace_alone_gets_its_half_and_the_rest_waits_for_others() -> None:
    _, guests = room()
    await guests.ask(*[A] * 100)
    assert guests.held() == {"a": ALONE}

    await guests.ask(B)
    assert guests.held() == {"a": ALONE, "b": 1}
    await guests.end()


async def test_who_holds_nothing_finds_a_place_though_many_that_came_before_keep_theirs() -> None:
    _, guests = room()
    for number in range(4):  # each takes half of what is left: 6, 3, 2, 1
        await guests.ask(*[Target(f"hog-{number}", "")] * 50)
    assert guests.held() == {"hog-0": 6, "hog-1": 3, "hog-2": 2, "hog-3": 1}

    more = [Target(f"later-{number}", "") for number in range(4)]
    for later in more:
        await guests.ask(*[later] * 50)
    assert guests.held() == {"hog-0": 6, "hog-1": 3, "hog-2": 2, "hog-3": 1, **{each.namespace: 1 for each in more}}
    await guests.end()


async def test_namespaces_that_are_busy_come_to_hold_the_same() -> None:
    shared = FairRoom(PLACES)
    held: Counter[str] = Counter()

    async def look(target: Target) -> None:
        async with shared.place(target):
            held[target.namespace] += 1
            for _ in range(5):
                await asyncio.sleep(0)
            held[target.namespace] -= 1

    looks = [asyncio.create_task(look(A)) for _ in range(200)]
    await asyncio.sleep(0)
    looks += [asyncio.create_task(look(B)) for _ in range(200)]
    seen = []
    while not all(look.done() for look in looks):
        await asyncio.sleep(0)
        seen.append((held["a"], held["b"]))

    assert (4, 4) in seen
    assert shared.is_idle


async def test_a_server_gets_no_more_than_its_share_of_its_namespace() -> None:
    _, guests = room(of_target=3)
    mute = Target("a", "mute")
    await guests.ask(*[mute] * 50)
    assert guests.inside == [mute] * 3

    await guests.ask(A, B)
    assert guests.inside == [mute] * 3 + [A, B]
    await guests.end()


async def test_a_place_goes_to_the_namespace_that_holds_the_least_not_to_who_has_waited_longest() -> None:
    _, guests = room()
    hogs = [Target(f"hog-{number}", "") for number in range(PLACES)]
    for hog in hogs:
        await guests.ask(hog)
    await guests.ask(*[hogs[0]] * 20, B)
    assert guests.waiting()[-1] == B

    await guests.go(hogs[5])

    assert B in guests.inside
    assert guests.held()["hog-0"] == 1
    await guests.end()


async def test_namespaces_that_hold_the_same_take_turns() -> None:
    _, guests = room()
    hogs = [Target(f"hog-{number}", "") for number in range(PLACES)]
    for hog in hogs:
        await guests.ask(hog)
    names = [Target(name, "") for name in "xyz"]
    await guests.ask(*[names[0]] * 5, *[names[1]] * 5, *[names[2]] * 5)

    served: list[Target] = []
    for hog in hogs[:3]:
        await guests.go(hog)
        served.append(guests.inside[-1])

    assert sorted(served, key=lambda each: each.namespace) == names
    await guests.end()


async def test_within_a_target_who_came_first_goes_first() -> None:
    shared = FairRoom(2)
    order: list[int] = []

    async def visit(number: int) -> None:
        async with shared.place(A):
            order.append(number)
            await asyncio.sleep(0)

    await asyncio.gather(*map(visit, range(10)))
    assert order == list(range(10))


async def test_who_stops_waiting_gives_the_turn_to_the_next() -> None:
    shared, guests = room()
    await guests.ask(*[A] * (ALONE + 2))
    await guests.give_up(A)
    await guests.go(A)

    assert guests.held() == {"a": ALONE}
    assert guests.waiting() == []
    await guests.end()
    assert shared.is_idle


async def test_who_is_stopped_at_the_moment_of_its_turn_gives_the_place_back() -> None:
    shared = FairRoom(1)
    await shared.enter(A)
    waiting, following = asyncio.create_task(shared.enter(B)), asyncio.create_task(shared.enter(A))
    await asyncio.sleep(0)

    shared.leave(A)  # its turn has come, and it does not know yet
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await following

    assert shared.taken == 1
    shared.leave(A)
    assert shared.is_idle


OPERATIONS = st.lists(
    st.tuples(st.sampled_from(["ask", "go", "give up"]), st.sampled_from("abcd"), st.sampled_from("xyz")), max_size=80
)


@given(OPERATIONS, st.integers(1, 9), st.sampled_from([None, 1, 2, 4]))
def test_whatever_happens_shares_are_kept_and_nobody_waits_beside_a_place(
    operations: list[tuple[str, str, str]], places: int, of_target: int | None
) -> None:
    asyncio.run(lived(operations, places, of_target))


async def lived(operations: Iterable[tuple[str, str, str]], places: int, of_target: int | None) -> None:
    shared = FairRoom(places, of_target)
    guests = Guests(shared)
    for what, namespace, name in operations:
        target = Target(namespace, name)
        if what == "ask":
            await guests.ask(target)
        elif what == "go" and target in guests.inside:
            await guests.go(target)
        elif what == "give up" and target in guests.waiting():
            await guests.give_up(target)

        free = places - len(guests.inside)
        assert shared.taken == len(guests.inside) <= places
        for held in guests.held().values():
            assert held <= (places - places // 4 + 1) // 2
        for held in Counter(guests.inside).values():
            assert held <= (of_target or places)
        holders = guests.held()
        assert not free or all(holders[each.namespace] for each in guests.waiting())
    await guests.end()
    assert shared.is_idle
