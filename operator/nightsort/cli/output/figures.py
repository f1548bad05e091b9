"""Names and their figures, such as those of a price, one below the other."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.table import Table


def show_figures(console: Console, figures: Iterable[tuple[str, str]]) -> None:
    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column(justify="right")
    for name, value in figures:
        table.add_row(f"  {name}", value)
    console.print()
    console.print(table)
