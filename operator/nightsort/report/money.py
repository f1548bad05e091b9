"""What runs have cost: against the standard price, and against the runs before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC
from decimal import Decimal

from nightsort.domain.cost import money
from nightsort.domain.report import plural
from nightsort.report.charts import bar
from nightsort.report.figures import MOST_RUNS, Run, Spent, spent
from nightsort.report.markup import Markup, tag
from nightsort.report.tables import body_of, heading_row, name_cell, number_cell, numbers_row

NOT_KNOWN = "not known"
COLUMNS = ("tickets", "cost", "standard", "saved", "chart")


def money_section(runs: Sequence[Run]) -> Markup:
    """`runs` are the newest first."""
    if not runs:
        return tag("section", tag("h2", "Cost"), tag("p", "Nothing was bought for this file."))
    shown, before = runs[:MOST_RUNS], runs[MOST_RUNS:]
    most = max((run.actual or Decimal(0) for run in shown), default=Decimal(0))
    rows = [row_of(run, most) for run in shown]
    if before:
        rows.append(sum_row(f"{plural(len(before), 'run')} before", before, last=False))
    table = body_of(heading_row("began", *COLUMNS), rows, sum_row("total", runs, last=True))
    return tag("section", tag("h2", "Cost"), *(tag("p", line) for line in compared(runs)), table)


def compared(runs: Sequence[Run]) -> Iterator[str]:
    """The last run in sentences: beside the standard price, and beside the average of the runs before."""
    last, before = spent(runs[:1]), spent(runs[1:])
    if last.runs:
        share = f" ({last.saved * 100 / last.standard:.0f}% less)" if last.standard else ""
        yield (
            f"The last run cost ${last.actual} for {plural(last.tickets, 'ticket')}; the standard price is "
            f"${last.standard}{share}."
        )
    else:
        yield "The cost of the last run is not known."
    if last.runs and last.tickets and before.tickets:
        yield f"That is {rate(last)}; before, it was {rate(before)} in {plural(before.runs, 'run')}."
    if unpriced := sum(run.cost.unpriced or 0 for run in runs):
        yield f"Left out are {plural(unpriced, 'request')} whose cost is not known."
    if day := next((run.cost.prices_of for run in runs if run.cost.prices_of), None):
        yield f"Prices of {day}."


def rate(amounts: Spent) -> str:
    return f"${money(amounts.per_thousand)} for 1,000 tickets"


def row_of(run: Run, most: Decimal) -> Markup:
    began = run.began_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M") if run.began_at else "at an unknown time"
    chart = tag("td", bar(run.actual or Decimal(0), most), class_="chart wide")
    figures = (f"{run.tickets:,}", *amounts_of([run]))
    return tag("tr", name_cell(began), *cells(figures), chart)


def sum_row(name: str, runs: Sequence[Run], *, last: bool) -> Markup:
    figures = (f"{sum(run.tickets for run in runs):,}", *amounts_of(runs))
    if last:
        return numbers_row(name, *figures, "")
    return tag("tr", name_cell(name), *cells(figures), tag("td", class_="wide"))


def cells(figures: Sequence[str]) -> Iterator[Markup]:
    return map(number_cell, figures)


def amounts_of(runs: Sequence[Run]) -> tuple[str, str, str]:
    """Cost, standard price and what was saved, as the figures of each run add up: none of them is rounded again."""
    known = spent(runs)
    if not known.runs:
        return NOT_KNOWN, NOT_KNOWN, NOT_KNOWN
    return f"${known.actual}", f"${known.standard}", f"${known.saved}"
