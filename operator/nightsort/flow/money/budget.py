"""Checks a run's cost against spec.maxCostUSD: the estimate in pre-flight, and each batch before it is bought."""

from __future__ import annotations

from decimal import ROUND_UP, Decimal

from nightsort.api.plan import Plan, Tokens
from nightsort.api.spec import Spec
from nightsort.api.status import Status
from nightsort.domain.cost import (
    UnknownPrice,
    at_most,
    batch_price,
    committed,
    counts_in_us,
    expected,
    money,
    price_of,
    prompt_of,
)
from nightsort.domain.errors import Interruption, Stalled, Waiting
from nightsort.domain.prices import Price
from nightsort.domain.prompt import system_prompt
from nightsort.domain.reasons import Reason
from nightsort.domain.record import Submission, is_in_flight
from nightsort.domain.report import progress
from nightsort.domain.second import of_reader, reader_of, readers
from nightsort.flow.run.memory import TooDear
from nightsort.flow.run.run import Run
from nightsort.flow.tickets.sample import Spread, recounted

AROUND_TOKENS = 100
"""Tokens of a request beside its texts."""
MEASURED_AGAIN = 600.0
"""Seconds. A batch that is too dear is not read from the source again in each pass, only to find the same."""


def price_for(run: Run, prompt: int, *, second: bool = False) -> Price | None:
    """The price of a reader's requests whose prompts have this many tokens, where they do not run in the US alone."""
    spec, _ = reader_of(run.spec, None, second=second)
    try:
        return price_of(spec.model, run.services.prices, prompt)
    except UnknownPrice:
        return None


def price_to_expect(run: Run, prompt: int, *, second: bool = False) -> Price | None:
    """The price of requests that are yet to be bought, by where they run as far as that is known."""
    price = price_for(run, prompt, second=second)
    return price.in_us() if price and counts_in_us(run.spec, of_reader(run.status, second=second)) else price


def estimated(
    run: Run, tokens: Tokens, requests: int, text_bytes: int, *, written: bool = False, second: bool = False
) -> Decimal | None:
    """The expected cost of this many requests, in USD and unrounded; None where the model's price is not known.

    written: each of them writes its prompt into the cache.
    """
    price = price_to_expect(run, tokens.prompt, second=second)
    return batch_price(expected(tokens, requests, text_bytes, written=written), price) if price else None


def most_tokens(run: Run, status: Status, *, second: bool = False) -> Tokens | None:
    """The most tokens that a reader's request of this run can use; None where its plan has no counts."""
    spec, plan = reader_of(run.spec, status.plan, second=second)
    if plan is None:
        return None
    tokens = plan.tokens or uncounted(spec)
    return at_most(tokens, of_reader(status, second=second), plan.max_tokens or spec.prompt.max_tokens)


def uncounted(spec: Spec) -> Tokens:
    """Counts for a plan of an earlier version, which had none: a token is one byte at least."""
    system = len(system_prompt(spec).encode())
    return Tokens(prompt=system + AROUND_TOKENS, answer=spec.prompt.max_tokens, sample=1, sample_bytes=1)


def check_estimate(run: Run, amount: Decimal | None) -> None:
    """Checks the cost of the whole run against the limit, before anything is bought.

    Raises:
        Stalled: the cost is above the limit, or is not known; the limit may be raised.
    """
    limit = limit_of(run)
    if limit is not None and amount is not None and amount > limit:
        raise Stalled(
            f"estimated at ${money(amount, ROUND_UP)}, which is above maxCostUSD {limit}; nothing was bought",
            reason=Reason.COST_LIMIT_EXCEEDED,
        )


async def count_texts(run: Run, texts: Spread, *, second: bool = False) -> None:
    """Lets the API count the tokens of some of a batch's own texts where there is a limit: counting is free.

    Pre-flight may have seen texts of another language, with fewer tokens for each byte.
    The plan keeps what is learned, so that it holds for everything in flight.
    """
    spec, plan = reader_of(run.spec, run.status.plan, second=second)
    if limit_of(run) is None or plan is None or plan.tokens is None or texts.few():
        return
    api = await run.services.connections.api(run.resource)
    tokens = await recounted(spec, api, plan.tokens, texts)
    if tokens != plan.tokens and run.status.plan is not None:
        status = run.status.model_copy(update={"plan": with_tokens(run.status.plan, tokens, second=second)})
        await run.save(status, progress(status))


def with_tokens(plan: Plan, tokens: Tokens, *, second: bool) -> Plan:
    if not second or plan.review is None:
        return plan.model_copy(update={"tokens": tokens})
    return plan.model_copy(update={"review": plan.review.model_copy(update={"tokens": tokens})})


def check_batch(run: Run, submission: Submission, requests: int, text_bytes: int) -> None:
    """Checks a batch of known size against what the limit leaves, if no request reads its prompt from the cache.

    Raises:
        Stalled: the cost would be above the limit. Waiting: the same, but those in flight may cost less.
    """
    tokens = most_tokens(run, run.status, second=submission.second)
    if tokens is None or not requests:
        return
    written = submission.cache is not None
    amount = estimated(run, tokens, requests, text_bytes, written=written, second=submission.second)
    try:
        refuse_above_limit(run, amount)
    except Interruption:
        if amount is not None:
            run.memory.too_dear = TooDear(submission.shard, submission.attempt, amount, run.passed())
        raise
    run.memory.too_dear = None


def check_what_is_known(run: Run, submission: Submission) -> None:
    """The same check for a batch that was measured a moment ago, without reading its tickets again."""
    known = run.memory.too_dear
    if known is None or (known.shard, known.attempt) != (submission.shard, submission.attempt):
        return
    if run.passed() - known.at < MEASURED_AGAIN:
        refuse_above_limit(run, known.price)


def refuse_above_limit(run: Run, amount: Decimal | None) -> None:
    """Checks what the run has or may have cost, and this much more, against the limit; a limit is never passed."""
    limit, before = limit_of(run), committed_at_most(run)
    if limit is None or amount is None or before is None:
        return
    if before + amount <= limit:
        return
    most = f"${money(before + amount, ROUND_UP)}, above maxCostUSD {limit}"
    if not any(record.state.may_be_bought for record in run.status.batches):
        raise Stalled(
            f"the run may cost {most}; nothing was bought{as_estimated(run)}", reason=Reason.COST_LIMIT_EXCEEDED
        )
    said = f"with the next batch the run may cost {most}"
    if is_in_flight(run.status):
        every = run.spec.poll_interval_seconds
        raise Waiting(f"{said}; what is in flight may cost less", reason=Reason.COST_LIMIT_NEAR, every=every)
    raise Stalled(f"{said}; it is not bought{as_estimated(run)}", reason=Reason.COST_LIMIT_EXCEEDED)


def committed_at_most(run: Run) -> Decimal | None:
    """What was paid, or may have to be, by all readers; None where it cannot be known."""
    parts = []
    for second in readers(run.spec):
        tokens = most_tokens(run, run.status, second=second)
        price = price_for(run, tokens.prompt, second=second) if tokens else None
        if tokens is None or price is None:
            return None
        theirs = of_reader(run.status, second=second)
        in_us = counts_in_us(run.spec, theirs)
        parts.append(committed(theirs, price, tokens, dearest=True, in_us=in_us))
    return sum(parts, Decimal(0))


def as_estimated(run: Run) -> str:
    """Why the cost may be higher than the estimate."""
    plan, estimated_usd = run.status.plan, run.status.cost.estimated_usd
    if plan is None or estimated_usd is None:
        return ""
    most = plan.max_tokens or run.spec.prompt.max_tokens
    return f" (estimated at ${estimated_usd}; an answer that is not there yet counts for all its {most:,} tokens)"


async def warn_near_limit(run: Run, requests: int, text_bytes: int) -> None:
    """Warns right after pre-flight where the limit covers the expected cost and not the highest possible one."""
    limit, tokens = limit_of(run), most_tokens(run, run.status)
    amount = estimated(run, tokens, requests, text_bytes) if tokens else None
    if limit is None or amount is None or amount <= limit:
        return
    await run.warn(
        Reason.COST_LIMIT_NEAR,
        f"the run may cost ${money(amount, ROUND_UP)}, above maxCostUSD {limit}{as_estimated(run)}: "
        "a batch that could bring it above waits until the earlier ones have cost less, or is not bought",
    )


def limit_of(run: Run) -> Decimal | None:
    """spec.maxCostUSD.

    Raises:
        Stalled: the limit cannot be enforced, since the model's price is not known.
    """
    if run.spec.max_cost_usd is None:
        return None
    unpriced = [second for second in readers(run.spec) if price_for(run, 0, second=second) is None]
    if unpriced:
        model = reader_of(run.spec, None, second=unpriced[0])[0].model
        raise Stalled(
            f"no price of {model!r} is known, so maxCostUSD cannot be held; "
            "remove it, or give the operator a price (NIGHTSORT_PRICES)",
            reason=Reason.PRICE_UNKNOWN,
        )
    return Decimal(run.spec.max_cost_usd)


def with_what_is_known(run: Run, status: Status) -> Status:
    """The status with an estimate that is not below what was measured since then."""
    before, parts = status.cost.estimated_usd, []
    for second in readers(run.spec):
        theirs = of_reader(status, second=second)
        price, tokens = price_for(run, prompt_of(theirs), second=second), theirs.plan.tokens if theirs.plan else None
        if price is None or before is None or tokens is None:
            return status
        parts.append(committed(theirs, price, tokens, in_us=counts_in_us(run.spec, theirs)))
    amount = money(sum(parts, Decimal(0)))
    if before is None:
        return status
    if Decimal(amount) <= Decimal(before):
        return status
    return status.model_copy(update={"cost": status.cost.model_copy(update={"estimated_usd": amount})})
