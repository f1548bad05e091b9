"""Binds a run to the places of its source and results at its beginning, since a Secret may name other places later."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from nightsort.api.plan import Plan
from nightsort.domain.errors import Stalled
from nightsort.domain.reasons import Reason
from nightsort.flow.run.run import Run
from nightsort.ports import Placed, Sink, Source

OTHER_SOURCE = (
    "spec.source: the Secret leads to another database than when the run began, whose tickets are other ones. Bring "
    "the former URL back; or cancel this run, which keeps what was bought, and create another resource"
)
OTHER_RESULTS = (
    "spec.results: the Secret leads to another table than when the run began, whose rows are not those of its tickets. "
    "Bring the former URL back: what is bought waits for it"
)


async def with_places(plan: Plan, source: Source, sinks: Sequence[Sink]) -> Plan:
    """The plan with the places of its tickets and of its rows."""
    return plan.model_copy(
        update={"source_place": await marks_of([source]), "results_place": await marks_of(placed(sinks))}
    )


async def hold_source(run: Run, source: Source) -> None:
    """Raises Stalled where the source is in another place than the plan says."""
    if run.status.plan is not None:
        await hold(run.status.plan.source_place, [source], OTHER_SOURCE)


async def hold_results(run: Run, sinks: Iterable[Sink]) -> None:
    """Raises Stalled where rows would go to another place than the plan says."""
    if run.status.plan is not None:
        await hold(run.status.plan.results_place, placed(sinks), OTHER_RESULTS)


async def hold(known: Sequence[str], places: Sequence[object], message: str) -> None:
    """A run of an earlier version has no place in its plan, and goes on."""
    if known and not set(known) & set(await marks_of(places)):
        raise Stalled(message, reason=Reason.DATABASE_CHANGED)


def placed(sinks: Iterable[Sink]) -> Sequence[Sink]:
    return [sink for sink in sinks if isinstance(sink, Placed)]


async def marks_of(places: Sequence[object]) -> tuple[str, ...]:
    """The place of the one among them that has one."""
    for each in places:
        if isinstance(each, Placed):
            return tuple(await each.place())
    return ()
