"""Tells the sinks of a run in pre-flight what they will have to store, so that they can try it beforehand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from functools import partial

from nightsort.api.spec import Spec
from nightsort.domain.fields import specimens
from nightsort.domain.second import columns_of
from nightsort.domain.stored import Rehearsal
from nightsort.ports import KeyedSink, Sink, Source

SOME_IDS = 200


async def rehearse(
    spec: Spec, source: Source, sinks: Sequence[Sink], tickets: int, known: Sequence[str] | None = None
) -> None:
    """Lets every sink try its part; `known` are the ids of all tickets, if they were read.

    Raises:
        Stalled, Rejected: rows of this run could not be delivered.
    """
    ids: tuple[str, ...] = ()
    if tickets and any(isinstance(sink, KeyedSink) and sink.tries_ids for sink in sinks):
        ids = await first_ids(source) if known is None else tuple(known[:SOME_IDS])
    categories = tuple(category.name for category in spec.categories)
    values = tuple(specimens(columns_of(spec)))
    rehearsal = Rehearsal(tickets, categories, ids, spec.model, partial(all_ids, source, known), values)
    for sink in sinks:
        await sink.check(rehearsal)


async def first_ids(source: Source) -> tuple[str, ...]:
    async for page in source.tickets():
        return tuple(ticket.id for ticket in page[:SOME_IDS])
    return ()


async def all_ids(source: Source, known: Sequence[str] | None) -> AsyncIterator[Sequence[str]]:
    if known is not None:
        yield known
        return
    async for page in source.tickets():
        yield [ticket.id for ticket in page]
