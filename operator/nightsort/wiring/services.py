"""The flow's services, in a cluster and without one."""

from __future__ import annotations

import asyncio
import os
import secrets as randomness
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from nightsort import __version__
from nightsort.api.resource import Resource
from nightsort.domain.custom_id import TAG_LENGTH
from nightsort.domain.examples import Example, Nearest
from nightsort.domain.prices import PRICE_TABLE
from nightsort.flow.run.services import Services
from nightsort.flow.run.trace import NullTraces
from nightsort.ports import Events, Ledger, Traces
from nightsort.settings import Settings
from nightsort.system.clock import SystemClock
from nightsort.system.threads import ThreadPools
from nightsort.wiring.connector import Connector

if TYPE_CHECKING:
    from pathlib import Path

    from nightsort.adapters.local.config_maps import FileConfigMaps


Document = Mapping[str, Any]
TAG_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"


def new_tag() -> str:
    """Six random characters: a chance of one in two billion, among the few batches that could be confused."""
    return "".join(randomness.choice(TAG_ALPHABET) for _ in range(TAG_LENGTH))


def cluster_client() -> AbstractAsyncContextManager[Any]:
    """A client of the cluster for work outside the flow: the election of the active replica."""
    from nightsort.adapters.kubernetes.client import connected

    return connected()


async def traces_of(settings: Settings, closing: AsyncExitStack) -> Traces:
    """Imported on demand: the exporter's imports take 0.2 s and 10 MB."""
    if settings.traces == "none":
        return NullTraces()
    from nightsort.adapters.telemetry.tracing import open_traces

    traces = open_traces(__version__)
    closing.push_async_callback(asyncio.to_thread, traces.close)
    return traces


@asynccontextmanager
async def cluster_services(
    settings: Settings, threads: ThreadPools
) -> AsyncIterator[tuple[Services, Callable[[], bytes]]]:
    """The flow's services in a cluster, and its metrics, in Prometheus' text format."""
    # Loaded now rather than in the first resource's first pass, which would wait seconds for them.
    from nightsort.adapters.anthropic import client as batches_api  # noqa: F401
    from nightsort.adapters.kubernetes.category_sets import KubeCategorySets
    from nightsort.adapters.kubernetes.client import connected
    from nightsort.adapters.kubernetes.config_maps import KubeConfigMaps
    from nightsort.adapters.kubernetes.events import KubeEvents
    from nightsort.adapters.kubernetes.ledger import KubeLedger
    from nightsort.adapters.kubernetes.secrets import KubeSecrets
    from nightsort.adapters.sql import sink as sql_sink  # noqa: F401
    from nightsort.adapters.telemetry.logs import keep_words_of_exceptions_out_of_the_log
    from nightsort.adapters.telemetry.metrics import PrometheusMetrics

    keep_words_of_exceptions_out_of_the_log()
    async with AsyncExitStack() as closing:
        client = await closing.enter_async_context(connected())
        metrics = PrometheusMetrics(__version__)
        traces = await traces_of(settings, closing)
        connector = Connector(
            settings,
            KubeSecrets(client),
            KubeConfigMaps(client),
            closing,
            metrics=metrics,
            traces=traces,
            threads=threads,
        )
        ledger, events = KubeLedger(client, settings.namespaces), KubeEvents(client)
        services = services_of(settings, connector, ledger, events)
        yield replace(services, category_sets=KubeCategorySets(client)), metrics.text


@asynccontextmanager
async def local_services(
    settings: Settings,
    resources: Sequence[Resource],
    config_maps: Sequence[Document],
    secrets: Sequence[Document],
    folder: Path,
    manifest: str = "",
    *,
    category_sets: Sequence[Document] = (),
    anew: bool = False,
) -> AsyncIterator[Services]:
    """The flow's services without a cluster: ConfigMaps and Secrets are documents, and writes become files.

    `manifest` is the path of the manifest file, by which others are told about this process. `anew` forgets what
    earlier runs have left in the folder.

    Raises:
        Stalled: another process works in the folder, or a resource has changed since its run began.
    """
    from nightsort.adapters.local.category_sets import DocumentCategorySets
    from nightsort.adapters.local.config_maps import FileConfigMaps
    from nightsort.adapters.local.environment_secrets import EnvSecrets
    from nightsort.adapters.local.events import LogEvents
    from nightsort.adapters.local.ledger import opened
    from nightsort.adapters.telemetry.logs import keep_words_of_exceptions_out_of_the_log
    from nightsort.wiring.local_runs import SIMULATED

    keep_words_of_exceptions_out_of_the_log()
    async with AsyncExitStack() as closing:
        ledger = closing.enter_context(opened(folder, resources, manifest, anew=anew))
        files = FileConfigMaps(folder, config_maps)
        if anew:
            files.clear()
        own = EnvSecrets(secrets, os.environ)
        connector = Connector(settings, own, files, closing, local=True, has_parts=partial(began_in_parts, files))
        services = services_of(settings, connector, ledger, LogEvents())
        sets = DocumentCategorySets(category_sets)
        yield replace(services, stored_bytes=None, simulated=folder.name == SIMULATED, category_sets=sets)


def began_in_parts(files: FileConfigMaps, resource: Resource) -> bool:
    return files.has_parts(resource.meta.namespace, name_of_results(resource))


def name_of_results(resource: Resource) -> str:
    """The name of the ConfigMap of results."""
    results = resource.spec.results.config_map
    return (results.name if results else None) or f"{resource.meta.name}-results"


def folder_of_config_map(state: Path, namespace: str, name: str) -> Path:
    """The folder in which local mode keeps a ConfigMap of results; each key is a file."""
    from nightsort.adapters.local.config_maps import FileConfigMaps

    return FileConfigMaps(state).folder_of(namespace, name)


def services_of(settings: Settings, connector: Connector, ledger: Ledger, events: Events) -> Services:
    return Services(
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
        patience=timedelta(seconds=settings.patience_seconds),
        index=partial(indexed, connector.threads),
    )


async def indexed(threads: ThreadPools, examples: Sequence[Example], namespace: str, /) -> Nearest:
    """An index that is built in the namespace's threads. Imported on demand: the library takes 17 MB."""
    from nightsort.adapters.full_text import nearest

    return await nearest.indexed(examples, threads.share(namespace, "examples"))
