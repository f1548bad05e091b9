"""Whether the prompt's cache at the API can pay for a run, before anything is bought."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import ceil

from nightsort.api.plan import PlannedCaching, Tokens
from nightsort.api.prompt import Caching
from nightsort.domain.cost import BATCH_SHARE, MILLION, money
from nightsort.domain.prices import Price, least_prefix_of

AROUND_TOKENS = 10
"""Tokens of a request beside its prompt and its ticket's text."""
NEARLY = Fraction(3, 4)
"""Of the model's minimum: a prompt that has less is not filled up with examples for the cache's sake."""


@dataclass(frozen=True, slots=True)
class CachingRules:
    """From where on a cache is worth the wait for two small batches, and how many tickets the second one has."""

    least_requests: int = 1_000
    least_saved_usd: Decimal = Decimal("0.10")
    probe: int = 100


RULES = CachingRules()


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a cache can do for a run, as a batch.

    Attributes:
        plan: how it is used; None where it is not.
        saved: USD, if every request but the first reads the prompt from the cache; 0 without a plan.
        at_risk: USD more than without a cache, if none of the requests that go ahead does.
        told: whether it can pay, in a sentence.
        nearly: what a somewhat longer prompt would save, in a sentence; empty where there is nothing to say.
    """

    plan: PlannedCaching | None = None
    saved: Decimal = Decimal(0)
    at_risk: Decimal = Decimal(0)
    told: str = ""
    nearly: str = ""


NO_CACHE = Outlook()


def outlook(
    model: str, caching: Caching, tokens: Tokens, requests: int, price: Price | None, rules: CachingRules = RULES
) -> Outlook:
    """For a prompt with these counts, in this many requests."""
    shared, least = tokens.prompt - AROUND_TOKENS, least_prefix_of(model)
    if least is None or price is None:
        return Outlook(told=f"the prompt is not cached: from where on {model} does so, or its price, is not known")
    if price.cache_read >= min(price.input, price.hour_write):
        return Outlook(told="the prompt is not cached: at these prices, reading from a cache saves nothing")
    if shared < least:
        short = f"the prompt has about {max(shared, 0):,} tokens, and {model} caches prompts from {least:,} on"
        return Outlook(told=short, nearly=nearly(short, shared, least, requests, price, rules, caching))
    saved = saved_by(shared, requests, price)
    most = f"${money(max(saved, Decimal(0)))} at most"
    if caching == "Off":
        return Outlook(told=f"prompt.caching is Off; a cache for the prompt would save {most}")
    if requests < rules.least_requests or saved < rules.least_saved_usd:
        return Outlook(told=f"a cache for the prompt would save {most}, which is not worth the wait for it")
    extra = price.hour_write - price.input
    plan = PlannedCaching(
        tokens=shared,
        least_hits=max(ceil(100 * extra / (price.hour_write - price.cache_read)), 1),
        probe=rules.probe,
    )
    return Outlook(
        plan=plan,
        saved=saved,
        at_risk=in_batches(extra * shared * (1 + rules.probe)),
        told=f"a cache for the prompt may save {most}: one ticket goes ahead, then {rules.probe:,}, and the others use "
        f"it if these read at least {plan.least_hits} % of the prompt from it",
    )


def saved_by(shared: int, requests: int, price: Price) -> Decimal:
    """USD, if every request but the first reads this many tokens from the cache."""
    reads = (price.input - price.cache_read) * max(requests - 1, 0)
    return in_batches((reads - (price.hour_write - price.input)) * shared)


def nearly(
    short: str, shared: int, least: int, requests: int, price: Price, rules: CachingRules, caching: Caching
) -> str:
    """What a prompt of the model's minimum would save, where this one has nearly as much."""
    if caching == "Off" or requests < rules.least_requests or shared < NEARLY * least:
        return ""
    now = in_batches(price.input * shared * requests)
    saved = now - in_batches(price.input * least * requests) + saved_by(least, requests, price)
    if saved < rules.least_saved_usd:
        return ""
    return (
        f"{short}: with {least - shared:,} more, such as examples of the categories, a cache could save up to "
        f"${money(saved)} of ${money(now)}"
    )


def in_batches(amount: Decimal) -> Decimal:
    """USD, of a price for a million tokens."""
    return amount * BATCH_SHARE / MILLION
