"""Opens what a resource names: its account, its source, its sinks."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nightsort.adapters.config_map.sink import ConfigMapRows
from nightsort.adapters.config_map.source import ConfigMapTickets
from nightsort.adapters.inline.source import InlineTickets
from nightsort.adapters.local.secrets import key_in
from nightsort.api.object_store import LocalObjectReference, ObjectStoreResults, ObjectStoreSource
from nightsort.api.resource import Meta, Resource
from nightsort.api.spec import ConfigMapResults, DatabaseResults, DatabaseSource, SecretRef
from nightsort.domain.errors import Stalled
from nightsort.domain.prompt import placeholders
from nightsort.flow.run.circuit_breaker import CircuitBreakerApi
from nightsort.flow.run.measure import NullMetrics
from nightsort.flow.run.trace import NullTraces
from nightsort.ports import BatchApi, ConfigMaps, Metrics, Secrets, Sink, Source, Traces
from nightsort.settings import Settings
from nightsort.system.clock import SystemClock
from nightsort.system.threads import InThread, ThreadPools, server_of
from nightsort.wiring.queries import finds_unlabeled_again

if TYPE_CHECKING:
    from nightsort.adapters.anthropic.client import AnthropicBatches
    from nightsort.adapters.object_store.options import StorePolicy
    from nightsort.adapters.sql.claims import Claims
    from nightsort.adapters.sql.database import DatabasePolicy

NO_KEY = (
    "the resource names no credentials, and the operator has none of its own: "
    "give spec.credentials.secretRef, or the operator NIGHTSORT_ANTHROPIC_API_KEY_FILE"
)
NO_LOCAL_KEY = "there is no API key: set the environment variable ANTHROPIC_API_KEY; --simulate needs none"


@dataclass(slots=True)
class Connector:
    """Opens what resources name. Accounts are kept open by key; databases are opened for each use."""

    settings: Settings
    secrets: Secrets
    config_maps: ConfigMaps
    closing: AsyncExitStack
    local: bool = False
    metrics: Metrics = field(default_factory=NullMetrics)
    traces: Traces = field(default_factory=NullTraces)
    accounts: dict[str, CircuitBreakerApi] = field(default_factory=dict)
    last_keys: dict[tuple[str, str, str], str] = field(default_factory=dict, repr=False)
    opening: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Waits for nothing but this process: a client is made, and nobody is called."""
    threads: ThreadPools = field(default_factory=ThreadPools)
    claims: Claims | None = None

    async def api(self, resource: Resource) -> BatchApi:
        key = await self._key(resource)
        async with self.opening:
            if key not in self.accounts:
                # In a thread: the SDK takes 2 s to import, and each client 0.1 s to read the certificates.
                account = await asyncio.to_thread(self._open, key)
                self.closing.push_async_callback(account.aclose)
                self.accounts[key] = CircuitBreakerApi(account, SystemClock(), metrics=self.metrics, traces=self.traces)
        return self.accounts[key]

    def _open(self, key: str) -> AnthropicBatches:
        from nightsort.adapters.anthropic.client import open_batches

        if not self.accounts:
            gc.freeze()  # what imports have made stays: looking through it would stop everything for 0.1 s each time
        timeout = self.settings.longest_create_seconds
        return open_batches(key, self.settings.anthropic_base_url, create_timeout=timeout)

    async def _key(self, resource: Resource) -> str:
        if resource.spec.credentials is not None:
            return await self._key_of_secret(resource.meta, resource.spec.credentials.secret_ref)
        return self._own_key()

    def _own_key(self) -> str:
        """Read anew for each use: one that replaces it is used from then on, by an account of its own."""
        if self.settings.anthropic_api_key_file is not None:
            return key_in(self.settings.anthropic_api_key_file)
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
        from nightsort.adapters.sql.source import DatabaseSource as Tickets
        from nightsort.wiring.queries import labels_of

        url = await self.secrets.read(resource.meta.namespace, source.url_secret_ref)
        results = resource.spec.results.database

        def tickets(url: str, **more: Any) -> Tickets:
            in_thread = self._share(resource, url)
            return Tickets(url, source.query, source.columns, fields, self._policy(), in_thread=in_thread, **more)

        if results is None:
            return tickets(url)
        written = await self.secrets.read(resource.meta.namespace, results.url_secret_ref)
        primary = tickets(written) if written != url else None
        return tickets(url, labels=labels_of(results), primary=primary)

    async def _object_source(self, resource: Resource, source: ObjectStoreSource, fields: frozenset[str]) -> Source:
        from nightsort.adapters.object_store.source import ObjectTickets

        options = await self._store_options(resource, source.secret_ref)
        in_thread = self._share(resource, source.url, options)
        return ObjectTickets(source, options, fields, self._store_policy(), in_thread=in_thread)

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

    async def finds_unlabeled_again(self, resource: Resource) -> bool:
        """In a thread: the parser's import takes half a second, and a query may be long."""
        return await self.threads.share(resource.meta.namespace, "queries")(finds_unlabeled_again, resource.spec)

    def _share(self, resource: Resource, url: str, options: Mapping[str, str] | None = None) -> InThread:
        """The threads of this namespace for the server that a URL names, or a Secret's endpoint."""
        endpoints = (value for key, value in (options or {}).items() if "endpoint" in key.lower())
        return self.threads.share(resource.meta.namespace, server_of(next(endpoints, url)))

    async def _database_sink(self, resource: Resource, results: DatabaseResults) -> Sink:
        from nightsort.adapters.sql.sink import DatabaseSink

        url = await self.secrets.read(resource.meta.namespace, results.url_secret_ref)
        return DatabaseSink(
            url,
            results.table,
            results.mode,
            results.columns,
            self._policy(),
            overwrite=results.overwrite,
            claims=self._claimed(),
            run=resource.meta.uid,
            in_thread=self._share(resource, url),
        )

    def _claimed(self) -> Claims:
        from nightsort.adapters.sql.claims import Claims

        if self.claims is None:
            self.claims = Claims()
        return self.claims

    async def _object_sink(self, resource: Resource, results: ObjectStoreResults) -> Sink:
        from nightsort.adapters.object_store.sink import ObjectRows

        options = await self._store_options(resource, results.secret_ref)
        in_thread = self._share(resource, results.url, options)
        return ObjectRows(results, options, self._store_policy(), resource.meta, in_thread=in_thread)

    async def _store_options(self, resource: Resource, ref: LocalObjectReference | None) -> Mapping[str, str]:
        return {} if ref is None else await self.secrets.read_all(resource.meta.namespace, ref.name)

    def _store_policy(self) -> StorePolicy:
        """In local mode, file, machine and environment are the user's own."""
        from nightsort.adapters.object_store.options import StorePolicy

        return StorePolicy(
            schemes=frozenset({"s3", "gs", "az"} | ({"file"} if self.local else set())),
            buckets=self.settings.object_store_buckets,
            endpoints=self.settings.object_store_endpoints or (("*",) if self.local else ()),
            ambient=self.settings.object_store_ambient_credentials or self.local,
            own=self.local,
        )

    def _policy(self) -> DatabasePolicy:
        from nightsort.adapters.sql.database import DatabasePolicy

        schemes = {"postgresql", "mysql", "mariadb"} | ({"sqlite"} if self.local else set())
        return DatabasePolicy(frozenset(schemes), self.settings.database_hosts, own=self.local)
