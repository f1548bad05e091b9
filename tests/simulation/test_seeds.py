"""Whatever breaks, no ticket is paid twice and none is lost: by seed."""

from __future__ import annotations

import os

import pytest

from tests.simulation.replay import soak

SEEDS = int(os.environ.get("NIGHTSORT_SEEDS", "2000"))


@pytest.mark.timeout(1500)
def test_no_ticket_is_paid_twice_and_none_is_lost_whatever_breaks() -> None:
    found = soak(0, SEEDS)
    told = "\n".join(f"python -m tests.simulation.replay {seed}: {broken}" for seed, broken in found)
    assert not found, told
