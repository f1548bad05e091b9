"""ConfigMaps in a dict, with a store's reactions to writes: versions, conflicts, a limit of 1 MiB."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from nightsort.api.resource import Meta
from nightsort.domain.config_map import ConfigMap
from nightsort.domain.errors import Conflict, Stalled
from nightsort.domain.reasons import Reason

MIB = 1024 * 1024


class MemoryConfigMaps:
    """`written` are the names in the order of their writes; `before_write` may interfere or raise."""

    def __init__(self, kept: Mapping[tuple[str, str], ConfigMap] | None = None) -> None:
        self.kept = dict(kept or {})
        self.written: list[str] = []
        self.before_write: Callable[[ConfigMap], None] = lambda config_map: None
        self._versions = 100

    async def read(self, namespace: str, name: str) -> ConfigMap | None:
        return self.kept.get((namespace, name))

    async def write(self, owner: Meta, config_map: ConfigMap) -> ConfigMap:
        self.before_write(config_map)
        return self._put(owner.namespace, config_map, owner)

    async def keep(self, namespace: str, config_map: ConfigMap) -> ConfigMap:
        self.before_write(config_map)
        former = self.kept.get((namespace, config_map.name))
        data = {**(former.data if former else {}), **config_map.data}
        return self._put(namespace, replace(config_map, data=data), None)

    def _put(self, namespace: str, config_map: ConfigMap, owner: Meta | None) -> ConfigMap:
        place = (namespace, config_map.name)
        now = self.kept.get(place)
        if config_map.version != (now.version if now else ""):
            raise Conflict(config_map.name)
        if sum(len(text.encode()) for text in config_map.data.values()) > MIB:
            raise Stalled("too large", reason=Reason.STORE_REFUSED)
        self._versions += 1
        made = replace(config_map, version=str(self._versions))
        if owner is not None:
            made = replace(made, owner_uid=owner.uid, holder=f"ClassificationBatch {owner.name}")
        self.kept[place] = made
        self.written.append(config_map.name)
        return self.kept[place]
