"""The cost of runs, compared with the standard price, and with the runs before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC
from decimal import Decimal

from nightsort.domain.cost import money
from nightsort.domain.report import plural
from nightsort.report.charts import bar
from nightsort.report.figures import MOST_RUNS, Run, Spent, spent
from nightsort.report.markup import Markup, tag
from nightsort.report.tables import body_of, chart_class, heading_row, number_cell, numbers_row

NOT_KNOWN = "not known"
LEGEND = "Each bar is the cost of a run; its faded end is what the standard price would have added."
FIGURES = ("tickets", "cost", "standard", "saved")


def money_section(runs: Sequence[Run]) -> Markup:
    """`runs` are the newest first."""
    if not runs:
        return tag("section", tag("h2", "Cost"), tag("p", "Nothing was bought."))
    shown, before = runs[:MOST_RUNS], runs[MOST_RUNS:]
    most = max((longer(run) for run in shown), default=Decimal(0))
    rows = [row_of(run, most) for run in shown]
    if before:
        rows.append(numbers_row(f"{plural(len(before), 'run')} before", "comparison", **amounts_of(before)))
    total = numbers_row("total", "comparison", **amounts_of(runs))
    table = body_of(heading_row("began (UTC)", *FIGURES, "comparison"), rows, total, "runs")
    lines = [tag("p", line) for line in compared(runs)]
    return tag("section", tag("h2", "Cost"), *lines, tag("p", LEGEND, class_="quiet wide"), table)


def longer(run: Run) -> Decimal:
    return max(run.actual or Decimal(0), run.standard or Decimal(0))


def compared(runs: Sequence[Run]) -> Iterator[str]:
    """The last run in sentences: compared with the standard price, and with the average of the runs before."""
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
    cells = (number_cell(figure, column) for column, figure in amounts_of([run]).items())
    drawn = bar(run.actual or Decimal(0), most, of=run.standard or Decimal(0))
    chart = tag("td", drawn, class_=chart_class("comparison"))
    name = [tag("span", run.name, class_="name quiet")] if run.name else []
    return tag("tr", tag("th", began, *name, scope="row"), *cells, chart)


def amounts_of(runs: Sequence[Run]) -> dict[str, str]:
    """Tickets, cost, standard price and savings, exactly as those of each run add up: nothing is rounded."""
    known = spent(runs)
    amounts = (known.actual, known.standard, known.saved)
    told = [f"${amount}" if known.runs else NOT_KNOWN for amount in amounts]
    return dict(zip(FIGURES, (f"{sum(run.tickets for run in runs):,}", *told), strict=True))
