"""The runs that a directory on this machine remembers, as they are: nothing is locked, and nothing is written."""

from __future__ import annotations

from pathlib import Path

from nightsort.adapters.local import ledger, state
from nightsort.adapters.local.ledger import Recorded
from nightsort.adapters.local.state_ledger import StateLedger
from nightsort.api.resource import Resource

__all__ = ["Recorded", "classified", "folder_of_runs", "recorded", "worker_of_files", "worker_of_manifests"]

SIMULATED = "_simulated"
"""The folder of simulated runs of manifests, beside those of namespaces, whose names begin otherwise."""


def classified(open_state: state.State) -> list[tuple[Resource, str, bool]]:
    """The purchases of `nightsort classify`: run, absolute path of the file, and whether it was simulated."""
    return StateLedger(open_state).all_runs()


def recorded(folder: Path) -> list[tuple[Recorded, bool]]:
    """The runs of `nightsort local`, and whether they were simulated."""
    simulated = [(run, True) for run in ledger.recorded(folder / SIMULATED)]
    return [*((run, False) for run in ledger.recorded(folder)), *simulated]


def folder_of_runs(state: Path, *, simulated: bool) -> Path:
    """The directory in which `nightsort local` keeps its runs."""
    return state / SIMULATED if simulated else state


def worker_of_files(state_file: Path) -> str | None:
    """The process that works with the state of `nightsort classify`, and what it does."""
    return state.worker_of(state_file)


def worker_of_manifests(folder: Path, *, simulated: bool) -> str | None:
    return ledger.worker_of(folder_of_runs(folder, simulated=simulated))
