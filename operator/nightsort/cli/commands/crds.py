"""`nightsort crds`: prints the CustomResourceDefinition, for `kubectl apply -f -`."""

from __future__ import annotations

import typer


def add_to(app: typer.Typer) -> None:
    app.command("crds")(crds)


def crds() -> None:
    """Print the CustomResourceDefinition of ClassificationBatch."""
    from nightsort.api.crd import render

    typer.echo(render(), nl=False)
