"""The oracle bites: without any one of the flow's precautions, some seed shows it, and for that reason."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable
from typing import Any

import pytest

from nightsort.flow.ending import cancel
from tests.simulation.defect import CAME_THROUGH, Defect
from tests.simulation.defects import DEFECTS
from tests.simulation.every_defect import EVERY, SEEDS, likeliest_first


@pytest.fixture(autouse=True)
def silence(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)


@pytest.mark.parametrize("defect", EVERY, ids=lambda defect: defect.name)
def test_the_oracle_catches(defect: Defect) -> None:
    caught, others = defect.caught(likeliest_first(defect))

    assert caught, f"{len(SEEDS)} seeds did not show it, but {others.most_common(3)}"


@pytest.mark.parametrize("defect", EVERY, ids=lambda defect: defect.name)
def test_a_defect_takes_every_argument_of_the_function_in_whose_place_it_stands(defect: Defect) -> None:
    """Else it shows a TypeError, and not what the flow would be without its precaution."""
    for place, name, value in defect.instead:
        original = getattr(place, name)
        if inspect.isroutine(original):
            positional, named = arguments_of(original)
            inspect.signature(value).bind(*positional, **named)


def arguments_of(function: Callable[..., Any]) -> tuple[list[str], dict[str, str]]:
    """As many as it takes, by place where it takes them so."""
    parameters = inspect.signature(function).parameters.values()
    by_name = {each.name: each.name for each in parameters if each.kind is each.KEYWORD_ONLY}
    return [each.name for each in parameters if each.kind is each.POSITIONAL_OR_KEYWORD], by_name


async def say_wrongly(self: object) -> None:
    """Lacks parameters, so that calling it is a TypeError."""


def test_a_defect_that_only_raises_does_not_count_as_caught() -> None:
    broken = Defect("a finalizer that cannot be called", "", [(cancel.Finalizer, "finalize", say_wrongly)])

    with pytest.raises(AssertionError, match=f"{CAME_THROUGH}(.|\n)*TypeError"):
        broken.caught(SEEDS)


def test_a_complaint_of_something_else_does_not_count_as_caught() -> None:
    """Without a defect the oracle complains of nothing; with one, of what that breaks."""
    misnamed = Defect("the intent is written after the create", "I9: ", DEFECTS[0].instead)

    caught, others = misnamed.caught(range(3))

    assert not caught
    assert others
