"""`nightsort review`: a person decides on labels that are doubtful."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nightsort.cli.cluster.options import (
    Context,
    CorrectionsName,
    FileOrName,
    Kubeconfig,
    Namespace,
    TicketsQuery,
    TicketsUrlEnv,
    UrlEnv,
)
from nightsort.cli.flags import ResourceName, StateFolder
from nightsort.cli.output.exit_codes import BAD_INPUT, fail

Of = Annotated[
    list[str] | None,
    typer.Option(
        "--of",
        help="Which tickets: disagreement, unknown, low-confidence, failed, sample, with commas in between.",
        metavar="KINDS",
    ),
]
Sample = Annotated[int | None, typer.Option(help="How many tickets are drawn by chance.", min=1, max=1000)]
By = Annotated[str | None, typer.Option(help="Who reviews; by default the name of your account.", metavar="NAME")]
Export = Annotated[
    Path | None,
    typer.Option(help="Write the tickets as tasks for Label Studio, with its labelling interface beside them."),
]
Import = Annotated[Path | None, typer.Option(help="Take in the answers of a project that Label Studio has exported.")]

if TYPE_CHECKING:
    from nightsort.wiring.cluster import Cluster


def add_to(app: typer.Typer) -> None:
    app.command("review")(review)


def review(
    name: FileOrName,
    of: Of = None,
    sample: Sample = None,
    by: By = None,
    export_label_studio: Export = None,
    import_label_studio: Import = None,
    resource: ResourceName = None,
    corrections: CorrectionsName = None,
    namespace: Namespace = None,
    url_env: UrlEnv = None,
    tickets_url_env: TicketsUrlEnv = None,
    tickets_query: TicketsQuery = None,
    state: StateFolder = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Decide on tickets whose label is doubtful.

    Shows each ticket with the model's label: those that two models read differently, those without a category, those
    of which the model says that it is not sure, failed ones, and with --sample some by chance. A figure or a part of a
    name gives the category, Enter keeps the model's. Each decision is kept at once, so that a review can end at any
    ticket and go on later, and several people can share it.

    What was decided is in results and labelled files from then on, is not bought again, and counts as known labels:
    nightsort evaluate FILE --truth corrections. Several people can use Label Studio in the terminal's place.

    For a manifest that has run on this machine: the runs' rows are in a file or a table, and corrections are kept in
    NAME.corrections.jsonl beside the manifest.

    For a ClassificationBatch: rows and tickets in a database are read with the URL in DATABASE_URL, or in the variable
    that --url-env names, or else with the run's Secret if you may read it. Nothing is written there.

    Exit codes: 0 done, 2 bad input or no terminal.
    """
    from nightsort.cli.reviews.order import InvalidWish, wish_of
    from nightsort.cli.worlds import World, given

    if export_label_studio is not None and import_label_studio is not None:
        fail("--export-label-studio and --import-label-studio: give one of them", BAD_INPUT)
    try:
        wish = replace(wish_of(of or (), sample, by), exported=export_label_studio, imported=import_label_studio)
    except InvalidWish as invalid:
        fail(str(invalid), BAD_INPUT)
    flags = given(
        namespace=namespace, url_env=url_env, tickets_url_env=tickets_url_env, context=context, kubeconfig=kubeconfig
    )
    if World(state, flags).is_here(name):
        from nightsort.cli.reviews.local import review_here
        from nightsort.cli.state_folder import state_folder

        review_here(state_folder(state), Path(name), wish, resource, tickets_query)
        return
    if resource is not None:
        fail("--resource is for manifests that have run on this machine", BAD_INPUT)
    from nightsort.cli.cluster.options import ClusterOptions
    from nightsort.cli.reviews.cluster import reviewed
    from nightsort.cli.reviews.exchange import exchange
    from nightsort.cli.reviews.run import refuse_no_terminal
    from nightsort.cli.reviews.run import review as hold

    if wish.needs_terminal:
        refuse_no_terminal()

    async def work(cluster: Cluster, namespace: str) -> None:
        found = await reviewed(cluster, namespace, name, wish, corrections)
        try:
            await (hold if wish.needs_terminal else exchange)(found, wish)
        except InvalidWish as invalid:
            fail(str(invalid), BAD_INPUT)

    ClusterOptions(namespace, context, kubeconfig, url_env, tickets_url_env, tickets_query).run(work)
