"""The import contracts hold, and each breaks when it should; the status and events have one door."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
PACKAGE = TOP / "operator" / "nightsort"
BREACHES = {
    "R1": ("domain/ticket.py", "from nightsort.ports import Clock"),
    "R2": ("adapters/sql/source.py", "import obstore"),
    "R3": ("domain/ticket.py", "import time"),
    "R4": ("adapters/sql/source.py", "from nightsort.adapters.object_store import store"),
    "R5": ("cli/commands/version.py", "from nightsort.adapters.sql import source"),
    "R6": ("simulator/wire.py", "from nightsort.domain import ticket"),
    "R7": ("wiring/services.py", "from nightsort.simulator import server"),
    "R8": ("domain/ticket.py", "from nightsort.domain import prompt"),
    "R9": ("flow/submission/submit.py", "from nightsort.flow.collection import collect"),
}
"""By contract: a module, and the import in it that the contract forbids."""
DOOR = Path("flow/run/door.py")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The source root and its contracts, for a test to spoil."""
    shutil.copytree(PACKAGE, tmp_path / "operator" / "nightsort", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(TOP / "pyproject.toml", tmp_path)
    return tmp_path


def broken(top: Path) -> set[str]:
    """The contracts that import-linter finds broken."""
    found = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache", "--no-logo"],
        cwd=top,
        env=os.environ | {"PYTHONPATH": str(top / "operator")},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line for line in found.stdout.splitlines() if line.startswith("R") and " BROKEN" in line]
    assert "Contracts:" in found.stdout, found.stdout + found.stderr
    return {line.split()[0] for line in lines}


def test_every_contract_is_tried() -> None:
    import tomllib

    contracts = tomllib.loads((TOP / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]

    assert {contract["name"].split()[0] for contract in contracts} == set(BREACHES)


def test_the_house_keeps_its_contracts(copy: Path) -> None:
    assert broken(copy) == set()


@pytest.mark.parametrize("contract", BREACHES)
def test_a_contract_breaks_when_it_should(copy: Path, contract: str) -> None:
    module, line = BREACHES[contract]
    path = copy / "operator" / "nightsort" / module
    path.write_text(f"{path.read_text()}\n{line}\n")

    assert contract in broken(copy)


def calls(path: Path) -> Iterator[str]:
    """The calls of a module as far as they are written out, such as `services.ledger.save`."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


@pytest.mark.parametrize("call", ["ledger.save", "events.post"])
def test_statuses_and_events_have_one_door(call: str) -> None:
    callers = [
        path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py") if any(one.endswith(call) for one in calls(path))
    ]

    assert callers == [DOOR]


def test_no_test_imports_another_one() -> None:
    wrong = [
        f"{path.relative_to(TOP)}: {node.module}"
        for path in (TOP / "tests").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and re.match(r"tests\..*\btest_", node.module or "")
    ]

    assert wrong == []
