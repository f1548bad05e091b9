"""`nightsort cancel`, `suspend` and `resume`: in a cluster changes of the spec; the operator does the rest.

There is no field for "cancel". A deadline that has passed does the same: running batches are cancelled at the API,
existing rows are kept, and the run ends as Failed with the reason Canceled, of which nobody is alerted.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nightsort.cli.cluster.options import (
    CANCELED_AFTER,
    ClusterOptions,
    Context,
    FileOrName,
    Kubeconfig,
    Name,
    Namespace,
    Timeout,
    announce,
    parsed,
)
from nightsort.cli.flags import ApiUrl, StateFolder
from nightsort.cli.output.exit_codes import BAD_INPUT, fail

if TYPE_CHECKING:
    from nightsort.api.resource import Resource
    from nightsort.wiring.cluster import Cluster


def add_to(app: typer.Typer) -> None:
    app.command("cancel")(cancel)
    app.command("suspend")(suspend)
    app.command("resume")(resume)


def cancel(
    name: FileOrName,
    namespace: Namespace = None,
    wait: Annotated[bool, typer.Option("--wait", help="Follow the run until it has ended.")] = False,
    timeout: Timeout = None,
    state: StateFolder = None,
    api_url: ApiUrl = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Cancel a run and keep what it has.

    For a file or a manifest that runs on this machine: ends its batches at the API, waits for that, writes what was
    answered, and tells what it cost. The same classify or local goes on with what is left.

    For a ClassificationBatch of a cluster: sets spec.activeDeadlineSeconds to 0. The operator cancels what is running
    at the API, stores the answers that came in time, and the run ends as Failed (Canceled), of which no alert
    fires. Requests that did not run are not billed. `retry` runs the rest later; to pause instead, use `suspend`. Under
    GitOps change the spec in Git: what is set here is set back.
    """
    from nightsort.cli.worlds import World, given

    if World(state, given(namespace=namespace, context=context, kubeconfig=kubeconfig)).is_here(name):
        from nightsort.cli.local_runs.cancel import CancelOrder, carry_out
        from nightsort.cli.state_folder import state_folder

        carry_out(CancelOrder(Path(name), state_folder(state), api_url, timeout))
        return
    if api_url is not None:
        fail("--api-url is for files and manifests of this machine", BAD_INPUT)
    options = ClusterOptions(namespace, context, kubeconfig)
    before = change(options, name, canceling)
    if finished(before):
        announce(before.meta.name, f"is {before.status.phase} already: there is nothing to cancel")
        return
    announce(before.meta.name, "canceling: spec.activeDeadlineSeconds is 0 now")
    if wait:
        from nightsort.cli.commands.watch import follow_through

        follow_through(options, name, timeout)


def suspend(name: Name, namespace: Namespace = None, context: Context = None, kubeconfig: Kubeconfig = None) -> None:
    """Pause a run.

    Sets spec.suspend: what is running is cancelled, and nothing more is bought until it is resumed.
    """
    pause(ClusterOptions(namespace, context, kubeconfig), name, suspended=True)


def resume(name: Name, namespace: Namespace = None, context: Context = None, kubeconfig: Kubeconfig = None) -> None:
    """Go on with a suspended run.

    What was cancelled is sent again.
    """
    pause(ClusterOptions(namespace, context, kubeconfig), name, suspended=False)


def pause(options: ClusterOptions, name: str, *, suspended: bool) -> None:
    before = change(
        options, name, lambda resource: {"suspend": suspended} if resource.spec.suspend != suspended else {}
    )
    if finished(before):
        announce(before.meta.name, f"is {before.status.phase} already")
    elif before.spec.suspend == suspended:
        announce(before.meta.name, "is suspended already" if suspended else "is not suspended")
    else:
        announce(before.meta.name, "suspended" if suspended else "resumed")


def canceling(_: Resource) -> dict[str, Any]:
    return {"activeDeadlineSeconds": CANCELED_AFTER}


def change(options: ClusterOptions, name: str, wanted: Any) -> Resource:
    """The resource as it was before; if it is unfinished, the wanted fields of its spec are set."""

    async def work(cluster: Cluster, namespace: str) -> Resource:
        before = parsed(await cluster.resources.read(namespace, name))
        if not finished(before) and (spec := wanted(before)):
            await cluster.resources.change(namespace, name, spec)
        return before

    return options.run(work)


def finished(resource: Resource) -> bool:
    from nightsort.domain.conditions import is_finished

    return is_finished(resource.status)
