"""The known tickets of a run, as pre-flight has chosen them, with their categories, in the order of their cursors."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from msgspec.structs import replace

from nightsort.api.evaluation import Truth
from nightsort.api.plan import Plan
from nightsort.api.source import Source as SourceSpec
from nightsort.api.spec import Spec
from nightsort.domain.answer import Row
from nightsort.domain.canary import is_known_cursor, known_cursor, next_place, rest_cursor, source_cursor
from nightsort.domain.errors import Stalled
from nightsort.domain.evaluation import Pair
from nightsort.domain.known_tickets import KnownTickets
from nightsort.domain.reasons import Reason
from nightsort.domain.ticket import Ticket
from nightsort.flow.run.run import Run
from nightsort.ports import Source

IDS_PER_READ = 1_000


async def keep_known(run: Run, known: KnownTickets) -> str:
    """Keeps the known tickets durably, and returns the tag of their place; each try has one of its own."""
    tag = run.services.new_tag()
    ids = {str(place): ticket_id for place, ticket_id in enumerate(known.ids)}
    truths = {f"c{place}": category for place, category in enumerate(known.truths)}
    await run.services.ledger.keep_long_ids(run.resource.meta, f"{tag}k", ids | truths)
    return tag


async def known_of(run: Run) -> KnownTickets:
    """The kept tickets; they do not change, so that each process reads them once.

    Raises:
        Waiting: they cannot be read now. Stalled: they are gone.
    """
    plan = run.status.plan
    if plan is None or plan.evaluation is None or not plan.evaluation.sample:
        return KnownTickets()
    tag, remembered = plan.evaluation.ids, run.memory.known_tickets
    if remembered is None or remembered[0] != tag:
        kept = await run.services.ledger.long_ids(run.resource.meta, f"{tag}k")
        places = range(plan.evaluation.sample)
        if any(str(place) not in kept or f"c{place}" not in kept for place in places):
            raise Stalled(
                f"the known tickets were kept in ConfigMap {run.resource.meta.name}-ids-{tag}k, which is gone. Restore "
                "it; or cancel this run, which keeps what was bought",
                reason=Reason.IDS_MISSING,
            )
        found = KnownTickets(tuple(kept[str(place)] for place in places), tuple(kept[f"c{place}"] for place in places))
        remembered = run.memory.known_tickets = (tag, found)
    return remembered[1]


async def pairs_of(run: Run, rows: AsyncIterator[Sequence[Row]]) -> Counter[Pair]:
    """The answers beside the known categories. A ticket that never got an answer says nothing about the labels."""
    truths = (await known_of(run)).by_id()
    pairs = Counter[Pair]()
    async for page in rows:
        pairs.update((truths[row.id], row.category) for row in page if row.verdict.is_answered and row.id in truths)
    return pairs


async def let_go_of_known(run: Run, plan: Plan) -> None:
    """Empties the kept tickets of a run that has ended."""
    if plan.evaluation is not None and plan.evaluation.sample:
        await run.services.ledger.keep_long_ids(run.resource.meta, f"{plan.evaluation.ids}k", {})


@dataclass(frozen=True, slots=True)
class KnownFirst:
    """Implements `ports.Source`: the known tickets, then those of the source that nobody has given a category.

    A ticket that gets its category while the run is under way is left out, too; the chosen ones never come twice.
    """

    source: Source
    run: Run

    async def check(self) -> Sequence[str]:
        return await self.source.check()

    async def count(self) -> int:
        return await self.source.count()

    async def by_ids(self, ids: Sequence[str]) -> Sequence[Ticket]:
        """Known tickets of a set are looked up there; its ids are none of the source's."""
        if truth_set(self.run.spec) is None:
            return await self.source.by_ids(ids)
        known = frozenset((await known_of(self.run)).ids)
        theirs, ours = [each for each in ids if each in known], [each for each in ids if each not in known]
        found = list(await self._known_by_ids(theirs)) if theirs else []
        return [*found, *(await self.source.by_ids(ours))] if ours else found

    async def _known_by_ids(self, ids: Sequence[str]) -> Sequence[Ticket]:
        theirs = await set_of(self.run)
        return await (self.source if theirs is None else theirs).by_ids(ids)

    async def tickets(self, after: str | None = None, through: str | None = None) -> AsyncIterator[Sequence[Ticket]]:
        known = await known_of(self.run)
        first = next_place(after, len(known.ids))
        last = next_place(through, len(known.ids)) if is_known_cursor(through) else len(known.ids)
        for start in range(first, last, IDS_PER_READ):
            yield await self._known(known.ids[start : min(start + IDS_PER_READ, last)], start)
        if not is_known_cursor(through):
            async for page in self._rest(set(known.ids), source_cursor(after), source_cursor(through)):
                yield page

    async def _known(self, ids: Sequence[str], start: int) -> Sequence[Ticket]:
        found = {ticket.id: ticket for ticket in await self._known_by_ids(ids)}
        return [
            replace(found[each], cursor=known_cursor(place))
            if each in found
            else Ticket(each, {}, known_cursor(place), gone=True)
            for place, each in enumerate(ids, start)
        ]

    async def _rest(
        self, known: AbstractSet[str], after: str | None, through: str | None
    ) -> AsyncIterator[Sequence[Ticket]]:
        column = None if truth_set(self.run.spec) is not None else column_of(self.run.spec)
        async for page in self.source.tickets(after, through):
            left = [
                replace(ticket, cursor=rest_cursor(ticket.cursor))
                for ticket in page
                if ticket.id not in known and not (column and truth_of(ticket.fields, column))
            ]
            if left:
                yield left


def column_of(spec: Spec) -> str:
    return spec.evaluation.truth.name if spec.evaluation is not None else ""


def truth_set(spec: Spec) -> SourceSpec | None:
    """Where the known tickets are, if they are not the source's own."""
    return spec.evaluation.truth.own_set if spec.evaluation is not None else None


async def set_of(run: Run) -> Source | None:
    """The source of known tickets that are not the run's own.

    Raises:
        Waiting, Stalled, Rejected: it cannot be opened.
    """
    source, evaluation = truth_set(run.spec), run.spec.evaluation
    if source is None or evaluation is None:
        return None
    # There, the column of known categories is one of the tickets' own.
    inside = evaluation.model_copy(update={"truth": Truth(column=evaluation.truth.name)})
    spec = run.spec.model_copy(update={"source": source, "evaluation": inside})
    return await run.services.connections.source(dataclasses.replace(run.resource, spec=spec))


def truth_of(fields: Mapping[str, str], column: str) -> str:
    """The category that a person has given; empty where nobody has."""
    return fields.get(column, "").strip()
