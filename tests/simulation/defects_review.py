"""Deliberate defects of a second reader: what it reads twice, and what becomes of its answers."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping

from nightsort.api.batch_record import BatchRecord
from nightsort.api.spec import Shards
from nightsort.api.status import Status
from nightsort.domain import record, review_policies
from nightsort.domain.answer import Row
from nightsort.domain.reviewed import ReviewCount, with_review
from nightsort.flow.collection import second
from nightsort.flow.results import second as publishing
from nightsort.flow.results.second import Published
from nightsort.flow.run.run import Run
from tests.simulation.chaos import Chaos
from tests.simulation.defect import Defect
from tests.simulation.scenario import Plan, Scenario, draw_tickets, reviewed, spec_of


def all_waiting(status: Status) -> list[BatchRecord]:
    """Forgets that a second batch is under way."""
    return [one for one in status.batches if one.review]


async def without_second(
    run: Run, records: Iterable[BatchRecord], answers: Mapping[str, Row] | None = None
) -> Published:
    """Loses what the second model has answered."""
    return await PUBLISH(run, records)


def counted_twice(status: Status, count: ReviewCount, why: str = "") -> Status:
    return with_review(with_review(status, count, why), count, why)


def read_again(rng: random.Random) -> Scenario:
    """Runs of several batches, all of whose tickets may be read by a second model."""
    spec = spec_of("tickets", shards=Shards(max_requests=rng.choice((2, 5))), poll_interval_seconds=30)
    return Scenario([reviewed(rng, Plan("run-0", 0.0, spec))], {"tickets": draw_tickets(rng, 8)}, sinks=1)


def seldom(rng: random.Random) -> Chaos:
    return Chaos(rng, most=15, rate=0.01)


PUBLISH = publishing.publish

DEFECTS = (
    Defect(
        "tickets are read by the second model once more while it reads them",
        r"R1: the second model has read|I2: |I14: ",
        [(record, "waiting_for_review", all_waiting), (review_policies, "waiting_for_review", all_waiting)],
        scenario=read_again,
        chaos=seldom,
    ),
    Defect(
        "the second model's answers are lost",
        r"R2: run-0 \S+ has Row",
        [(second, "publish", without_second)],
        scenario=read_again,
        chaos=seldom,
    ),
    Defect(
        "the second model's answers are counted twice",
        r"I14: run-0 tells \(.*\) of its second model",
        [(publishing, "with_review", counted_twice)],
        scenario=read_again,
        chaos=seldom,
    ),
)
