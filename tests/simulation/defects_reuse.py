"""Deliberate defects of leaving out tickets whose row stands: bought again, left out wrongly, not counted."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace

from nightsort.api.batch_record import BatchRecord
from nightsort.api.counts import TicketCounts
from nightsort.api.plan import Plan
from nightsort.api.status import Status
from nightsort.domain import report
from nightsort.domain.answer import Verdict
from nightsort.domain.dependence import Hashes
from nightsort.domain.record import ticket_counts
from nightsort.domain.request import Encoder
from nightsort.domain.snapshot import Snapshot
from nightsort.flow.collection import collect
from nightsort.flow.preflight import prepare
from nightsort.flow.results import rows
from nightsort.flow.run.run import Run
from nightsort.flow.tickets.snapshot import NO_DUPLICATES, keep, source_of
from tests.simulation.chaos import quiet
from tests.simulation.defect import Defect
from tests.simulation.scenario import Deed, Scenario, drawn_nights

AGAIN = r"R1: \S+ bought .* again: its row stood"
LEFT_OUT = r"R2: \S+ left .* out, and no row of it stood"


async def no_hashes(run: Run, record: BatchRecord) -> Mapping[str, str]:
    """Stores rows without a hash, as where nothing is kept for them."""
    return {}


async def present_hashes(run: Run, record: BatchRecord) -> Mapping[str, str]:
    """Those of the texts that the source has by now."""
    hashes, encoder = Hashes(run.spec), Encoder(run.spec, disable_thinking=False)
    source = await source_of(run)
    return {each.id: hashes.of(encoder.text(each)) async for page in source.tickets() for each in page}


async def keep_all(
    run: Run,
    snapshot: Snapshot | None,
    plan: Plan,
    chosen: Sequence[str] | None = None,
    duplicates: Mapping[str, str] = NO_DUPLICATES,
) -> Plan:
    """Keeps the ids of all tickets, and buys them."""
    return await keep(run, snapshot, plan)


def hash_of_all(verdict: Verdict, ticket_id: str, hashes: Mapping[str, str]) -> str | None:
    """Also that of tickets nobody was asked about, since the run was cancelled."""
    return hashes.get(ticket_id)


def counts_without_reused(status: Status) -> TicketCounts:
    return ticket_counts(status).model_copy(update={"reused": 0})


def one_for_all(self: Hashes, text: bytes | None) -> str:
    return "the same"


def moving(rng: random.Random) -> Scenario:
    """Tickets change while the first run waits for its answers."""
    scenario = drawn_nights(rng)
    first, *others = scenario.plans
    spec = first.spec.model_copy(update={"overlap_policy": "Wait"})
    changes = [Deed(rng.uniform(0, 600), "change") for _ in range(20)]
    alike = [replace(each, spec=spec, after=20_000.0, deeds=()) for each in others]
    return replace(scenario, plans=[replace(first, spec=spec, deeds=changes), *alike])


def late(rng: random.Random) -> Scenario:
    """The first run comes to its deadline while its batches run."""
    scenario = drawn_nights(rng)
    first, *others = scenario.plans
    spec = first.spec.model_copy(update={"active_deadline_seconds": 60, "overlap_policy": "Wait"})
    alike = [replace(each, spec=spec.model_copy(update={"active_deadline_seconds": None})) for each in others]
    return replace(scenario, plans=[replace(first, spec=spec, deeds=()), *alike])


DEFECTS = (
    Defect(
        "rows are stored without their hash",
        AGAIN,
        [(collect, "hashes_of", no_hashes), (rows, "hashes_of", no_hashes)],
        scenario=drawn_nights,
        chaos=quiet,
    ),
    Defect(
        "the hash is that of the text when the answer comes",
        LEFT_OUT,
        [(collect, "hashes_of", present_hashes)],
        scenario=moving,
        chaos=quiet,
    ),
    Defect("a text that has changed has the same hash", LEFT_OUT, [(Hashes, "of", one_for_all)], scenario=drawn_nights),
    Defect("what is left out is bought all the same", AGAIN, [(prepare, "keep", keep_all)], scenario=drawn_nights),
    Defect(
        "tickets of a cancelled batch are left out for ever",
        LEFT_OUT,
        [(rows, "hash_beside", hash_of_all)],
        scenario=late,
        chaos=quiet,
    ),
    Defect(
        "reused tickets are not counted",
        r"\S+: finished, and the counts do not add up",
        [(report, "ticket_counts", counts_without_reused)],
        scenario=drawn_nights,
        chaos=quiet,
    ),
)
