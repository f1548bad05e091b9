"""The services of the commands for users of a cluster."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from nightsort.api.resource import Meta
from nightsort.domain.errors import Rejected
from nightsort.flow.run.no_sets import NoCategorySets
from nightsort.ports import CategorySets, ConfigMaps, CorrectionStore, Secrets, SharedConfigMaps, Source

if TYPE_CHECKING:
    from nightsort.adapters.kubernetes.resources import KubeResources
    from nightsort.api.model import Format
    from nightsort.api.resource import Resource
    from nightsort.api.source import ConfigMapSource
    from nightsort.domain.answer import Row
    from nightsort.domain.config_map import ConfigMap
    from nightsort.domain.fields import AskedField
    from nightsort.formats.rows import FileFormat


@dataclass(frozen=True, slots=True)
class OwnTickets:
    """How a person reads the tickets of a database: the variable with its URL, and a query, where they give any."""

    url_env: str = ""
    query: str = ""


class ClusterConfigMaps(ConfigMaps, SharedConfigMaps, Protocol):
    """Those that belong to runs, and those that belong to nobody."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster as a user of kubectl sees it; `namespace` is that of the context."""

    resources: KubeResources
    config_maps: ClusterConfigMaps
    namespace: str
    secrets: Secrets
    """The Secrets that this person may read."""
    url_env: str = ""
    """The variable of the environment that has a database's URL; empty for the usual one."""
    tickets: OwnTickets = field(default_factory=OwnTickets)
    category_sets: CategorySets = field(default_factory=NoCategorySets)

    def rows(self, owner: Meta, config_map: str) -> AsyncIterator[Sequence[Row]]:
        """The rows of a run, by the index in this ConfigMap."""
        from nightsort.adapters.config_map.stored_rows import stored_rows

        return stored_rows(self.config_maps, owner, config_map)

    async def rows_in_store(self, owner: Meta, url: str) -> AsyncIterator[Sequence[Row]]:
        """The rows of a run in its folder of object storage, with the credentials of this process's environment.

        Raises:
            Stalled: there are no credentials, they are refused, or an object has other content.
        """
        from nightsort.adapters.object_store.stored_rows import stored_rows as in_store

        pages = in_store(url, owner, os.environ)
        while (page := await asyncio.to_thread(next, pages, None)) is not None:
            yield page

    async def rows_in_table(self, run: Resource) -> AsyncIterator[Sequence[Row]]:
        """The rows of a run in its table, with a database URL of this person's.

        Raises:
            Stalled: there is no URL, the database refuses, or the table has other content. Waiting: it does not answer.
        """
        from nightsort.adapters.sql.stored_rows import StoredRows
        from nightsort.domain.second import columns_of
        from nightsort.wiring.table_urls import url_for

        spec = run.spec.results.database
        if spec is None:
            raise Rejected(f"{run.meta.name} has no spec.results.database")
        url = await url_for(run, spec.url_secret_ref, self.secrets, os.environ, self.url_env)
        batches = [batch.id for batch in run.status.batches if batch.id]
        pages = StoredRows(url, spec, columns_of(run.spec), batches).pages()
        while (page := await asyncio.to_thread(next, pages, None)) is not None:
            yield page

    async def source(self, run: Resource) -> Source:
        """The tickets of a run; those of object storage and databases with this person's own credentials.

        A database gives those that have their label by now, too, where its query says so by `category IS NULL`.

        Raises:
            Stalled: there are no credentials. Rejected: the store is none of a cluster's.
        """
        from nightsort.adapters.config_map.source import ConfigMapTickets
        from nightsort.adapters.inline.source import InlineTickets
        from nightsort.domain.prompt import placeholders

        source, fields = run.spec.source, placeholders(run.spec.prompt)
        if source.inline is not None:
            return InlineTickets(source.inline, fields)
        if source.config_map is not None:
            return ConfigMapTickets(self.config_maps, run.meta.namespace, source.config_map, fields)
        if source.object_store is not None:
            from nightsort.adapters.object_store.stored_rows import tickets_of_person as in_store

            return in_store(source.object_store, fields, os.environ)
        from nightsort.adapters.sql.tickets_of_person import tickets_of_person
        from nightsort.wiring.table_urls import url_of_tickets

        assert source.database is not None  # noqa: S101 - one of the four
        ref, own = source.database.url_secret_ref, self.tickets
        url = await url_of_tickets(run, ref, self.secrets, os.environ, self.url_env, own.url_env)
        return await asyncio.to_thread(tickets_of_person, url, run.spec, fields, own.query)

    def corrections(self, namespace: str, name: str) -> CorrectionStore:
        """What people have said about a run's tickets, in the ConfigMap of this name."""
        from nightsort.adapters.config_map.corrections import ConfigMapCorrections

        return ConfigMapCorrections(self.config_maps, namespace, name)


@asynccontextmanager
async def cluster(
    kubeconfig: str | None = None, context: str | None = None, url_env: str = "", tickets: OwnTickets | None = None
) -> AsyncIterator[Cluster]:
    """The cluster that kubectl would talk to."""
    from nightsort.adapters.kubernetes.category_sets import KubeCategorySets
    from nightsort.adapters.kubernetes.client import signed_in
    from nightsort.adapters.kubernetes.config_maps import KubeConfigMaps
    from nightsort.adapters.kubernetes.resources import KubeResources
    from nightsort.adapters.kubernetes.secrets import KubeSecrets

    async with signed_in(kubeconfig, context) as (client, namespace):
        yield Cluster(
            KubeResources(client),
            KubeConfigMaps(client),
            namespace,
            KubeSecrets(client),
            url_env,
            tickets or OwnTickets(),
            KubeCategorySets(client),
        )


def tickets_of(text: str, kind: Format, fields: frozenset[str] = frozenset()) -> Sequence[Mapping[str, str]]:
    """The tickets of a file with all their columns; `fields` must be among these.

    Raises:
        Rejected: with the place of the fault.
    """
    from nightsort.formats.ticket_list import complaint
    from nightsort.formats.tickets import InvalidFile, parse

    try:
        entries = parse(text, kind, fields)
    except InvalidFile as invalid:
        raise Rejected(str(invalid)) from None
    if wrong := complaint((entry.fields["id"] for entry in entries), lambda position: entries[position].place):
        raise Rejected(wrong)
    return [entry.fields for entry in entries]


def tickets_in(
    found: ConfigMap | None, source: ConfigMapSource, fields: frozenset[str]
) -> tuple[Sequence[Mapping[str, str]], bool] | None:
    """The tickets of a source's ConfigMap, and whether each has all that it has in the file, under its own name.

    Of an export they have id, subject and body too. None where the key is not there.

    Raises:
        Rejected: with the place of the fault.
    """
    from nightsort.adapters.config_map.content import content_of
    from nightsort.formats.ticket_files import TicketFiles
    from nightsort.formats.tickets import InvalidFile
    from nightsort.formats.unchanged import HeldFile

    content = None if found is None else content_of(found, source.key)
    if content is None:
        return None
    file = HeldFile(Path(source.key), content.packed)
    files = TicketFiles(source if content.is_binary else source.without_encoding(), fields)
    try:
        return list(files.tickets(file)), files.export(file) is None
    except InvalidFile as invalid:
        raise Rejected(f"ConfigMap {source.name}, key {source.key}, {invalid}") from None


def file_format(kind: str, fields: Sequence[AskedField] = (), *, deduped: bool = False) -> FileFormat:
    """The form of rows in files of a kind: jsonl or csv; with columns for these fields, and whose copies they are."""
    from nightsort.formats.rows import Beside, form_of

    return form_of(kind, fields, Beside(deduped=deduped))
