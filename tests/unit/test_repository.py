"""What greets people who carry on: hooks, the workflow of CI, forms. None of it may say otherwise than the Makefile."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

TOP = Path(__file__).resolve().parents[2]
FORMS = sorted(path for path in (TOP / ".github" / "ISSUE_TEMPLATE").iterdir() if path.name != "config.yml")
ELEMENTS = {"markdown", "textarea", "input", "dropdown", "checkboxes"}
"""Of GitHub's issue forms: docs.github.com, "Syntax for GitHub's form schema"."""


def parsed(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def test_what_is_checked_before_a_commit_is_what_make_verify_checks() -> None:
    (repo,) = parsed(TOP / ".pre-commit-config.yaml")["repos"]
    (checks,) = re.findall(r"^verify: (.*?) ##", (TOP / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)

    assert repo["repo"] == "local"
    assert sorted(hook["entry"] for hook in repo["hooks"]) == sorted(f"make {target}" for target in checks.split())


def test_make_test_runs_every_test_but_those_of_the_node_and_each_once() -> None:
    told = subprocess.run(["make", "-n", "test"], cwd=TOP, capture_output=True, text=True, check=True).stdout
    runs = [line.split() for line in told.splitlines() if " -m pytest " in line]
    assert len(runs) == 3
    for path in (TOP / "tests").rglob("test_*.py"):
        folders = [str(each.relative_to(TOP)) for each in path.parents if TOP in each.parents]
        times = [
            any(each in words for each in folders) and not any(f"--ignore={each}" in words for each in folders)
            for words in runs
        ]
        assert sum(times) == (0 if "tests/node" in folders else 1), path


def test_the_workflow_does_what_ci_does_anywhere_and_nothing_else() -> None:
    workflow = parsed(TOP / ".github" / "workflows" / "ci.yaml")
    (job,) = workflow["jobs"].values()
    commands = [step["run"] for step in job["steps"] if "run" in step]

    assert [command for command in commands if "chown" not in command] == [commands[0]]
    assert commands[0].endswith(" .ci/run")
    assert os.access(TOP / ".ci" / "run", os.X_OK)
    assert workflow["permissions"] == {"contents": "read"}


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.name)
def test_an_issue_form_is_one_that_github_takes(path: Path) -> None:
    form = parsed(path)
    asked = [element for element in form["body"] if element["type"] != "markdown"]

    assert {"name", "description", "body"} <= form.keys() <= {"name", "description", "title", "labels", "body"}
    assert {element["type"] for element in form["body"]} <= ELEMENTS
    assert len({element["id"] for element in asked}) == len(asked)
    assert all(element["attributes"]["label"] for element in asked)


def test_files_follow_the_editors_configuration() -> None:
    """A mark at the end of lines, a tab or a missing last line feed makes differences that nobody meant."""
    files = [path for room in ("operator", "tests", "tools", "docs") for path in (TOP / room).rglob("*")]
    texts = {
        path: path.read_bytes()
        for path in files
        if path.suffix in {".py", ".md", ".yaml"} and "cases" not in path.parts and ".cache" not in path.parts
    }

    assert [str(path) for path, text in texts.items() if b"\r" in text or (text and not text.endswith(b"\n"))] == []
