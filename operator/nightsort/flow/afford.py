"""Holds what a run costs against spec.maxCostUSD: the estimate in pre-flight, and each batch before it is bought."""

from __future__ import annotations

from datetime import timedelta
from decimal import ROUND_UP, Decimal

from nightsort.api.status import Status, Tokens
from nightsort.domain.cost import UnknownPrice, batch_price, committed, expected, money, price_of
from nightsort.domain.errors import Interruption, Stalled, Waiting
from nightsort.domain.moves import is_in_flight
from nightsort.domain.prices import Price
from nightsort.domain.record import Submission
from nightsort.flow.run import Run, TooDear

MEASURED_AGAIN = timedelta(minutes=10)
"""A batch that is too dear is not read from the source at each look, only to find the same."""


def price_for(run: Run) -> Price | None:
    try:
        return price_of(run.spec.model, run.tools.prices)
    except UnknownPrice:
        return None


def estimated(run: Run, tokens: Tokens, requests: int, text_bytes: int) -> Decimal | None:
    """What so many requests will cost, in USD and unrounded; None where the model's price is not known."""
    price = price_for(run)
    return batch_price(expected(tokens, requests, text_bytes), price) if price else None


def hold_estimate(run: Run, amount: Decimal | None) -> None:
    """Holds what the whole run will cost against the limit, before anything is bought.

    Raises:
        Stalled: it is above, or cannot be told; the limit may be raised.
    """
    limit = limit_of(run)
    if limit is not None and amount is not None and amount > limit:
        raise Stalled(
            f"estimated at ${money(amount, ROUND_UP)}, which is above maxCostUSD {limit}; nothing was bought",
            reason="CostLimitExceeded",
        )


def hold_batch(run: Run, submission: Submission, requests: int, text_bytes: int) -> None:
    """Holds a batch whose size is known against what the limit leaves.

    Raises:
        Stalled: it would be above. Waiting: the same, but what is in flight may come to less than was expected.
    """
    tokens = run.status.plan.tokens if run.status.plan else None
    if tokens is None or not requests:
        return
    amount = estimated(run, tokens, requests, text_bytes)
    try:
        refuse_above_limit(run, amount)
    except Interruption:
        if amount is not None:
            known = TooDear(submission.shard, submission.attempt, amount, run.now())
            run.tools.too_dear[run.resource.meta.uid] = known
        raise
    run.tools.too_dear.pop(run.resource.meta.uid, None)


def hold_what_is_known(run: Run, submission: Submission) -> None:
    """The same for a batch that was measured a moment ago, without reading its tickets again."""
    known = run.tools.too_dear.get(run.resource.meta.uid)
    if known is None or (known.shard, known.attempt) != (submission.shard, submission.attempt):
        return
    if timedelta(0) <= run.now() - known.at < MEASURED_AGAIN:
        refuse_above_limit(run, known.price)


def refuse_above_limit(run: Run, amount: Decimal | None) -> None:
    limit, price = limit_of(run), price_for(run)
    if limit is None or amount is None or price is None:
        return
    whole = committed(run.status, price) + amount
    if whole == amount:
        hold_estimate(run, amount)
    if whole <= limit:
        return
    said = f"the next batch brings the run to an estimated ${money(whole, ROUND_UP)}, above maxCostUSD {limit}; "
    if is_in_flight(run.status):
        every = run.spec.poll_interval_seconds
        raise Waiting(f"{said}what is in flight may cost less", reason="CostLimitNear", every=every)
    raise Stalled(f"{said}it is not bought", reason="CostLimitExceeded")


def limit_of(run: Run) -> Decimal | None:
    """spec.maxCostUSD.

    Raises:
        Stalled: it cannot be held, since the model's price is not known.
    """
    if run.spec.max_cost_usd is None:
        return None
    if price_for(run) is None:
        raise Stalled(
            f"no price of {run.spec.model!r} is known, so maxCostUSD cannot be held; "
            "remove it, or give the operator a price (NIGHTSORT_PRICES)",
            reason="PriceUnknown",
        )
    return Decimal(run.spec.max_cost_usd)


def with_what_is_known(run: Run, status: Status) -> Status:
    """The status with an estimate that is not below what was measured since."""
    price, before = price_for(run), status.cost.estimated_usd
    if price is None or before is None:
        return status
    amount = money(committed(status, price))
    if Decimal(amount) <= Decimal(before):
        return status
    return status.model_copy(update={"cost": status.cost.model_copy(update={"estimated_usd": amount})})
