"""Two readers on the same known tickets, once for each write and call: the process is killed before or after it."""

from __future__ import annotations

import asyncio
import csv
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nightsort.adapters.local import state as states
from nightsort.cli.classification.order import Order
from nightsort.cli.classification.reading import opened
from nightsort.cli.evaluation.order import EvaluationOrder, candidates
from nightsort.cli.evaluation.run import Evaluating
from nightsort.cli.evaluation.sampling import sample_of
from nightsort.settings import Settings
from nightsort.testing.batch_api import MODELS
from tests.simulation.killed_commands import MODEL, FakeEngine, Fault, FragileState, Life, Script

TRUTHS = {"1": "billing", "2": "billing", "3": "other", "4": "billing", "5": "", "6": ""}
OTHER_MODEL = "claude-haiku-5-5"
SENT = ("1", "2", "3", "4")
PAID = Counter(dict.fromkeys(SENT, 2))
"""Each reader has read each of them once."""


class Measuring(Life):
    """The file has a column of known categories, of which one is not what the reader says, and two are missing."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.account.models = {name: replace(MODELS[MODEL], id=name) for name in (MODEL, OTHER_MODEL)}

    def write(self, texts: dict[str, str]) -> None:
        with self.file.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("id", "body", "truth"))
            writer.writerows((name, text, TRUTHS[name]) for name, text in texts.items())

    def command(self, **wishes: Any) -> None:
        usual = Order(self.file, ("billing,technical,other",), yes=True, state=self.folder / "state", **wishes)
        order = EvaluationOrder(usual, "truth", models=(MODEL, OTHER_MODEL), form="json")
        table = opened(usual.file, usual.tickets)
        readers = candidates(order, table.template)
        sample = sample_of(table, order.truth, readers, order.sample)
        with states.opened(usual.state_file, "a test") as state, asyncio.Runner() as runner:
            engine = FakeEngine(self, runner, usual, state)
            Evaluating(order, table, readers, sample, Settings(), state, engine).run()

    def hold_output(self) -> None:
        """It writes nothing."""
        assert sorted(path.name for path in self.folder.iterdir()) == ["state", "tickets.csv"]


@pytest.fixture(autouse=True)
def fragile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(states, "State", FragileState)


def lived(folder: Path, script: Script) -> tuple[Measuring, int]:
    folder.mkdir()
    FragileState.script = script
    life = Measuring(folder, script)
    return life, life.until_the_end()


def figures(capsys: pytest.CaptureFixture[str]) -> list[tuple[int, int, int]]:
    found = json.loads(capsys.readouterr().out)
    return [(each["known"], each["correct"], each["unanswered"]) for each in found["readers"]]


@pytest.mark.parametrize("fault", [Fault.BEFORE, Fault.LOST])
def test_each_reader_pays_each_ticket_once_wherever_the_process_ends(
    tmp_path: Path, fault: Fault, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is killed after one point is killed before the next; only the answer to a create can be lost."""
    script = Script()
    life, _ = lived(tmp_path / "well", script)
    right = figures(capsys)
    assert right == [(4, 3, 0), (4, 3, 0)]
    assert life.paid() == PAID
    assert script.passed > 50
    assert len(life.creates) == 3, "two readers, and one of them asks again about one ticket"
    for number in range(1, script.passed + 1) if fault is Fault.BEFORE else life.creates:
        life, killed = lived(tmp_path / str(number), Script(number, fault))
        assert killed <= (fault is not Fault.LOST), number
        assert figures(capsys) == right, number
        assert life.paid() == PAID, number
        before = life.account.calls["create"]
        FragileState.script = (
            Script()
        )  # where this life had a point less than the first one, the fault is still to come
        life.command()
        assert life.account.calls["create"] == before, "and the same command again buys nothing"
        assert figures(capsys) == right, number
