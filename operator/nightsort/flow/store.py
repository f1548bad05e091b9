"""Hands rows to every sink of a resource."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from nightsort.api.status import Status
from nightsort.domain.answer import Row
from nightsort.flow.run import Run
from nightsort.ports import Stored


async def store(run: Run, rows: AsyncIterator[Sequence[Row]]) -> None:
    """Writes few rows, all of which are in memory already, to every sink."""
    chunks = [chunk async for chunk in rows]
    for sink in await run.tools.connections.sinks(run.resource):
        await sink.write(replay(chunks))


async def replay(chunks: Sequence[Sequence[Row]]) -> AsyncIterator[Sequence[Row]]:
    for chunk in chunks:
        yield chunk


def with_stored(status: Status, stored: Stored) -> Status:
    """The status with where rows were put; what is known already is kept."""
    results = status.results.model_copy(
        update={
            "config_maps": stored.config_maps or status.results.config_maps,
            "table": stored.table or status.results.table,
            "object_store": stored.object_store or status.results.object_store,
        }
    )
    return status.model_copy(update={"results": results})
