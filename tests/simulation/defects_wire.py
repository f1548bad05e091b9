"""Deliberate defects of how results are read: what would be lost, or made up, without one of the precautions."""

from __future__ import annotations

import dataclasses
import random
from datetime import datetime, timedelta

from msgspec import MsgspecError

from nightsort.adapters.anthropic import results as anthropic_results
from nightsort.adapters.anthropic import wire as anthropic_wire
from nightsort.adapters.anthropic.wire import Line, decoded
from nightsort.api.batch_record import BatchRecord
from nightsort.api.resource import Resource
from nightsort.domain import policies
from nightsort.domain.actions import Action, Facts
from nightsort.domain.answer import Answer
from nightsort.flow import reconcile
from nightsort.flow.results import answers
from nightsort.flow.results.reading import Reading
from tests.simulation.defect import Defect
from tests.simulation.scenario import Scenario, drawn, drawn_clumsy


def strict_answer_of(line: bytes) -> Answer:
    """Refuses a line for anything that is odd in it."""
    return decoded(line, Line).answer()


def as_many(self: Reading, record: BatchRecord) -> bool:
    """Takes results for whole that have as many ids as were asked about."""
    return len(self.seen) >= record.requests


def first_counts(self: Reading, ticket_id: str, first: str, told: str) -> None:
    """Of two lines for a ticket the first counts."""


def odd(rng: random.Random) -> Scenario:
    return dataclasses.replace(drawn(rng), odd=0.5)


def haunted(rng: random.Random) -> Scenario:
    scenario = drawn(rng)
    plans = [dataclasses.replace(plan, deeds=()) for plan in scenario.plans]
    return dataclasses.replace(scenario, plans=plans, strays=1.0)


def behind_a_gateway(rng: random.Random) -> Scenario:
    return dataclasses.replace(drawn(rng), page=(0.0, 20_000.0))


def first_of_all(resource: Resource, facts: Facts, now: datetime) -> Action | None:
    """Collects batches in their order, whatever keeps the first from being collected."""
    return COLLECT(resource, dataclasses.replace(facts, tries={}), now)


COLLECT = policies.collect_what_ended
UNJUST = r"I3: \S+ .* has Row\(.*, but \S+ answered"

DEFECTS = (
    Defect(
        "a byte that is no UTF-8 is an accident",
        r"\S+: conditions ",
        [(module, "NOT_DECODED", (MsgspecError,)) for module in (anthropic_wire, anthropic_results)],
        scenario=odd,
    ),
    Defect(
        "odd usage makes a label an error", UNJUST, [(anthropic_results, "answer_of", strict_answer_of)], scenario=odd
    ),
    Defect(
        "of two lines for a ticket the first counts",
        rf"I2: .+ was bought again, though \S+ had answered|{UNJUST}",
        [(Reading, "_compare", first_counts)],
        scenario=odd,
    ),
    Defect(
        "an id that nobody asked is a ticket",
        r"I4: \S+ has rows for nobody's tickets",
        [(Reading, "is_whole", as_many)],
        scenario=haunted,
    ),
    Defect(
        "a gateway's page is taken for results that are empty",
        UNJUST,
        [(answers, "KEPT", timedelta(0))],
        scenario=behind_a_gateway,
    ),
    Defect(
        "a batch that cannot be collected holds up the others",
        r"I3: \S+ has ended long ago and is not collected",
        [(policies, "POLICIES", tuple(first_of_all if one is COLLECT else one for one in policies.POLICIES))],
        scenario=drawn_clumsy,
    ),
    Defect(
        "an accident keeps a suspended run from being cancelled",
        r"I9: \S+ runs on though \S+ is suspended",
        [
            (reconcile, "urgent_action", lambda resource, facts, now: None),
            (policies, "POLICIES", tuple(first_of_all if one is COLLECT else one for one in policies.POLICIES)),
        ],
        scenario=drawn_clumsy,
    ),
)
