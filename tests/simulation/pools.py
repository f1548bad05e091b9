"""The pool of labelled tickets that requests show some of: how it changes, who mends it, and what was shown."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from nightsort.api.resource import Meta, Resource
from nightsort.api.status import Status
from nightsort.domain.conditions import STALLED, is_finished
from nightsort.domain.errors import Stalled
from nightsort.domain.examples import CLOSING, Example, digest_of
from nightsort.domain.reasons import Reason
from nightsort.domain.ticket import Ticket
from nightsort.testing.sources import MemorySource
from tests.simulation.scenario import CATEGORIES, SHOWN, TRUTH

if TYPE_CHECKING:
    from nightsort.testing.batch_api import Held
    from tests.simulation.world import World

WHOLE = 1_000
"""A page of a pool: it is read at one moment."""


class Pools:
    """`source` is the pool as it is now; each of its versions is known by its digest, as plans have it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.source = MemorySource(world.scenario.pool, page=WHOLE)
        self._versions: dict[str, Sequence[Ticket | None]] = {}
        self._order: list[str] = []
        self._planned: dict[str, str] = {}
        self._shown: dict[tuple[str, str, str], str] = {}
        """What was sent of a ticket with a text, by the digest of the pool: examples and all."""
        self._moves = 0
        self._note()

    def _note(self) -> None:
        self._order.append(digest(self.source.kept))
        self._versions[self._order[-1]] = tuple(self.source.kept)
        if self._moves:
            self._world.oracle.reuse.pool_moved()
        for source in self._world.scenario.sources.values():
            for ticket in source if self._moves else ():
                self._world.oracle.reuse.changed(ticket.id)  # it may be shown with others

    # --- what happens to it ---

    def move(self, what: str) -> None:
        self._moves += 1
        kept, rng = self.source.kept, self._world.rng
        place = rng.randrange(len(kept))
        ticket = kept[place]
        if what == "pool hides":
            self._world.spawn(self._hide())
        elif what == "pool grows":
            kept.append(Ticket(f"later-{self._moves}", {"body": f"{SHOWN} {place} v{self._moves}", TRUTH: "other"}, ""))
            kept[-1] = replace(kept[-1], cursor=str(len(kept) - 1)) if kept[-1] else None
        elif what == "pool shrinks":
            kept[place] = None
        elif ticket is not None:
            words = ticket.fields["body"].split()[:-1]
            kept[place] = replace(ticket, fields={**ticket.fields, "body": " ".join([*words, f"v{self._moves}"])})
        self._note()

    async def _hide(self) -> None:
        self.source.error = Stalled("the pool cannot be read", reason=Reason.SOURCE_MISSING)
        await asyncio.sleep(self._world.rng.choice((100.0, 5_000.0, 40_000.0)) * self._world.rng.random())
        self.source.error = None

    async def mend(self) -> None:
        """A person reads what a stalled run says: brings its pool back, or cancels it."""
        rng = self._world.rng
        while True:
            await asyncio.sleep(rng.choice((600.0, 20_000.0)) * rng.random())
            stalled = [meta for meta in self._world.created if self._is_stalled(self._world.truth.now(meta))]
            if not stalled:
                continue
            meta = rng.choice(stalled)
            self._judge_stalled(meta)
            if rng.random() < 0.7 and meta.uid in self._planned:
                self._world.trace(0, "brings the pool back", meta.name)
                self.source.kept = list(self._versions[self._planned[meta.uid]])
                self._moves += 1
                self._note()
            else:
                self._world.trace(0, "cancels", meta.name)
                self._world.truth.touch(meta, active_deadline_seconds=0)

    def _is_stalled(self, resource: Resource | None) -> bool:
        if resource is None or is_finished(resource.status):
            return False
        found = (one for one in resource.status.conditions if one.type == STALLED and one.status == "True")
        return any(one.reason == Reason.EXAMPLES_CHANGED for one in found)

    def _judge_stalled(self, meta: Meta) -> None:
        """E5: rows that were added stop nobody."""
        planned = self._planned.get(meta.uid, "")
        if planned not in self._order:
            return
        since = self._order[self._order.index(planned) :]
        lacks = any(entries(self._versions[planned]) - entries(self._versions[one]) for one in since)
        self._world.oracle.demand(lacks, f"E5: {meta.name} is stalled, and its examples have been there all the time")

    # --- what is shown ---

    def planned(self, meta: Meta, status: Status) -> None:
        if status.plan is not None and status.plan.examples is not None:
            self._planned[meta.uid] = status.plan.examples.hash

    def bought(self, held: Held, tickets: dict[str, str]) -> None:
        """E1 to E3: the examples are those of the pool that the plan names, never the ticket itself, and all.

        E4: a run that asks again, or asks its second model, sends the same, whatever happened meanwhile.
        """
        intent = self._world.oracle.intents.get(held.tag)
        if intent is None or not self._world.scenario.pool:
            return
        resource = self._world.oracle.resource(intent.resource)
        pool, shown = self._versions.get(self._planned.get(intent.resource.uid, "")), resource.spec.prompt.examples_from
        if pool is None or shown is None:
            self._world.oracle.fail(f"E1: {held.id} was bought without a pool in the plan")
            return
        there = [each for each in pool if each is not None]
        for ticket_id in tickets.values():
            text = self._world.oracle.reuse.text(held.id, ticket_id) or ""
            before, _, own = text.rpartition(f"{CLOSING}\n\n")
            found = [line for line in before.splitlines() if line.startswith(SHOWN)]
            self._judge(held, ticket_id, found, own, there, shown.k)
            same = self._shown.setdefault((self._planned[intent.resource.uid], ticket_id, own), text) == text
            self._world.oracle.demand(same, f"E4: {held.id} shows {ticket_id!r} with other examples than before")

    def _judge(
        self, held: Held, ticket_id: str, found: Sequence[str], own: str, there: Sequence[Ticket], k: int
    ) -> None:
        demand, bodies = self._world.oracle.demand, {each.fields["body"]: each.id for each in there}
        strange = [line for line in found if line not in bodies]
        demand(not strange, f"E1: {held.id} shows {ticket_id!r} with {strange}, which the plan's pool does not have")
        itself = ticket_id in [bodies.get(line) for line in found]
        demand(not itself, f"E2: {held.id} shows {ticket_id!r} with itself")
        alike = [each for each in there if each.id != ticket_id and set(each.fields["body"].split()) & set(own.split())]
        wanted = min(k, len(alike))
        demand(len(found) == wanted, f"E3: {held.id} shows {ticket_id!r} with {len(found)} examples, of {wanted}")


def entries(kept: Sequence[Ticket | None]) -> set[tuple[str, str, str]]:
    return {(each.id, each.fields["body"], each.fields[TRUTH]) for each in kept if each is not None}


def digest(kept: Sequence[Ticket | None]) -> str:
    """As the plan has it."""
    names = {category.name.lower(): category.name for category in CATEGORIES}
    found = [
        Example(each.id, each.fields["body"], names[each.fields[TRUTH].lower()]) for each in kept if each is not None
    ]
    return digest_of(sorted(found, key=lambda one: one.id))
