"""The runs that a state directory remembers, in one form for files of tickets and for manifests."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from nightsort.api.resource import Resource
from nightsort.api.status import Status
from nightsort.cli.classification.memory import command_of, remembered, shown, state_flag
from nightsort.cli.classification.order import STATE_FILE, Order
from nightsort.cli.classification.run_names import is_evaluation
from nightsort.cli.flags import MODEL
from nightsort.cli.local_runs.canceling import is_canceled
from nightsort.formats.kinds import labeled_path
from nightsort.wiring import classify as states
from nightsort.wiring import local_runs as wiring
from nightsort.wiring.services import folder_of_config_map

FIRST = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class LocalRun:
    """A run of tickets in a file, or of a resource in a manifest.

    Attributes:
        name: how people call it: the file, or the resource.
        file: the file of tickets or the manifest; None where it is not known.
        results: where its rows are, or will be; an evaluation has figures in their place, and keeps none.
        back: the command that goes on with it.
        worker: the process that works with it, or with others of its kind, now.
    """

    name: str
    status: Status
    began: datetime | None
    file: Path | None
    simulated: bool
    canceled: bool
    results: tuple[str, ...]
    back: str
    worker: str | None
    is_evaluation: bool = False

    @property
    def is_finished(self) -> bool:
        return self.status.completion_time is not None


@dataclass(frozen=True, slots=True)
class Remembered:
    folder: Path
    runs: Sequence[LocalRun]

    @property
    def workers(self) -> list[str]:
        """The processes that work with the directory now, and what they do."""
        return sorted({run.worker for run in self.runs if run.worker})

    def of(self, file: Path) -> list[LocalRun]:
        """The runs of a file of tickets or of a manifest."""
        wanted = file.absolute()
        return [run for run in self.runs if run.file == wanted]


def runs_in(folder: Path) -> Remembered:
    """Reads a directory, also while a process works with it; the oldest run first.

    Raises:
        Stalled: a state or a record cannot be read.
    """
    found = [*of_files(folder), *of_manifests(folder)]
    found.sort(key=lambda run: run.began or FIRST)
    return Remembered(folder, found)


def of_files(folder: Path) -> Iterator[LocalRun]:
    if not (folder / STATE_FILE).is_file():
        return
    worker = wiring.worker_of_files(folder / STATE_FILE)
    with states.reading(folder / STATE_FILE) as state:
        for run, name, simulated in wiring.classified(state):
            file = Path(name)
            order = remembered(state, file, folder, simulated=simulated) or unknown(file, folder, simulated=simulated)
            yield of_file(run, file, order, worker)


def unknown(file: Path, folder: Path, *, simulated: bool) -> Order:
    """An order of an earlier version, which did not keep it."""
    return Order(file=file, model=MODEL, state=folder, simulated=1.0 if simulated else None)


def of_file(run: Resource, file: Path, order: Order, worker: str | None) -> LocalRun:
    measuring = is_evaluation(run, file)
    labeled = order.output or labeled_path(file)
    return LocalRun(
        shown(file),
        run.status,
        run.meta.created_at,
        file,
        order.is_simulated,
        is_canceled(run.spec),
        () if measuring else (shown(labeled),),
        f"the same nightsort evaluate of {shown(file)} goes on with it" if measuring else command_of(order),
        worker,
        measuring,
    )


def of_manifests(folder: Path) -> Iterator[LocalRun]:
    for run, simulated in wiring.recorded(folder):
        file = Path(run.manifest) if run.manifest else None
        yield LocalRun(
            run.name if run.namespace == "default" else f"{run.namespace}/{run.name}",
            run.status,
            run.status.start_time or first_intent(run.status),
            file,
            simulated,
            False,
            tuple(places_of(wiring.folder_of_runs(folder, simulated=simulated), run)),
            back_to_manifest(file, folder, simulated=simulated),
            wiring.worker_of_manifests(folder, simulated=simulated),
        )


def places_of(folder: Path, run: wiring.Recorded) -> Iterator[str]:
    for name in run.status.results.config_maps:
        place = folder_of_config_map(folder, run.namespace, name)
        yield shown(next(iter(sorted(place.glob("results.*"))), place))
    yield from run.status.results.places()


def back_to_manifest(file: Path | None, folder: Path, *, simulated: bool) -> str:
    words = ["nightsort", "local", "FILE" if file is None else shown(file), *state_flag(folder)]
    return shlex.join([*words, "--simulate"] if simulated else words)


def first_intent(status: Status) -> datetime | None:
    """When a run whose time does not count, since it is suspended, bought first."""
    return min((record.intended_at for record in status.batches), default=None)
