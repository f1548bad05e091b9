"""`nightsort retry`: asks again about the tickets of a finished run that got no category.

A ticket with a category is never sent, and paid, again, unless --all says so.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from nightsort.cli.cluster.options import ClusterOptions, Context, FileOrName, Kubeconfig, Namespace, announce, parsed
from nightsort.cli.commands.results import Verdicts, chosen
from nightsort.cli.flags import ApiUrl, MaxCost, ResourceName, StateFolder, Timeout, Yes
from nightsort.cli.output.exit_codes import BAD_INPUT, NOT_COMPLETE, fail
from nightsort.domain.printable import printable

if TYPE_CHECKING:
    from nightsort.cli.cluster.retry_plan import RetryPlan
    from nightsort.wiring.cluster import Cluster


def add_to(app: typer.Typer) -> None:
    app.command("retry")(retry)


def retry(
    name: FileOrName,
    namespace: Namespace = None,
    new_name: Annotated[str | None, typer.Option("--name", help="The new one's name. Default: NAME-retry.")] = None,
    verdict: Verdicts = None,
    everything: Annotated[bool, typer.Option("--all", help="Send, and pay, all tickets again.")] = False,
    dry_run: Annotated[
        Literal["none", "client", "server"],
        typer.Option(help="client (also without a value): print the manifests and make nothing; server: ask, too."),
    ] = "none",
    resource: ResourceName = None,
    yes: Yes = False,
    max_cost: MaxCost = None,
    timeout: Timeout = None,
    state: StateFolder = None,
    api_url: ApiUrl = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Ask again about tickets that got no category.

    For a file that was classified: shows the price and asks, as classify does, with its flags of the last time. For a
    manifest that has run on this machine: runs NAME-retry beside it.

    For a ClassificationBatch of a cluster: makes a resource NAME-retry with the same spec, for the tickets of a
    finished run that got no category. Those of inline lists and ConfigMaps are picked by the rows of the run; a
    database's by its own query, if that asks for rows whose category is NULL. Tickets that a person has given a
    category (ConfigMap NAME-corrections) are left out. Where it cannot be told what failed,
    nothing is made without --all. A second retry of the same run is refused: retry its retry.
    """
    wanted = chosen(verdict or ())
    from nightsort.cli.worlds import World, given

    if World(state, given(namespace=namespace, context=context, kubeconfig=kubeconfig)).is_here(name):
        from nightsort.cli.local_runs.retry import RetryOrder, carry_out
        from nightsort.cli.state_folder import state_folder

        if new_name or everything:
            fail("--name and --all are for runs of a cluster", BAD_INPUT)
        file, dry = Path(name), dry_run != "none"
        folder = state_folder(state)
        carry_out(RetryOrder(file, folder, wanted, resource, yes, max_cost, timeout, api_url, dry))
        return
    if here := given(resource=resource, yes=yes, max_cost=max_cost, timeout=timeout, api_url=api_url):
        fail(f"{here[0]} is for files and manifests of this machine", BAD_INPUT)

    async def work(cluster: Cluster, namespace: str) -> RetryPlan:
        from nightsort.cli.cluster.retry_plan import again
        from nightsort.cli.reviews.cluster import corrections_of_retried

        manifest = await cluster.resources.read(namespace, name)
        said, unread = await corrections_of_retried(cluster, namespace, manifest)
        for remark in unread:
            typer.echo(printable(remark), err=True)
        run = parsed(manifest)
        made = await again(cluster, run, manifest, new_name, wanted, everything=everything, corrected=said)
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
