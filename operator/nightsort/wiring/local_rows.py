"""Rows and tickets of `nightsort local`, for the commands that come after a run. Nothing is locked or written."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from nightsort.adapters.config_map.stored_rows import stored_rows
from nightsort.adapters.local.config_maps import FileConfigMaps
from nightsort.adapters.local.environment_secrets import EnvSecrets
from nightsort.adapters.local.ledger import FileLedger
from nightsort.adapters.local.row_file import pages_of
from nightsort.api.resource import Meta, Resource
from nightsort.domain.answer import Row
from nightsort.domain.errors import Rejected
from nightsort.domain.prompt import placeholders
from nightsort.domain.second import columns_of
from nightsort.ports import Source
from nightsort.settings import Settings
from nightsort.wiring.connector import Connector
from nightsort.wiring.services import Document


@dataclass(frozen=True, slots=True)
class LocalFiles:
    """What a directory keeps of the runs of a manifest file, with the file's own ConfigMaps."""

    folder: Path
    config_maps: FileConfigMaps
    secrets: EnvSecrets = field(default_factory=lambda: EnvSecrets((), os.environ))

    @classmethod
    def of(cls, folder: Path, documents: Sequence[Document], secrets: Sequence[Document] = ()) -> LocalFiles:
        return cls(folder, FileConfigMaps(folder, documents), EnvSecrets(secrets, os.environ))

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

    def stored(self, run: Resource) -> AsyncIterator[Sequence[Row]]:
        """The rows of a run, from its file or from its table.

        Raises:
            Waiting, Stalled: they are missing or damaged, or the database cannot be reached or refuses.
        """
        found = run.status.results.config_maps
        return self.rows(run.meta, found[0]) if found else self._in_table(run)

    async def _in_table(self, run: Resource) -> AsyncIterator[Sequence[Row]]:
        from nightsort.adapters.sql.stored_rows import StoredRows
        from nightsort.adapters.sql.tickets_of_person import LOCAL

        spec = run.spec.results.database
        if spec is None:
            raise Rejected(f"{run.meta.name} has no spec.results.database")
        url = await self.secrets.read(run.meta.namespace, spec.url_secret_ref)
        batches = [batch.id for batch in run.status.batches if batch.id]
        pages = StoredRows(url, spec, columns_of(run.spec), batches, LOCAL).pages()
        while (page := await asyncio.to_thread(next, pages, None)) is not None:
            yield page

    async def source(self, run: Resource, settings: Settings, query: str = "") -> Source:
        """The tickets of a run; those of a database also where they have their label by now.

        `query` takes the place of a database's own. Raises Waiting, Stalled, Rejected: they cannot be read.
        """
        source = run.spec.source.database
        if source is None:
            return await Connector(settings, self.secrets, self.config_maps, AsyncExitStack(), local=True).source(run)
        from nightsort.adapters.sql.tickets_of_person import tickets_of_person

        url, fields = await self.secrets.read(run.meta.namespace, source.url_secret_ref), placeholders(run.spec.prompt)
        return await asyncio.to_thread(tickets_of_person, url, run.spec, fields, query, local=True)
