"""Hands rows to every sink of a resource."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from nightsort.api.batch_record import BatchRecord
from nightsort.api.spec import Spec
from nightsort.api.status import Status
from nightsort.domain.answer import Row
from nightsort.domain.category_set import hash_in_rows
from nightsort.domain.evaluation import Pair
from nightsort.domain.matrix import with_pairs
from nightsort.domain.reasons import Reason
from nightsort.domain.stored import Stored
from nightsort.flow.run.run import Run
from nightsort.flow.run.spool import RowSpool
from nightsort.flow.tickets.known import pairs_of
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
            stored = await sink.write(of_set(rows.chunks(), hash_in_rows(run.resource)))
        status = with_stored(status, stored)
        if stored.collision:
            await run.warn(Reason.IDS_COLLIDE, stored.collision)
    run.found += rows.verdicts
    return status


async def of_set(pages: AsyncIterator[Sequence[Row]], hash_of_set: str | None) -> AsyncIterator[Sequence[Row]]:
    """The rows with the hash of the CategorySet that the run works by."""
    async for page in pages:
        yield page if hash_of_set is None else [replace(row, category_set=hash_of_set) for row in page]


def with_stored(status: Status, stored: Stored) -> Status:
    """The status with the places of the rows; known places are kept."""
    results = status.results.model_copy(
        update={
            **{name: place for name, place in stored.where.items() if place},
            "unmatched": status.results.unmatched + stored.without_row,
        }
    )
    return status.model_copy(update={"results": results})


async def deliver(run: Run, record: BatchRecord, rows: RowSpool) -> Delivered:
    """Stores a batch's rows; those of known tickets are only compared, and reach no sink.

    Raises: see `store`.
    """
    if not record.canary:
        return Delivered(await store(run, rows))
    return Delivered(run.status, await pairs_of(run, rows.chunks()))


@dataclass(frozen=True, slots=True)
class Delivered:
    """The status with the places of rows, and the answers beside known categories that are not in it yet."""

    status: Status
    pairs: Mapping[Pair, int] = field(default_factory=dict)

    def counted(self, spec: Spec) -> Status:
        """The status with the answers: to be written together with the state of their batch."""
        return compared(self.status, self.pairs, spec)


def compared(status: Status, pairs: Mapping[Pair, int], spec: Spec) -> Status:
    return with_pairs(status, pairs, [category.name for category in spec.categories])
