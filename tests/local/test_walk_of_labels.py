"""The walk of docs/labels.md from a bad night to a better one: its commands as they stand, and a person who reviews."""

from __future__ import annotations

import csv
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.local.shell import read_until
from tests.support.tutorial import TOP, with_examples

PAGE = (TOP / "docs" / "labels.md").read_text(encoding="utf-8")
WALK = PAGE.split("## From a bad night to a better one\n")[1].split("\n## ")[0]
TICKET = re.compile(r"\b(K-\d{4})  \(")
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def steps() -> Iterator[tuple[str, list[str]]]:
    """Each command, whose further lines begin with >, and the lines that it shows."""
    for block in re.findall(r"```console\n(.*?)```", WALK, re.DOTALL):
        for step in re.split(r"(?m)^\$ ", block)[1:]:
            lines = step.rstrip("\n").split("\n")
            more = next((at for at, line in enumerate(lines[1:], 1) if not line.startswith(">")), len(lines))
            command = [lines[0], *(line.removeprefix(">").removeprefix(" ") for line in lines[1:more])]
            yield "\n".join(command), [line for line in lines[more:] if "…" not in line]


def reviewed(command: str, folder: Path, environment: Mapping[str, str]) -> str:
    """A person who knows each ticket's category types it."""
    with (folder / "monday.csv").open(newline="", encoding="utf-8") as file:
        truth = {row["Ticket ID"]: row["Agent Category"] for row in csv.DictReader(file)}
    ours, theirs = pty.openpty()
    size = {"COLUMNS": "100", "LINES": "40", "TERM": "xterm"}
    with subprocess.Popen(
        ["/bin/bash", "-euc", command],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=folder,
        env={**environment, **size},
    ) as process:
        os.close(theirs)
        for _ in range(20):
            shown = ESCAPES.sub("", read_until(ours, "Esc ends"))
            os.write(ours, f"{truth[TICKET.findall(shown)[-1]]}\n".encode())
        read_until(ours, "Enter ends")
        os.write(ours, b"\n")
        told = read_until(ours, None)
        assert process.wait(60) == 0, told
    os.close(ours)
    return ESCAPES.sub("", told).replace("\r", "")


@pytest.mark.timeout(600)
def test_the_walk_runs_as_it_stands(tmp_path: Path) -> None:
    folder = with_examples(tmp_path)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("NIGHTSORT_", "ANTHROPIC_"))}
    environment = {**kept, "PATH": f"{Path(sys.executable).parent}:{kept['PATH']}"}
    ran = []
    for command, lines in steps():
        if command.startswith("nightsort review"):
            told = reviewed(command, folder, environment)
        else:
            done = subprocess.run(
                ["/bin/bash", "-euc", command], cwd=folder, env=environment, check=False, capture_output=True, text=True
            )
            told = done.stdout + done.stderr
            assert done.returncode == 0, (command, told)
        for line in lines:
            assert line in [each.rstrip() for each in told.splitlines()], (command, told)
        ran.append(command.split()[:2])
    assert [words for words in ran if words[0] == "nightsort"] == [
        ["nightsort", "evaluate"],
        ["nightsort", "local"],
        ["nightsort", "classify"],
        ["nightsort", "review"],
        ["nightsort", "evaluate"],
        ["nightsort", "local"],
    ]
