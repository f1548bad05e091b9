"""Deliberate defects of asking once about the same text: duplicates that are lost, bought, or have another's label."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace

from msgspec.structs import replace as replace_struct

from nightsort.api.categories import UnknownLabel
from nightsort.domain.answer import Row
from nightsort.domain.duplicates import NONE, Duplicates, Finder
from nightsort.domain.ticket import Ticket
from nightsort.flow.collection import collect
from nightsort.flow.ending import give_up
from nightsort.flow.results import rows
from nightsort.flow.run.run import Run
from nightsort.flow.submission import shard
from nightsort.flow.tickets import duplicates
from tests.simulation.defect import Defect
from tests.simulation.scenario import Deed, Scenario, draw_tickets, drawn, drawn_twins, with_twins


async def none_on_a_retry(run: Run) -> Duplicates:
    """A ticket that is asked again has no others."""
    again = any(record.attempt for record in run.status.batches)
    return NONE if again else await duplicates.duplicates_of(run)


def note_wrongly(self: Finder, ticket_id: str, text_hash: str) -> bool:
    """Notes a duplicate, and has it bought as well."""
    asked = self._asked.setdefault(bytes.fromhex(text_hash), ticket_id)
    if asked != ticket_id:
        self.kept[ticket_id] = text_hash + asked
    return False


def rows_with_tokens(self: Duplicates, row: Row) -> Iterator[Row]:
    yield row
    for other in self.of.get(row.id, ()):
        yield replace_struct(row, id=other, same_as=row.id)


async def as_it_is(
    self: duplicates.OncePerText, page: Sequence[Ticket], same: Duplicates, text_hash: duplicates.TextHash
) -> Sequence[Ticket]:
    """Nobody stands in for a ticket that has left."""
    return page


async def no_duplicates(run: Run) -> Duplicates:
    return NONE


def retried(rng: random.Random) -> Scenario:
    """Many answers are no category, and are asked for again."""
    scenario = drawn_twins(rng)
    rule = {"unknown_label": UnknownLabel(action="Retry"), "backoff_limit": 2}
    return replace(
        scenario, plans=[replace(plan, spec=plan.spec.model_copy(update=rule)) for plan in scenario.plans], wipes=0
    )


def leaving(rng: random.Random) -> Scenario:
    """Tickets leave their source while a run sends one after the other."""
    scenario = drawn(rng)
    sources = {name: with_twins(rng, draw_tickets(rng, 40)) for name in scenario.sources}
    one = {"dedupe": "Exact", "unknown_label": UnknownLabel(action="Retry")}
    leave = [Deed(rng.uniform(0, 4000), "leave") for _ in range(20)]
    plans = [
        replace(each, spec=each.spec.model_copy(update=one), deeds=[*each.deeds, *leave]) for each in scenario.plans
    ]
    return replace(scenario, plans=plans, sources=sources, strays=0.0, room=10, twins=True)


LOST = r"(I4: \S+ has no row for|D1: |I14: |\S+: finished, and the counts do not add up|\S+: total=)"
DEFECTS = (
    Defect(
        "a duplicate is lost when the ticket that was asked is asked again",
        LOST,
        [(collect, "duplicates_of", none_on_a_retry)],
        scenario=retried,
    ),
    Defect(
        "a duplicate is bought as well",
        r"I2: .* was bought again",
        [(Finder, "is_duplicate", note_wrongly)],
        scenario=drawn_twins,
    ),
    Defect(
        "a copy of a row counts its tokens, too",
        r"D2: ",
        [(Duplicates, "rows", rows_with_tokens)],
        scenario=drawn_twins,
    ),
    Defect(
        "nobody stands in for a ticket that has left",
        r"I4: .* was never sent and has",
        [(duplicates.OncePerText, "_held", as_it_is)],
        scenario=leaving,
    ),
    Defect(
        "what is not sent after a stop has no rows of duplicates",
        LOST,
        [(give_up, "duplicates_of", no_duplicates), (rows, "duplicates_of", no_duplicates)],
        scenario=drawn_twins,
    ),
    Defect(
        "a ticket that cannot be sent leaves its duplicates without a row",
        LOST,
        [(shard, "duplicates_of", no_duplicates)],
        scenario=drawn_twins,
    ),
)
