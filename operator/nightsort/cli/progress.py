"""What local mode shows: a line for each change while it works, and a table at the end."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from nightsort.api.resource import Resource
from nightsort.api.status import Status
from nightsort.domain.conditions import COMPLETE, is_true


class Progress:
    """Tells of a resource when something that a reader cares about has changed."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._told: dict[str, tuple[str | None, str | None]] = {}

    def tell(self, resource: Resource) -> None:
        status = resource.status
        now = (status.phase, status.message)
        if status.message and self._told.get(resource.meta.name) != now:
            self._told[resource.meta.name] = now
            line = f"{resource.meta.name}  {status.phase}: {status.message}"
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def end(self, resource: Resource, state: Path) -> None:
        """The categories with their share, what it cost, and where the rows are."""
        status = resource.status
        if status.categories:
            self._console.print(categories_table(status))
        if status.cost.actual_usd:
            self._console.print(
                f"cost ${status.cost.actual_usd}, at the standard price ${status.cost.standard_usd}, "
                f"saved ${status.cost.saved_usd} (prices of {status.cost.prices_of})",
                highlight=False,
                soft_wrap=True,
            )
        for name in status.results.config_maps:
            self._console.print(f"rows are in {state / name}", markup=False, highlight=False, soft_wrap=True)
        if status.results.table:
            self._console.print(f"rows are in table {status.results.table}", markup=False, highlight=False)


def categories_table(status: Status) -> Table:
    table = Table("category", "tickets", "share")
    table.columns[1].justify = table.columns[2].justify = "right"
    total = status.tickets.total or 1
    for count in sorted(status.categories, key=lambda one: -one.tickets):
        table.add_row(count.name, f"{count.tickets:,}", f"{count.tickets / total:.1%}")
    if status.tickets.failed:
        table.add_row("(none: failed)", f"{status.tickets.failed:,}", f"{status.tickets.failed / total:.1%}")
    return table


def succeeded(resource: Resource) -> bool:
    return is_true(resource.status, COMPLETE)
