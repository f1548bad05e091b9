"""`nightsort local`: runs the resources of a manifest file without a cluster, through the same flow."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nightsort.cli.configuration import ITS_OWN, settings_of
from nightsort.cli.flags import (
    ApiUrl,
    BatchSeconds,
    Simulate,
    SimulatedAccuracy,
    StateFolder,
    Timeout,
    refuse_two_apis,
)
from nightsort.cli.output.exit_codes import NOT_COMPLETE, TIMED_OUT, fail
from nightsort.cli.simulated_accuracy import accuracy_of


def add_to(app: typer.Typer) -> None:
    app.command("local")(local)


def local(
    file: Annotated[Path, typer.Argument(help="A manifest file with a ClassificationBatch and what it refers to.")],
    simulate: Simulate = False,
    simulated_accuracy: SimulatedAccuracy = None,
    seconds: BatchSeconds = 2.0,
    timeout: Timeout = None,
    state: StateFolder = None,
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
    accuracy = accuracy_of(simulated_accuracy, simulate=simulate)
    from nightsort.cli.local_runs.job import AGAIN, Job, finished, manifests_of
    from nightsort.cli.state_folder import state_folder
    from nightsort.wiring.local_runs import folder_of_runs

    manifests = manifests_of(file)
    settings = settings_of(anthropic_base_url=ITS_OWN if simulate else api_url)
    folder = folder_of_runs(state_folder(state), simulated=simulate)
    job = Job(file, manifests, settings, folder, seconds if simulate else None, accuracy, timeout)
    if not finished(job):
        if job.timed_out:
            fail(f"not complete when its time was over: {job.come_back}", TIMED_OUT)
        fail(f"not complete: when that is mended, {AGAIN}" if job.can_be_mended else "not complete", NOT_COMPLETE)
