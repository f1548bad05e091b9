"""The words that users look up: one for each thing, told truly, and none that nobody says."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from nightsort.domain.errors import (
    Interruption,
    NotTaken,
    OutcomeUnknown,
    RefusedBatch,
    Rejected,
    SourceChanged,
    Stalled,
    Waiting,
)
from nightsort.domain.reasons import Reason
from nightsort.domain.turns import Alert, Mover

PACKAGE = Path(__file__).resolve().parents[3] / "operator" / "nightsort"
OWN = PACKAGE / "domain" / "reasons.py"
CODE = {path: path.read_text(encoding="utf-8") for path in sorted(PACKAGE.rglob("*.py")) if path != OWN}
MOVERS: dict[type[Interruption], Mover] = {
    Waiting: Mover.ITSELF,
    OutcomeUnknown: Mover.ITSELF,
    Stalled: Mover.YOU,
    NotTaken: Mover.YOU,
    SourceChanged: Mover.YOU,
    Rejected: Mover.FINAL,
    RefusedBatch: Mover.FINAL,
}
BY_NAME = {kind.__name__: mover for kind, mover in MOVERS.items()}


def interruptions() -> Iterator[tuple[str, Reason, Mover]]:
    """Each place of the code that makes an error with its reason in words: where, which, and who moves next."""
    for path, text in CODE.items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in BY_NAME:
                for word in (keyword.value for keyword in node.keywords if keyword.arg == "reason"):
                    if isinstance(word, ast.Attribute) and ast.unparse(word.value) == "Reason":
                        yield f"{path.name}:{node.lineno}", Reason[word.attr], BY_NAME[node.func.id]


def test_a_reason_is_a_word_that_kubernetes_takes_and_its_name_is_the_same_word() -> None:
    assert [reason for reason in Reason if not re.fullmatch(r"([A-Z][a-z]+)+", reason)] == []
    assert [r for r in Reason if r.name != re.sub(r"(?<!^)(?=[A-Z])", "_", r).upper()] == []


@pytest.mark.parametrize("reason", Reason, ids=str)
def test_a_reason_is_told_and_said(reason: Reason) -> None:
    assert reason.means
    assert reason.turns
    assert any(re.search(rf"\bReason\.{reason.name}\b", text) for text in CODE.values())


def test_who_moves_next_is_whom_the_error_names() -> None:
    made = list(interruptions())

    assert [each for each in made if each[2] not in {turn.mover for turn in each[1].turns}] == []
    assert len(made) >= 60


@pytest.mark.parametrize(("kind", "mover"), MOVERS.items(), ids=BY_NAME)
def test_an_error_without_a_reason_has_that_of_its_kind(kind: type[Interruption], mover: Mover) -> None:
    assert mover in {turn.mover for turn in kind("m").reason.turns}


def test_a_word_of_another_version_is_kept_as_it_is() -> None:
    foreign = Reason.recorded("WordOfTomorrow")

    assert (foreign, f"{foreign}", foreign.turns) == ("WordOfTomorrow", "WordOfTomorrow", ())
    assert Reason.recorded("Queued") is Reason.QUEUED


def test_an_alert_sees_what_waits_for_somebody_and_what_has_failed() -> None:
    assert Reason.SECRET_MISSING.alerts == (Alert.STALLED,)
    assert Reason.MODEL_RETIRED.alerts == (Alert.RUN_FAILED,)
    assert Reason.INVALID_SPEC.alerts == (Alert.RUN_FAILED, Alert.STALLED)
    assert (Reason.QUEUED.alerts, Reason.SUBMITTED.alerts, Reason.COMPLETE.alerts) == ((), (), ())
    assert Reason.ACCURACY_TOO_LOW.alerts == (Alert.HELD, Alert.RUN_FAILED)
    assert Reason.SUSPENDED.alerts == (), "a person asked for it"
