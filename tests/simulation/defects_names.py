"""Deliberate defects of taking the names of results before anything is bought."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from nightsort.adapters.config_map.sink import ConfigMapRows
from nightsort.domain.config_map import ConfigMap
from nightsort.domain.errors import Stalled
from nightsort.domain.reasons import Reason
from nightsort.flow.preflight import prepare
from nightsort.ports import Sink
from tests.simulation.chaos import Chaos
from tests.simulation.defect import Defect
from tests.simulation.scenario import Plan, Scenario, draw_tickets, drawn_named, named_alike, spec_of


def racing(rng: random.Random) -> Scenario:
    """Two resources over tickets of their own that begin at once."""
    sources = {"tickets-0": draw_tickets(rng, 3), "tickets-1": draw_tickets(rng, 5)}
    plans = [named_alike(Plan(f"run-{number}", 0.0, spec_of(source))) for number, source in enumerate(sources)]
    return Scenario(plans, sources, sinks=1, named=True)


async def claim_nothing(sinks: Sequence[Sink]) -> None:
    """Leaves it to the first write, after the purchase, to make the ConfigMap."""


async def read_as_ones_own(self: ConfigMapRows, number: int) -> ConfigMap | None:
    """Takes whatever has the name for one's own, as files did that had no owner."""
    return await self._config_maps.read(self._owner.namespace, self._name_of(number))


async def claim_once(self: ConfigMapRows) -> None:
    """Does not know one's own claim again, as after a crash between it and the plan."""
    if await self._config_maps.read(self._owner.namespace, self._name) is not None:
        raise Stalled("the name is taken", reason=Reason.RESULTS_NAME_TAKEN)
    await CLAIM(self)


def often_killed(rng: random.Random) -> Chaos:
    return Chaos(rng, 15, 0.1)


CLAIM = ConfigMapRows.claim

DEFECTS = (
    Defect(
        "the name of the results is taken by the first write alone",
        r"C1: run-\d bought \S+, and \S+ has the name of its results",
        [(prepare, "claim_results", claim_nothing)],
        scenario=racing,
    ),
    Defect(
        "the results of another resource are taken for one's own",
        r"C1: run-\d bought \S+, and uid-run-\d has the name of its results",
        [(ConfigMapRows, "_read", read_as_ones_own)],
        scenario=racing,
    ),
    Defect(
        "a claim holds up the resource that made it",
        "the resources are not settled within the bound",
        [(ConfigMapRows, "claim", claim_once)],
        scenario=lambda rng: replace(drawn_named(rng), wipes=0),
        chaos=often_killed,
    ),
)
