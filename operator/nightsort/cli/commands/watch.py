"""`nightsort watch`: follows resources of a cluster until they have ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from nightsort.cli.cluster.options import ClusterOptions, Context, Kubeconfig, Namespace, Timeout, run_argument
from nightsort.cli.output.exit_codes import BAD_INPUT, NOT_COMPLETE, STALLED, TIMED_OUT, fail

if TYPE_CHECKING:
    from nightsort.cli.cluster.follow import Followed
    from nightsort.wiring.cluster import Cluster


def add_to(app: typer.Typer) -> None:
    app.command("watch")(watch)


def watch(
    name: Annotated[
        str | None, run_argument("The ClassificationBatch; by default all that are unfinished now.")
    ] = None,
    namespace: Namespace = None,
    all_namespaces: Annotated[
        bool, typer.Option("--all-namespaces", "-A", help="All that are unfinished, in all namespaces.")
    ] = False,
    timeout: Timeout = None,
    exit_on_stall: Annotated[
        bool, typer.Option("--exit-on-stall", help="End with 3 as soon as a run waits for a person to act.")
    ] = False,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Follow a run until it has ended.

    Tells every change, at the end categories and cost. Interrupting it does not touch the run.

    Exit codes: 0 Complete, 1 Failed or deleted, 2 it cannot be watched, 3 Stalled with --exit-on-stall, 124 not
    finished within --timeout.
    """
    if name is not None and all_namespaces:
        fail("a name is looked for in one namespace: leave --all-namespaces out", BAD_INPUT)
    followed = follow_through(
        ClusterOptions(namespace, context, kubeconfig),
        name,
        timeout,
        everywhere=all_namespaces,
        exit_on_stall=exit_on_stall,
    )
    if not followed.complete:
        raise typer.Exit(NOT_COMPLETE)


def follow_through(
    options: ClusterOptions,
    name: str | None,
    timeout: float | None,
    *,
    everywhere: bool = False,
    exit_on_stall: bool = False,
) -> Followed:
    """Follows until the end; ends the command if the end does not come in time."""
    from nightsort.cli.cluster.follow import follow

    async def work(cluster: Cluster, namespace: str) -> Followed:
        return await follow(cluster, None if everywhere else namespace, name, timeout, exit_on_stall=exit_on_stall)

    followed = options.run(work, interrupted="interrupted: what was watched goes on")
    if followed.stalled:
        fail(f"stalled until somebody acts: {', '.join(sorted(followed.stalled))}", STALLED)
    if followed.unfinished:
        fail(f"not finished in time: {', '.join(sorted(followed.unfinished))}", TIMED_OUT)
    return followed
