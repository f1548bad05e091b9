"""The result of a run: a table that adds up, the cost, the place of the file, and what to do next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from rich import box
from rich.console import Console
from rich.table import Table

from nightsort.api.resource import Resource
from nightsort.api.spec import Spec
from nightsort.domain.answer import Figure, Verdict
from nightsort.domain.breakdown import CANCELED, FAILED, UNKNOWN, parts_of
from nightsort.domain.cost import money
from nightsort.domain.field_counts import by_branch
from nightsort.domain.printable import printable

UNDER_WAY, NOT_ASKED = "(under way)", "(not asked)"


@dataclass(slots=True)
class Tally:
    """Tickets of the file by outcome."""

    categories: dict[str, int] = field(default_factory=dict)
    unknown: int = 0
    failed: int = 0
    canceled: int = 0
    without_text: int = 0
    """Failed tickets about which nothing can be asked."""
    under_way: int = 0
    not_asked: int = 0

    def add(self, category: str | None, verdict: str | None, count: int = 1) -> None:
        if category is not None:
            self.categories[category] = self.categories.get(category, 0) + count
        elif verdict is None:
            self.not_asked += count
        elif verdict == Verdict.CANCELED:
            self.canceled += count
        elif Verdict(verdict).figure is Figure.UNKNOWN:
            self.unknown += count
        else:
            self.failed += count
            self.without_text += 0 if Verdict(verdict).is_worth_another_run else count

    @property
    def may_be_retried(self) -> int:
        return self.unknown + self.failed - self.without_text

    @property
    def parts(self) -> list[tuple[str, int]]:
        """Largest category first; tickets without one come last. Empty parts are left out."""
        found = sorted(self.categories.items(), key=lambda part: -part[1])
        return [*((name, count) for name, count in found if count), *self.without.items()]

    @property
    def without(self) -> dict[str, int]:
        """Tickets that have no category, by why."""
        failed = {UNKNOWN: self.unknown, FAILED: self.failed, CANCELED: self.canceled}
        found = {**failed, UNDER_WAY: self.under_way, NOT_ASKED: self.not_asked}
        return {why: count for why, count in found.items() if count}


def tally_of(outcome: Iterable[tuple[str | None, str | None, bool, int]], spec: Spec) -> Tally:
    """`outcome`: category, verdict, whether an answer is still to come, and how many tickets have these."""
    tally = Tally({category.name: 0 for category in spec.categories})
    for category, verdict, flying, count in outcome:
        if flying:
            tally.under_way += count
        else:
            tally.add(category, verdict, count)
    return tally


def table_of(tally: Tally, *, lines: bool) -> Table:
    table = Table(box=box.HEAVY_HEAD if lines else None, pad_edge=lines, show_footer=True)
    parts = parts_of(tally.parts)
    table.add_column("category", "total", overflow="fold")
    table.add_column("tickets", f"{sum(part.tickets for part in parts):,}", justify="right")
    table.add_column("share", "100.0%", justify="right")
    for part in parts:
        table.add_row(printable(part.name), f"{part.tickets:,}", part.share)
    return table


def branches_of(tally: Tally, *, lines: bool) -> Table | None:
    """Tickets by the branches of a tree of categories, such as billing for billing/refund; None where there is none."""
    branches = sorted(by_branch(tally.categories).items(), key=lambda branch: -branch[1])
    if not branches:
        return None
    table = Table(box=box.HEAVY_HEAD if lines else None, pad_edge=lines)
    table.add_column("with all below it", overflow="fold")
    for name in ("tickets", "share"):
        table.add_column(name, justify="right")
    whole = sum(count for _, count in tally.parts)
    for name, tickets in branches:
        [part, _] = parts_of([(name, tickets), ("", whole - tickets)])
        table.add_row(printable(name), f"{tickets:,}", part.share)
    return table


def cost_of(runs: Sequence[Resource]) -> str:
    """The cost of these runs, in a sentence; empty where nothing was paid."""
    costs = [run.status.cost for run in runs]
    paid = [cost for cost in costs if cost.actual_usd is not None]
    unpriced = sum(cost.unpriced or 0 for cost in costs)
    without = f" without {unpriced:,} requests whose cost is not known" if unpriced else ""
    if not paid:
        return f"the cost of {unpriced:,} requests is not known" if unpriced else ""
    actual, standard = total(cost.actual_usd for cost in paid), total(cost.standard_usd for cost in paid)
    return (
        f"cost ${money(actual)}{without}, at the standard price ${money(standard, beside=actual)}, "
        f"saved ${money(standard - actual, beside=actual)} (prices of {paid[0].prices_of})"
    )


def total(amounts: Iterable[str | None]) -> Decimal:
    return sum((Decimal(amount or 0) for amount in amounts), Decimal(0))


def show(console: Console, tally: Tally, runs: Sequence[Resource]) -> None:
    console.print()
    console.print(table_of(tally, lines=console.is_terminal))
    if (branches := branches_of(tally, lines=console.is_terminal)) is not None:
        console.print()
        console.print(branches)
    if said := cost_of(runs):
        console.print(said, soft_wrap=True)
