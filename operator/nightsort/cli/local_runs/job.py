"""Runs the resources of a manifest file to their end."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nightsort.api.resource import Resource
from nightsort.cli.local_runner import LocalRunner
from nightsort.cli.manifests import InvalidManifest, Manifests, read
from nightsort.cli.output.exit_codes import BAD_INPUT, INTERRUPTED, fail
from nightsort.cli.output.progress import Progress
from nightsort.cli.simulated import settings_with_api
from nightsort.domain.conditions import COMPLETE, SUSPENDED, is_finished, is_true
from nightsort.domain.errors import Interruption
from nightsort.settings import Settings
from nightsort.wiring.services import local_services

AGAIN = "run the same command again, and it goes on where it was"


def manifests_of(file: Path) -> Manifests:
    try:
        return read(file)
    except InvalidManifest as error:
        fail(str(error), BAD_INPUT)


@dataclass(slots=True)
class Job:
    """The resources of a file; `simulated` is a batch's duration in seconds, None for the real API,
    and `accuracy` how often simulated models are right, as on the command line.

    `timeout` is in seconds; `timed_out` says at the end whether it was over. `can_be_mended`: at the end, a resource
    waits for something that only a person can change, or failed before it had bought anything.
    """

    file: Path
    manifests: Manifests
    settings: Settings
    state: Path
    simulated: float | None = None
    accuracy: Sequence[str] = ()
    timeout: float | None = None
    canceling: bool = False
    can_be_mended: bool = False
    timed_out: bool = False

    @property
    def come_back(self) -> str:
        return AGAIN if self.simulated is None else "a simulated run starts anew"


class CancelProgress(Progress):
    """Leaves out how the flow is told to pause a run, which is a person's wish here."""

    def tell(self, resource: Resource, *, trouble: bool = False, note: str = "") -> None:
        if not is_true(resource.status, SUSPENDED):
            super().tell(resource, trouble=trouble, note=note)


def finished(job: Job) -> bool:
    """Whether all resources of the job are Complete; ends the command where it cannot begin or is interrupted."""
    try:
        return asyncio.run(run_all(job))
    except Interruption as interruption:
        fail(interruption.message, BAD_INPUT)
    except KeyboardInterrupt:
        fail(f"interrupted: {job.come_back}", INTERRUPTED)


async def run_all(job: Job) -> bool:
    """Works on every resource of the file until nothing is left to do; returns whether all are Complete."""
    given = job.manifests
    several = len({resource.meta.namespace for resource in given.resources}) > 1
    with (CancelProgress if job.canceling else Progress)(job.state, keys=several) as progress:
        async with (
            settings_with_api(job.settings, job.simulated, job.accuracy) as settings,
            local_services(
                settings,
                given.resources,
                given.config_maps,
                given.secrets,
                job.state,
                str(job.file),
                category_sets=given.category_sets,
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
