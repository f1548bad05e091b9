"""What pre-flight says in time, and what stops nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from nightsort.domain.batch import ModelFacts
from nightsort.domain.caching_plan import Outlook
from nightsort.domain.cost import UnknownPrice, price_of
from nightsort.domain.prices import OWN, PriceTable
from nightsort.domain.reasons import Reason
from nightsort.flow.run.run import Run

RETIRES_SOON = timedelta(days=60)
OLD_PRICES = timedelta(days=90)

Warned = tuple[Reason, str]


def warnings_of(run: Run, model: ModelFacts, tickets: int) -> Sequence[Warned]:
    """The warnings of a run over this many tickets, for its condition and its events."""
    now, services = run.now(), run.services
    if model.retires_at is not None:
        services.metrics.retires(model.id, model.retires_at)
    found = (
        retirement(model, now),
        age_of_prices(run.spec.model, services.prices, now),
        queue(tickets, run.spec.shards.max_requests, services.enqueued_requests),
    )
    return [each for each in found if each is not None]


def retirement(model: ModelFacts, now: datetime) -> Warned | None:
    if model.retires_at is None or model.retires_at - now > RETIRES_SOON:
        return None
    days = max((model.retires_at - now).days, 0)
    return (
        Reason.MODEL_RETIRES_SOON,
        f"{model.id} is served until {model.retires_at:%Y-%m-%d}, {days} days from now: name its successor next time",
    )


def age_of_prices(model: str, prices: PriceTable, now: datetime) -> Warned | None:
    """Prices of one's own without a date are taken to be right."""
    try:
        price_of(model, prices)
    except UnknownPrice:
        return None
    day = prices.day_of(model)
    if day == OWN or (age := now.date() - datetime.fromisoformat(day).date()) <= OLD_PRICES:
        return None
    return (
        Reason.PRICES_OLD,
        f"the prices of {model} are {age.days} days old: compare them with the vendor's, or set NIGHTSORT_PRICES",
    )


def too_short(cache: Outlook) -> Sequence[Warned]:
    """Of a prompt that lacks little for a cache that would pay."""
    return [(Reason.PROMPT_NEARLY_CACHED, cache.nearly)] if cache.nearly else []


def queue(tickets: int, of_a_batch: int, limit: int) -> Warned | None:
    if tickets <= limit:
        return None
    at_once = max(limit // of_a_batch, 1) * of_a_batch  # a batch above the limit goes alone
    turns = -(-tickets // at_once)
    message = (
        f"{tickets:,} tickets are more than the {limit:,} requests that may be enqueued at once under this API key: "
        f"they go in {turns:,} turns, each after the one before has ended, which may take up to a day"
    )
    return Reason.QUEUE_TOO_SMALL, message
