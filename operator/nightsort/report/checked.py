"""The evaluation of a run, from its status: how many labels of known tickets were right."""

from __future__ import annotations

from collections.abc import Iterator

from nightsort.api.evaluated import CategoryAccuracy, EvaluationStatus, Outcome
from nightsort.domain.evaluation import FEW
from nightsort.domain.matrix import in_words, percent
from nightsort.report.markup import Markup, tag
from nightsort.report.tables import body_of, confusion_row, confusions_head, heading_row, name_cell, number_cell


def evaluation_section(told: EvaluationStatus) -> Markup:
    """The accuracy in words, then the categories and the largest confusions as tables."""
    words = [tag("p", line) for line in sentences(told)]
    tables = [categories_table(told)] if told.categories else []
    if told.confusions:
        tables += [
            tag("h3", "Largest confusions"),
            body_of(confusions_head(), [*map(confusion_row, told.confusions)], None),
        ]
    return tag("section", tag("h2", "Evaluation"), *words, *tables)


def sentences(told: EvaluationStatus) -> Iterator[str]:
    words = in_words(told)
    yield f"{words[0].upper()}{words[1:]}."
    if told.outcome is Outcome.PASSED:
        yield "The run went on by itself."
    elif told.outcome is Outcome.FAILED:
        yield "A person has released the run all the same." if told.released else "That is not enough for the run."
    if told.cost_usd is not None:
        yield f"The known tickets cost ${told.cost_usd}, which is a part of the run's cost."


def categories_table(told: EvaluationStatus) -> Markup:
    head = heading_row("category", "known", "precision", "recall", "F1")
    return body_of(head, [tag("tr", name_cell(one.name), *figures_of(one)) for one in told.categories], None)


def figures_of(one: CategoryAccuracy) -> Iterator[Markup]:
    """Fewer than ten known tickets say next to nothing, so that their shares are left out."""
    yield number_cell(f"{one.support:,}")
    for share in (one.precision, one.recall, one.f1):
        yield number_cell("" if one.support < FEW else f"{percent(share)}%")
