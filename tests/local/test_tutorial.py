"""The commands of docs/tutorial.md, as they stand there, one after the other."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
PAGE = (TOP / "docs" / "tutorial.md").read_text(encoding="utf-8")


def steps() -> Iterator[tuple[str, list[str]]]:
    """Each command, and the lines that are among what it prints."""
    for block in re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL):
        for step in re.split(r"(?m)^\$ ", block)[1:]:
            command, *lines = step.rstrip("\n").split("\n")
            yield command, lines


@pytest.mark.timeout(300)
def test_the_tutorial_runs_as_it_stands(tmp_path: Path) -> None:
    shutil.copytree(TOP / "examples", tmp_path / "examples", ignore=shutil.ignore_patterns("*.labeled.*"))
    place, ran = tmp_path, 0
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("NIGHTSORT_", "ANTHROPIC_"))}
    path = f"{Path(sys.executable).parent}:{kept['PATH']}"
    for command, lines in steps():
        done = subprocess.run(
            ["/bin/bash", "-euc", command],
            cwd=place,
            env={**kept, "PATH": path},
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, (command, done.stderr)
        for line in lines:
            assert line in done.stdout.splitlines(), (command, done.stdout)
        place = place / "support" if command.startswith("mkdir") else place
        ran += 1
    assert ran > 10
