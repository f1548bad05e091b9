"""Two readers of the same tickets, for pages that show them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from nightsort.domain.evaluation import Pair, evaluate
from nightsort.domain.recommendation import Reader, recommendation
from nightsort.report.evaluation import EvaluationReport

SUPPORT = 12


def evaluated(*names: str, cost: str | None = "0.5", simulated: bool = True) -> EvaluationReport:
    """Twelve tickets of each of these categories; the second reader errs on three of them, and has no label for one."""
    good: list[Pair] = [(name, name) for name in names for _ in range(SUPPORT)]
    bad: list[Pair] = []
    for place, name in enumerate(names):
        wrong = names[(place + 1) % len(names)]
        bad += [(name, name)] * (SUPPORT - 4) + [(name, wrong)] * 3 + [(name, None)]
    price = None if cost is None else Decimal(cost)
    readers = [Reader("a <b>model</b>", good, evaluate(good, names), price)]
    readers.append(Reader("another", bad, evaluate(bad, names), price))
    made_at = datetime(2026, 11, 29, 13, tzinfo=UTC)
    return EvaluationReport("known.csv", made_at, simulated, ["all are taken"], readers, recommendation(readers))
