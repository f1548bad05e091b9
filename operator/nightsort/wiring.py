"""The one place where adapters are made and handed to the flow."""

from __future__ import annotations

import asyncio
import gc
import os
import secrets as randomness
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from nightsort import __version__
from nightsort.adapters.clock import SystemClock
from nightsort.adapters.sinks.config_map import ConfigMapRows
from nightsort.adapters.sources.config_map import ConfigMapTickets
from nightsort.adapters.sources.inline import InlineTickets
from nightsort.api.object_store import LocalObjectReference, ObjectStoreResults, ObjectStoreSource
from nightsort.api.resource import Meta, Resource
from nightsort.api.spec import ConfigMapResults, DatabaseResults, DatabaseSource, SecretRef
from nightsort.domain.custom_id import TAG_LENGTH
from nightsort.domain.errors import Rejected, Stalled
from nightsort.domain.prices import PRICE_TABLE
from nightsort.domain.prompt import placeholders
from nightsort.flow.measure import Unmeasured
from nightsort.flow.pace import PacedApi
from nightsort.flow.run import Tools
from nightsort.flow.trace import Untraced
from nightsort.ports import BatchApi, ConfigMaps, Events, Ledger, Metrics, Secrets, Sink, Source, Traces
from nightsort.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from nightsort.adapters.anthropic_batches import AnthropicBatches
    from nightsort.adapters.databases import DatabasePolicy
    from nightsort.adapters.object_options import StorePolicy
    from nightsort.adapters.resources.kube import KubeResources
    from nightsort.adapters.result_files import FileFormat
    from nightsort.api.model import Format
    from nightsort.domain.answer import Row

Document = Mapping[str, Any]

NO_KEY = (
    "the resource names no credentials, and the operator has none of its own: "
    "give spec.credentials.secretRef, or the operator NIGHTSORT_ANTHROPIC_API_KEY"
)
NO_LOCAL_KEY = "there is no API key: set the environment variable ANTHROPIC_API_KEY; --simulate needs none"
TAG_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"


def new_tag() -> str:
    """Six random characters: one in two billion, among the few batches that could be taken for each other."""
    return "".join(randomness.choice(TAG_ALPHABET) for _ in range(TAG_LENGTH))


@dataclass(slots=True)
class Connector:
    """Opens what resources name. Accounts are kept open by key; databases are opened for each use."""

    settings: Settings
    secrets: Secrets
    config_maps: ConfigMaps
    closing: AsyncExitStack
    local: bool = False
    metrics: Metrics = field(default_factory=Unmeasured)
    traces: Traces = field(default_factory=Untraced)
    accounts: dict[str, PacedApi] = field(default_factory=dict)
    last_keys: dict[tuple[str, str, str], str] = field(default_factory=dict, repr=False)
    opening: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def api(self, resource: Resource) -> BatchApi:
        key = await self._key(resource)
        async with self.opening:
            if key not in self.accounts:
                # In a thread: the SDK takes 2 s to import, and each client 0.1 s to read the certificates.
                account = await asyncio.to_thread(self._open, key)
                self.closing.push_async_callback(account.aclose)
                self.accounts[key] = PacedApi(account, SystemClock(), metrics=self.metrics, traces=self.traces)
        return self.accounts[key]

    def _open(self, key: str) -> AnthropicBatches:
        from nightsort.adapters.anthropic_batches import open_batches

        if not self.accounts:
            gc.freeze()  # what imports have made stays: looking through it would stop everything for 0.1 s each time
        timeout = self.settings.create_timeout_seconds
        return open_batches(key, self.settings.anthropic_base_url, create_timeout=timeout)

    async def _key(self, resource: Resource) -> str:
        if resource.spec.credentials is not None:
            return await self._key_of_secret(resource.meta, resource.spec.credentials.secret_ref)
        if self.settings.anthropic_api_key is None:
            raise Stalled(NO_LOCAL_KEY if self.local else NO_KEY, reason="CredentialsMissing")
        return self.settings.anthropic_api_key.get_secret_value()

    async def _key_of_secret(self, meta: Meta, ref: SecretRef) -> str:
        """A namespace that is deleted may lose its Secrets before its resources, whose batches are to be cancelled.

        For them, and for them only, the key is remembered that was read last.
        """
        place = (meta.namespace, ref.name, ref.key)
        try:
            key = self.last_keys[place] = await self.secrets.read(meta.namespace, ref)
        except Stalled:
            if meta.deletion_timestamp is None or place not in self.last_keys:
                raise
            return self.last_keys[place]
        return key

    async def source(self, resource: Resource) -> Source:
        source, fields = resource.spec.source, placeholders(resource.spec.prompt)
        if source.inline is not None:
            return InlineTickets(source.inline, fields)
        if source.config_map is not None:
            return ConfigMapTickets(self.config_maps, resource.meta.namespace, source.config_map, fields)
        if source.database is not None:
            return await self._database_source(resource, source.database, fields)
        if source.object_store is not None:
            return await self._object_source(resource, source.object_store, fields)
        raise AssertionError("a source has one of the kinds")

    async def _database_source(self, resource: Resource, source: DatabaseSource, fields: frozenset[str]) -> Source:
        from nightsort.adapters.sources.database import DatabaseSource as Tickets

        url = await self.secrets.read(resource.meta.namespace, source.url_secret_ref)
        return Tickets(url, source.query, source.columns, fields, self._policy())

    async def _object_source(self, resource: Resource, source: ObjectStoreSource, fields: frozenset[str]) -> Source:
        from nightsort.adapters.sources.object_store import ObjectTickets

        options = await self._store_options(resource, source.secret_ref)
        return ObjectTickets(source, options, fields, self._store_policy())

    async def sinks(self, resource: Resource) -> Sequence[Sink]:
        results = resource.spec.results
        sinks: list[Sink] = []
        if results.database is not None:
            sinks.append(await self._database_sink(resource, results.database))
        if results.object_store is not None:
            sinks.append(await self._object_sink(resource, results.object_store))
        if results.config_map is not None or not sinks:
            wanted = results.config_map or ConfigMapResults()
            sinks.append(ConfigMapRows(self.config_maps, resource.meta, wanted))
        return sinks

    async def _database_sink(self, resource: Resource, results: DatabaseResults) -> Sink:
        from nightsort.adapters.sinks.database import DatabaseSink

        url = await self.secrets.read(resource.meta.namespace, results.url_secret_ref)
        return DatabaseSink(
            url, results.table, results.mode, results.columns, self._policy(), overwrite=results.overwrite
        )

    async def _object_sink(self, resource: Resource, results: ObjectStoreResults) -> Sink:
        from nightsort.adapters.sinks.object_store import ObjectRows

        options = await self._store_options(resource, results.secret_ref)
        return ObjectRows(results, options, self._store_policy(), resource.meta)

    async def _store_options(self, resource: Resource, ref: LocalObjectReference | None) -> Mapping[str, str]:
        return {} if ref is None else await self.secrets.read_all(resource.meta.namespace, ref.name)

    def _store_policy(self) -> StorePolicy:
        """In local mode, file, machine and environment are the user's own."""
        from nightsort.adapters.object_options import StorePolicy

        return StorePolicy(
            schemes=frozenset({"s3", "gs", "az"} | ({"file"} if self.local else set())),
            buckets=self.settings.object_store_buckets,
            endpoints=self.settings.object_store_endpoints or (("*",) if self.local else ()),
            ambient=self.settings.object_store_ambient_credentials or self.local,
            own=self.local,
        )

    def _policy(self) -> DatabasePolicy:
        from nightsort.adapters.databases import DatabasePolicy

        schemes = {"postgresql", "mysql", "mariadb"} | ({"sqlite"} if self.local else set())
        return DatabasePolicy(frozenset(schemes), self.settings.database_hosts, own=self.local)


def cluster_client() -> AbstractAsyncContextManager[Any]:
    """A client of the cluster, for what is not the flow's: the election of the active replica."""
    from nightsort.adapters.kube_client import connected

    return connected()


async def traces_of(settings: Settings, closing: AsyncExitStack) -> Traces:
    """Loaded where it is asked for: the exporter's imports take 0.2 s and 10 MB."""
    if settings.traces == "none":
        return Untraced()
    from nightsort.adapters.tracing import open_traces

    traces = open_traces(__version__)
    closing.push_async_callback(asyncio.to_thread, traces.close)
    return traces


@asynccontextmanager
async def cluster_tools(settings: Settings) -> AsyncIterator[tuple[Tools, Callable[[], bytes]]]:
    """The flow's tools in a cluster, and what is counted meanwhile, in Prometheus' text format."""
    # Loaded now rather than in the first resource's first look, which would wait seconds for them.
    from nightsort.adapters import anthropic_batches  # noqa: F401
    from nightsort.adapters.config_maps.kube import KubeConfigMaps
    from nightsort.adapters.events.kube import KubeEvents
    from nightsort.adapters.kube_client import connected
    from nightsort.adapters.ledgers.kube import KubeLedger
    from nightsort.adapters.log_records import keep_words_of_exceptions_out_of_the_log
    from nightsort.adapters.metrics import PrometheusMetrics
    from nightsort.adapters.secrets.kube import KubeSecrets
    from nightsort.adapters.sinks import database  # noqa: F401

    keep_words_of_exceptions_out_of_the_log()
    async with AsyncExitStack() as closing:
        client = await closing.enter_async_context(connected())
        metrics = PrometheusMetrics(__version__)
        traces = await traces_of(settings, closing)
        connector = Connector(
            settings, KubeSecrets(client), KubeConfigMaps(client), closing, metrics=metrics, traces=traces
        )
        ledger, events = KubeLedger(client, settings.namespaces), KubeEvents(client)
        yield tools_of(settings, connector, ledger, events), metrics.text


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster as a user of kubectl sees it; `namespace` is that of the context."""

    resources: KubeResources
    config_maps: ConfigMaps
    namespace: str

    def rows(self, owner: Meta, config_map: str) -> AsyncIterator[Sequence[Row]]:
        """The rows of a run, by the index in this ConfigMap."""
        from nightsort.adapters.stored_rows import stored_rows

        return stored_rows(self.config_maps, owner, config_map)


@asynccontextmanager
async def cluster(kubeconfig: str | None = None, context: str | None = None) -> AsyncIterator[Cluster]:
    """The cluster that kubectl would talk to."""
    from nightsort.adapters.config_maps.kube import KubeConfigMaps
    from nightsort.adapters.kube_client import signed_in
    from nightsort.adapters.resources.kube import KubeResources

    async with signed_in(kubeconfig, context) as (client, namespace):
        yield Cluster(KubeResources(client), KubeConfigMaps(client), namespace)


def tickets_of(text: str, kind: Format, fields: frozenset[str] = frozenset()) -> Sequence[Mapping[str, str]]:
    """The tickets of a file with all their columns; `fields` must be among these.

    Raises:
        Rejected: with the place of what is wrong.
    """
    from nightsort.adapters.ticket_files import InvalidFile, parse
    from nightsort.adapters.ticket_list import complaint

    try:
        entries = parse(text, kind, fields)
    except InvalidFile as invalid:
        raise Rejected(str(invalid)) from None
    if wrong := complaint((entry.fields["id"] for entry in entries), lambda position: entries[position].place):
        raise Rejected(wrong)
    return [entry.fields for entry in entries]


def file_format(kind: str) -> FileFormat:
    """How rows are written to files of a kind: jsonl or csv."""
    from nightsort.adapters.result_files import FORMATS

    return FORMATS[kind]


@asynccontextmanager
async def local_tools(
    settings: Settings,
    resources: Sequence[Resource],
    config_maps: Sequence[Document],
    secrets: Sequence[Document],
    folder: Path,
    *,
    anew: bool = False,
) -> AsyncIterator[Tools]:
    """The flow's tools without a cluster: ConfigMaps and Secrets are documents, what is written becomes files.

    `anew` forgets what earlier runs have left in the folder.

    Raises:
        Stalled: another process works in the folder, or a resource has changed since its run began.
    """
    from nightsort.adapters.config_maps.file import FileConfigMaps
    from nightsort.adapters.events.log import LogEvents
    from nightsort.adapters.ledgers.file import opened
    from nightsort.adapters.log_records import keep_words_of_exceptions_out_of_the_log
    from nightsort.adapters.secrets.env import EnvSecrets

    keep_words_of_exceptions_out_of_the_log()
    async with AsyncExitStack() as closing:
        ledger = closing.enter_context(opened(folder, resources, anew=anew))
        files = FileConfigMaps(folder, config_maps)
        if anew:
            files.clear()
        connector = Connector(settings, EnvSecrets(secrets, os.environ), files, closing, local=True)
        yield tools_of(settings, connector, ledger, LogEvents())


def tools_of(settings: Settings, connector: Connector, ledger: Ledger, events: Events) -> Tools:
    return Tools(
        ledger=ledger,
        connections=connector,
        events=events,
        clock=SystemClock(),
        new_tag=new_tag,
        metrics=connector.metrics,
        traces=connector.traces,
        prices=PRICE_TABLE.with_own(settings.prices),
        grace=timedelta(seconds=settings.adoption_grace_seconds),
        enqueued_requests=settings.enqueued_requests,
    )
