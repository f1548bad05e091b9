"""The figures as JSON, for programs: shares are numbers between 0 and 1, amounts are decimal strings in USD."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from nightsort.cli.evaluation.measuring import Measured
from nightsort.cli.evaluation.order import EvaluationOrder
from nightsort.cli.evaluation.sampling import Sample
from nightsort.cli.output.json_on_terminals import as_json
from nightsort.domain.cost import money
from nightsort.domain.evaluation import CategoryFigures, Evaluation, Interval
from nightsort.domain.recommendation import Comparison, Recommendation, comparisons


def of(order: EvaluationOrder, sample: Sample, found: Sequence[Measured], advice: Recommendation) -> str:
    whole = {
        "file": str(order.usual.file),
        "truth": sample.truth.name,
        "simulated": order.usual.is_simulated,
        "knownTickets": sum(sample.known.values()),
        "sampledTickets": len(sample.chosen),
        "unknownTickets": sample.unknown,
        "noCategories": dict(sample.strangers),
        "readers": [reader_of(each) for each in found],
        "comparisons": [comparison_of(each) for each in comparisons([one.reader for one in found])],
        "recommendation": {"reader": advice.reader.name, "sentences": list(advice.sentences)},
    }
    return as_json(json.dumps(whole, ensure_ascii=False, indent=2))


def reader_of(each: Measured) -> dict[str, Any]:
    candidate, reader = each.candidate, each.reader
    cost = reader.per_thousand
    return {
        "name": reader.name,
        "model": candidate.model,
        "prompt": None if candidate.prompt is None else str(candidate.prompt),
        **evaluation_of(reader.evaluation),
        "failed": each.failed,
        "usdPerThousandTickets": None if cost is None else money(cost),
    }


def evaluation_of(found: Evaluation) -> dict[str, Any]:
    return {
        "known": found.known,
        "correct": found.correct,
        "unanswered": found.unanswered,
        "accuracy": found.accuracy,
        "interval": interval_of(found.interval),
        "categories": [category_of(each) for each in found.categories],
        "tooFew": [each.name for each in found.few],
        "confusions": [
            {"truth": each.truth, "label": each.label, "tickets": each.tickets} for each in found.confusions()
        ],
        "matrix": [list(row) for row in found.matrix],
    }


def category_of(one: CategoryFigures) -> dict[str, Any]:
    return {
        "name": one.name,
        "support": one.support,
        "labeled": one.labeled,
        "correct": one.correct,
        "precision": one.precision,
        "recall": one.recall,
        "recallInterval": interval_of(one.recall_interval),
        "f1": one.f1,
    }


def interval_of(one: Interval) -> list[float]:
    return [one.low, one.high]


def comparison_of(one: Comparison) -> dict[str, Any]:
    return {
        "first": one.first.name,
        "second": one.second.name,
        "onlyFirstRight": one.difference.only_first,
        "onlySecondRight": one.difference.only_second,
        "p": one.p,
        "significant": one.is_significant,
        "ticketsToTell": one.tickets_to_tell,
    }
