"""All labels of known tickets, by category and by label."""

from __future__ import annotations

from nightsort.domain.evaluation import Evaluation
from nightsort.report.markup import Markup, tag
from nightsort.report.tables import body_of, heading_row, name_cell, number_cell

MOST_ON_PAPER = 20
"""Categories up to which a matrix fits a sheet; a larger one is on the screen alone."""


def matrix_of(found: Evaluation, reader: str) -> Markup:
    """Columns are numbered as the rows are, since names would not fit; the last two are no label and the sum."""
    numbers = [str(place + 1) for place in range(len(found.categories))]
    head = heading_row("known category", *numbers, "none", "sum")
    rows = [
        tag(
            "tr",
            name_cell(f"{place + 1} {category.name}"),
            *(counted(count, right=column == place) for column, count in enumerate(row)),
            number_cell(f"{category.support:,}"),
        )
        for place, (category, row) in enumerate(zip(found.categories, found.matrix, strict=True))
    ]
    sums = [sum(column) for column in zip(*found.matrix, strict=True)]
    total = tag("tr", name_cell("sum"), *(number_cell(f"{count:,}") for count in (*sums, found.known)))
    kind = "matrix" if len(numbers) <= MOST_ON_PAPER else "matrix large"
    return scrolled(f"Known categories by label of {reader}", body_of(head, rows, total, kind))


def counted(count: int, *, right: bool) -> Markup:
    kind = "right" if right else "wrong" if count else "nothing"
    return tag("td", f"{count:,}" if count else "", class_=f"number {kind}")


def scrolled(label: str, table: Markup) -> Markup:
    """A table that may be wider than the page: it is moved inside its frame, by keys too."""
    return tag("section", table, class_="scroll", tabindex="0", aria_label=label)
