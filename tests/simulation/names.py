"""Results in ConfigMaps whose names several resources want: whose they are, what is in them, and when they go."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING

from nightsort.api.resource import Meta, Resource
from nightsort.api.results import ConfigMapResults
from nightsort.domain.answer import Row
from nightsort.domain.config_map import ConfigMap
from nightsort.domain.errors import Waiting
from nightsort.domain.reasons import Reason
from nightsort.formats.row_files import rows_in
from nightsort.testing.config_maps import MemoryConfigMaps
from tests.simulation.truth import Shelf

if TYPE_CHECKING:
    from tests.simulation.process import Process

ROWS = "results.jsonl"
LONGEST_REMOVAL = 60.0
"""Seconds that the garbage collector may take."""


def results_of(resource: Resource) -> ConfigMapResults:
    return resource.spec.results.config_map or ConfigMapResults()


def name_of(resource: Resource) -> str:
    return results_of(resource).name or f"{resource.meta.name}-results"


class Cabinet(MemoryConfigMaps):
    """The ConfigMaps of all results. What belongs to a resource goes a while after that is gone."""

    def __init__(self, is_there: Callable[[Meta], bool], rng: random.Random) -> None:
        super().__init__()
        self._is_there, self._rng = is_there, rng

    async def write(self, owner: Meta, config_map: ConfigMap) -> ConfigMap:
        written = await super().write(owner, config_map)
        if not self._is_there(owner):  # a process wrote that did not know it yet
            self.remove_in_a_while(owner)
        return written

    def holder(self, resource: Resource) -> str | None:
        """The uid of whoever has the name that this resource wants for its results."""
        found = self.kept.get((resource.meta.namespace, name_of(resource)))
        return found.owner_uid if found is not None else None

    def remove_in_a_while(self, owner: Meta) -> None:
        def remove() -> None:
            self.kept = {place: one for place, one in self.kept.items() if one.owner_uid != owner.uid}

        asyncio.get_running_loop().call_later(self._rng.uniform(0, LONGEST_REMOVAL), remove)

    def rows(self, resource: Resource) -> dict[str, list[Row]]:
        """What a reader finds under the name, if it is this resource's."""
        found: defaultdict[str, list[Row]] = defaultdict(list)
        if self.holder(resource) == resource.meta.uid:
            text = self.kept[resource.meta.namespace, name_of(resource)].data.get(ROWS, "")
            for row in rows_in(text, "jsonl"):
                found[row.id].append(row)
        return found


class Drawer(Shelf):
    """The results of one resource as a shelf; `rows` are those that are there when it is looked into."""

    def look_into(self, cabinet: Cabinet, resource: Resource) -> None:
        self.rows = defaultdict(list, cabinet.rows(resource))


class ConfigMapsDoor:
    """The ConfigMaps as one process reaches them."""

    def __init__(self, process: Process, cabinet: Cabinet) -> None:
        self._process, self._cabinet = process, cabinet

    async def read(self, namespace: str, name: str) -> ConfigMap | None:
        return await self._process.call(
            "config_map.read", lambda: self._cabinet.read(namespace, name), AWAY, about=name
        )

    async def write(self, owner: Meta, config_map: ConfigMap) -> ConfigMap:
        write = lambda: self._cabinet.write(owner, config_map)  # noqa: E731
        return await self._process.call("config_map.write", write, AWAY, about=f"{config_map.name} of {owner.name}")


AWAY = Waiting("ConfigMaps cannot be reached", reason=Reason.KUBERNETES_UNAVAILABLE)
