"""ConfigMaps of tickets and rows."""

from __future__ import annotations

from typing import Protocol

from nightsort.api.resource import Meta
from nightsort.domain.config_map import ConfigMap


class SharedConfigMaps(Protocol):
    """ConfigMaps that belong to nobody, and outlive every resource."""

    async def read(self, namespace: str, name: str) -> ConfigMap | None:
        """As in `ConfigMaps`."""
        ...

    async def keep(self, namespace: str, config_map: ConfigMap) -> ConfigMap:
        """Creates it (version empty), or changes these keys of that version; its other keys and its labels stay.

        Raises:
            Conflict: it exists, or has another version. Stalled: the store refuses it.
        """
        ...


class ConfigMaps(Protocol):
    """ConfigMaps of the cluster, or the files that take their place in local mode."""

    async def read(self, namespace: str, name: str) -> ConfigMap | None:
        """The ConfigMap; None where there is none.

        Raises:
            Waiting: it cannot be read now. Stalled: its content cannot be tickets or rows, or the store denies access.
        """
        ...

    async def write(self, owner: Meta, config_map: ConfigMap) -> ConfigMap:
        """Creates it (version empty) or replaces that version; it belongs to `owner` and is deleted with it.

        Raises:
            Conflict: it exists, or has another version. Stalled: the store refuses it.
        """
        ...
