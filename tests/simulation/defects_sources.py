"""Deliberate defects of how sources are read that change while a run goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nightsort.api.plan import Plan
from nightsort.domain.snapshot import Snapshot
from nightsort.flow.preflight import examine, prepare
from nightsort.flow.results import answers, store
from nightsort.flow.run.run import Run
from nightsort.flow.submission import shard
from nightsort.flow.tickets import snapshot
from nightsort.flow.tickets.snapshot import NO_DUPLICATES
from nightsort.ports import Sink, Source
from tests.simulation.defect import Defect
from tests.simulation.scenario import drawn_query


async def as_it_is(run: Run) -> Source:
    """Asks the query anew for each shard."""
    return await run.services.connections.source(run.resource)


async def forget(
    run: Run,
    kept: Snapshot | None,
    plan: Plan,
    chosen: Sequence[str] | None = None,
    duplicates: Mapping[str, str] = NO_DUPLICATES,
) -> Plan:
    """Counts, and keeps no ids."""
    return plan


async def see_no_lag(run: Run, source: Source, sinks: Sequence[Sink], snapshot: Snapshot | None) -> None:
    """Takes what a replica shows for what is."""


async def go_along(run: Run, places: object) -> None:
    """Follows the Secret wherever it leads."""


DEFECTS = (
    Defect(
        "a limit is asked anew for each shard",
        r"Q1: \S+ has bought \d+ tickets, and \d+ were counted",
        [(prepare, "keep", forget)],
        scenario=drawn_query,
    ),
    Defect(
        "the ids of a query are kept and not read",
        r"Q[12]: \S+ has ",
        [(shard, "source_of", as_it_is), (answers, "source_of", as_it_is)],
        scenario=drawn_query,
    ),
    Defect(
        "a source that lags is bought again",
        r"Q3: \S+ has '\d+', which another run has labeled before",
        [(examine, "wait_until_seen", see_no_lag)],
        scenario=drawn_query,
    ),
    Defect(
        "rows go wherever the Secret leads",
        r"Q4: .+ have labels in a database that is another",
        [(store, "hold_results", go_along), (shard, "hold_results", go_along), (snapshot, "hold_source", go_along)],
        scenario=drawn_query,
    ),
)
