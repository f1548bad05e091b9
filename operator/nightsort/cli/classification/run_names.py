"""The names of a file's runs. They tell the purchases of `nightsort evaluate` from those of `nightsort classify`."""

from __future__ import annotations

import re
from pathlib import Path

from nightsort.api.resource import Resource


def run_name(file: Path) -> str:
    """A run's name in messages."""
    return re.sub(r"[^a-z0-9.]+", "-", file.stem.lower()).strip("-.") or "tickets"


def evaluation_name(file: Path, number: int) -> str:
    """The name of an evaluation's run; `number` counts its readers."""
    return f"{run_name(file)}-evaluation-{number}"


def is_evaluation(run: Resource, file: Path) -> bool:
    """Whether a run of this file measures labels: it writes no labelled file, and another command goes on with it."""
    run_of, _, number = run.meta.name.rpartition("-")
    return run_of == f"{run_name(file)}-evaluation" and number.isdecimal()
