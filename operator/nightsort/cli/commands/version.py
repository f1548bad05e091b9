"""`nightsort version`, and the flag `--version`."""

from __future__ import annotations

from typing import Annotated

import typer

from nightsort import __version__


def add_to(app: typer.Typer) -> None:
    app.command("version")(version)
    app.callback()(flags)


def version() -> None:
    """Print the version."""
    typer.echo(__version__)


def print_and_end(given: bool) -> None:
    if given:
        version()
        raise typer.Exit


Flag = Annotated[bool, typer.Option("--version", help="Print the version.", callback=print_and_end, is_eager=True)]


def flags(version: Flag = False) -> None:
    """The flags before a command."""
