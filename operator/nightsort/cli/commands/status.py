"""`nightsort status` and `nightsort list`: runs of this machine, or of a cluster, as they are now."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nightsort.cli.cluster.options import RUN, ClusterOptions, Context, Kubeconfig, Namespace, parsed, run_argument
from nightsort.cli.flags import StateFolder
from nightsort.cli.output.exit_codes import BAD_INPUT, fail

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nightsort.api.resource import Resource
    from nightsort.wiring.cluster import Cluster


def add_to(app: typer.Typer) -> None:
    app.command("status")(status)
    app.command("list")(list_runs)


def status(
    name: Annotated[str | None, run_argument(RUN, "FILE|NAME")] = None,
    namespace: Namespace = None,
    state: StateFolder = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Show how a run stands.

    For a file of tickets or a manifest: its runs on this machine, also while a process works with them. Without a name:
    what is unfinished here, or else the last run. For a ClassificationBatch: its run in the cluster, as for `kubectl
    nightsort`, or with any flag about a cluster. Nothing is changed.

    Exit codes: 0 shown, 2 there is no such run.
    """
    from nightsort.cli.worlds import World, given

    if World(state, given(namespace=namespace, context=context, kubeconfig=kubeconfig)).is_here(name):
        from nightsort.cli.local_runs.overview import show_status
        from nightsort.cli.state_folder import state_folder

        show_status(state_folder(state), None if name is None else Path(name))
        return
    if name is None:
        fail("name a ClassificationBatch; `list` shows them", BAD_INPUT)
    show_resource(ClusterOptions(namespace, context, kubeconfig), name)


def list_runs(
    namespace: Namespace = None,
    all_namespaces: Annotated[bool, typer.Option("--all-namespaces", "-A", help="Those of all namespaces.")] = False,
    state: StateFolder = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """List runs and their cost.

    Those of this machine, from the state that `classify` and `local` keep; those of a cluster as `kubectl nightsort
    list`, or with any flag about a cluster.

    Exit codes: 0 shown, 2 there is none, or it cannot be read.
    """
    from nightsort.cli.worlds import World, given

    flags = given(namespace=namespace, all_namespaces=all_namespaces, context=context, kubeconfig=kubeconfig)
    if World(state, flags).is_here(None):
        from nightsort.cli.local_runs import overview
        from nightsort.cli.state_folder import state_folder

        overview.list_runs(state_folder(state))
        return
    list_resources(ClusterOptions(namespace, context, kubeconfig), everywhere=all_namespaces)


def show_resource(options: ClusterOptions, name: str) -> None:
    from datetime import UTC, datetime

    from nightsort.cli.cluster.nights import runs_in
    from nightsort.cli.output.display import console
    from nightsort.cli.output.runs import UNKNOWN_PHASE, conditions_of, show_story, story_of

    async def work(cluster: Cluster, namespace: str) -> tuple[Resource, Sequence[Resource]]:
        resource = parsed(await cluster.resources.read(namespace, name))
        runs, _ = await runs_in(cluster, namespace)
        return resource, runs.night(resource).retries

    resource, retries = options.run(work)
    status, now = resource.status, datetime.now(UTC)
    story = list(story_of(status, resource.meta.created_at, now))
    story += conditions_of(status, now)
    story += [("rows", f"ConfigMap {name}") for name in status.results.config_maps]
    story += [("rows", place) for place in status.results.places()]
    story += [("retry", f"{one.meta.name}: {one.status.phase or UNKNOWN_PHASE}") for one in retries]
    show_story(console(), resource.meta.key, story)


def list_resources(options: ClusterOptions, *, everywhere: bool) -> None:
    from nightsort.cli.output.display import console
    from nightsort.cli.output.runs import UNKNOWN_PHASE, Line, bill_of, table_of

    async def work(cluster: Cluster, namespace: str) -> list[Resource]:
        found = await cluster.resources.there(None if everywhere else namespace)
        return [parsed(manifest) for manifest in found]

    resources = options.run(work)
    if not resources:
        fail(
            "there is no ClassificationBatch in the cluster"
            if everywhere
            else "there is no ClassificationBatch in this namespace; -A shows those of all",
            BAD_INPUT,
        )
    out = console()
    out.print(
        table_of(
            Line(
                one.meta.key if everywhere else one.meta.name,
                one.meta.created_at,
                one.status.phase or UNKNOWN_PHASE,
                one.status,
            )
            for one in resources
        )
    )
    if said := bill_of([one.status for one in resources]):
        typer.echo(said)
