"""The queue for an account's room, in virtual time."""

from __future__ import annotations

import random

from tests.simulation.chaos import quiet
from tests.simulation.haste import hasty
from tests.simulation.world import World


def test_a_hundred_runs_take_hardly_longer_than_their_batches_alone_in_the_same_room() -> None:
    rng = random.Random(0)
    assert World(0, hasty(rng), quiet(rng)).live().broken is None
