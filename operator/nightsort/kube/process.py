"""The operator's process: kopf with our settings around one scheduler."""

from __future__ import annotations

import asyncio
import gc
import logging
import secrets
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import kopf

from nightsort.api.model import GROUP
from nightsort.domain.errors import Stalled
from nightsort.kube import handlers, login
from nightsort.kube.leader import first_of, lead
from nightsort.kube.logs import spare_tracebacks, tell_calls_to_debuggers_alone, write_json
from nightsort.kube.scheduler import ResourceScheduler
from nightsort.kube.scopes import Scopes
from nightsort.kube.storages import NoDiffBase
from nightsort.kube.web import serving
from nightsort.settings import Settings
from nightsort.system.pulse import Pulse
from nightsort.system.threads import OWN_THREADS, DaemonThreads, ThreadPools
from nightsort.wiring.services import cluster_client, cluster_services

logger = logging.getLogger(__name__)


def run(settings: Settings) -> None:
    """Runs until SIGTERM or SIGINT."""
    kopf.configure(verbose=False)
    if settings.log_format == "json":
        write_json()
    spare_tracebacks()
    tell_calls_to_debuggers_alone()
    # kopf logs every tick of every timer; events and our own loggers report what matters.
    logging.getLogger("kopf.objects").setLevel(logging.WARNING)
    # Until kopf handles signals: the first process of a container would otherwise ignore this one.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    asyncio.run(serve(settings))


async def serve(settings: Settings) -> None:
    # For the operator's shared work: name look-ups, opening of clients, flushing of bodies to the disk.
    asyncio.get_running_loop().set_default_executor(DaemonThreads(OWN_THREADS, "own"))
    threads = ThreadPools()
    async with cluster_services(settings, threads) as (services, text):
        gc.freeze()  # objects made by imports stay; scanning them costs a start over many resources a tenth
        scheduler = ResourceScheduler(services, timedelta(seconds=settings.farewell_seconds))

        pulse = Pulse(services.clock, {"look": scheduler.room, "call of a database or an object store": threads.room})

        def problems() -> list[str]:
            return [*scheduler.problems(), *pulse.problems()]

        def metrics() -> bytes:
            scheduler.measure()
            return text()

        async def work() -> None:
            scopes = Scopes(client, settings.namespaces, services.metrics)
            await scopes.opened()
            services.metrics.leads()
            await watch(settings, scheduler, scopes)

        async with cluster_client() as client, beating(pulse), serving(settings.liveness_port, problems, metrics):
            if settings.lease is None:
                await work()
                return
            namespace, name = settings.lease.split("/")
            await lead(client, name, namespace, identity(), work)


@asynccontextmanager
async def beating(pulse: Pulse) -> AsyncIterator[None]:
    beats = asyncio.create_task(pulse.keep())
    try:
        yield
    finally:
        beats.cancel()


def identity() -> str:
    """This process's identity: the machine or pod, and a mark for this start."""
    return f"{socket.gethostname()}-{secrets.token_hex(4)}"


async def watch(settings: Settings, scheduler: ResourceScheduler, scopes: Scopes) -> None:
    """Works until the process is told to end.

    Raises:
        Stalled: nothing is left to watch; the next process waits until there is something.
    """
    where = ", ".join(scopes.namespaces) or "all namespaces"
    logger.info("watching %s; batches go to %s", where, settings.anthropic_base_url)
    keeping = asyncio.create_task(scopes.keep())  # started first: kopf ends the tasks that began after it
    working = asyncio.create_task(operate(settings, scheduler, scopes))
    try:
        await first_of(working, keeping)
    finally:
        keeping.cancel()
        working.cancel()
        await asyncio.gather(keeping, working, return_exceptions=True)


async def operate(settings: Settings, scheduler: ResourceScheduler, scopes: Scopes) -> None:
    try:
        await kopf.operator(
            settings=kopf_settings(),
            registry=kopf.get_default_registry(),
            memo=kopf.Memo(scheduler=scheduler, watches=len(settings.namespaces) or 1),
            clusterwide=not settings.namespaces,
            namespaces=scopes.namespaces,
            insights=scopes.insights,
            standalone=True,
            # kopf's own identity begins with the account's name, which a user that is a bare number does not have.
            identity=identity(),  # type: ignore[arg-type]  # a NewType that kopf keeps to itself
        )
    except Exception as error:
        if why := await scopes.closed():
            raise Stalled(why) from error
        raise


def kopf_settings() -> kopf.OperatorSettings:
    """kopf's settings: own finalizer and prefix, no events, no copies of objects, bounded requests."""
    settings = kopf.OperatorSettings()
    settings.persistence.finalizer = f"{GROUP}/running"
    settings.persistence.diffbase_storage = NoDiffBase()
    settings.persistence.progress_storage = kopf.AnnotationsProgressStorage(prefix=f"kopf.{GROUP}", v1=False)
    settings.posting.enabled = False
    settings.scanning.disabled = True  # see scopes.py
    settings.networking.request_timeout = 60
    settings.networking.connect_timeout = 10
    settings.watching.server_timeout = 600
    # The first list is taken in parts: ten thousand resources at once are a spike of a hundred megabytes.
    settings.watching.chunk_size = 200
    # kopf keeps a task for each resource this long. A start over ten thousand would have thousands of them.
    settings.queueing.idle_timeout = 0.5
    # How often kopf checks whether a running timer has ended, which a finalizer waits for.
    settings.background.cancellation_polling = 1
    return settings


# kopf has known the handlers since their modules were imported; this line names the modules.
HANDLERS = (handlers.look, handlers.finalize, handlers.seen, login.login)
