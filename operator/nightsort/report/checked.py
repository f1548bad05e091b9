"""How far a run's labels can be trusted, from its status: known tickets that were right, a second model's word."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from nightsort.api.evaluated import CategoryAccuracy, EvaluationStatus, Outcome
from nightsort.api.reviewed import ReviewStatus
from nightsort.api.spec import Spec
from nightsort.domain.evaluation import FEW, evaluate
from nightsort.domain.matrix import decoded, in_words, percent
from nightsort.domain.reviewed import in_words as in_words_of_review
from nightsort.report.markup import Markup, tag
from nightsort.report.matrix import matrix_of
from nightsort.report.tables import body_of, confusion_row, confusions_head, heading_row, name_cell, number_cell

SAMPLE_STANDS_FOR_ALL = (
    "Those that were drawn by chance stand for the whole run; tickets whose first answer was unknown or unsure are the "
    "harder ones."
)


def evaluation_section(told: EvaluationStatus, spec: Spec) -> Markup:
    """The accuracy in words, then the categories, the largest confusions and all labels as tables."""
    words = [tag("p", line) for line in sentences(told)]
    tables = [categories_table(told)] if told.categories else []
    if told.confusions:
        tables += [
            tag("h3", "Largest confusions"),
            body_of(confusions_head(), [*map(confusion_row, told.confusions)], None),
        ]
    names = [category.name for category in spec.categories]
    if pairs := decoded(told.matrix, names):
        found = evaluate(Counter(pairs).elements(), names)
        tables += [tag("h3", "Known categories by label"), matrix_of(found, spec.model)]
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


def review_section(told: ReviewStatus, model: str) -> Markup:
    """How often a second model gave the same category."""
    agreement = in_words_of_review(told, model)
    words = [tag("p", f"{agreement}.")] if agreement else []
    if told.sample is not None and told.sample.read:
        words.append(tag("p", SAMPLE_STANDS_FOR_ALL, class_="quiet"))
    if told.unread and told.message:
        words.append(tag("p", f"Not read: {told.message}"))
    if told.cost_usd is not None:
        words.append(tag("p", f"Its answers cost ${told.cost_usd}, which is a part of the run's cost."))
    return tag("section", tag("h2", "Second model"), *words)


def categories_table(told: EvaluationStatus) -> Markup:
    head = heading_row("category", "known", "precision", "recall", "F1")
    return body_of(head, [tag("tr", name_cell(one.name), *figures_of(one)) for one in told.categories], None)


def figures_of(one: CategoryAccuracy) -> Iterator[Markup]:
    """Fewer than ten known tickets say next to nothing, so that their shares are left out."""
    yield number_cell(f"{one.support:,}")
    for share in (one.precision, one.recall, one.f1):
        yield number_cell("" if one.support < FEW else f"{percent(share)}%")
