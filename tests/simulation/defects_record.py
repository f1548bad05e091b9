"""Deliberate defects of the record: what is bought although the store would not keep it whole."""

from __future__ import annotations

import dataclasses
import random

from nightsort.api.resource import Meta
from tests.simulation.defect import Defect
from tests.simulation.faulty_ports import LedgerDoor
from tests.simulation.scenario import Scenario, drawn


async def trust_the_store(self: LedgerDoor, meta: Meta) -> None:
    """Holds no answer to a write against what was sent."""


def before_the_crd(rng: random.Random) -> Scenario:
    return dataclasses.replace(drawn(rng), outdated=3600.0)


DEFECTS = [
    Defect(
        "a store that drops fields is bought on",
        "I1: a batch was bought whose record",
        [(LedgerDoor, "ensure_recordable", trust_the_store)],
        scenario=before_the_crd,
    ),
]
