"""`nightsort results`: the rows of a run, from this machine or from the ConfigMaps of a cluster."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from nightsort.cli.cluster.options import (
    ClusterOptions,
    Context,
    CorrectionsName,
    FileOrName,
    Kubeconfig,
    Namespace,
    UrlEnv,
    parsed,
)
from nightsort.cli.flags import ResourceName, StateFolder
from nightsort.cli.output.exit_codes import BAD_INPUT, NOT_COMPLETE, fail

if TYPE_CHECKING:
    from nightsort.domain.answer import Row
    from nightsort.wiring.cluster import Cluster


def add_to(app: typer.Typer) -> None:
    app.command("results")(results)


def verdicts(context: typer.Context, incomplete: str) -> list[str]:
    from nightsort.domain.answer import Verdict

    return [verdict.value for verdict in Verdict if verdict.value.startswith(incomplete)]


Verdicts = Annotated[
    list[str] | None,
    typer.Option(
        "--verdict",
        help="Only those with this verdict, such as Expired; repeat for more.",
        metavar="VERDICT",
        autocompletion=verdicts,
    ),
]


def results(
    name: FileOrName,
    namespace: Namespace = None,
    output: Annotated[Literal["table", "jsonl", "csv"], typer.Option("--output", "-o", help="The form.")] = "table",
    verdict: Verdicts = None,
    resource: ResourceName = None,
    corrections: CorrectionsName = None,
    retries: Annotated[bool, typer.Option(help="In a cluster: merge the rows with those of the run's retries.")] = True,
    url_env: UrlEnv = None,
    state: StateFolder = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Print the rows of a run: one per ticket.

    For a file of tickets, in its order, or a manifest: those of its runs on this machine. For a ClassificationBatch:
    those of the cluster, as for `kubectl nightsort`, or with any flag about a cluster. They are merged with those of
    its retries: a later row replaces an earlier one, but for one without a category that follows one with it.

    jsonl and csv are exact, as in the ConfigMaps: a CSV cell that begins with = is not changed, so open it as text.
    On a terminal, and in tables, control characters are shown as escapes. Rows in object storage
    are read with the credentials of your environment, such as AWS_ACCESS_KEY_ID; rows in a database with the URL in
    DATABASE_URL, or in the variable that --url-env names, or else with the run's Secret if you may read it.

    Exit codes: 0 there are rows, 1 there are none here, or none yet, 2 they cannot be read.
    """
    from nightsort.cli.cluster.nights import Runs, apart, are_at_hand, merged_with, pages_of, runs_in
    from nightsort.cli.output.rows import Printer, caution, elsewhere
    from nightsort.cli.reviews.cluster import corrections_at_hand
    from nightsort.cli.worlds import World, given
    from nightsort.domain.printable import printable

    wanted = chosen(verdict or ())
    printer = Printer(output, terminal=sys.stdout.isatty())

    def show(rows: Sequence[Row]) -> None:
        printer.show([row for row in rows if not wanted or row.verdict in wanted])

    if World(state, given(namespace=namespace, url_env=url_env, context=context, kubeconfig=kubeconfig)).is_here(name):
        from nightsort.cli.local_runs.rows import show_rows
        from nightsort.cli.state_folder import state_folder

        note = show_rows(state_folder(state), Path(name), resource, show, printer.about)
        printer.end()
        if note:
            typer.echo(note, err=True)
        return

    if resource is not None:
        fail("--resource is for manifests that have run on this machine", BAD_INPUT)

    async def work(cluster: Cluster, namespace: str) -> None:
        found = parsed(await cluster.resources.read(namespace, name))
        if not are_at_hand(found):
            fail(elsewhere(found), NOT_COMPLETE)
        said, unread = await corrections_at_hand(cluster, namespace, name, corrections)
        printer.about(found.spec, said)
        runs, unlisted = await runs_in(cluster, namespace) if retries else (Runs(()), "")
        night = runs.night(found)
        async for rows in pages_of(cluster, night):
            show(rows)
        printer.end()
        left_out = f"retries are left out: {unlisted}" if unlisted else ""
        for note in (caution(found), apart(found), *merged_with(night), unread, left_out):
            if note:
                typer.echo(printable(note), err=True)

    ClusterOptions(namespace, context, kubeconfig, url_env).run(work)


def chosen(words: Sequence[str]) -> frozenset[str]:
    """The verdicts by their names; capitals do not count."""
    from nightsort.domain.answer import Verdict

    known = {verdict.value.casefold(): verdict.value for verdict in Verdict}
    parts = [part.strip() for word in words for part in word.split(",")]
    for part in parts:
        if part.casefold() not in known:
            fail(f"--verdict: {part} is none of {', '.join(known.values())}", BAD_INPUT)
    return frozenset(known[part.casefold()] for part in parts)
