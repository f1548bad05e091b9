"""Rows and ConfigMaps of `nightsort local`, for the commands that come after a run. Nothing is locked or written."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from nightsort.adapters.config_map.stored_rows import stored_rows
from nightsort.adapters.local.config_maps import FileConfigMaps
from nightsort.adapters.local.ledger import FileLedger
from nightsort.adapters.local.row_file import pages_of
from nightsort.api.resource import Meta, Resource
from nightsort.domain.answer import Row
from nightsort.wiring.services import Document


@dataclass(frozen=True, slots=True)
class LocalFiles:
    """What a directory keeps of the runs of a manifest file, with the file's own ConfigMaps."""

    folder: Path
    config_maps: FileConfigMaps

    @classmethod
    def of(cls, folder: Path, documents: Sequence[Document]) -> LocalFiles:
        return cls(folder, FileConfigMaps(folder, documents))

    async def resource(self, resource: Resource) -> Resource | None:
        """The resource with its status; None where it never ran."""
        unknown = replace(resource, meta=replace(resource.meta, resource_version=""))
        found = await FileLedger(self.folder, [unknown]).load(unknown.meta)
        return found if found is not None and found.meta.resource_version else None

    async def rows(self, owner: Meta, config_map: str) -> AsyncIterator[Sequence[Row]]:
        """The rows that a run has put into this ConfigMap.

        Raises:
            Stalled: they are missing, or damaged.
        """
        if self.config_maps.has_parts(owner.namespace, config_map):
            async for page in stored_rows(self.config_maps, owner, config_map):
                yield page
            return
        for page in pages_of(self.config_maps.folder_of(owner.namespace, config_map)):
            yield page
