"""The commands of docs/tutorial.md that need no cluster, as they stand there, one after the other."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.support.tutorial import IN_A_CLUSTER, PAGE, WITHOUT_A_CLUSTER, steps, with_examples


@pytest.mark.timeout(300)
def test_the_tutorial_runs_as_it_stands(tmp_path: Path) -> None:
    place, ran = with_examples(tmp_path), 0
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("NIGHTSORT_", "ANTHROPIC_"))}
    path = f"{Path(sys.executable).parent}:{kept['PATH']}"
    for step in steps(WITHOUT_A_CLUSTER):
        step.run(place, {**kept, "PATH": path})
        place = place / "support" if step.command.startswith("mkdir") else place
        ran += 1
    assert ran > 10
    assert (place / "tickets.report.html").exists()


def test_every_command_belongs_to_one_of_the_two_parts_that_tests_run() -> None:
    """tests/cluster/test_chart.py runs the other one."""
    parts = [len(list(steps(part))) for part in (WITHOUT_A_CLUSTER, IN_A_CLUSTER)]

    assert sum(parts) == PAGE.count("\n$ ")
    assert min(parts) > 5
