"""Tables: a name and figures in each row, and a last row with their sums."""

from __future__ import annotations

from collections.abc import Sequence

from nightsort.report.markup import Markup, tag

WIDE = frozenset({"saved", "chart"})
"""Columns that a phone leaves out: their content follows from the others."""


def heading_row(first: str, *others: str) -> Markup:
    return tag("tr", tag("th", first, scope="col"), *map(heading, others))


def heading(name: str) -> Markup:
    if name == "chart":
        return tag("td", class_="wide")  # a heading would add nothing: the figures are beside the bars
    if name == "meaning":
        return tag("th", name, scope="col")
    return tag("th", name, scope="col", class_=number_class(name))


def number_class(column: str) -> str:
    return "number wide" if column in WIDE else "number"


def name_cell(name: str) -> Markup:
    return tag("th", name, scope="row")


def number_cell(figure: str, column: str = "") -> Markup:
    return tag("td", figure, class_=number_class(column))


def numbers_row(name: str, **figures: str) -> Markup:
    """A row of figures by column; cells below words or bars are empty."""
    cells = (number_cell(figure, column) for column, figure in figures.items())
    return tag("tr", name_cell(name), *cells, tag("td", class_="wide"))


def body_of(head: Markup, rows: Sequence[Markup], total: Markup | None) -> Markup:
    foot = [] if total is None else [tag("tfoot", total)]
    return tag("table", tag("thead", head), tag("tbody", *rows), *foot)
