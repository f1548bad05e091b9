"""CategorySets in a simulation: versions of one set, what becomes of it, and what the oracle holds against it."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from typing import TYPE_CHECKING

from nightsort.api.category_set import CategorySet, CategorySetSpec
from nightsort.api.resource import Resource
from nightsort.api.status import Status
from nightsort.domain.category_set import hash_of
from nightsort.testing.category_sets import MemoryCategorySets
from tests.simulation.faulty_ports import away
from tests.simulation.scenario import CATEGORIES, SET

if TYPE_CHECKING:
    from nightsort.testing.batch_api import Held
    from tests.simulation.oracle import Oracle
    from tests.simulation.process import Process
    from tests.simulation.world import World

VERSIONS = 4
NONSENSE = "gibberish"
"""An answer that every second version takes for a category."""


def version(number: int) -> CategorySet:
    """The instructions name it, so that each request shows by which version it was made."""
    told = {"aliases": (NONSENSE,)} if number % 2 else {}
    categories = tuple(one.model_copy(update=told) if one.name == "other" else one for one in CATEGORIES)
    return CategorySet(SET, number, CategorySetSpec(categories=categories, instructions=f"version {number}"))


ALL = [version(number) for number in range(VERSIONS)]
NUMBERS = {hash_of(one.spec): one.generation for one in ALL}


def number_of(status: Status) -> int | None:
    return None if status.category_set is None else NUMBERS[status.category_set.hash]


def named(status: Status, answer: str | None) -> bool:
    """Whether nonsense is a category of the set that a run works by."""
    return answer == NONSENSE and (number_of(status) or 0) % 2 == 1


async def live(world: World) -> None:
    """The set changes now and then, and is away for a while; in the end it is there."""
    for _ in range(world.rng.choice((1, 3, 6))):
        await asyncio.sleep(world.rng.choice((20.0, 300.0, 4000.0, 30_000.0)) * world.rng.random())
        if world.rng.random() < 0.3:
            world.trace(0, "the set is deleted")
            world.sets.kept.clear()
            await asyncio.sleep(world.rng.choice((60.0, 3000.0)) * world.rng.random())
        place(world.sets, world.rng)
        world.trace(0, "the set is another", str(world.sets.kept))


def place(sets: MemoryCategorySets, rng: random.Random) -> None:
    sets.kept["support", SET] = rng.choice(ALL)


class SetsDoor:
    """The sets as one process reads them."""

    def __init__(self, process: Process) -> None:
        self._process = process

    async def read(self, namespace: str, name: str) -> CategorySet | None:
        sets = self._process.world.sets
        return await self._process.call("category_set", lambda: sets.read(namespace, name), away("the store"))


class SetOracle:
    """S1: a run is asked, and its answers are read, by the version that stood in its first plan, and by no other."""

    def __init__(self, oracle: Oracle) -> None:
        self._oracle = oracle
        self._begun: dict[str, Status] = {}

    def known(self, resource: Resource) -> Resource:
        """The resource with its set, also while its status is wiped."""
        begun = self._begun.get(resource.meta.uid)
        if begun is None or resource.status.category_set is not None:
            return resource
        return replace(resource, status=resource.status.model_copy(update={"category_set": begun.category_set}))

    def written(self, before: Resource, status: Status) -> None:
        if status.category_set is None or before.spec.category_set_ref is None:
            return
        begun = self._begun.get(before.meta.uid)
        if begun is None or not self._oracle.has_intended(before.meta.uid):
            self._begun[before.meta.uid] = status
            return
        same = begun.category_set == status.category_set
        self._oracle.demand(same, f"S1: {before.meta.name} goes on with another version of its set")

    def bought(self, resource: Resource, held: Held, systems: set[str]) -> None:
        if resource.spec.category_set_ref is None:
            return
        number = number_of(self.known(resource).status)
        wanted = f"version {number}"
        right = number is not None and all(wanted in system for system in systems)
        self._oracle.demand(right, f"S1: {resource.meta.name} has bought {held.id} by another version of its set")

    def finished(self, resource: Resource, hashes: set[str | None]) -> None:
        use = resource.status.category_set
        if resource.spec.category_set_ref is None or use is None or not hashes:
            return
        self._oracle.demand(hashes == {use.hash}, f"S2: rows of {resource.meta.name} are of other sets")
