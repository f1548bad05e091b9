"""No life is endless: where the flow goes on for ever, the oracle says so, and the process ends."""

from __future__ import annotations

import pytest

from nightsort.domain.errors import Conflict
from nightsort.domain.record import Submission
from nightsort.flow import reconcile
from nightsort.flow.run.run import Run
from tests.simulation import limits
from tests.simulation.chaos import quiet
from tests.simulation.defect import Defect
from tests.simulation.scenario import drawn

IN_VAIN = "all is in vain"
AT_ONCE = "L1: more than 5,000 calls were made while no time passed"


async def do_nothing(run: Run, submission: Submission) -> None:
    """Buys nothing, and says so to nobody: the same step is next."""


async def only_read(run: Run, submission: Submission) -> None:
    """Reads what it knows already, and goes on."""
    await run.services.ledger.load(run.resource.meta)


async def find_a_conflict(run: Run, submission: Submission) -> None:
    """Believes that somebody else writes the record all the time."""
    raise Conflict(run.resource.meta.key)


class Late(BaseException):
    """What a test's timeout raises, wherever the program is."""


async def be_late(run: Run, submission: Submission) -> None:
    raise Late


@pytest.mark.timeout(60)
@pytest.mark.parametrize("instead", [do_nothing, only_read])
def test_a_pass_that_never_ends_is_complained_of(instead: object) -> None:
    endless = Defect("a step changes nothing", AT_ONCE, [(reconcile, "submit", instead)], scenario=drawn, chaos=quiet)

    assert endless.complaint(0) == AT_ONCE


@pytest.mark.timeout(60)
def test_a_life_of_too_many_calls_is_complained_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_CALLS", 1_000)
    endless = Defect(IN_VAIN, "L2", [(reconcile, "submit", find_a_conflict)], scenario=drawn, chaos=quiet)

    assert endless.complaint(0) == "L2: more than 1,000 calls were made"


def test_a_timeout_ends_a_life_and_not_only_the_task_that_it_meets() -> None:
    late = Defect(IN_VAIN, "", [(reconcile, "submit", be_late)], scenario=drawn, chaos=quiet)

    with pytest.raises(Late):
        late.complaint(0)
