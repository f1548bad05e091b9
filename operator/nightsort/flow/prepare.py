"""Pre-flight: everything that could keep results from being delivered is looked at before anything is bought."""

from __future__ import annotations

from decimal import Decimal

from nightsort.api.spec import Spec
from nightsort.api.status import Cost, Plan
from nightsort.domain.batch import ModelFacts
from nightsort.domain.cost import UnknownPrice, estimate, money, price_of
from nightsort.domain.errors import Rejected, Stalled, Waiting
from nightsort.domain.overlap import before_on_same_source, goes_after_others
from nightsort.domain.prices import Price, PriceTable
from nightsort.domain.prompt import TicketText, system_prompt
from nightsort.domain.record import MOST_BATCHES
from nightsort.domain.report import plural
from nightsort.domain.situation import Situation
from nightsort.flow.rehearse import rehearse
from nightsort.flow.run import Run
from nightsort.ports import BatchApi, Source

SAMPLE_TICKETS = 20


async def prepare(run: Run) -> None:
    """Checks source, sinks, model and budget, and writes down the plan.

    Raises:
        Waiting, Stalled, Rejected: with what is in the way.
    """
    text = TicketText(run.spec.prompt)
    await let_others_go_first(run)
    connections = run.tools.connections
    source = await connections.source(run.resource)
    await source.check()
    tickets = await source.count()
    refuse_too_many_batches(run.spec.shards.max_requests, tickets)
    await rehearse(run.spec, source, await connections.sinks(run.resource), tickets)
    api = await connections.api(run.resource)
    model = usable(run.spec.model, await api.model(run.spec.model))
    cost = await estimated_cost(run.spec, run.tools.prices, source, text, api, tickets)
    refuse_above_limit(run.spec, cost)
    await let_others_go_first(run)  # once more: who came meanwhile may not have seen that this one has begun
    plan = Plan(tickets=tickets, disable_thinking=model.can_disable_thinking)
    situation = Situation.working("Submitting", f"{plural(tickets, 'ticket')} to submit")
    await run.save(run.status.model_copy(update={"plan": plan, "cost": cost}), situation)


async def let_others_go_first(run: Run) -> None:
    """Nightly runs that overlap do not buy the same tickets twice.

    Raises:
        Waiting: another unfinished resource works on the same source.
    """
    if not goes_after_others(run.spec):
        return
    other = before_on_same_source(run.resource, await run.tools.ledger.others(run.resource.meta))
    if other is not None:
        raise Waiting(
            f"{other.meta.name} goes first: it is unfinished and works on the same source",
            reason="Overlap",
            every=run.spec.poll_interval_seconds,
        )


def refuse_too_many_batches(max_requests: int, tickets: int) -> None:
    """Holds the tickets against the batches that a status takes.

    Raises:
        Rejected: they are more, so that the run could not end.
    """
    needed = -(-tickets // max_requests)
    if needed > MOST_BATCHES:
        raise Rejected(
            f"{tickets:,} tickets would be {needed:,} batches, more than {MOST_BATCHES}: "
            "raise shards.maxRequests or split the source",
            reason="TooManyBatches",
        )


def usable(name: str, model: ModelFacts | None) -> ModelFacts:
    """The model, if batches can be run on it.

    Raises:
        Rejected: it is unknown, retired or not for batches.
    """
    if model is None:
        raise Rejected(f"spec.model: the API knows no model {name!r}", reason="UnknownModel")
    if model.retired:
        raise Rejected(f"spec.model: {name!r} is retired", reason="ModelRetired")
    if not model.batch:
        raise Rejected(f"spec.model: {name!r} cannot be used in batches", reason="ModelWithoutBatches")
    return model


async def estimated_cost(
    spec: Spec, prices: PriceTable, source: Source, text: TicketText, api: BatchApi, tickets: int
) -> Cost:
    """What the run will cost, from a sample of the tickets; empty where the model's price is not known."""
    try:
        price = price_of(spec.model, prices)
    except UnknownPrice:
        return Cost()
    if not tickets:
        return Cost(estimated_usd=money(Decimal(0)), prices_of=prices.day)
    amount = await estimated_amount(spec, price, source, text, api, tickets)
    return Cost(estimated_usd=money(amount), prices_of=prices.day)


async def estimated_amount(
    spec: Spec, price: Price, source: Source, text: TicketText, api: BatchApi, tickets: int
) -> Decimal:
    sample = await sample_texts(source, text)
    system = system_prompt(spec)
    if not sample:
        return Decimal(0)
    # Two calls tell it: the prompt with one ticket's text, and the same with all texts of the sample at once.
    one = await api.count_tokens(spec.model, system, sample[0])
    if len(sample) == 1:
        return estimate(tickets, Decimal(one), price)
    everything = await api.count_tokens(spec.model, system, "\n".join(sample))
    first_chars = max(len(sample[0]), 1)
    more_chars = max(sum(len(part) for part in sample) - first_chars, 1)
    tokens_per_char = Decimal(max(everything - one, 0)) / more_chars
    average_chars = Decimal(sum(len(part) for part in sample)) / len(sample)
    return estimate(tickets, one + tokens_per_char * (average_chars - first_chars), price)


async def sample_texts(source: Source, text: TicketText) -> list[str]:
    """The texts of the first tickets of a source that have any."""
    texts: list[str] = []
    async for page in source.tickets():
        texts.extend(rendered for ticket in page if (rendered := text.of(ticket)) is not None)
        if len(texts) >= SAMPLE_TICKETS:
            break
    return texts[:SAMPLE_TICKETS]


def refuse_above_limit(spec: Spec, cost: Cost) -> None:
    """Holds the estimate against maxCostUSD.

    Raises:
        Stalled: it is above, or cannot be told; the limit may be raised.
    """
    if spec.max_cost_usd is None:
        return
    if cost.estimated_usd is None:
        raise Stalled(
            f"no price of {spec.model!r} is known, so maxCostUSD cannot be held; "
            "remove it, or give the operator a price (NIGHTSORT_PRICES)",
            reason="PriceUnknown",
        )
    if Decimal(cost.estimated_usd) > Decimal(spec.max_cost_usd):
        raise Stalled(
            f"estimated at ${cost.estimated_usd}, which is above maxCostUSD {spec.max_cost_usd}; nothing was bought",
            reason="CostLimitExceeded",
        )
