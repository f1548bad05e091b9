"""Hands rows to every sink of a resource."""

from __future__ import annotations

from nightsort.api.status import Status
from nightsort.domain.reasons import Reason
from nightsort.domain.stored import Stored
from nightsort.flow.run.run import Run
from nightsort.flow.run.spool import RowSpool
from nightsort.flow.tickets.places import hold_results


async def store(run: Run, rows: RowSpool) -> Status:
    """Writes the rows to every sink; returns the run's status with the places where they are.

    Raises:
        Conflict: another writer has changed the resource. A process that was paused for long writes no old rows.
        Stalled: the rows would go to another place than at the run's beginning.
    """
    status = run.status
    sinks = await run.services.connections.sinks(run.resource)
    await hold_results(run, sinks)
    await run.ensure_newest()
    for sink in sinks:
        with run.services.traces.call("write rows"):
            stored = await sink.write(rows.chunks())
        status = with_stored(status, stored)
        if stored.collision:
            await run.warn(Reason.IDS_COLLIDE, stored.collision)
    run.found += rows.verdicts
    return status


def with_stored(status: Status, stored: Stored) -> Status:
    """The status with the places of the rows; known places are kept."""
    results = status.results.model_copy(
        update={
            **{name: place for name, place in stored.where.items() if place},
            "unmatched": status.results.unmatched + stored.without_row,
        }
    )
    return status.model_copy(update={"results": results})
