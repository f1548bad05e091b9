"""Deliberate defects of the prompt's cache: what is written there and never read, and what that may cost."""

from __future__ import annotations

import dataclasses
import random
from decimal import Decimal
from typing import Any

from nightsort.api.spec import Shards
from nightsort.domain import caching
from nightsort.flow.money import budget
from tests.simulation.chaos import quiet
from tests.simulation.defect import Defect
from tests.simulation.scenario import Deed, Plan, Scenario, draw_ticket, spec_of

ESTIMATED = budget.estimated


def cached(rng: random.Random) -> Scenario:
    """One run in several batches, of whose prompts hardly any is read."""
    tickets = [draw_ticket(rng, number, strange=False) for number in range(24)]
    spec = spec_of("tickets", shards=Shards(max_requests=rng.choice((4, 8))))
    return Scenario([Plan("run-0", 0.0, spec)], {"tickets": tickets}, sinks=1, cached=0.0)


def limited(rng: random.Random) -> Scenario:
    """The same with a limit that is lowered meanwhile: it has room for two more tickets that write nothing."""
    scenario = cached(rng)
    [plan] = scenario.plans
    spec = plan.spec.model_copy(update={"max_cost_usd": "1000"})
    lowered = Deed(rng.uniform(1.0, 4.0), "edit", {"max_cost_usd": "0.0125"})
    raised = Deed(80_000.0, "edit", {"max_cost_usd": "1000"})
    return dataclasses.replace(scenario, plans=[dataclasses.replace(plan, spec=spec, deeds=[lowered, raised])])


def nothing(*about: Any) -> None:
    """Nothing is waited for."""


def always(*about: Any) -> bool:
    return True


def plain(*about: Any, **more: Any) -> Decimal | None:
    """A prompt that is written counts as one that is read as ever."""
    return ESTIMATED(*about)


DEFECTS = (
    Defect(
        "a cache is used before anything is in it",
        r"P2: \S+ writes the prompt with \d+ tickets",
        [(caching, "under_way", nothing), (caching, "is_warm", always)],
        scenario=cached,
        chaos=quiet,
    ),
    Defect(
        "what was read decides nothing",
        r"P2: run-0 writes \d+ prompts that nobody reads",
        [(caching, "pays", always)],
        scenario=cached,
        chaos=quiet,
    ),
    Defect(
        "a prompt that is written counts as a plain one",
        r"I12: \S+ was to cost ",
        [(budget, "estimated", plain)],
        scenario=limited,
        chaos=quiet,
    ),
)
