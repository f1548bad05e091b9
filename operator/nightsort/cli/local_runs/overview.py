"""`nightsort status` and `nightsort list` for runs of this machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from nightsort.cli.classification.memory import shown
from nightsort.cli.local_runs.found import LocalRun, Remembered, runs_in
from nightsort.cli.output.display import console
from nightsort.cli.output.exit_codes import BAD_INPUT, fail
from nightsort.cli.output.runs import UNKNOWN_PHASE, Line, bill_of, show_story, story_of, table_of
from nightsort.domain.errors import Interruption
from nightsort.domain.printable import printable
from nightsort.domain.report import plural

CLUSTER_HINT = "for runs of a cluster: kubectl nightsort {command}, or --namespace"


def list_runs(folder: Path) -> None:
    """Prints all runs that the directory remembers, the newest last, and what they have cost."""
    there = read(folder, "list")
    if not there.runs:
        fail(f"{folder} remembers no run; {CLUSTER_HINT.format(command='list')}", BAD_INPUT)
    out = console()
    out.print(table_of(Line(called(run), run.began, phase_of(run), run.status) for run in there.runs))
    if said := bill_of([run.status for run in there.runs if not run.simulated]):
        out.print(printable(said), soft_wrap=True)
    tell(*working(there))


def show_status(folder: Path, file: Path | None) -> None:
    """Prints the state of a file's runs; without a file, of those that are unfinished, or else of the last run."""
    there = read(folder, "status")
    runs = there.runs if file is None else there.of(file)
    if not runs:
        named = "no run" if file is None else f"no run of {file}"
        fail(f"{folder} remembers {named}; --state names another directory", BAD_INPUT)
    chosen = [run for run in runs if not run.is_finished] or [runs[-1]]
    out = console()
    for run in chosen:
        show_story(out, called(run), story(run))
    if len(runs) > len(chosen):
        out.print(f"{plural(len(runs) - len(chosen), 'other run')} besides: nightsort list", soft_wrap=True)
    tell(*working(there))


def read(folder: Path, command: str) -> Remembered:
    if not folder.is_dir():
        fail(
            f"there is no {folder} here, in which classify and local remember their runs: --state names another "
            f"directory; {CLUSTER_HINT.format(command=command)}",
            BAD_INPUT,
        )
    try:
        return runs_in(folder)
    except Interruption as interruption:
        fail(interruption.message, BAD_INPUT)


def called(run: LocalRun) -> str:
    kinds = [kind for kind, so in (("evaluation", run.is_evaluation), ("simulated", run.simulated)) if so]
    return f"{run.name} ({', '.join(kinds)})" if kinds else run.name


def phase_of(run: LocalRun) -> str:
    if run.canceled:
        return "Canceled" if run.is_finished else "Canceling"
    return run.status.phase or UNKNOWN_PHASE


def story(run: LocalRun) -> Iterator[tuple[str, str]]:
    for what, value in story_of(run.status, run.began, datetime.now(UTC)):
        yield what, in_our_words(run, value) if what == "phase" else value
    if run.file is not None and shown(run.file) != run.name:
        yield "manifest", shown(run.file)
    if run.results:
        yield "rows", " and ".join(run.results)
    if not run.is_finished:
        idle = "" if run.worker else "nobody works on it now; "
        yield "next", f"{idle}{run.back}"


def in_our_words(run: LocalRun, phase: str) -> str:
    """A person's cancel, and not the field by which the flow hears of it."""
    if not run.canceled:
        return phase.replace("spec.suspend is true", "canceled, or spec.suspend is true")
    return "Canceled: its answers are kept" if run.is_finished else "Canceling: its batches were asked to end"


def working(there: Remembered) -> Sequence[str]:
    return [f"{worker} works with {there.folder}" for worker in there.workers]


def tell(*lines: str) -> None:
    for line in lines:
        console(stderr=True).print(printable(line), soft_wrap=True)
