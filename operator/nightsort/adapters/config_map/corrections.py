"""Corrections in a ConfigMap that belongs to nobody: they are known labels after their run has been deleted."""

from __future__ import annotations

from nightsort.domain.config_map import ConfigMap
from nightsort.domain.correction import Corrections, Edit, edited
from nightsort.domain.errors import Conflict, Stalled, Waiting
from nightsort.domain.reasons import Reason
from nightsort.formats.corrections import InvalidCorrections, parsed, written
from nightsort.ports import SharedConfigMaps

KEY = "corrections.jsonl"
TRIES = 20
"""Writes of other people that may come in between."""


class ConfigMapCorrections:
    """Implements `ports.CorrectionStore`; a write that somebody else has overtaken is made anew from theirs."""

    def __init__(self, config_maps: SharedConfigMaps, namespace: str, name: str) -> None:
        self._config_maps, self._namespace, self._name = config_maps, namespace, name

    @property
    def place(self) -> str:
        return f"ConfigMap {self._name}"

    async def read(self) -> Corrections:
        return self._in(await self._config_maps.read(self._namespace, self._name))

    async def change(self, edit: Edit) -> Corrections:
        for _ in range(TRIES):
            found = await self._config_maps.read(self._namespace, self._name)
            now = self._in(found)
            changes = edit(now)
            if not changes:
                return now
            made = edited(now, changes)
            version = "" if found is None else found.version
            try:
                await self._config_maps.keep(self._namespace, ConfigMap(self._name, {KEY: written(made)}, version))
            except Conflict:
                continue
            return made
        raise Waiting(f"{self.place} is written by others all the time: try again")

    def _in(self, found: ConfigMap | None) -> Corrections:
        try:
            return parsed("" if found is None else found.data.get(KEY, ""))
        except InvalidCorrections as invalid:
            raise Stalled(
                f"{self.place}, key {KEY}, {invalid}. Mend it, or name another one with --corrections",
                reason=Reason.NOT_READABLE,
            ) from None
