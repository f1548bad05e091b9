"""The README's first command, as it stands there and with the output that stands there."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).parents[2]
README = (TOP / "README.md").read_text(encoding="utf-8")
MADE_UP = re.compile(r"msgbatch_\w+")


def first_block(language: str) -> str:
    [first, *_] = re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)
    return str(first)


def test_the_first_command_of_the_readme_prints_what_stands_below_it(tmp_path: Path) -> None:
    setup, command = first_block("console").strip().split(" && ")
    assert setup == "make setup"
    assert f"\n{setup} && {command} " in (TOP / ".ci" / "run").read_text()
    shutil.copytree(TOP / "examples", tmp_path / "examples", ignore=shutil.ignore_patterns("*.labeled.*"))
    program, *arguments = command.split()
    assert program == ".venv/bin/nightsort"

    words = [sys.executable, "-m", "nightsort", *arguments]
    ran = subprocess.run(words, cwd=tmp_path, check=False, capture_output=True, text=True, timeout=100)

    assert (ran.returncode, ran.stderr) == (0, "")
    assert MADE_UP.sub("BATCH", ran.stdout) == MADE_UP.sub("BATCH", first_block("text"))
    assert (tmp_path / "examples" / "tickets.labeled.csv").exists()
