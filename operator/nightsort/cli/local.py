"""`nightsort local`: runs the resources of a manifest file without a cluster, through the same flow."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from nightsort.api.resource import Resource
    from nightsort.cli.manifests import Manifests
    from nightsort.cli.progress import Progress
    from nightsort.flow.reconcile import Reconciler
    from nightsort.flow.run import Tools
    from nightsort.settings import Settings

BAD_INPUT = 2
NOT_COMPLETE = 1


def add_to(app: typer.Typer) -> None:
    app.command("local")(local)


def local(
    file: Annotated[Path, typer.Argument(help="A manifest file with a ClassificationBatch and what it refers to.")],
    simulate: Annotated[bool, typer.Option(help="Simulate the API: no key, no cost.")] = False,
    seconds: Annotated[float, typer.Option(help="How long a simulated batch takes.", min=0.0)] = 2.0,
    state: Annotated[
        Path, typer.Option(help="Where the record of the run and ConfigMap results are kept; a second run resumes.")
    ] = Path(".nightsort"),
    api_url: Annotated[str | None, typer.Option(help="Base URL of the Message Batches API.")] = None,
) -> None:
    """Run a manifest file without a cluster.

    Secrets come from the same file or from the environment: a reference to key api-key of Secret anthropic is the
    variable ANTHROPIC_API_KEY. Run it again after an interruption and it goes on where it was; a simulated run starts
    anew, since the simulator forgets its batches when it ends.
    """
    import asyncio

    from rich.console import Console

    from nightsort.cli.manifests import InvalidManifest, read
    from nightsort.domain.errors import Interruption

    try:
        manifests = read(file)
    except InvalidManifest as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(BAD_INPUT) from None
    folder = fresh_folder(state / "simulated") if simulate else state
    try:
        complete = asyncio.run(run_all(manifests, folder, simulate, seconds, api_url, Console()))
    except Interruption as interruption:
        typer.echo(interruption.message, err=True)
        raise typer.Exit(BAD_INPUT) from None
    if not complete:
        raise typer.Exit(NOT_COMPLETE)


def fresh_folder(folder: Path) -> Path:
    import shutil

    shutil.rmtree(folder, ignore_errors=True)
    return folder


async def run_all(
    manifests: Manifests, state: Path, simulate: bool, seconds: float, api_url: str | None, console: Console
) -> bool:
    """Works on every resource of the file until it has ended; whether all are Complete."""
    import asyncio

    from nightsort.cli.progress import Progress, succeeded
    from nightsort.flow.reconcile import Reconciler
    from nightsort.wiring import local_tools

    progress = Progress(console)
    async with (
        api_at(simulate, seconds, api_url) as settings,
        local_tools(settings, manifests.resources, manifests.config_maps, manifests.secrets, state) as tools,
    ):
        reconciler = Reconciler(tools)
        runs = (run_one(resource, reconciler, tools, progress) for resource in manifests.resources)
        ended = await asyncio.gather(*runs)
    for resource in ended:
        progress.end(resource, state)
    return all(succeeded(resource) for resource in ended)


async def run_one(resource: Resource, reconciler: Reconciler, tools: Tools, progress: Progress) -> Resource:
    """Looks until there is nothing more to do."""
    while True:
        newest = await tools.ledger.load(resource.meta) or resource
        progress.tell(newest)
        seconds = await reconciler.look(newest)
        newest = await tools.ledger.load(resource.meta) or newest
        progress.tell(newest)
        if seconds is None or needs_a_person(newest):
            return newest
        await tools.clock.sleep(seconds)


def needs_a_person(resource: Resource) -> bool:
    """Nothing outside the file changes while we wait: better to say what is missing and to be run again."""
    from nightsort.domain.conditions import STALLED, is_true

    waits = any(condition.reason == "SourceMissing" for condition in resource.status.conditions)
    return waits or is_true(resource.status, STALLED)


@asynccontextmanager
async def api_at(simulate: bool, seconds: float, api_url: str | None) -> AsyncIterator[Settings]:
    """Settings that point at the API: the real one, the one given, or a simulator in a process of its own."""
    from pydantic import SecretStr

    from nightsort.settings import Settings

    if not simulate:
        yield Settings(anthropic_base_url=api_url) if api_url else Settings()
        return
    async with simulator_process(seconds) as url:
        yield Settings(anthropic_base_url=url, anthropic_api_key=SecretStr("simulated"))


@asynccontextmanager
async def simulator_process(seconds: float) -> AsyncIterator[str]:
    """A simulator beside us, so that it shares neither our loop nor our memory; yields its URL."""
    import asyncio
    import sys

    command = [sys.executable, "-m", "nightsort", "simulate", "--port", "0", "--seconds", str(seconds)]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    try:
        line = await process.stdout.readline() if process.stdout else b""
        yield line.decode().split()[-1]
    finally:
        process.terminate()
        await process.wait()
