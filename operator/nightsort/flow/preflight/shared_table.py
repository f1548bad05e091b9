"""Checks runs over different tickets that keep their results in one table, where each id has one row."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from nightsort.domain.errors import Interruption, Stalled
from nightsort.domain.overlap import before_in_same_table, table_of_results
from nightsort.domain.reasons import Reason
from nightsort.flow.run.run import Run
from nightsort.ports import Source

MOST_IDS = 10_000
"""Number of ids that are looked up among those of another run; more would take minutes."""
IDS_AT_ONCE = 1_000
EXAMPLES = 3


async def leave_rows_to_others(run: Run, source: Source) -> None:
    """Refuses two runs at once whose tickets share ids: the labels of one would replace those of the other.

    Runs one after the other do replace them: a table has the labels of the last run.

    Raises:
        Stalled: an unfinished run that goes first stores results under ids of this one.
    """
    if table_of_results(run.spec) is None:
        return
    for other in before_in_same_table(run.resource, await run.services.ledger.others(run.resource.meta)):
        try:
            theirs = await run.services.connections.source(other)
            shared = [each async for ids in pages_of(source) for each in await known_to(theirs, ids)]
        except Interruption:
            continue  # an error of either source is reported elsewhere, and holds up nobody here
        if shared:
            raise taken(run, other.meta.name, shared[:EXAMPLES])


async def pages_of(source: Source) -> AsyncIterator[Sequence[str]]:
    """The first MOST_IDS ids, in chunks of the size that a source takes."""
    left = MOST_IDS
    async for page in source.tickets():
        for start in range(0, min(len(page), left), IDS_AT_ONCE):
            yield [ticket.id for ticket in page[start : min(start + IDS_AT_ONCE, left)]]
        left -= len(page)
        if left <= 0:
            return


async def known_to(source: Source, ids: Sequence[str]) -> Sequence[str]:
    return [ticket.id for ticket in await source.by_ids(ids)]


def taken(run: Run, other: str, ids: Sequence[str]) -> Stalled:
    table = run.spec.results.database.table if run.spec.results.database else ""
    rows = f"rows of table {table}, such as {', '.join(repr(each[:64]) for each in ids)}"
    return Stalled(
        f"results.database: tickets of {other}, which is unfinished and has another source, have the same ids and "
        f"{rows}: when it has ended, the labels of this run replace its own. Name another table in a new resource, or "
        "let its overlapPolicy be Allow where that is meant",
        reason=Reason.RESULTS_NAME_TAKEN,
    )
