"""Deliberate defects of examples: those of another pool, the ticket itself, or too few."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from nightsort.domain.examples import Example, Nearest
from nightsort.flow.run.run import Run
from nightsort.flow.submission import shard
from nightsort.flow.tickets import examples
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


def moving(rng: random.Random) -> Scenario:
    """The pool changes early on, again and again."""
    scenario = drawn_shown(rng)
    first, *others = scenario.plans
    moves = [Deed(rng.uniform(0, 3_000), f"pool {how}") for how in ("alters", "alters", "shrinks") for _ in range(3)]
    return replace(scenario, plans=[replace(first, deeds=[*first.deeds, *moves]), *others])


OF = NearestByCount.of

DEFECTS = (
    Defect(
        "a shard is sent with the pool as it is by then",
        "E1: ",
        [(shard, "nearest_of", as_it_is_now)],
        scenario=moving,
    ),
    Defect("a changed pool is taken for the same", "E1: ", [(examples, "digest_of", whatever_it_is)], scenario=moving),
    Defect("a ticket is shown with itself", "E2: ", [(NearestByCount, "of", with_itself)], scenario=drawn_shown),
    Defect("tickets are sent without examples", "E3: ", [(shard, "nearest_of", none_at_all)], scenario=drawn_shown),
)
