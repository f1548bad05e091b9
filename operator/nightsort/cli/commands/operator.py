"""`nightsort operator`: watches ClassificationBatches and works on them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from nightsort.cli.configuration import settings_of
from nightsort.cli.flags import ApiUrl
from nightsort.cli.output.exit_codes import BAD_INPUT, fail

if TYPE_CHECKING:
    from nightsort.settings import Settings


def add_to(app: typer.Typer, start: Callable[[Settings], None]) -> None:
    def operator(
        namespace: Annotated[
            list[str] | None, typer.Option("--namespace", "-n", help="Watch only this namespace; repeat for more.")
        ] = None,
        api_url: ApiUrl = None,
        liveness_port: Annotated[int | None, typer.Option(help="Port of the liveness endpoint /healthz.")] = None,
        lease: Annotated[str | None, typer.Option(help="NAMESPACE/NAME of the Lease for several replicas.")] = None,
    ) -> None:
        """Run the operator.

        The cluster comes from the pod's service account or from KUBECONFIG. Every setting can also be an environment
        variable NIGHTSORT_…; ANTHROPIC_BASE_URL counts where neither --api-url nor NIGHTSORT_ANTHROPIC_BASE_URL is
        given. The API key comes from the Secret that a resource names, else from the file
        NIGHTSORT_ANTHROPIC_API_KEY_FILE, which may be replaced at any time, else it is NIGHTSORT_ANTHROPIC_API_KEY or
        ANTHROPIC_API_KEY.
        """
        from nightsort.domain.errors import Interruption

        namespaces = tuple(namespace) if namespace else None
        settings = settings_of(
            namespaces=namespaces, anthropic_base_url=api_url, liveness_port=liveness_port, lease=lease
        )
        try:
            start(settings)
        except Interruption as interruption:
            fail(interruption.message, BAD_INPUT)

    app.command("operator")(operator)
