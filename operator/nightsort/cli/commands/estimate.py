"""`nightsort estimate`: what a file, a manifest or a resource would cost; nothing is bought and nothing is left."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from nightsort.cli.cluster.options import ClusterOptions, Context, Kubeconfig, Namespace, run_argument
from nightsort.cli.duration import seconds_of
from nightsort.cli.flags import (
    MODEL,
    NOTHING_SAID,
    ApiUrl,
    Model,
    Simulate,
    StateFolder,
    TicketOptions,
    with_ticket_flags,
)
from nightsort.cli.output.exit_codes import BAD_INPUT, fail
from nightsort.cli.worlds import MANIFESTS, is_plugin, names_a_file

if TYPE_CHECKING:
    from nightsort.api.forecast import Forecast
    from nightsort.wiring.cluster import Cluster

PATIENCE_SECONDS = 120.0
Categories = Annotated[list[str] | None, typer.Option(help="For a file of tickets: names, with commas in between.")]
CategoriesFile = Annotated[
    Path | None, typer.Option(help="For a file of tickets: a YAML file; by default categories.yaml beside it.")
]
Wait = Annotated[
    float | None,
    typer.Option("--timeout", help="Give up after so long; by default 2m.", parser=seconds_of, metavar="DURATION"),
]


def add_to(app: typer.Typer) -> None:
    app.command("estimate")(with_ticket_flags(estimate))


def estimate(
    target: Annotated[
        str, run_argument("A file of tickets, a manifest, or a ClassificationBatch of a cluster.", "FILE|NAME")
    ],
    categories: Categories = None,
    categories_file: CategoriesFile = None,
    model: Model = MODEL,
    tickets: TicketOptions = NOTHING_SAID,
    simulate: Simulate = False,
    api_url: ApiUrl = None,
    state: StateFolder = None,
    namespace: Namespace = None,
    timeout: Wait = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Show what a run would cost. Nothing is bought, and nothing is left behind.

    A file of tickets is estimated here, as `classify --estimate` does it, which has more flags. For a
    manifest or a ClassificationBatch the operator does it, with its own credentials: a suspended copy is created, and
    deleted as soon as it says what it would cost.

    Exit codes: 0 shown, 1 it cannot be estimated now, 2 bad input.
    """
    if names_a_file(target) and Path(target).suffix not in MANIFESTS:
        if is_plugin():
            fail(f"{target} is a file of tickets: `nightsort estimate` estimates it, without a cluster", BAD_INPUT)
        from nightsort.cli.commands.classify import classify

        with known_or_nothing(state) as folder:
            return classify(
                Path(target),
                categories=categories,
                categories_file=categories_file,
                model=model,
                tickets=tickets,
                estimate=True,
                simulate=simulate,
                api_url=api_url,
                state=folder,
            )
    options = ClusterOptions(namespace, context, kubeconfig)
    return estimate_in_cluster(options, target, PATIENCE_SECONDS if timeout is None else timeout)


@contextmanager
def known_or_nothing(given: Path | None) -> Iterator[Path]:
    """The state, which knows what is bought already; an empty one that goes away again where there is none."""
    from nightsort.cli.state_folder import has_content, state_folder

    folder = state_folder(given)
    if has_content(folder):
        yield folder
        return
    with TemporaryDirectory(prefix="nightsort-estimate-") as empty:
        yield Path(empty)


def estimate_in_cluster(options: ClusterOptions, target: str, seconds: float) -> None:
    from nightsort.cli.cluster.foresight import foreseen, of_manifest, show
    from nightsort.cli.commands.create import read_one
    from nightsort.cli.manifests import InvalidManifest
    from nightsort.cli.output.display import console

    manifest = None
    if Path(target).suffix in MANIFESTS:
        try:
            manifest = read_one(Path(target))
        except InvalidManifest as invalid:
            fail(str(invalid), BAD_INPUT)

    async def work(cluster: Cluster, namespace: str) -> Forecast:
        if manifest is not None:
            return await of_manifest(cluster, namespace, manifest, seconds)
        return await foreseen(cluster, namespace, target, seconds)

    forecast = options.run(work, interrupted="interrupted: nothing was bought")
    show(console(), forecast)
