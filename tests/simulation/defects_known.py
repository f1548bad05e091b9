"""Deliberate defects of evaluations: what is bought or published before the known tickets have shown the labels."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Mapping, Sequence

from nightsort.api.batch_record import BatchRecord
from nightsort.api.resource import Resource
from nightsort.api.spec import Spec
from nightsort.api.status import Status
from nightsort.domain import policies
from nightsort.domain.evaluation import Pair
from nightsort.domain.record import Submission
from nightsort.domain.ticket import Ticket
from nightsort.flow.collection import collect
from nightsort.flow.ending import give_up
from nightsort.flow.results.store import Delivered, store
from nightsort.flow.run.run import Run
from nightsort.flow.run.spool import RowSpool
from nightsort.flow.tickets.known import KnownFirst
from tests.simulation.chaos import Chaos
from tests.simulation.defect import Defect
from tests.simulation.scenario import (
    Deed,
    Plan,
    Scenario,
    draw_tickets,
    drawn_evaluated,
    evaluated,
    spec_of,
    with_known,
)


def buy_at_once(resource: Resource, submission: Submission) -> bool:
    return True


def always_open(resource: Resource) -> bool:
    return True


async def store_all(run: Run, record: BatchRecord, rows: RowSpool) -> Delivered:
    """Stores the rows of known tickets, too."""
    return Delivered(await store(run, rows))


async def nothing_left_out(
    self: KnownFirst, known: frozenset[str], after: str | None, through: str | None
) -> AsyncIterator[Sequence[Ticket]]:
    async for page in self.source.tickets(after, through):
        yield page


def counted_twice(self: Delivered, spec: Spec) -> Status:
    return COUNTED(Delivered(COUNTED(self, spec), self.pairs), spec)


def shown_only(self: Delivered, spec: Spec) -> Status:
    """Counts right answers alone."""
    right: Mapping[Pair, int] = {pair: count for pair, count in self.pairs.items() if pair[0] == pair[1]}
    return COUNTED(Delivered(self.status, right), spec)


def released_late(rng: random.Random) -> Scenario:
    """Runs of several batches, whose labels are mostly not good enough; a person releases them a day later."""
    tickets = with_known(rng, draw_tickets(rng, 8))
    plan = evaluated(rng, Plan("run-0", 0.0, spec_of("tickets", poll_interval_seconds=30)))
    rule = plan.spec.evaluation
    assert rule is not None
    strict = rule.model_copy(update={"min_accuracy": "0.55", "on_failure": "Hold", "sample": 12})
    spec = plan.spec.model_copy(update={"evaluation": strict})
    word = Deed(80_000.0, "release")
    return Scenario([Plan("run-0", 0.0, spec, [word])], {"tickets": tickets}, sinks=1, accuracy=0.3)


def stopped_while_held(rng: random.Random) -> Scenario:
    scenario = released_late(rng)
    plan = scenario.plans[0]
    over = Deed(40_000.0, "edit", {"active_deadline_seconds": 0})
    return Scenario([Plan(plan.name, 0.0, plan.spec, [over])], scenario.sources, sinks=1, accuracy=0.3)


def seldom(rng: random.Random) -> Chaos:
    return Chaos(rng, most=15, rate=0.01)


COUNTED = Delivered.counted

DEFECTS = (
    Defect(
        "other tickets are bought before the known ones have their answers",
        r"I11: \S+ was bought before the evaluation",
        [(policies, "may_be_sent", buy_at_once)],
        scenario=released_late,
        chaos=seldom,
    ),
    Defect(
        "rows of known tickets are stored",
        r"I11: run-\d (has not passed its evaluation, and has rows|has rows for known tickets)",
        [(collect, "deliver", store_all), (give_up, "deliver", store_all)],
        scenario=drawn_evaluated,
    ),
    Defect(
        "a run that is stopped while it is held publishes that its tickets were not sent",
        r"I11: run-0 has not passed its evaluation, and has rows",
        [(policies, "is_open", always_open)],
        scenario=stopped_while_held,
        chaos=seldom,
    ),
    Defect(
        "known tickets are bought once more with the others",
        r"I11: \S+ has known tickets and others|I2: |I4: |I11: ",
        [(KnownFirst, "_rest", nothing_left_out)],
        scenario=drawn_evaluated,
    ),
    Defect(
        "an answer to a known ticket is counted twice",
        r"I14: run-\d tells known",
        [(Delivered, "counted", counted_twice)],
        scenario=drawn_evaluated,
    ),
    Defect(
        "only right answers are counted",
        r"I11: \S+ was bought before the evaluation|I14: run-\d tells known",
        [(Delivered, "counted", shown_only)],
        scenario=drawn_evaluated,
    ),
)
