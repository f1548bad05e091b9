"""Who lives in a simulation: resources, their tickets, and what users do to them meanwhile."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from msgspec.structs import replace as replace_struct

from nightsort.api.categories import DEFAULT_CATEGORIES, Category, UnknownLabel
from nightsort.api.category_set import CategorySetRef
from nightsort.api.credentials import Credentials, SecretRef
from nightsort.api.evaluation import Evaluation, Truth
from nightsort.api.examples import ExamplesFrom
from nightsort.api.fields import AnswerField
from nightsort.api.prompt import Prompt
from nightsort.api.results import ConfigMapResults, DatabaseResults, Results
from nightsort.api.review import Kind, Review
from nightsort.api.source import ConfigMapSource, Source
from nightsort.api.spec import InferenceGeo, Shards, Spec
from nightsort.domain.caching_plan import CachingRules
from nightsort.domain.room import MOST_BATCHES
from nightsort.domain.ticket import Ticket
from nightsort.testing.batch_api import MODEL, SECOND_MODEL
from nightsort.testing.sources import MemoryQuery, MemorySource
from tests.simulation.account import PLACED_MODEL, text_of

CATEGORIES = tuple(Category(name=name) for name in ("billing", "technical", "account", "account access", "other"))
FIELDS = (AnswerField(name="urgency", values=("low", "high")),)
ONE_NAME = Results(config_map=ConfigMapResults(name="labels"))
RULES = (UnknownLabel(), UnknownLabel(action="Retry"), UnknownLabel(action="Fallback", category="other"))
SET = "sorts"
"""The name of the CategorySet."""
TRUTH = "truth"
SHOWN = "example-of"
"""How the text of each example begins; no ticket has this word."""
POOL_MOVES = ("grows", "alters", "shrinks", "hides")
KNOWN = "known"
"""A set of known tickets of its own."""
TRUTHS = ("billing", "technical", "account", "other", "Account Access")
"""What people write; capitals do not count."""
TABLE = Results(database=DatabaseResults(url_secret_ref=SecretRef(name="db", key="url"), table="labels", mode="Upsert"))
MOST_TICKETS = 100_000
LONG_CHARS = 2_100
"""A body that is cut."""
LONG = "ticket/" + "x" * 70
CACHED = CachingRules(least_requests=3, least_saved_usd=Decimal("0.0001"), probe=2)
SHARES_OF_HITS = (0.0, 0.3, 0.9, 1.0)
TIMES_DEARER = 12
"""A long prompt against a short one."""
DOLLARS_A_TICKET = (0.00003, 0.0006)


@dataclass(frozen=True)
class Deed:
    """Something that a user does, so many seconds after the resource was created."""

    after: float
    what: str
    change: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """One resource to be: when it is applied, its spec, and what happens to it."""

    name: str
    after: float
    spec: Spec
    deeds: Sequence[Deed] = ()


@dataclass(frozen=True)
class Scenario:
    """`room` is how many requests an account may have enqueued; `paced` when its resources wait together.

    `odd` is the share of answers whose lines are spoilt, `strays` that of batches with answers to what nobody asked.
    During the `page`, in seconds like the drought, a gateway answers where results are asked for.
    `drought` is when accounts sell nothing, in seconds from the beginning of the world. `greed` is how many answers use
    all the tokens that they may. Where it is `restless`, somebody writes a resource whenever its results are read.
    Where it is `crowded`, lists of batches are too long to be read back to anything. While it is `blind`, in seconds
    like the drought, nobody can tell which batches are owned, so that no lost answer is settled.
    With a `limit`, sources are queries for so many tickets without a label, the first or the `newest`, which see labels
    with a `lag` in seconds. `counts` is how many of the batches have odd counts, `clocks` how far apart clocks of
    processes may be (seconds), `told` whether answers name the account, `switches` how often a lost answer is followed
    by a key of another account, `rotations` how often keys are replaced in a life.
    `ails` is from when to when creates are not taken, and by what answer.
    `places` is how many batches of a source the record of a run may hold. Batches with a ticket that is `refused` are.
    """

    plans: Sequence[Plan]
    sources: Mapping[str, Sequence[Ticket]]
    sinks: int
    noise: float = 0.0
    strangers: float = 0.0
    losses: float = 0.0
    drops: float = 0.0
    paced: bool = True
    room: int = 200_000
    drought: tuple[float, float] | None = None
    greed: float = 0.0
    restless: bool = False
    blind: tuple[float, float] | None = None
    crowded: bool = False
    limit: int | None = None
    newest: bool = False
    counts: float = 0.0
    clocks: float = 0.0
    told: bool = True
    switches: float = 0.0
    rotations: int = 0
    wipes: int = 0
    lag: float = 0.0
    odd: float = 0.0
    strays: float = 0.0
    page: tuple[float, float] | None = None
    accidents: tuple[float, float] | None = None
    """When reading the results of some batches ends in an exception that nobody foresaw."""
    places: int = MOST_BATCHES
    refused: Collection[str] = ()
    ails: tuple[float, float, str] | None = None
    outdated: float | None = None
    """Until when, in seconds from the beginning, the store drops counts of batches, as under an older schema."""
    named: bool = False
    """Whether results go into ConfigMaps, which only one resource can have under one name."""
    rolled_back: Sequence[tuple[float, float]] = ()
    """When, in seconds like the drought, the schema is an older one, and the store drops ids and counts of batches."""
    full: Sequence[tuple[float, float]] = ()
    """When no status may become larger than it is."""
    structured: bool = False
    """Whether every resource asks for a field beside the category, of a model that takes schemas."""
    schema_refused: bool = False
    """Whether the API answers each request with a schema that it does not take it."""
    cached: float | None = None
    """How many requests read the prompt from the cache, where it is long and runs of a few tickets use one."""
    geo: str | None = None
    """Where requests run that do not say it; None where answers do not say it either."""
    accuracy: float = 0.0
    """How often the answer to a known ticket is right."""

    def truths(self, source: str) -> Mapping[str, str]:
        """The known tickets of a source, with their categories."""
        return {each.id: each.fields[TRUTH] for each in self.sources[source] if each.fields.get(TRUTH)}

    sets: bool = False
    """Whether resources name a CategorySet, which changes and vanishes meanwhile."""
    haste: float = 0.0
    """In how many times what its batches alone take, in the room that there is, a world must come to its end."""
    nights: bool = False
    """Whether runs over one source write to one table, and leave out what stands there."""

    pool: Sequence[Ticket] = ()
    """Labelled tickets, some of which each request shows."""
    twins: bool = False
    """Whether tickets have the same text as others, and every run asks once about them."""

    @property
    def is_spoilt(self) -> bool:
        """Whether some answers may come otherwise than they were given, or not at all."""
        return bool(self.losses or self.odd or self.noise or self.strays)

    @property
    def loses_tickets(self) -> bool:
        return any(deed.what == "leave" for plan in self.plans for deed in plan.deeds)

    def source(self, name: str, labeled: Callable[[], Collection[str]]) -> MemorySource:
        if self.nights or (self.twins and self.limit is None and self.loses_tickets):
            return MemoryQuery(self.sources[name], lambda: (), limit=MOST_TICKETS, page=9)
        if self.limit is None:
            return MemorySource(self.sources[name], page=9)
        return MemoryQuery(self.sources[name], labeled, limit=self.limit, newest=self.newest, page=9)


def scenario_of(seed: int) -> Callable[[random.Random], Scenario]:
    """What draws a seed's life: the first kind that it is of."""
    kinds: Sequence[tuple[Callable[[int], bool], Callable[[random.Random], Scenario]]] = (
        (is_of_twins, drawn_twins),
        (is_of_nights, drawn_nights),
        (is_query, drawn_query),
        (is_clumsy, drawn_clumsy),
        (is_blind, drawn_blind),
        (is_outdated, drawn_outdated),
        (is_named, drawn_named),
        (is_narrow, drawn_narrow),
        (is_evaluated, drawn_evaluated),
        (is_structured, drawn_structured),
        (is_shown, drawn_shown),
        (is_of_sets, drawn_sets),
        (is_reviewed, drawn_reviewed),
        (is_cached, drawn_cached),
        (is_measured, drawn_measured),
        (is_crowded, drawn_crowded),
        (is_placed, drawn_placed),
    )
    return next((draw for is_of, draw in kinds if is_of(seed)), drawn)


def is_of_nights(seed: int) -> bool:
    return random.Random(f"nights {seed}").random() < 0.06


def drawn_nights(rng: random.Random) -> Scenario:
    """Runs over one source, one after the other or at once; meanwhile tickets come and change."""
    tickets = [draw_ticket(rng, number, strange=True) for number in range(rng.choice((1, 3, 8, 40)))]
    rule, plans = rng.choice(RULES), []
    for night in range(rng.choice((2, 2, 3, 4))):
        spec = spec_of(
            "tickets-0",
            reuse="Unchanged",
            results=TABLE,
            unknown_label=rule if rng.random() < 0.8 else rng.choice(RULES),
            backoff_limit=rng.choice((0, 1, 2)),
            shards=Shards(max_requests=rng.choice((1, 2, 3, 5, 100))),
            poll_interval_seconds=rng.choice((30, 300)),
            overlap_policy=rng.choice(("Wait", "Wait", "Wait", "Allow")),
        )
        moves = [Deed(rng.uniform(0, 30_000), rng.choice(("arrive", "change", "change"))) for _ in range(4)]
        deeds = [deed for deed in draw_deeds(rng) if deed.what != "leave"]
        after = night * rng.choice((0.0, 600.0, 20_000.0, 20_000.0))
        plans.append(Plan(f"run-{night}", after, spec, [*deeds, *moves]))
    return Scenario(
        plans,
        {"tickets-0": tickets},
        sinks=1,
        losses=rng.choice((0.0, 0.0, 0.2)),
        room=rng.choice((10, 200_000, 200_000)),
        wipes=rng.choice((0, 0, 2)),
        odd=rng.choice((0.0, 0.0, 0.3)),
        refused=rng.choice(((), (), ("1",))),
        places=rng.choice((MOST_BATCHES, MOST_BATCHES, 6)),
        nights=True,
    )


def is_of_twins(seed: int) -> bool:
    return random.Random(f"twins {seed}").random() < 0.06


def drawn_twins(rng: random.Random) -> Scenario:
    """Any life, also with queries, known tickets or fields, in which many tickets have the same text."""
    kinds = (drawn, drawn, drawn_query, drawn_evaluated, drawn_structured, drawn_narrow, drawn_reviewed, drawn_reviewed)
    scenario = rng.choice(kinds)(rng)
    plans = [replace(plan, spec=plan.spec.model_copy(update={"dedupe": "Exact"})) for plan in scenario.plans]
    sources = {
        name: tickets if name == KNOWN else with_twins(rng, tickets) for name, tickets in scenario.sources.items()
    }
    return replace(scenario, plans=plans, sources=sources, lag=0.0, twins=True)


def with_twins(rng: random.Random, tickets: Sequence[Ticket]) -> list[Ticket]:
    """The same tickets, some of which have the text of others; a known one has its own."""
    share, texts = rng.choice((0.2, 0.5, 0.9)), [each.fields for each in tickets if is_plain(each)]
    return [
        replace_struct(each, fields=rng.choice(texts)) if is_plain(each) and rng.random() < share else each
        for each in tickets
    ]


def is_plain(ticket: Ticket) -> bool:
    return bool(ticket.fields) and TRUTH not in ticket.fields


def is_outdated(seed: int) -> bool:
    return random.Random(f"outdated {seed}").random() < 0.03


def drawn_outdated(rng: random.Random) -> Scenario:
    """Any life, begun before somebody has applied the CRD of this version."""
    return replace(drawn(rng), outdated=rng.uniform(60, 1800))


def is_named(seed: int) -> bool:
    return random.Random(f"named {seed}").random() < 0.06


def drawn_named(rng: random.Random) -> Scenario:
    """Any life, in which most resources want one name for their results."""
    scenario = drawn(rng)
    plans = [plan if rng.random() < 0.2 else named_alike(plan) for plan in scenario.plans]
    return replace(scenario, plans=plans, named=True, sinks=1, drops=0.0)


def named_alike(plan: Plan) -> Plan:
    return replace(plan, spec=plan.spec.model_copy(update={"results": ONE_NAME}))


def is_structured(seed: int) -> bool:
    return random.Random(f"structured {seed}").random() < 0.06


def drawn_structured(rng: random.Random) -> Scenario:
    """Any life, in which one ticket tries a schema before the others, and in some of them in vain."""
    scenario = (drawn_evaluated if rng.random() < 0.2 else drawn)(rng)
    plans = [replace(plan, spec=plan.spec.model_copy(update={"fields": FIELDS})) for plan in scenario.plans]
    return replace(scenario, plans=plans, structured=True, schema_refused=rng.random() < 0.2)


def is_shown(seed: int) -> bool:
    return random.Random(f"shown {seed}").random() < 0.08


def drawn_shown(rng: random.Random) -> Scenario:
    """Any life, in which requests show labelled tickets of a pool, and the pool changes at bad moments."""
    scenario = rng.choice((drawn, drawn, drawn_evaluated, drawn_nights))(rng)
    shown = ExamplesFrom(config_map=ConfigMapSource(name="pool", key="pool.csv"), column=TRUTH, k=rng.choice((1, 2, 5)))
    plans = []
    for plan in scenario.plans:
        prompt = plan.spec.prompt.model_copy(update={"examples_from": shown})
        after = rng.choice((100.0, 1000.0, 30_000.0))
        moves = [Deed(after * rng.random(), f"pool {how}") for how in POOL_MOVES if rng.random() < 0.5]
        plans.append(replace(plan, spec=plan.spec.model_copy(update={"prompt": prompt}), deeds=[*plan.deeds, *moves]))
    return replace(scenario, plans=plans, pool=draw_pool(rng))


def draw_pool(rng: random.Random) -> list[Ticket]:
    """Each has the ids of two tickets in its text, and some have the id of one of these."""
    return [
        Ticket(
            str(number) if rng.random() < 0.3 else f"pool-{number}",
            {"body": f"{SHOWN} {number} {number + 1} v0", TRUTH: rng.choice(TRUTHS)},
            "",
        )
        for number in range(rng.choice((1, 3, 10, 60)))
    ]


def is_of_sets(seed: int) -> bool:
    return random.Random(f"sets {seed}").random() < 0.08


def drawn_sets(rng: random.Random) -> Scenario:
    """Any life, in which most resources name a CategorySet, and people change and delete it whenever they like."""
    scenario = (drawn_evaluated if rng.random() < 0.3 else drawn)(rng)
    return replace(scenario, plans=[by_set(plan) if rng.random() < 0.8 else plan for plan in scenario.plans], sets=True)


def by_set(plan: Plan) -> Plan:
    named = {"category_set_ref": CategorySetRef(name=SET), "categories": DEFAULT_CATEGORIES}
    return replace(plan, spec=plan.spec.model_copy(update=named))


def is_narrow(seed: int) -> bool:
    return random.Random(f"narrow {seed}").random() < 0.06


def drawn_narrow(rng: random.Random) -> Scenario:
    """Any life, in which the store does not keep whole records for a while, or takes no larger ones, or both."""
    spans = [(begins, begins + rng.choice((60.0, 3600.0, 20_000.0))) for begins in (draw_begin(rng), draw_begin(rng))]
    rolled_back, full = rng.choice(((spans, []), ([], spans), (spans[:1], spans[1:])))
    return replace(drawn(rng), rolled_back=rolled_back, full=full)


def draw_begin(rng: random.Random) -> float:
    return rng.choice((10.0, 300.0, 4000.0)) * rng.random()


def is_evaluated(seed: int) -> bool:
    return random.Random(f"evaluated {seed}").random() < 0.1


def drawn_evaluated(rng: random.Random) -> Scenario:
    """Any life, in which runs buy known tickets first, and a person decides about those that are held."""
    scenario = drawn(rng)
    sources = {name: with_known(rng, tickets) for name, tickets in scenario.sources.items()}
    sources[KNOWN] = [replace_struct(each, id=f"known-{each.id}") for each in with_known(rng, [])]
    sources[KNOWN] = [replace_struct(each, fields={**each.fields, "body": text_of(each.id)}) for each in sources[KNOWN]]
    plans = [evaluated(rng, plan) if rng.random() < 0.9 else plan for plan in scenario.plans]
    return replace(scenario, plans=plans, sources=sources, accuracy=rng.choice((0.3, 0.7, 0.9, 1.0)))


def with_known(rng: random.Random, tickets: Sequence[Ticket]) -> list[Ticket]:
    """The tickets with known ones among them; now and then there are no others."""
    known = [draw_ticket(rng, len(tickets) + number, strange=False) for number in range(rng.choice((10, 12, 30)))]
    labeled = [replace_struct(each, fields={**each.fields, TRUTH: rng.choice(TRUTHS)}) for each in known]
    mixed = [*tickets, *labeled]
    rng.shuffle(mixed)
    return mixed


def evaluated(rng: random.Random, plan: Plan, *, apart: bool = False) -> Plan:
    apart = apart or rng.random() < 0.3
    own_set = ConfigMapSource(name=KNOWN, key="known.csv") if apart else None
    evaluation = Evaluation(
        truth=Truth(column=TRUTH, config_map=own_set),
        sample=rng.choice((9, 12, 100)),
        min_accuracy=rng.choice((None, "0.2", "0.4", "0.55")),
        on_failure=rng.choice(("Hold", "Hold", "Hold", "Fail", "Report")),
    )
    word = Deed(rng.choice((100.0, 30_000.0, 150_000.0)) * (0.5 + rng.random()), rng.choice(("release", "delete")))
    return replace(plan, spec=plan.spec.model_copy(update={"evaluation": evaluation}), deeds=[*plan.deeds, word])


def is_cached(seed: int) -> bool:
    return random.Random(f"cached {seed}").random() < 0.1


def drawn_cached(rng: random.Random) -> Scenario:
    """Any life with a long prompt, which one ticket puts into the cache before others read it, or do not.

    Its accounts are one each, by one clock: another account has another cache.
    """
    scenario = rng.choice((drawn, drawn, drawn_evaluated, drawn_reviewed, drawn_twins))(rng)
    plans = [replace(plan, spec=for_a_long_prompt(plan.spec)) for plan in scenario.plans]
    return replace(scenario, plans=plans, cached=rng.choice(SHARES_OF_HITS), clocks=0.0, switches=0.0, rotations=0)


def for_a_long_prompt(spec: Spec) -> Spec:
    """With a limit that is as near to the cost as it was."""
    if spec.max_cost_usd is None:
        return spec
    return spec.model_copy(update={"max_cost_usd": str(Decimal(spec.max_cost_usd) * TIMES_DEARER)})


def is_measured(seed: int) -> bool:
    return random.Random(f"measured {seed}").random() < 0.05


def drawn_measured(rng: random.Random) -> Scenario:
    """Runs over one source that leave out what stands, and measure known tickets of a set before they buy the rest."""
    scenario = drawn_nights(rng)
    known = [replace_struct(each, id=f"known-{each.id}") for each in with_known(rng, [])]
    known = [replace_struct(each, fields={**each.fields, "body": text_of(each.id)}) for each in known]
    plans = [evaluated(rng, plan, apart=True) for plan in scenario.plans]
    plans = [reviewed(rng, plan) if rng.random() < 0.3 else plan for plan in plans]
    sources = {**scenario.sources, KNOWN: known}
    return replace(scenario, plans=plans, sources=sources, accuracy=rng.choice((0.3, 0.7, 0.9, 1.0)))


def is_reviewed(seed: int) -> bool:
    return random.Random(f"reviewed {seed}").random() < 0.12


def drawn_reviewed(rng: random.Random) -> Scenario:
    """Any life, in which a second model reads some tickets after the first one."""
    scenario = (drawn_evaluated if rng.random() < 0.2 else drawn)(rng)
    plans = [reviewed(rng, plan) if rng.random() < 0.9 else plan for plan in scenario.plans]
    return replace(scenario, plans=plans)


def reviewed(rng: random.Random, plan: Plan) -> Plan:
    of: tuple[Kind, ...] = rng.choice((("Unknown",), ("Sample",), ("Unknown", "Sample")))
    review = Review(
        model=SECOND_MODEL,
        of=of,
        sample=rng.choice(("30%", "100%")) if "Sample" in of else None,
        on_disagreement=rng.choice(("Keep", "Replace", "NeedsReview")),
    )
    return replace(plan, spec=plan.spec.model_copy(update={"review": review}))


def is_placed(seed: int) -> bool:
    return random.Random(f"placed {seed}").random() < 0.08


def drawn_placed(rng: random.Random) -> Scenario:
    """Any life with a model that takes a place, in accounts of one default; some resources say where they run.

    Its accounts are one each, by one clock: what another account is paid for nobody can tell.
    """
    scenario = rng.choice((drawn, drawn, drawn_reviewed))(rng)
    plans = [replace(plan, spec=placed(plan.spec, rng.choice(("us", "us", "global", None)))) for plan in scenario.plans]
    return replace(scenario, plans=plans, geo=rng.choice(("us", "global")), clocks=0.0, switches=0.0, rotations=0)


def placed(spec: Spec, place: InferenceGeo | None) -> Spec:
    """With a limit that is as near to the cost as it was, if not in the US."""
    limit = None if spec.max_cost_usd is None else f"{3 * Decimal(spec.max_cost_usd):.6f}"
    return spec.model_copy(update={"model": PLACED_MODEL, "inference_geo": place, "max_cost_usd": limit})


def is_crowded(seed: int) -> bool:
    return random.Random(f"crowded {seed}").random() < 0.06


def drawn_crowded(rng: random.Random) -> Scenario:
    """Any life, in workspaces that make more batches than a list can be read back through."""
    return replace(drawn(rng), crowded=True)


def drawn(rng: random.Random) -> Scenario:
    """A scenario by chance. Most are small: what goes wrong between two shards goes wrong among three tickets."""
    if rng.random() < 0.07:
        return drawn_dry(rng)
    resources = rng.choice((1, 1, 2, 2, 3, 5))
    equal = rng.random() < 0.4
    size = draw_size(rng)
    sources = {f"tickets-{number}": draw_tickets(rng, size if equal else draw_size(rng)) for number in range(resources)}
    together = rng.random() < 0.5
    plans = []
    for number in range(resources):
        source = f"tickets-{rng.choice((number, 0))}"
        spec = draw_spec(rng, source, len(sources[source]), equal)
        deeds: Sequence[Deed] = draw_deeds(rng)
        if rng.random() < 0.4:
            spec, deeds = limited(rng, spec, len(sources[source]), deeds)
        plans.append(Plan(f"run-{number}", 0.0 if together else rng.uniform(0, 900), spec, deeds))
    return Scenario(
        plans,
        sources,
        sinks=rng.choice((1, 1, 2)),
        noise=rng.choice((0.0, 0.0, 0.5)),
        strangers=rng.choice((0.0, 0.0, 0.5)),
        losses=rng.choice((0.0, 0.0, 0.0, 0.2)),
        paced=rng.random() < 0.7,
        room=rng.choice((200_000, 200_000, 100, 10)),
        greed=rng.choice((0.0, 0.0, 0.3, 1.0)),
        restless=rng.random() < 0.2,
        drops=rng.choice((0.0, 0.0, 0.0, 0.3)),
        counts=rng.choice((0.0, 0.0, 0.5)),
        clocks=rng.choice((0.0, 0.0, 0.0, 1200.0, 3 * 3600.0)),
        told=rng.random() < 0.5,
        switches=rng.choice((0.0, 0.0, 0.5)),
        rotations=rng.choice((0, 0, 3)),
        wipes=rng.choice((0, 0, 0, 1, 3)),
        odd=rng.choice((0.0, 0.0, 0.0, 0.3)),
        # Where tickets leave the source, nobody can tell theirs from answers to what was not asked.
        strays=0.0
        if any(deed.what == "leave" for plan in plans for deed in plan.deeds)
        else rng.choice((0.0, 0.0, 0.5)),
        page=draw_page(rng),
        places=rng.choice((MOST_BATCHES, MOST_BATCHES, MOST_BATCHES, 6)),
        refused=rng.choice(((), (), (), ("1",), ("0", "4"))),
        ails=draw_ails(rng) if rng.random() < 0.05 else None,
    )


def draw_page(rng: random.Random) -> tuple[float, float] | None:
    if rng.random() < 0.8:
        return None
    begins = rng.choice((0.0, rng.uniform(0, 4000)))
    return begins, begins + rng.uniform(600, 10_000)


def drawn_dry(rng: random.Random) -> Scenario:
    """One has bought when its account begins to sell nothing; the others come then, and again and again."""
    sources = {f"tickets-{number}": draw_tickets(rng, rng.choice((1, 3, 8))) for number in range(rng.choice((2, 2, 3)))}
    begins = rng.uniform(10, 100)
    plans = []
    for number, source in enumerate(sources):
        spec = spec_of(
            source,
            unknown_label=rng.choice(RULES),
            shards=Shards(max_requests=draw_shard(rng, 8, equal=False)),
            poll_interval_seconds=30,
        )
        after = begins + rng.uniform(0, 600) if number else 0.0
        plans.append(Plan(f"run-{number}", after, spec, draw_deeds(rng)))
    return Scenario(plans, sources, sinks=1, drought=(begins, begins + rng.choice((1800.0, 3600.0))))


def is_clumsy(seed: int) -> bool:
    """Whether a seed's life is one in which reading some results is an accident for hours; drawn apart, too."""
    return random.Random(f"clumsy {seed}").random() < 0.03


def drawn_clumsy(rng: random.Random) -> Scenario:
    """Runs in several batches: the others are to be collected, and cancelled where a user suspends the run."""
    sources = {f"tickets-{number}": draw_tickets(rng, 8) for number in range(rng.choice((1, 2)))}
    shards = Shards(max_requests=rng.choice((2, 3)))
    plans = []
    for number, source in enumerate(sources):
        after = rng.uniform(100, 4000)
        again = after + rng.uniform(3000, 9000)
        suspended = [Deed(after, "edit", {"suspend": True}), Deed(again, "edit", {"suspend": False})]
        deeds = rng.choice(([], suspended))
        plans.append(Plan(f"run-{number}", 0.0, spec_of(source, shards=shards, poll_interval_seconds=30), deeds))
    return Scenario(plans, sources, sinks=1, accidents=(0.0, rng.choice((7200.0, 20_000.0))))


def is_blind(seed: int) -> bool:
    """Whether a seed's life is one of a lost answer that cannot be settled for hours; drawn apart, too."""
    return random.Random(f"blind {seed}").random() < 0.03


def drawn_blind(rng: random.Random) -> Scenario:
    """Runs in several batches; what has ended is to be collected though one intent is open."""
    sources = {f"tickets-{number}": draw_tickets(rng, 8) for number in range(rng.choice((1, 2)))}
    shards = Shards(max_requests=rng.choice((2, 3)))
    plans = [
        Plan(f"run-{number}", 0.0, spec_of(source, shards=shards, poll_interval_seconds=30))
        for number, source in enumerate(sources)
    ]
    return Scenario(plans, sources, sinks=1, blind=(0.0, rng.choice((7200.0, 36_000.0))))


def is_query(seed: int) -> bool:
    """Whether a seed's life has queries; drawn apart, so that all other lives stay as they are."""
    return random.Random(f"query {seed}").random() < 0.08


def drawn_query(rng: random.Random) -> Scenario:
    """Queries with a limit, under which labels and new tickets make other rows slide; two may share a table."""
    size = rng.choice((3, 8, 40))
    tickets = [draw_ticket(rng, number, strange=False) for number in range(size)]
    lag = rng.choice((0.0, 0.0, 600.0, 7200.0))
    plans = []
    runs = rng.choice((1, 1, 2))
    for number in range(runs):
        spec = spec_of(
            "tickets-0",
            unknown_label=rng.choice(RULES),
            backoff_limit=rng.choice((0, 1, 2)),
            shards=Shards(max_requests=rng.choice((1, 2, 3, 5))),
            poll_interval_seconds=rng.choice((30, 300)),
            overlap_policy="Wait" if lag else rng.choice(("Wait", "Allow")),
        )
        arrivals = [Deed(rng.uniform(0, 5000), "arrive") for _ in range(rng.choice((0, 3, 10)))]
        deeds = [deed for deed in draw_deeds(rng) if deed.what != "leave"]
        moves = draw_moves(rng) if runs == 1 else []
        plans.append(Plan(f"run-{number}", rng.uniform(0, 900) * number, spec, [*deeds, *arrivals, *moves]))
    return Scenario(
        plans,
        {"tickets-0": tickets},
        sinks=1,
        paced=rng.random() < 0.7,
        room=rng.choice((10, 10, 200_000)),
        limit=rng.choice((2, 5, 20)),
        newest=rng.random() < 0.5,
        lag=lag,
    )


def draw_moves(rng: random.Random) -> list[Deed]:
    """The Secret of the database names another one for a while, in some lives."""
    if rng.random() < 0.7:
        return []
    after = rng.uniform(0, 4000)
    return [Deed(after, "move"), Deed(after + rng.uniform(10, 5000), "move back")]


def draw_ails(rng: random.Random) -> tuple[float, float, str]:
    begins = rng.uniform(0, 600)
    return begins, begins + rng.choice((3600.0, 6 * 3600.0)), rng.choice(("500", "405"))


def draw_size(rng: random.Random) -> int:
    return rng.choice((0, 1, 2, 3, 3, 5, 8, 8, 40))


def draw_tickets(rng: random.Random, size: int) -> list[Ticket]:
    strange = rng.random() < 0.3
    return [draw_ticket(rng, number, strange) for number in range(size)]


def draw_ticket(rng: random.Random, number: int, strange: bool) -> Ticket:
    name = str(number)
    if strange and rng.random() < 0.3:
        name = rng.choice((f"{LONG}{number}", f"größe {number}"))
    empty = strange and rng.random() < 0.2
    more = "x" * LONG_CHARS if number % 4 == 3 else ""
    return Ticket(name, {} if empty else {"body": f"{text_of(name)} {more}"}, "")


def draw_shard(rng: random.Random, size: int, equal: bool) -> int:
    return max(3 if equal else rng.choice((1, 2, 3, 5, 100)), size // 8)


def draw_spec(rng: random.Random, source: str, size: int, equal: bool) -> Spec:
    return spec_of(
        source,
        unknown_label=rng.choice(RULES),
        backoff_limit=rng.choice((0, 1, 2)),
        shards=Shards(max_requests=draw_shard(rng, size, equal)),
        poll_interval_seconds=rng.choice((30, 300, 1800)),
        overlap_policy=rng.choice(("Wait", "Allow", "Allow")),
        active_deadline_seconds=rng.choice((None, None, None, 600, 4000)),
        credentials=Credentials(secret_ref=SecretRef(name="second", key="k")) if rng.random() < 0.15 else None,
    )


def limited(rng: random.Random, spec: Spec, size: int, deeds: Sequence[Deed]) -> tuple[Spec, Sequence[Deed]]:
    """With a limit somewhere around what the tickets cost; it is raised later on, so that the run ends."""
    limit = f"{max(size, 1) * rng.uniform(*DOLLARS_A_TICKET):.6f}"
    most = rng.choice((8, 50, 50, 400))
    prompt = spec.prompt.model_copy(update={"max_tokens": most})
    raised = Deed(rng.choice((600.0, 9000.0, 90_000.0)) * rng.random(), "edit", {"max_cost_usd": "1000"})
    return spec.model_copy(update={"max_cost_usd": limit, "prompt": prompt}), [*deeds, raised]


def spec_of(source: str, **fields: Any) -> Spec:
    return Spec(
        model=MODEL,
        source=Source(config_map=ConfigMapSource(name=source, key="tickets.csv")),
        categories=CATEGORIES,
        prompt=Prompt(template="$body"),
        **fields,
    )


def draw_deeds(rng: random.Random) -> list[Deed]:
    if rng.random() < 0.5:
        return []
    after = rng.choice((5.0, 100.0, 1000.0, 4000.0)) * rng.random()
    match rng.choice(("touch", "touch", "suspend", "deadline", "delete", "vanish", "leave")):
        case "suspend":
            again = after + rng.uniform(10, 5000)
            first = 0.0 if int(again) % 2 else after  # suspended from its beginning on, it is estimated
            return [Deed(first, "edit", {"suspend": True}), Deed(again, "edit", {"suspend": False})]
        case "deadline":
            return [Deed(after, "edit", {"active_deadline_seconds": rng.choice((None, 60, 2000))})]
        case "touch":
            return [Deed(after * each, "edit") for each in (1, 1.01, 2)]
        case what:
            return [Deed(after, what)]
