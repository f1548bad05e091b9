"""The page that leads people through the code leads somewhere, and its drawings are of the code as it is."""

from __future__ import annotations

import re
from pathlib import Path

from nightsort.api.batch_record import BatchState
from nightsort.domain.policies import POLICIES

TOP = Path(__file__).resolve().parents[2]
PACKAGE = TOP / "operator" / "nightsort"
PAGE = (TOP / "docs" / "architecture.md").read_text(encoding="utf-8")
PATH = re.compile(r"(?<![\w./(-])((?:[a-z_]+/)+(?:[a-z_]+\.py)?)(?![\w/])")
STATES = re.compile(r"^ *(?:\[\*\]|(\w+)) --> (?:\[\*\]|(\w+))", re.MULTILINE)


def test_every_file_and_room_that_the_page_names_is_there() -> None:
    named = set(PATH.findall(PAGE))
    gone = [path for path in named if not any((root / path).exists() for root in (PACKAGE, TOP))]

    assert gone == []
    assert len(named) >= 50


def test_the_policies_stand_in_the_order_in_which_they_are_asked() -> None:
    names = {policy.__name__ for policy in POLICIES}
    told = [word for word in re.findall(r"`([a-z_]+)`", PAGE) if word in names]

    assert told == [policy.__name__ for policy in POLICIES]


def test_the_drawing_has_every_state_of_a_batch_record() -> None:
    drawing = next(block for block in re.findall(r"```mermaid\n(.*?)```", PAGE, re.DOTALL) if "stateDiagram" in block)

    assert {state for arrow in STATES.findall(drawing) for state in arrow if state} == {
        each.value for each in BatchState
    }
