"""`nightsort crds`: prints the CustomResourceDefinitions, for `kubectl apply -f -`."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

Kind = Literal["classificationbatches", "categorysets"]


def add_to(app: typer.Typer) -> None:
    app.command("crds")(crds)


def crds(
    kind: Annotated[
        Kind | None, typer.Argument(help="Only this one's, such as categorysets.", show_default=False)
    ] = None,
) -> None:
    """Print the CustomResourceDefinitions."""
    from nightsort.api.crd import render

    typer.echo(render(kind), nl=False)
