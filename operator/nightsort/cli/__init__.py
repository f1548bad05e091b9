"""The command line: one module per command. What a command needs is imported when it runs, so that --help is quick."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import typer

from nightsort.cli import crds, create, local, operator, simulate, version

if TYPE_CHECKING:
    from nightsort.settings import Settings


def main(start_operator: Callable[[Settings], None]) -> None:
    """Runs the command that was given; the operator's process is handed in by the room above."""
    app = typer.Typer(
        help="Sorts support tickets overnight, at half price.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,  # Rich takes three times as long to import as everything else that --help needs
    )
    operator.add_to(app, start_operator)
    local.add_to(app)
    simulate.add_to(app)
    create.add_to(app)
    crds.add_to(app)
    version.add_to(app)
    app()
