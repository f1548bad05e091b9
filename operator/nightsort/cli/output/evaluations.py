"""An evaluation in words: the accuracy, each category's figures, and the largest confusions."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from nightsort.api.evaluated import CategoryAccuracy, EvaluationStatus
from nightsort.api.status import Status
from nightsort.domain.evaluation import FEW
from nightsort.domain.matrix import in_words, percent
from nightsort.domain.report import plural

MOST_CATEGORIES = 30


def evaluation_lines(status: Status) -> Iterator[tuple[str, str]]:
    """Names and values; none where nothing was evaluated."""
    told = status.evaluation
    if told is None or not told.sample:
        return
    cost = f"; ${told.cost_usd} of the cost" if told.cost_usd else ""
    yield "accuracy", f"{in_words(told)}{standing_of(told)}{cost}"
    for category in told.categories[:MOST_CATEGORIES]:
        yield "category", category_in_words(category)
    if len(told.categories) > MOST_CATEGORIES:
        yield "category", f"{len(told.categories) - MOST_CATEGORIES:,} more in status.evaluation"
    for each in told.confusions:
        yield "confused", f"{each.truth} as {each.label or 'no category'}: {plural(each.tickets, 'ticket')}"


def standing_of(told: EvaluationStatus) -> str:
    if told.outcome is None:
        return ", so far"
    if told.released:
        return "; released by a person"
    return "; good enough" if told.outcome == "Passed" else "; not good enough"


def category_in_words(category: CategoryAccuracy) -> str:
    if category.support < FEW:
        return f"{category.name}: {plural(category.support, 'known ticket')}, too few to say anything"
    return (
        f"{category.name}: precision {percent(category.precision)} %, recall {percent(category.recall)} %, "
        f"F1 {Decimal(category.f1):.2f} ({plural(category.support, 'known ticket')})"
    )
