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
