"""The answers to known tickets by category: added up in the record, and told as figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal

from nightsort.api.evaluated import (
    MOST_CONFUSIONS,
    CategoryAccuracy,
    ConfusionCount,
    EvaluationStatus,
    Outcome,
    ShareInterval,
)
from nightsort.api.spec import Spec
from nightsort.api.status import Status
from nightsort.domain.cost import UnknownPrice, batch_price, money, price_of, prompt_of, total
from nightsort.domain.evaluation import Evaluation, Interval, Pair, evaluate
from nightsort.domain.prices import PriceTable

NO_LABEL = "-"
FOUR_DECIMALS, ONE_DECIMAL = Decimal("0.0001"), Decimal("0.1")


def with_pairs(status: Status, pairs: Mapping[Pair, int], categories: Sequence[str]) -> Status:
    """The status with these answers, in the same write as the batch that they are of: they are added up once."""
    if not pairs or status.evaluation is None:
        return status
    counts = Counter(decoded(status.evaluation.matrix, categories))
    counts.update(pairs)
    evaluation = status.evaluation.model_copy(update={"matrix": encoded(counts, categories)})
    return status.model_copy(update={"evaluation": evaluation})


def encoded(counts: Mapping[Pair, int], categories: Sequence[str]) -> str:
    place: dict[str | None, str] = {name: str(number) for number, name in enumerate(categories)}
    place[None] = NO_LABEL
    cells = ((place[truth], place[label], tickets) for (truth, label), tickets in counts.items())
    return " ".join(f"{truth}:{label}={tickets}" for truth, label, tickets in sorted(cells))


def decoded(matrix: str, categories: Sequence[str]) -> Mapping[Pair, int]:
    """The answers; cells that name no category, as after a change by hand, are left out."""
    return dict(cells_of(matrix, categories))


def cells_of(matrix: str, categories: Sequence[str]) -> Iterator[tuple[Pair, int]]:
    names: dict[str, str | None] = {str(number): name for number, name in enumerate(categories)}
    for cell in matrix.split():
        pair, _, tickets = cell.partition("=")
        truth, _, label = pair.partition(":")
        known = names.get(truth)
        if known is not None and tickets.isdecimal() and (label in names or label == NO_LABEL):
            yield (known, names.get(label)), int(tickets)


def figures_of(status: Status, spec: Spec) -> Evaluation:
    names = [category.name for category in spec.categories]
    known = status.evaluation.matrix if status.evaluation is not None else ""
    return evaluate(Counter(decoded(known, names)).elements(), names)


def outcome_of(figures: Evaluation, spec: Spec) -> Outcome:
    """Whether the lower end of the interval reaches the threshold, where there is one."""
    least = spec.evaluation.min_accuracy if spec.evaluation is not None else None
    enough = least is None or Decimal(interval_of(figures).low) >= Decimal(least)
    return Outcome.PASSED if enough else Outcome.FAILED


def described(status: Status, spec: Spec, prices: PriceTable) -> EvaluationStatus | None:
    """The part of the status for readers, by the answers that are there."""
    if status.evaluation is None or status.plan is None or status.plan.evaluation is None:
        return status.evaluation
    plan, figures = status.plan.evaluation, figures_of(status, spec)
    told: dict[str, object] = {
        "available": plan.available,
        "sample": plan.sample,
        "known": figures.known,
        "correct": figures.correct,
        "cost_usd": cost_of(status, spec, prices),
    }
    if figures.known:
        told |= {
            "accuracy": rounded(figures.accuracy),
            "interval": interval_of(figures),
            "categories": tuple(
                CategoryAccuracy(
                    name=each.name,
                    precision=rounded(each.precision),
                    recall=rounded(each.recall),
                    f1=rounded(each.f1),
                    support=each.support,
                )
                for each in figures.categories
                if each.support or each.labeled
            ),
            "confusions": tuple(
                ConfusionCount(truth=each.truth, label=each.label, tickets=each.tickets)
                for each in figures.confusions(MOST_CONFUSIONS)
            ),
        }
    return status.evaluation.model_copy(update=told)


def cost_of(status: Status, spec: Spec, prices: PriceTable) -> str | None:
    usage = total(record.usage for record in status.batches if record.canary)
    try:
        price = price_of(spec.model, prices, prompt_of(status))
    except UnknownPrice:
        return None
    return money(batch_price(usage, price)) if usage.input_tokens or usage.output_tokens else None


def interval_of(figures: Evaluation) -> ShareInterval:
    return interval_text(figures.interval)


def interval_text(interval: Interval) -> ShareInterval:
    """Rounded outwards: what is told to reach a threshold has reached it."""
    return ShareInterval(low=rounded(interval.low, ROUND_FLOOR), high=rounded(interval.high, ROUND_CEILING))


def rounded(share: float, rounding: str = ROUND_HALF_EVEN) -> str:
    return str(Decimal(share).quantize(FOUR_DECIMALS, rounding))


def in_words(evaluation: EvaluationStatus) -> str:
    """The accuracy with its interval, and what it is of.

    The lower end is rounded down, as where it is decided by: 89.96 % is not shown as the 90 % that it misses.
    """
    if not evaluation.sample:
        return "known tickets are not measured, since there is no other ticket to buy"
    if evaluation.accuracy is None or evaluation.interval is None:
        return f"none of {evaluation.sample:,} known tickets has an answer"
    low, high = percent(evaluation.interval.low, ROUND_FLOOR), percent(evaluation.interval.high)
    return (
        f"{evaluation.correct:,} of {evaluation.known:,} known tickets are right: accuracy "
        f"{percent(evaluation.accuracy)} % ({low} to {high} %)"
    )


def percent(text: str, rounding: str = ROUND_HALF_EVEN) -> str:
    return str((Decimal(text) * 100).quantize(ONE_DECIMAL, rounding))
