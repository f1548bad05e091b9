"""Says what a suspended run would buy and cost. It checks all that pre-flight checks, and claims and plans nothing."""

from __future__ import annotations

from decimal import Decimal

from nightsort.api.forecast import Forecast
from nightsort.api.spec import Spec
from nightsort.domain.cost import NIGHTS_OF_A_MONTH, money
from nightsort.domain.errors import Stalled, Waiting
from nightsort.domain.reasons import Reason
from nightsort.domain.report import foreseen, summary_of_state
from nightsort.domain.request import Encoder
from nightsort.flow.preflight.estimate import Estimate, estimate, on_the_same_text
from nightsort.flow.preflight.examine import MOST_REMARK_CHARS, examine, hold_record
from nightsort.flow.preflight.reuse import deduplicated, reused, without_unchanged
from nightsort.flow.run.category_set import read_set
from nightsort.flow.run.run import Run


async def foresee(run: Run) -> None:
    """Writes the estimate into the status, or the obstacle that time or a person may remove.

    Raises:
        Rejected: the run could never work.
    """
    before = run.status.forecast
    try:
        forecast = await forecast_of(run)
    except (Waiting, Stalled) as obstacle:
        forecast = Forecast(planned_time=run.now(), obstacle=obstacle.message[:MOST_REMARK_CHARS])
    status = run.status.model_copy(update={"forecast": forecast})
    if forecast.batch_usd is not None:
        cost = status.cost.model_copy(update={"estimated_usd": forecast.batch_usd, "prices_of": forecast.prices_of})
        status = status.model_copy(update={"cost": cost})
    await run.save(status, summary_of_state(run.resource.with_status(status)))
    if forecast.obstacle is None:
        await run.note(Reason.ESTIMATED, f"nothing is bought{foreseen(forecast)}")
    elif before is None or before.obstacle != forecast.obstacle:
        await run.warn(Reason.NOT_ESTIMATED, forecast.obstacle)


async def forecast_of(run: Run) -> Forecast:
    """
    Raises:
        Waiting, Stalled, Rejected: the message names the obstacle.
    """
    await read_set(run)
    spec, services = run.spec, run.services
    hold_record(spec, services.stored_bytes)
    seen = await examine(run, Encoder(spec, disable_thinking=False))
    choice, bought = seen.choice, seen.bought
    nearest = seen.pool.nearest if seen.pool else None
    source = without_unchanged(seen.source, choice)
    found = await estimate(
        spec, source, seen.api, services.prices, sum(bought), nearest=nearest, rules=services.caching
    )
    said = (
        found.second,
        limit_of(spec, found),
        *deduplicated(choice),
        on_the_same_text(found),
        *reused(choice),
        found.cache.nearly,
        seen.remarks,
    )
    return Forecast(
        planned_time=run.now(),
        tickets=choice.tickets + len(choice.duplicates),
        requests=found.requests,
        duplicates=len(choice.duplicates),
        batches=sum(-(-each // spec.shards.max_requests) for each in bought) + ahead(found),
        input_tokens=found.input_tokens,
        output_tokens=found.output_tokens,
        shared_tokens=found.shared_tokens,
        caching=found.cache.told[:MOST_REMARK_CHARS] or None,
        remarks="; ".join(filter(None, said))[:MOST_REMARK_CHARS] or None,
        **amounts(found, services.prices.day_of(spec.model) if found.batch is not None else ""),
    )


def ahead(found: Estimate) -> int:
    """Batches that go ahead for the prompt's cache."""
    return 0 if found.cache.plan is None else 2


def limit_of(spec: Spec, found: Estimate) -> str:
    """What spec.maxCostUSD will do to the run; nothing where it is far enough away."""
    if spec.max_cost_usd is None or found.batch is None or found.most is None:
        return ""
    if found.batch > Decimal(spec.max_cost_usd):
        return f"this is above maxCostUSD {spec.max_cost_usd}: the run would buy nothing"
    if found.most > Decimal(spec.max_cost_usd):
        return (
            f"answers of all the tokens that they may have would come to ${money(found.most)}, above maxCostUSD "
            f"{spec.max_cost_usd}: the run may stop before its end"
        )
    return ""


def amounts(found: Estimate, day: str) -> dict[str, str]:
    """The amounts that are known, all with the same decimals."""
    span = found.range()
    if found.batch is None or found.standard is None or found.most is None or span is None:
        return {}
    low, high = span
    named = {
        "batch_usd": found.batch,
        "low_usd": low,
        "high_usd": high,
        "most_usd": found.most,
        "standard_usd": found.standard,
        **({"cached_usd": found.cached} if found.cached is not None else {}),
        "month_usd": found.batch * NIGHTS_OF_A_MONTH,
    }
    return {name: money(amount, beside=low) for name, amount in named.items()} | {"prices_of": day}
