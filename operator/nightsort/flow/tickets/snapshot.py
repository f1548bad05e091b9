"""Limits a run to the tickets that pre-flight has counted, where its source may have others later.

Their ids are kept beside the resource in blocks, since a pod has no lasting disk; a shard reads the blocks it needs.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from msgspec.structs import replace

from nightsort.api.plan import Plan
from nightsort.api.resource import Meta
from nightsort.domain.errors import Conflict, Gone, Interruption, SourceChanged, Stalled
from nightsort.domain.reasons import Reason
from nightsort.domain.snapshot import Snapshot
from nightsort.domain.ticket import Ticket
from nightsort.flow.run.run import Run
from nightsort.flow.tickets.chosen import Chosen
from nightsort.flow.tickets.duplicates import (
    OncePerText,
    duplicates_of,
    hasher,
    keep_duplicates,
    let_go_of_duplicates,
)
from nightsort.flow.tickets.examples import let_go_of_examples
from nightsort.flow.tickets.known import KnownFirst, column_of, let_go_of_known
from nightsort.flow.tickets.places import hold_source
from nightsort.ports import ChangingSource, Ledger, Source

logger = logging.getLogger(__name__)

BLOCK_IDS = 10_000
IDS_PER_READ = 5_000
NO_DUPLICATES: Mapping[str, str] = {}


async def source_of(run: Run) -> Source:
    """The source as the run reads it: with a plan, only the tickets that the plan counts.

    Raises:
        Stalled: the source is in another place than when they were counted.
    """
    source = await run.services.connections.source(run.resource)
    await hold_source(run, source)
    plan = run.status.plan
    if plan is None:
        return source
    counted = counted_by(run, source, plan)
    if plan.duplicates:
        counted = OncePerText(counted, partial(duplicates_of, run), partial(hasher, run), column_of(run.spec))
    return counted if plan.evaluation is None else KnownFirst(counted, run)


def counted_by(run: Run, source: Source, plan: Plan) -> Source:
    """The tickets that the plan counts, of a source that may have others later, or without those that stand."""
    if plan.snapshot is not None:
        kept = KeptIds(run.services.ledger, run.resource.meta, plan.snapshot, plan.tickets)
        if isinstance(source, ChangingSource) and plan.last is None:
            return KeptTickets(source, kept)
        return Chosen(source if plan.last is None else UpToLast(source, plan.last), kept.all, plan.tickets)
    changing = isinstance(source, ChangingSource)
    return UpToLast(source, plan.last) if changing and plan.last is not None else source


async def snapshot_of(source: Source) -> Snapshot | None:
    """The tickets that exist now, of a source that may have others later."""
    return await source.snapshot() if isinstance(source, ChangingSource) else None


async def keep(
    run: Run,
    snapshot: Snapshot | None,
    plan: Plan,
    chosen: Sequence[str] | None = None,
    duplicates: Mapping[str, str] = NO_DUPLICATES,
) -> Plan:
    """Keeps the ids durably; returns the plan with their place. `chosen` are those of them that are to be bought, and
    `duplicates` those that get the row of one of these (`Duplicates.read`).

    Each try has a tag of its own: a process that was paused before it wrote its plan overwrites nobody's ids.
    """
    if snapshot is not None and snapshot.ids is None:
        plan = plan.model_copy(update={"last": snapshot.last})
    kept = chosen if chosen is not None or snapshot is None else snapshot.ids
    if kept is None:
        return plan
    tag = run.services.new_tag()
    await keep_duplicates(run, tag, duplicates)
    for block, ids in blocks(kept):
        await run.services.ledger.keep_long_ids(run.resource.meta, block_tag(tag, block), ids)
    return plan.model_copy(update={"snapshot": tag})


async def let_go(run: Run) -> None:
    """Empties the kept ids once the run has ended: its resource may stay for years. The rest goes with the resource."""
    plan = run.status.plan
    if plan is None:
        return
    try:
        await let_go_of_known(run, plan)
        await let_go_of_examples(run, plan)
        await let_go_of_duplicates(run)
        for block in range(-(-plan.tickets // BLOCK_IDS) if plan.snapshot is not None else 0):
            await run.services.ledger.keep_long_ids(run.resource.meta, block_tag(plan.snapshot or "", block), {})
    except (Interruption, Conflict, Gone) as error:
        logger.info("%s: the ids of its tickets are kept on: %s", run.resource.meta.key, error)


def blocks(ids: Sequence[str]) -> Iterator[tuple[int, Mapping[str, str]]]:
    """The ids in the order of their places, a block at a time."""
    for block, start in enumerate(range(0, len(ids), BLOCK_IDS)):
        yield block, {str(start + place): each for place, each in enumerate(ids[start : start + BLOCK_IDS])}


def block_tag(tag: str, block: int) -> str:
    return f"{tag}b{block}"


@dataclass(frozen=True, slots=True)
class KeptIds:
    """The ids that were kept under a tag, in the order of their places."""

    ledger: Ledger
    meta: Meta
    tag: str
    total: int

    async def all(self) -> Collection[str]:
        return {each for block in range(-(-self.total // BLOCK_IDS)) for each in (await self.block(block)).values()}

    async def place(self, ticket_id: str) -> int:
        for block in range(-(-self.total // BLOCK_IDS)):
            for place, each in (await self.block(block)).items():
                if each == ticket_id:
                    return int(place)
        raise Stalled(
            f"ticket {ticket_id[:64]!r}, up to which the run has come, is not among the ids that were kept: restore "
            f"ConfigMaps {self.meta.name}-ids-{self.tag}…; or cancel this run, which keeps what was bought",
            reason=Reason.IDS_MISSING,
        )

    async def block(self, block: int) -> Mapping[str, str]:
        kept = await self.ledger.long_ids(self.meta, block_tag(self.tag, block))
        if not kept:
            raise Stalled(
                f"the ids of the tickets that were counted were kept in ConfigMap {self.meta.name}-ids-"
                f"{block_tag(self.tag, block)}, which is gone. Restore it; or cancel this run, which keeps what was "
                "bought, and create another resource for the other tickets",
                reason=Reason.IDS_MISSING,
            )
        return kept


@dataclass(frozen=True, slots=True)
class KeptTickets:
    """Implements `ports.Source` for the ids that were kept.

    A ticket's cursor is its id, as the source itself has it: an earlier version, after a rollback, goes on from there.
    """

    source: ChangingSource
    kept: KeptIds

    async def check(self) -> Sequence[str]:
        return await self.source.check()

    async def count(self) -> int:
        return self.kept.total

    async def tickets(self, after: str | None = None, through: str | None = None) -> AsyncIterator[Sequence[Ticket]]:
        """Every kept ticket of the range; a ticket that has left the source comes as `gone`."""
        first = 0 if after is None else await self.kept.place(after) + 1
        end = self.kept.total if through is None else await self.kept.place(through) + 1
        for block in range(first // BLOCK_IDS, -(-end // BLOCK_IDS)):
            ids = await self.kept.block(block)
            begin, stop = max(first, block * BLOCK_IDS), min(end, (block + 1) * BLOCK_IDS)
            for start in range(begin, stop, IDS_PER_READ):
                some = [ids[str(place)] for place in range(start, min(start + IDS_PER_READ, stop))]
                async for page in self._read(some):
                    yield page

    async def by_ids(self, ids: Sequence[str]) -> Sequence[Ticket]:
        return await self.source.by_ids(ids)

    async def _read(self, ids: Sequence[str]) -> AsyncIterator[Sequence[Ticket]]:
        """These tickets in the order of their places, since a full shard may end at any of them."""
        places = {each: place for place, each in enumerate(ids)}
        done = 0
        async for page in self.source.among(ids):
            found = {each.id: replace(each, cursor=each.id) for each in page if each.id in places}
            if not found:
                continue
            if min(places[each] for each in found) < done:
                raise SourceChanged(
                    "the source gives its ids in another order than when they were counted: bring the former order "
                    "(type, collation) of its column back, or cancel this run, which keeps what was bought"
                )
            end = max(places[each] for each in found) + 1
            yield [found.get(each) or gone(each) for each in ids[done:end]]
            done = end
        if done < len(ids):
            yield [gone(each) for each in ids[done:]]


def gone(ticket_id: str) -> Ticket:
    return Ticket(ticket_id, {}, ticket_id, gone=True)


@dataclass(frozen=True, slots=True)
class UpToLast:
    """Implements `ports.Source` without the tickets behind the last one that was counted."""

    source: Source
    last: str

    async def check(self) -> Sequence[str]:
        return await self.source.check()

    async def count(self) -> int:
        return await self.source.count()

    def tickets(self, after: str | None = None, through: str | None = None) -> AsyncIterator[Sequence[Ticket]]:
        return self.source.tickets(after, through or self.last)

    async def by_ids(self, ids: Sequence[str]) -> Sequence[Ticket]:
        return await self.source.by_ids(ids)
