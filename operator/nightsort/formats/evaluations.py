"""The file beside the rows that tells how labels compare with known categories."""

from __future__ import annotations

from typing import Any

from nightsort.domain.stored import EvaluationReport

FILE = "evaluation.json"


def evaluation_of(report: EvaluationReport) -> dict[str, Any]:
    """As in `status.evaluation`, with every pair of known category and label in place of the largest confusions."""
    figures = report.figures.model_dump(mode="json", by_alias=True, exclude_none=True)
    told = {name: value for name, value in figures.items() if name not in ("matrix", "confusions", "released")}
    answers = [
        {"truth": truth, "label": label, "tickets": tickets}
        for (truth, label), tickets in sorted(report.answers.items(), key=lambda one: (-one[1], str(one[0])))
    ]
    named = {"resource": report.resource, "model": report.model, "minAccuracy": report.min_accuracy}
    return {**named, **told, "answers": answers}
