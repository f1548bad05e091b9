"""The commands of docs/tutorial.md: those that need no cluster, and those of its last part."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

TOP = Path(__file__).parents[2]
PAGE = (TOP / "docs" / "tutorial.md").read_text(encoding="utf-8")
WITHOUT_A_CLUSTER, IN_A_CLUSTER = re.split(r"(?m)^(?=## 9\. )", PAGE)


@dataclass(frozen=True)
class Step:
    """A command, and the lines that are among what it prints."""

    command: str
    lines: tuple[str, ...]

    def run(self, folder: Path, environment: Mapping[str, str]) -> str:
        """What the command prints; a command that fails, or prints something else, fails the test."""
        done = subprocess.run(
            ["/bin/bash", "-euc", self.command],
            cwd=folder,
            env=environment,
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, (self.command, done.stderr)
        for line in self.lines:
            assert line in done.stdout.splitlines(), (self.command, done.stdout)
        return done.stdout


def steps(part: str) -> Iterator[Step]:
    for block in re.findall(r"```console\n(.*?)```", part, re.DOTALL):
        for step in re.split(r"(?m)^\$ ", block)[1:]:
            command, *lines = step.rstrip("\n").split("\n")
            yield Step(command, tuple(lines))


def with_examples(folder: Path) -> Path:
    """A folder with the repository's examples, as a fresh clone has them."""
    shutil.copytree(TOP / "examples", folder / "examples", ignore=shutil.ignore_patterns("*.labeled.*"))
    return folder
