"""Tables: a name and figures in each row, and a last row with their sums."""

from __future__ import annotations

from collections.abc import Sequence

from nightsort.api.evaluated import ConfusionCount
from nightsort.domain.evaluation import Confusion
from nightsort.report.markup import Markup, tag

NO_LABEL = "(no label)"
CHARTS = frozenset({"chart", "comparison"})
"""Columns of bars: a heading would add nothing, because their figures are beside them."""
WIDE = frozenset({"saved", "comparison"})
"""Columns that a phone leaves out: their content follows from the others."""


def heading_row(first: str, *others: str) -> Markup:
    return tag("tr", tag("th", first, scope="col"), *map(heading, others))


def heading(name: str) -> Markup:
    if name in CHARTS:
        return tag("td", class_=chart_class(name))
    if name == "meaning":
        return tag("th", name, scope="col")
    return tag("th", name, scope="col", class_=number_class(name))


def chart_class(column: str) -> str:
    return "chart wide" if column in WIDE else "chart"


def number_class(column: str) -> str:
    return "number wide" if column in WIDE else "number"


def name_cell(name: str) -> Markup:
    return tag("th", name, scope="row")


def number_cell(figure: str, column: str = "") -> Markup:
    return tag("td", figure, class_=number_class(column))


def confusions_head() -> Markup:
    titles = (tag("th", name, scope="col") for name in ("known category", "label"))
    return tag("tr", *titles, tag("th", "tickets", scope="col", class_="number"))


def confusion_row(one: Confusion | ConfusionCount) -> Markup:
    return tag("tr", name_cell(one.truth), tag("td", one.label or NO_LABEL), number_cell(f"{one.tickets:,}"))


def numbers_row(name: str, last: str = "chart", **figures: str) -> Markup:
    """A row of figures by column; the cell of the `last` column, which has words or bars, is empty."""
    cells = (number_cell(figure, column) for column, figure in figures.items())
    return tag("tr", name_cell(name), *cells, tag("td", class_=chart_class(last) if last in CHARTS else "words"))


def body_of(head: Markup, rows: Sequence[Markup], total: Markup | None, kind: str = "") -> Markup:
    foot = [] if total is None else [tag("tfoot", total)]
    styled = {"class_": kind} if kind else {}
    return tag("table", tag("thead", head), tag("tbody", *rows), *foot, **styled)
