"""Gathers what is to be reviewed of a run, wherever its rows and tickets are, and what has to be said about it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence

from nightsort.api.resource import Resource
from nightsort.cli.cluster.nights import apart
from nightsort.cli.reviews.order import Reviewed, Wish, selection_of, with_texts
from nightsort.domain.answer import Row
from nightsort.domain.case import Why
from nightsort.domain.report import plural
from nightsort.domain.second import columns_of
from nightsort.ports import CorrectionStore, Source

IDS_PER_READ = 500
UNTOLD = frozenset({Why.UNKNOWN, Why.FAILED})


async def gathered(
    run: Resource, wish: Wish, pages: AsyncIterator[Sequence[Row]], source: Source, store: CorrectionStore
) -> Reviewed:
    """The doubtful tickets with their texts, and without those that were decided before.

    Raises:
        Rejected, Stalled, Waiting: rows, tickets or corrections cannot be read; the message says what to do.
    """
    selection = selection_of(wish, columns_of(run.spec))
    async for rows in pages:
        for row in rows:
            selection.see(row)
    chosen = selection.cases()
    decided = await store.read()
    cases = with_texts(chosen, await texts_of(source, [case.id for case in chosen]))
    left = [case for case in cases if case.id not in decided]
    remarks = remarks_on(run, wish, len(chosen) - len(cases))
    return Reviewed(run.meta.name, run.spec, store, cases, left, selection.left_out, tuple(remarks))


async def texts_of(source: Source, ids: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
    """What the prompt has of the tickets that are there, by id."""
    texts: dict[str, Mapping[str, str]] = {}
    for start in range(0, len(ids), IDS_PER_READ):
        texts |= {ticket.id: ticket.fields for ticket in await source.by_ids(ids[start : start + IDS_PER_READ])}
    return texts


def remarks_on(run: Resource, wish: Wish, gone: int) -> Iterator[str]:
    results, table = run.status.results, run.spec.results.database
    is_in_table = table is not None and not results.config_maps and not results.object_store
    if remark := apart(run):
        yield remark
    if is_in_table and table is not None and table.columns.verdict is None and UNTOLD.intersection(wish.kinds):
        yield (
            f"table {table.table} has no column for verdicts (results.database.columns.verdict): tickets without a "
            "category cannot be told there, and --sample draws some of the others by chance"
        )
    if gone:
        yield gone_of(gone, is_query=run.spec.source.database is not None)


def gone_of(gone: int, *, is_query: bool) -> str:
    more = "; where the query leaves them out, --tickets-query 'SELECT …' reads them with another" if is_query else ""
    return f"{plural(gone, 'ticket')} left out: not in the source any more{more}"
