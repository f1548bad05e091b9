"""The oracle bites: without any one of the flow's precautions, some seed shows it, and for that reason."""

from __future__ import annotations

import logging

import pytest

from nightsort.flow.ending import cancel
from tests.simulation.defect import CAME_THROUGH, Defect
from tests.simulation.defects import DEFECTS
from tests.simulation.defects_adopt import DEFECTS as OF_ADOPTING
from tests.simulation.defects_cache import DEFECTS as OF_THE_CACHE
from tests.simulation.defects_duplicates import DEFECTS as OF_DUPLICATES
from tests.simulation.defects_known import DEFECTS as OF_KNOWN_TICKETS
from tests.simulation.defects_labels import DEFECTS as OF_LABELS
from tests.simulation.defects_money import DEFECTS as OF_MONEY
from tests.simulation.defects_names import DEFECTS as OF_NAMES
from tests.simulation.defects_pools import DEFECTS as OF_POOLS
from tests.simulation.defects_queue import DEFECTS as OF_THE_QUEUE
from tests.simulation.defects_record import DEFECTS as OF_RECORDS
from tests.simulation.defects_reuse import DEFECTS as OF_REUSE
from tests.simulation.defects_review import DEFECTS as OF_REVIEWS
from tests.simulation.defects_send import DEFECTS as OF_SENDING
from tests.simulation.defects_sets import DEFECTS as OF_SETS
from tests.simulation.defects_sinks import DEFECTS as OF_SINKS
from tests.simulation.defects_sources import DEFECTS as OF_SOURCES
from tests.simulation.defects_waits import DEFECTS as OF_WAITS
from tests.simulation.defects_wire import DEFECTS as OF_THE_WIRE

SEEDS = range(400)


@pytest.fixture(autouse=True)
def silence(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)


@pytest.mark.parametrize(
    "defect",
    [
        *DEFECTS,
        *OF_ADOPTING,
        *OF_MONEY,
        *OF_SENDING,
        *OF_LABELS,
        *OF_SINKS,
        *OF_SOURCES,
        *OF_THE_WIRE,
        *OF_RECORDS,
        *OF_NAMES,
        *OF_KNOWN_TICKETS,
        *OF_REUSE,
        *OF_DUPLICATES,
        *OF_POOLS,
        *OF_REVIEWS,
        *OF_WAITS,
        *OF_SETS,
        *OF_THE_CACHE,
        *OF_THE_QUEUE,
    ],
    ids=lambda defect: defect.name,
)
def test_the_oracle_catches(defect: Defect) -> None:
    caught, others = defect.caught(SEEDS)

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
