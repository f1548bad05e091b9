"""Deliberate defects of examples: those of another pool, the ticket itself, too few, or others at the next try."""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from dataclasses import replace

from nightsort.api.examples import ExamplesFrom
from nightsort.api.resource import Resource
from nightsort.domain.errors import Interruption
from nightsort.domain.examples import Example, Nearest
from nightsort.flow.run.run import Run
from nightsort.flow.submission import shard
from nightsort.flow.tickets import examples
from nightsort.ports import Connections
from nightsort.testing.nearest import NearestByCount
from tests.simulation.defect import Defect
from tests.simulation.scenario import Deed, Scenario, drawn_shown


async def as_it_is_now(run: Run) -> Nearest | None:
    """The pool as it is by now, whatever the run began with."""
    pool = run.spec.prompt.examples_from
    if pool is None:
        return None
    found = await examples.read(run.services.connections, run.resource, pool)
    return (await examples.indexed(run, found)).nearest


async def none_at_all(run: Run) -> Nearest | None:
    return None


def with_itself(self: NearestByCount, ticket_id: str, text: str, k: int) -> Sequence[Example]:
    return OF(self, "nobody", text, k)


def whatever_it_is(found: Sequence[Example]) -> str:
    """A digest that is the same for every pool."""
    return "the same"


async def none_while_it_is_away(run: Run) -> Nearest | None:
    """A pool that cannot be read, or has changed, is taken for one without examples."""
    try:
        return await NEAREST_OF(run)
    except Interruption:
        return None


async def with_what_was_added(
    connections: Connections, resource: Resource, pool: ExamplesFrom, only: Collection[str] | None = None
) -> list[Example]:
    return await READ(connections, resource, pool)


def the_other_way_round(self: NearestByCount, ticket_id: str, text: str, k: int) -> Sequence[Example]:
    """Every second time; what was asked is kept beside the index."""
    asked: set[tuple[str, str]] = self.__dict__.setdefault("asked", set())
    again, found = (ticket_id, text) in asked, OF(self, ticket_id, text, k)
    (asked.discard if again else asked.add)((ticket_id, text))
    return found[::-1] if again else found


def moving(rng: random.Random) -> Scenario:
    """The pool changes early on, again and again."""
    scenario = drawn_shown(rng)
    first, *others = scenario.plans
    moves = [Deed(rng.uniform(0, 3_000), f"pool {how}") for how in ("alters", "alters", "shrinks") for _ in range(3)]
    return replace(scenario, plans=[replace(first, deeds=[*first.deeds, *moves]), *others])


def growing(rng: random.Random) -> Scenario:
    """Rows are added to the pool again and again."""
    scenario = drawn_shown(rng)
    first, *others = scenario.plans
    moves = [Deed(rng.uniform(0, 3_000), "pool grows") for _ in range(6)]
    kept = [replace(plan, deeds=[each for each in plan.deeds if not each.what.startswith("pool")]) for plan in others]
    own = [each for each in first.deeds if not each.what.startswith("pool")]
    return replace(scenario, plans=[replace(first, deeds=[*own, *moves]), *kept])


OF, READ, NEAREST_OF = NearestByCount.of, examples.read, examples.nearest_of

DEFECTS = (
    Defect(
        "a shard is sent with the pool as it is by then",
        "E1: ",
        [(shard, "nearest_of", as_it_is_now)],
        scenario=moving,
    ),
    Defect("a changed pool is taken for the same", "E1: ", [(examples, "digest_of", whatever_it_is)], scenario=moving),
    Defect("a ticket is shown with itself", "E2: ", [(NearestByCount, "of", with_itself)], scenario=drawn_shown),
    Defect(
        "a pool that is away is taken for one without examples",
        "E3: ",
        [(shard, "nearest_of", none_while_it_is_away)],
        scenario=moving,
    ),
    Defect(
        "a ticket that is asked about again is shown with its examples in another order",
        "E4: ",
        [(NearestByCount, "of", the_other_way_round)],
        scenario=drawn_shown,
    ),
    Defect(
        "rows that were added to a pool stop a run that is taken up again",
        "E5: ",
        [(examples, "read", with_what_was_added)],
        scenario=growing,
    ),
    Defect("tickets are sent without examples", "E3: ", [(shard, "nearest_of", none_at_all)], scenario=drawn_shown),
)
