"""Opens the account, source and sinks that a resource names."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from nightsort.adapters.local.secrets import key_in
from nightsort.api.credentials import SecretRef
from nightsort.api.evaluation import Evaluation, Truth
from nightsort.api.examples import ExamplesFrom
from nightsort.api.model import Model, given
from nightsort.api.resource import Meta, Resource
from nightsort.api.results import ConfigMapResults
from nightsort.domain.errors import Stalled
from nightsort.domain.reasons import Reason
from nightsort.flow.run.circuit_breaker import CircuitBreakerApi
from nightsort.flow.run.measure import NullMetrics
from nightsort.flow.run.trace import NullTraces
from nightsort.ports import BatchApi, Clock, ConfigMaps, MessagesApi, Metrics, Secrets, Sink, Source, Traces
from nightsort.settings import Settings
from nightsort.system.clock import SystemClock
from nightsort.system.opening import Opening
from nightsort.system.threads import ThreadPools
from nightsort.wiring.queries import finds_unlabeled_again
from nightsort.wiring.registry import Registry

if TYPE_CHECKING:
    from nightsort.adapters.anthropic.client import AnthropicBatches

DEFAULT_RESULTS, ROW_FILE = "config_map", "row_file"
UNUSED_SECONDS = 6 * 3600.0
"""Seconds after which an unused account is closed: each pass asks for it anew, and no call lasts nearly as long."""
NO_KEY = (
    "the resource names no credentials, and the operator has none of its own: "
    "give spec.credentials.secretRef, or the operator NIGHTSORT_ANTHROPIC_API_KEY_FILE"
)
NO_LOCAL_KEY = "there is no API key: set the environment variable ANTHROPIC_API_KEY; --simulate needs none"


def no_parts(_: Resource) -> bool:
    return False


@dataclass(slots=True)
class Connector:
    """Opens what resources name. Accounts stay open by key while they are used; databases are opened for each use."""

    settings: Settings
    secrets: Secrets
    config_maps: ConfigMaps
    closing: AsyncExitStack
    local: bool = False
    metrics: Metrics = field(default_factory=NullMetrics)
    traces: Traces = field(default_factory=NullTraces)
    clock: Clock = field(default_factory=SystemClock)
    accounts: dict[str, CircuitBreakerApi] = field(default_factory=dict)
    clients: dict[str, AnthropicBatches] = field(default_factory=dict, repr=False)
    used: dict[str, float] = field(default_factory=dict, repr=False)
    """The time of each account's last use, in monotonic seconds."""
    last_keys: dict[tuple[str, str, str], str] = field(default_factory=dict, repr=False)
    opening: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Waits only for this process: a client is made, and no call goes out."""
    threads: ThreadPools = field(default_factory=ThreadPools)
    registry: Registry = field(default_factory=Registry)
    has_parts: Callable[[Resource], bool] = no_parts
    """Whether a resource of local mode has begun to store rows in parts."""

    async def api(self, resource: Resource) -> BatchApi:
        key = await self._key(resource)
        async with self.opening:
            self.used[key] = self.clock.monotonic()
            if key not in self.accounts:
                await self._close_unused()
                if not self.clients:
                    self.closing.push_async_callback(self._close_all)
                # In a thread: the SDK takes 2 s to import, and each client 0.1 s to read the certificates.
                client = self.clients[key] = await asyncio.to_thread(self._open, key)
                self.accounts[key] = CircuitBreakerApi(client, SystemClock(), metrics=self.metrics, traces=self.traces)
        return self.accounts[key]

    async def messages(self, resource: Resource) -> MessagesApi:
        """The account for a request that a person waits for; no circuit breaker holds it up."""
        await self.api(resource)
        return self.clients[await self._key(resource)]

    async def _close_unused(self) -> None:
        """Closes idle accounts: a team that replaces its key every hour would otherwise add 2 MB each time."""
        now = self.clock.monotonic()
        for key in [key for key in self.clients if now - self.used[key] > UNUSED_SECONDS]:
            del self.accounts[key], self.used[key]
            await self.clients.pop(key).aclose()

    async def _close_all(self) -> None:
        self.accounts.clear()
        while self.clients:
            await self.clients.popitem()[1].aclose()

    def _open(self, key: str) -> AnthropicBatches:
        from nightsort.adapters.anthropic.client import open_batches
        from nightsort.adapters.anthropic.errors import KEY_OF_THE_CLUSTER, KEY_OF_THE_ENVIRONMENT

        if not self.accounts:
            gc.freeze()  # objects made by imports stay; scanning them would stop everything for 0.1 s each time
        timeout = self.settings.longest_create_seconds
        remedy = KEY_OF_THE_ENVIRONMENT if self.local else KEY_OF_THE_CLUSTER
        return open_batches(key, self.settings.anthropic_base_url, create_timeout=timeout, remedy=remedy)

    async def _key(self, resource: Resource) -> str:
        if resource.spec.credentials is not None:
            return await self._key_of_secret(resource.meta, resource.spec.credentials.secret_ref)
        return self._own_key()

    def _own_key(self) -> str:
        """The key, read anew for each use: a new key is used from then on, by an account of its own."""
        if self.settings.anthropic_api_key_file is not None:
            return key_in(self.settings.anthropic_api_key_file)
        if self.settings.anthropic_api_key is None:
            raise Stalled(NO_LOCAL_KEY if self.local else NO_KEY, reason=Reason.CREDENTIALS_MISSING)
        return self.settings.anthropic_api_key.get_secret_value()

    async def _key_of_secret(self, meta: Meta, ref: SecretRef) -> str:
        """A deleted namespace may lose its Secrets before its resources, whose batches must be cancelled.

        For these, and only for these, the last key is remembered.
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
        ((kind, spec),) = given(resource.spec.source)
        return await self.registry.source(kind).source(self._opening(resource), spec)

    async def examples(self, resource: Resource, pool: ExamplesFrom) -> Source:
        """There, the column of known categories is one of the tickets' own."""
        evaluation = Evaluation(truth=Truth(column=pool.column))
        spec = resource.spec.model_copy(update={"source": pool.source, "evaluation": evaluation})
        return await self.source(replace(resource, spec=spec))

    async def sinks(self, resource: Resource) -> Sequence[Sink]:
        wanted = given(resource.spec.results) or [(DEFAULT_RESULTS, ConfigMapResults())]
        opening = self._opening(resource)
        return [
            await self.registry.sink(self._kind(kind, resource)).sink(opening, spec)
            for kind, spec in sorted(wanted, key=in_order)
        ]

    def _kind(self, kind: str, resource: Resource) -> str:
        """ConfigMaps of local mode are files, and not cut; results that an earlier version has begun stay cut."""
        if not self.local or kind != DEFAULT_RESULTS:
            return kind
        return DEFAULT_RESULTS if self.has_parts(resource) else ROW_FILE

    def _opening(self, resource: Resource) -> Opening:
        return Opening(resource, self.settings, self.secrets, self.config_maps, self.threads, self.local)

    async def finds_unlabeled_again(self, resource: Resource) -> bool:
        """In a thread: the parser's import takes half a second, and a query may be long."""
        return await self.threads.share(resource.meta.namespace, "queries")(finds_unlabeled_again, resource.spec)


def in_order(wanted: tuple[str, Model]) -> bool:
    """ConfigMaps come last: if another sink refuses rows, none are left in ConfigMaps."""
    return wanted[0] == DEFAULT_RESULTS
