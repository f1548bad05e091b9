"""`nightsort version`."""

from __future__ import annotations

import typer

from nightsort import __version__


def add_to(app: typer.Typer) -> None:
    app.command("version")(version)


def version() -> None:
    """Print the version."""
    typer.echo(__version__)
