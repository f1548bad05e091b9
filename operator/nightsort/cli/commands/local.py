"""`nightsort local`: runs the resources of a manifest file without a cluster, through the same flow."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nightsort.cli.configuration import ITS_OWN, settings_of
from nightsort.cli.flags import STATE, ApiUrl, BatchSeconds, Simulate, Timeout, refuse_two_apis
from nightsort.cli.output.exit_codes import BAD_INPUT, INTERRUPTED, NOT_COMPLETE, TIMED_OUT, fail

if TYPE_CHECKING:
    from nightsort.cli.manifests import Manifests
    from nightsort.settings import Settings

SIMULATED = "_simulated"
"""The folder of simulated runs in that of the state, beside those of namespaces, whose names begin otherwise."""
AGAIN = "run the same command again, and it goes on where it was"


def add_to(app: typer.Typer) -> None:
    app.command("local")(local)


def local(
    file: Annotated[Path, typer.Argument(help="A manifest file with a ClassificationBatch and what it refers to.")],
    simulate: Simulate = False,
    seconds: BatchSeconds = 2.0,
    state: Annotated[
        Path, typer.Option(help="Where the record of the run and ConfigMap results are kept; a second run resumes.")
    ] = STATE,
    timeout: Timeout = None,
    api_url: ApiUrl = None,
) -> None:
    """Run a manifest file without a cluster.

    Secrets come from the same file or from the environment: a reference to key api-key of Secret anthropic is the
    variable ANTHROPIC_API_KEY. Run it again after an interruption and it goes on where it was; a simulated run starts
    anew, since the simulator forgets its batches when it ends.

    Exit codes: 0 all resources are Complete, 1 one has failed or waits for what is missing, 2 bad input,
    124 timed out, 130 interrupted.
    """
    refuse_two_apis(simulate=simulate, api_url=api_url)
    manifests = manifests_of(file)
    settings = settings_of(anthropic_base_url=ITS_OWN if simulate else api_url)
    job = Job(manifests, settings, state / SIMULATED if simulate else state, seconds if simulate else None, timeout)
    if not finished(job):
        if job.timed_out:
            fail(f"not complete when its time was over: {job.come_back}", TIMED_OUT)
        fail(f"not complete: when that is mended, {AGAIN}" if job.can_be_mended else "not complete", NOT_COMPLETE)


def manifests_of(file: Path) -> Manifests:
    from nightsort.cli.manifests import InvalidManifest, read

    try:
        return read(file)
    except InvalidManifest as error:
        fail(str(error), BAD_INPUT)


@dataclass(slots=True)
class Job:
    """The resources to run; `simulated` is a batch's duration in seconds, None for the real API.

    `timeout` is in seconds; `timed_out` says at the end whether it was over. `can_be_mended`: at the end, a resource
    waits for something that only a person can change, or failed before it had bought anything.
    """

    manifests: Manifests
    settings: Settings
    state: Path
    simulated: float | None = None
    timeout: float | None = None
    can_be_mended: bool = False
    timed_out: bool = False

    @property
    def come_back(self) -> str:
        return AGAIN if self.simulated is None else "a simulated run starts anew"


def finished(job: Job) -> bool:
    """Whether all resources of the job are Complete; ends the command where it cannot begin or is interrupted."""
    import asyncio

    from nightsort.domain.errors import Interruption

    try:
        return asyncio.run(run_all(job))
    except Interruption as interruption:
        fail(interruption.message, BAD_INPUT)
    except KeyboardInterrupt:
        fail(f"interrupted: {job.come_back}", INTERRUPTED)


async def run_all(job: Job) -> bool:
    """Works on every resource of the file until nothing is left to do; returns whether all are Complete."""
    from nightsort.cli.local_runner import LocalRunner
    from nightsort.cli.output.progress import Progress
    from nightsort.cli.simulated import settings_with_api
    from nightsort.domain.conditions import COMPLETE, is_finished, is_true
    from nightsort.wiring.services import local_services

    given = job.manifests
    several = len({resource.meta.namespace for resource in given.resources}) > 1
    with Progress(job.state, keys=several) as progress:
        async with (
            settings_with_api(job.settings, job.simulated) as settings,
            local_services(
                settings,
                given.resources,
                given.config_maps,
                given.secrets,
                job.state,
                anew=job.simulated is not None,
            ) as services,
        ):
            runner = LocalRunner(services, progress)
            ended = await runner.run(given.resources, job.timeout)
    job.timed_out = runner.timed_out
    for resource in ended:
        progress.end(resource)
    job.can_be_mended = any(not (is_finished(one.status) and one.status.batches) for one in ended)
    return all(is_true(resource.status, COMPLETE) for resource in ended)
