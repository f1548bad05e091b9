"""Tables: a name and figures in each row, and a last row that they add up to."""

from __future__ import annotations

from collections.abc import Sequence

from nightsort.report.markup import Markup, tag


def heading_row(first: str, *others: str) -> Markup:
    return tag("tr", tag("th", first, scope="col"), *map(heading, others))


def heading(name: str) -> Markup:
    if name == "chart":
        return tag("td", class_="wide")  # a heading would have nothing to say: the figures stand beside the bars
    return tag("th", name, scope="col", class_="words" if name == "meaning" else "number")


def name_cell(name: str) -> Markup:
    return tag("th", name, scope="row")


def number_cell(figure: str) -> Markup:
    return tag("td", figure, class_="number")


def numbers_row(name: str, *figures: str) -> Markup:
    """A row of figures; an empty one stands below words or bars."""
    return tag(
        "tr", name_cell(name), *(number_cell(figure) if figure else tag("td", class_="wide") for figure in figures)
    )


def body_of(head: Markup, rows: Sequence[Markup], total: Markup | None) -> Markup:
    foot = [] if total is None else [tag("tfoot", total)]
    return tag("table", tag("thead", head), tag("tbody", *rows), *foot)
