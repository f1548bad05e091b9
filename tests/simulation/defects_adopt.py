"""Deliberate defects of finding out what a lost answer has bought, and from whom."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import BinaryIO

from nightsort.api.batch_record import BatchRecord
from nightsort.api.resource import Resource
from nightsort.api.status import Status
from nightsort.domain import candidate, policies
from nightsort.domain.account import Kinship, Marks
from nightsort.domain.actions import Facts
from nightsort.domain.batch import Batch
from nightsort.domain.candidate import CLOCK_SKEW, Totals, Watch
from nightsort.flow import gather, reconcile
from nightsort.flow.adoption import adopt
from nightsort.flow.ending import cancel
from nightsort.flow.purchases import accounts, confirm
from nightsort.flow.run import recover
from nightsort.flow.run.run import Run
from nightsort.flow.submission import send
from tests.simulation.chaos import Chaos, Pauses
from tests.simulation.defect import Defect
from tests.simulation.scenario import Scenario, drawn


def exclude_by_any_count(self: Totals, batch: Batch, asked: int, now: float, grace: timedelta) -> bool:
    return batch.requests != asked


def exclude_lower_counts_of_ended_ones(self: Totals, batch: Batch, asked: int, now: float, grace: timedelta) -> bool:
    return batch.requests > asked or 0 < batch.requests < asked


def earliest_by_the_operators_clock(record: BatchRecord) -> datetime:
    return record.intended_at - CLOCK_SKEW


def watch_by_the_clock(run: Run, intent: BatchRecord) -> Watch:
    """Takes the intent to be as old as this process's clock says."""
    return Watch(run.services.clock.monotonic() - (run.now() - intent.intended_at).total_seconds())


class AskedOnce:
    """A body that asks whether it may begin, and never again."""

    def __init__(self, file: BinaryIO, size: int, may_go_on: Callable[[int], None]) -> None:
        self._file = file
        self._may_begin: Callable[[int], None] | None = may_go_on

    def read(self, size: int = -1) -> bytes:
        if self._may_begin is not None:
            self._may_begin(0)
            self._may_begin = None
        return self._file.read(size)


def release_under_any_key(resource: Resource, record: BatchRecord, facts: Facts, now: datetime) -> bool:
    return record.tag in facts.overdue


def only_the_key_tells(noted: Marks, now: Marks) -> Kinship:
    return Kinship.SAME if noted.key == now.key else Kinship.OTHER


async def put_nothing_back(run: Run) -> None:
    """Takes a status for what it says."""


async def keep_nothing(run: Run) -> None:
    """Buys without a copy of the record."""


def take_the_source_for_read(status: Status) -> bool:
    """Goes on behind tickets that no batch has."""
    return False


def with_wiped_statuses(rng: random.Random) -> Scenario:
    return dataclasses.replace(drawn(rng), wipes=10)


def with_odd_counts(rng: random.Random) -> Scenario:
    return dataclasses.replace(drawn(rng), counts=1.0)


def with_clocks_apart(rng: random.Random) -> Scenario:
    return dataclasses.replace(drawn(rng), clocks=3 * 3600.0)


def with_switched_accounts(rng: random.Random) -> Scenario:
    return dataclasses.replace(drawn(rng), switches=1.0, told=rng.random() < 0.5)


def with_rotated_keys(rng: random.Random) -> Scenario:
    return dataclasses.replace(drawn(rng), rotations=20, switches=0.0, told=True)


def troubled(rng: random.Random) -> Chaos:
    return Chaos(rng, most=15, rate=0.1)


def paused(rng: random.Random) -> Chaos:
    return Pauses(rng, most=15, rate=0.1)


AGAIN = r"I2: .+ was bought again"
RELEASED = r"I2: \S+ released \S+, which was bought"

KEPT_BY = ((send, "keep"), (confirm, "keep_if_possible"), (cancel, "keep_if_possible"), (recover, "keep_if_possible"))

DEFECTS: tuple[Defect, ...] = (
    Defect(
        "a batch is told by its count",
        RELEASED,
        [(Totals, "exclude", exclude_by_any_count)],
        scenario=with_odd_counts,
        chaos=troubled,
    ),
    Defect(
        "a lower count leaves a batch out at once",
        RELEASED,
        [(Totals, "exclude", exclude_lower_counts_of_ended_ones)],
        scenario=with_odd_counts,
        chaos=troubled,
    ),
    Defect(
        "batches are looked for by the operator's clock",
        RELEASED,
        [(where, "earliest", earliest_by_the_operators_clock) for where in (candidate, gather)],
        scenario=with_clocks_apart,
        chaos=troubled,
    ),
    Defect(
        "the grace is counted by the clock",
        RELEASED,
        [(where, "watch_of", watch_by_the_clock) for where in (adopt, gather)],
        scenario=with_clocks_apart,
        chaos=troubled,
    ),
    Defect(
        "an upload is asked for its time at its beginning only",
        r"I1: \S+ was bought under a settled intent",
        [(send, "Guarded", AskedOnce)],
        chaos=paused,
    ),
    Defect(
        "an intent is released under another account's key",
        RELEASED,
        [(policies, "may_be_released", release_under_any_key)],
        scenario=with_switched_accounts,
        chaos=troubled,
    ),
    Defect(
        "any other key is another account's",
        r"\S+ waits for another account, and has always had the same",
        [(accounts, "kinship", only_the_key_tells)],
        scenario=with_rotated_keys,
        chaos=troubled,
    ),
    Defect(
        "a status that was wiped is taken for what it says",
        AGAIN,
        [(reconcile, "recover", put_nothing_back)],
        scenario=with_wiped_statuses,
    ),
    Defect(
        "a source goes on where it was though all batches were emptied",
        r"I4: \S+ has no row for",
        [(recover, "has_lost_its_beginning", take_the_source_for_read)],
        scenario=with_wiped_statuses,
        chaos=troubled,
    ),
    Defect(
        "no copy of the record is kept",
        AGAIN,
        [(where, name, keep_nothing) for where, name in KEPT_BY],
        scenario=with_wiped_statuses,
        chaos=troubled,
    ),
)
