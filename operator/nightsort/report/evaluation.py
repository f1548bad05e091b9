"""The page of an evaluation: readers side by side, and for each its categories, its confusions and the whole matrix."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from nightsort.domain.cost import money
from nightsort.domain.evaluation import FEW, Evaluation, Interval
from nightsort.domain.recommendation import Reader, Recommendation, percent
from nightsort.domain.report import minute, plural
from nightsort.report.document import document
from nightsort.report.markup import Markup, tag
from nightsort.report.matrix import matrix_of, scrolled
from nightsort.report.tables import body_of, confusion_row, confusions_head, heading_row, name_cell, number_cell

NOT_KNOWN = "not known"


@dataclass(frozen=True, slots=True)
class EvaluationReport:
    """Everything that a page shows. `notes` say how the sample came about; readers are in the user's order."""

    file: str
    made_at: datetime
    simulated: bool
    notes: Sequence[str]
    readers: Sequence[Reader]
    advice: Recommendation


def evaluation_page(report: EvaluationReport) -> str:
    """One HTML document, whole."""
    title = f"Evaluation of {report.file}"
    sections = (readers_section(report), *(reader_section(reader) for reader in report.readers))
    told = "Made by nightsort. This page loads nothing from anywhere. It has no ticket's text."
    return document(title, header(report, title), tag("main", *sections), tag("footer", tag("p", told)))


def header(report: EvaluationReport, title: str) -> Markup:
    known = report.readers[0].evaluation.known
    told = [
        tag("h1", title),
        tag("p", f"{plural(known, 'ticket')} with a known category; as of {minute(report.made_at)}"),
    ]
    if report.simulated:
        told.append(tag("p", "These labels and costs are simulated: no model has read a ticket.", class_="warning"))
    return tag("header", *told)


def readers_section(report: EvaluationReport) -> Markup:
    columns = ("known", "right", "wrong", "no label", "accuracy", "95% interval", "$ / 1,000")
    least = min((each.per_thousand for each in report.readers if each.per_thousand is not None), default=None)
    rows = [tag("tr", name_cell(each.name), *map(number_cell, figures_of(each, least))) for each in report.readers]
    table = scrolled("The readers, side by side", body_of(heading_row("reader", *columns), rows, None))
    notes = (tag("p", note, class_="quiet") for note in report.notes)
    return tag("section", tag("h2", "Readers"), table, *map(paragraph, report.advice.sentences), *notes)


def paragraph(words: str) -> Markup:
    return tag("p", words)


def figures_of(reader: Reader, least: Decimal | None) -> Iterator[str]:
    found = reader.evaluation
    wrong = found.known - found.correct - found.unanswered
    yield from (f"{count:,}" for count in (found.known, found.correct, wrong, found.unanswered))
    yield percent(found.accuracy)
    yield between(found.interval)
    yield NOT_KNOWN if reader.per_thousand is None else money(reader.per_thousand, beside=least)


def between(interval: Interval) -> str:
    return f"{percent(interval.low)} to {percent(interval.high)}"


def reader_section(reader: Reader) -> Markup:
    return tag(
        "section",
        tag("h2", reader.name),
        categories_table(reader),
        tag("h3", "Largest confusions"),
        confusions_table(reader.evaluation),
        tag("h3", "Known categories by label"),
        matrix_of(reader.evaluation, reader.name),
    )


def categories_table(reader: Reader) -> Markup:
    found = reader.evaluation
    head = heading_row("category", "known", "labelled", "right", "precision", "recall", "F1")
    rows = []
    for one in found.categories:
        counts = (f"{count:,}" for count in (one.support, one.labeled, one.correct))
        shares = ("", "", "") if one.has_few else (f"{share:.2f}" for share in (one.precision, one.recall, one.f1))
        rows.append(tag("tr", name_cell(one.name), *map(number_cell, counts), *map(number_cell, shares)))
    labeled = found.known - found.unanswered
    sums = (f"{found.known:,}", f"{labeled:,}", f"{found.correct:,}", "", "", "")
    total = tag("tr", name_cell("total"), *map(number_cell, sums))
    few = len(found.few)
    note = f"{plural(few, 'category has', 'categories have')} fewer than {FEW} known tickets: too few to say anything."
    table = scrolled(f"The categories, as {reader.name} reads them", body_of(head, rows, total))
    return tag("section", table, *([tag("p", note, class_="quiet")] if few else []))


def confusions_table(found: Evaluation) -> Markup:
    if found.correct == found.known:
        return paragraph("Every label is right.")
    shown = found.confusions()
    rows = [confusion_row(one) for one in shown]
    missed = found.known - found.correct
    if rest := missed - sum(one.tickets for one in shown):
        rows.append(tag("tr", name_cell("(others)"), tag("td"), number_cell(f"{rest:,}")))
    total = tag("tr", name_cell("total"), tag("td"), number_cell(f"{missed:,}"))
    return body_of(confusions_head(), rows, total)
