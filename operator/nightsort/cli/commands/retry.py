"""`nightsort retry`: a new resource for the tickets of a finished run that got no category.

A ticket with a category is never sent, and paid, again, unless --all says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from nightsort.cli.cluster.options import ClusterOptions, Context, Kubeconfig, Name, Namespace, announce, parsed
from nightsort.cli.commands.results import Verdicts, chosen
from nightsort.cli.output.exit_codes import NOT_COMPLETE, fail
from nightsort.domain.printable import printable

if TYPE_CHECKING:
    from nightsort.cli.cluster.retry_plan import RetryPlan
    from nightsort.wiring.cluster import Cluster


def add_to(app: typer.Typer) -> None:
    app.command("retry")(retry)


def retry(
    name: Name,
    namespace: Namespace = None,
    new_name: Annotated[str | None, typer.Option("--name", help="The new one's name. Default: NAME-retry.")] = None,
    verdict: Verdicts = None,
    everything: Annotated[bool, typer.Option("--all", help="Send, and pay, all tickets again.")] = False,
    dry_run: Annotated[
        Literal["none", "client", "server"],
        typer.Option(help="client (also without a value): print the manifests and make nothing; server: ask, too."),
    ] = "none",
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Run what failed again, in a run of its own.

    Makes a resource NAME-retry with the same spec, for the tickets of a finished run that got no category. Those of
    inline lists and ConfigMaps are picked by the rows of the run; a database's by its own query, if that asks for rows
    whose category is NULL. Where it cannot be told what failed, nothing is made without --all. A second retry of the
    same run is refused: retry its retry.
    """
    wanted = chosen(verdict or ())

    async def work(cluster: Cluster, namespace: str) -> RetryPlan:
        from nightsort.cli.cluster.retry_plan import again

        manifest = await cluster.resources.read(namespace, name)
        made = await again(cluster, parsed(manifest), manifest, new_name, wanted, everything=everything)
        if made.order is not None and dry_run != "client":
            is_new = await made.order.deliver(cluster, dry_run=dry_run == "server")
            if not is_new:
                fail(f"{made.name} is there already: retry that one, or give another --name", NOT_COMPLETE)
        return made

    made = ClusterOptions(namespace, context, kubeconfig).run(work)
    for note in made.notes:
        typer.echo(printable(note), err=True)
    if made.order is None:
        return
    if dry_run == "none":
        announce(made.name, "created")
    else:
        typer.echo(made.order.as_yaml(), nl=False)
