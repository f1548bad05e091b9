"""Deliberate defects of the record: what is bought although the store would not keep it whole."""

from __future__ import annotations

import dataclasses
import random

from nightsort.api.resource import Meta
from nightsort.api.status import Status
from nightsort.flow.run import recover, run
from tests.simulation.defect import Defect
from tests.simulation.faulty_ports import LedgerDoor
from tests.simulation.scenario import Scenario, drawn, drawn_narrow


async def trust_the_store(self: LedgerDoor, meta: Meta, *, rewriting: bool = False) -> None:
    """Holds no answer to a write against what was sent."""


def before_the_crd(rng: random.Random) -> Scenario:
    return dataclasses.replace(drawn(rng), outdated=3600.0)


def believe(status: Status, kept: Status) -> Status:
    """Takes what is read for what was written."""
    return status


def narrow(rng: random.Random) -> Scenario:
    return dataclasses.replace(drawn_narrow(rng), full=())


DEFECTS = [
    Defect(
        "a store that drops fields is bought on",
        "I1: a batch was bought whose record",
        [(LedgerDoor, "ensure_recordable", trust_the_store)],
        scenario=before_the_crd,
    ),
    Defect(
        "what is read with less than was written is believed",
        "the resources are not settled within the bound|I2: |I4: ",
        [(recover, "completed", believe), (run, "completed", believe)],
        scenario=narrow,
    ),
    Defect(
        "an intent that the store has cut is bought under",
        "I1: a batch was bought whose record",
        [(LedgerDoor, "ensure_recordable", trust_the_store)],
        scenario=narrow,
    ),
]
