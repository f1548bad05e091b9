"""The oracle bites: without any one of the flow's precautions, some seed shows it, and for that reason."""

from __future__ import annotations

import logging

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
