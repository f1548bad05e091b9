"""Deliberate defects of what is held against maxCostUSD, and of going on where others write and suspend."""

from __future__ import annotations

import dataclasses
import random
from typing import Any

from nightsort.api.batch_record import BatchRecord, BatchState, Usage
from nightsort.api.plan import Tokens
from nightsort.api.resource import Resource
from nightsort.api.spec import Shards
from nightsort.api.status import Status
from nightsort.domain import cost
from nightsort.domain.actions import Facts
from nightsort.domain.answer import Answer, Verdict
from nightsort.domain.verdict import Judgement
from nightsort.flow.collection import collect
from nightsort.flow.gather import Gatherer
from nightsort.flow.money import budget as afford
from nightsort.flow.results import answers
from nightsort.flow.run.run import Run
from tests.simulation.chaos import Chaos, LostAnswer, quiet
from tests.simulation.defect import Defect
from tests.simulation.scenario import Deed, Plan, Scenario, draw_ticket, drawn, drawn_blind, limited, placed, spec_of

COMMITTED = cost.committed
PASSED = r"I12: \S+ was to cost "


def greedy(rng: random.Random) -> Scenario:
    """Every run has a limit, and every answer uses all that it may."""
    scenario = dataclasses.replace(drawn(rng), greed=1.0)
    plans = []
    for plan in scenario.plans:
        size = len(scenario.sources[plan.spec.source.config_map.name]) if plan.spec.source.config_map else 0
        spec, deeds = limited(rng, plan.spec, size, plan.deeds)
        plans.append(dataclasses.replace(plan, spec=spec, deeds=deeds))
    return dataclasses.replace(scenario, plans=plans)


def tight(rng: random.Random) -> Scenario:
    """One run in several batches, whose limit is enough for most of them."""
    tickets = [draw_ticket(rng, number, strange=False) for number in range(12)]
    spec = spec_of("tickets", shards=Shards(max_requests=3), max_cost_usd=f"{12 * rng.uniform(0.00012, 0.0003):.6f}")
    raised = Deed(80_000.0, "edit", {"max_cost_usd": "1000"})
    return Scenario([Plan("run-0", 0.0, spec, [raised])], {"tickets": tickets}, sinks=1, greed=1.0)


def tight_and_lossy(rng: random.Random) -> Scenario:
    return dataclasses.replace(tight(rng), losses=0.5)


def suspended_often(rng: random.Random) -> Scenario:
    scenario = drawn(rng)
    plans = []
    for plan in scenario.plans:
        moments = [rng.uniform(0, 9000) for _ in range(4)]
        deeds = [Deed(each, "edit", {"suspend": number % 2 == 0}) for number, each in enumerate(sorted(moments))]
        plans.append(dataclasses.replace(plan, deeds=deeds))
    return dataclasses.replace(scenario, plans=plans)


def restless(rng: random.Random) -> Scenario:
    return dataclasses.replace(drawn(rng), restless=True)


def in_the_us(rng: random.Random) -> Scenario:
    """The same, where the run asks for the US."""
    scenario = tight(rng)
    plans = [dataclasses.replace(plan, spec=placed(plan.spec, "us")) for plan in scenario.plans]
    return dataclasses.replace(scenario, plans=plans, geo="global")


def elsewhere(*about: Any) -> bool:
    """Nothing is made in the US."""
    return False


def anywhere(self: collect.Count) -> Usage:
    """What was used, without where."""
    return Usage(**self.used.counts(), us=None)


def as_expected(tokens: Tokens, status: Status, max_tokens: int) -> Tokens:
    """Answers as they are expected: those of a category's name."""
    return tokens


def always_priced(answer: Answer) -> bool:
    return True


def without_intents(status: Status, *about: Any, **more: Any) -> Any:
    known = [record for record in status.batches if record.state is not BatchState.INTENDED]
    return COMMITTED(status.model_copy(update={"batches": tuple(known)}), *about, **more)


def without_flying(status: Status, *about: Any, **more: Any) -> Any:
    known = [record for record in status.batches if record.state is not BatchState.SUBMITTED]
    return COMMITTED(status.model_copy(update={"batches": tuple(known)}), *about, **more)


def lost_answers(rng: random.Random) -> Chaos:
    return Chaos(rng, most=15, rate=0.1)


def count_suspensions(judgement: Judgement, record: BatchRecord, backoff_limit: int) -> bool:
    """Every attempt counts, whoever ended it."""
    if judgement.verdict is Verdict.CANCELED:
        return record.canceled
    return judgement.may_pass and record.attempt < backoff_limit


def of_the_same_version(self: Run, newest: Resource) -> bool:
    return newest.meta.resource_version == self.resource.meta.resource_version


async def facts_or_nothing(self: Gatherer, run: Run, *about: Any) -> Facts:
    """Where one intent cannot be settled, nothing else is looked at."""
    facts = await FACTS(self, run, *about)
    if facts.trouble is not None:
        raise facts.trouble
    return facts


FACTS = Gatherer.facts


DEFECTS = (
    Defect(
        "an intent that cannot be settled holds up what has ended",
        r"I3: \S+ has ended long ago and is not collected",
        [(Gatherer, "facts", facts_or_nothing)],
        scenario=drawn_blind,
        chaos=LostAnswer,
    ),
    Defect("an answer is held for what is expected of it", PASSED, [(afford, "at_most", as_expected)], scenario=greedy),
    Defect(
        "what the US costs more is not held against the limit",
        PASSED,
        [(afford, "counts_in_us", elsewhere)],
        scenario=in_the_us,
        chaos=quiet,
    ),
    Defect(
        "what was made in the US is told as what was made elsewhere",
        r"I14: \S+ in the US tells 0 input_tokens",
        [(collect.Count, "usage", property(anywhere))],
        scenario=in_the_us,
        chaos=quiet,
    ),
    Defect(
        "answers that never come count as nothing",
        PASSED,
        [(collect, "has_price", always_priced)],
        scenario=tight_and_lossy,
        chaos=quiet,
    ),
    Defect("what is in flight counts as nothing", PASSED, [(afford, "committed", without_flying)], scenario=greedy),
    Defect(
        "an intent counts as nothing",
        PASSED,
        [(afford, "committed", without_intents)],
        scenario=tight,
        chaos=lost_answers,
    ),
    Defect(
        "a suspension uses up an attempt",
        r"I4: .+ was given up after \d+ tries",
        [(collect, "is_asked_again", count_suspensions), (answers, "is_asked_again", count_suspensions)],
        scenario=suspended_often,
    ),
    Defect(
        "who writes a label makes a step be begun anew",
        r"the resources are not settled",
        [(Run, "_has_the_record_of", of_the_same_version)],
        scenario=restless,
        chaos=quiet,
    ),
)
