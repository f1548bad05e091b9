"""A file on its way to labels, once for each of its writes and calls: the process is killed before or after it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from nightsort.adapters.local import state as states
from tests.simulation.killed_commands import FOUND, TEXTS, Fault, FragileState, Life, Script


@pytest.fixture(autouse=True)
def fragile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(states, "State", FragileState)


def lived(folder: Path, script: Script) -> tuple[Life, int]:
    folder.mkdir()
    FragileState.script = script
    life = Life(folder, script)
    return life, life.until_the_end()


def points(folder: Path) -> int:
    script = Script()
    life, _ = lived(folder / "well", script)
    assert life.labels() == FOUND
    assert life.paid() == Counter({"1": 1, "2": 1, "3": 1, "4": 1})
    return script.passed


@pytest.mark.parametrize("fault", [Fault.BEFORE, Fault.AFTER, Fault.LOST])
def test_a_file_is_labelled_once_wherever_the_process_ends(tmp_path: Path, fault: Fault) -> None:
    most = points(tmp_path)
    assert most > 30
    for number in range(1, most + 1):
        life, killed = lived(tmp_path / str(number), Script(number, fault))
        assert killed <= (fault is not Fault.LOST), number
        assert life.labels() == FOUND, number
        assert life.paid() == Counter({"1": 1, "2": 1, "3": 1, "4": 1}), number
        before = life.account.calls["create"]
        life.command()
        assert life.account.calls["create"] == before, "and the same file again buys nothing"


@pytest.mark.parametrize("fault", [Fault.BEFORE, Fault.AFTER])
def test_a_file_that_grows_is_asked_about_what_is_new_wherever_the_process_ends(tmp_path: Path, fault: Fault) -> None:
    grown = {**TEXTS, "6": "technical"}
    script = Script()
    life, _ = lived(tmp_path / "well", script)
    begins = script.passed
    life.write(grown)
    life.until_the_end()
    ends = script.passed
    assert ends - begins > 10
    for number in range(begins + 1, ends + 1):
        life, _ = lived(tmp_path / str(number), Script(number, fault))
        life.write(grown)
        life.until_the_end()
        assert life.labels() == {**FOUND, "6": "technical"}, number
        assert life.paid() == Counter({"1": 1, "2": 1, "3": 1, "4": 1, "6": 1}), number


TWINS = {"1": "billing", "2": "late", "3": "late", "4": "billing", "5": ""}


def lived_with_twins(folder: Path, script: Script) -> Life:
    folder.mkdir()
    FragileState.script = script
    life = Life(folder, script)
    life.write(TWINS)
    life.until_the_end(dedupe=True)
    return life


def test_the_same_text_is_asked_about_once_wherever_the_process_ends(tmp_path: Path) -> None:
    script = Script()
    lived_with_twins(tmp_path / "well", script)
    assert script.passed > 30
    faults = (Fault.BEFORE, Fault.AFTER, Fault.LOST)
    for number in range(1, script.passed + 1, 2):  # at each another fault than at the one before
        life = lived_with_twins(tmp_path / str(number), Script(number, faults[number % 3]))
        assert life.labels() == {"1": "billing", "2": "other", "3": "other", "4": "billing", "5": ""}, number
        assert life.paid() == Counter({"1": 1, "2": 1}), number
        before = life.account.calls["create"]
        life.command(dedupe=True)
        assert life.account.calls["create"] == before, "and the same file again buys nothing"
