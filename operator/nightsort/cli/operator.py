"""`nightsort operator`: watches ClassificationBatches and works on them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from nightsort.settings import Settings


def add_to(app: typer.Typer, start: Callable[[Settings], None]) -> None:
    def operator(
        namespace: Annotated[
            list[str] | None, typer.Option("--namespace", "-n", help="Watch only this namespace; repeat for more.")
        ] = None,
        api_url: Annotated[str | None, typer.Option(help="Base URL of the Message Batches API.")] = None,
        liveness_port: Annotated[int | None, typer.Option(help="Port of the liveness endpoint /healthz.")] = None,
    ) -> None:
        """Run the operator; the cluster comes from the pod's service account or from KUBECONFIG.

        Every setting can also be an environment variable NIGHTSORT_…; the API key is NIGHTSORT_ANTHROPIC_API_KEY
        or ANTHROPIC_API_KEY, or comes from the Secret that a resource names.
        """
        start(settings_of(namespaces=tuple(namespace or ()), anthropic_base_url=api_url, liveness_port=liveness_port))

    app.command("operator")(operator)


def settings_of(**flags: Any) -> Settings:
    """Settings from the environment, with the flags that were given over them."""
    from nightsort.settings import Settings

    return Settings(**{name: value for name, value in flags.items() if value})
