"""`nightsort report`: a page with the results of `nightsort classify`, or of a run in a cluster."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nightsort.cli.cluster.options import ClusterOptions, Context, Kubeconfig, Namespace, UrlEnv, run_argument
from nightsort.cli.flags import (
    NOTHING_SAID,
    StateFolder,
    TicketOptions,
    with_ticket_flags,
)
from nightsort.cli.output.exit_codes import BAD_INPUT, fail
from nightsort.domain.printable import printable

if TYPE_CHECKING:
    from nightsort.report.figures import Report
    from nightsort.wiring.cluster import Cluster

OWN = 0o600
"""The permissions of a page about a cluster: as in the cluster, nobody else is given its texts."""
Subject = Annotated[
    str | None,
    run_argument(
        "A file that was classified (by default the last one), or a ClassificationBatch of a cluster.", "FILE|NAME"
    ),
]
Page = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", help="Where the page goes; by default NAME.report.html beside the file, or in this directory."
    ),
]
Selector = Annotated[
    str | None,
    typer.Option("--selector", "-l", help="In a cluster: the labels of the runs before, such as team=support."),
]
WithText = Annotated[bool, typer.Option("--with-text", help="Show what the sampled tickets say.")]


def add_to(app: typer.Typer) -> None:
    app.command("report")(with_ticket_flags(report))


def report(
    name: Subject = None,
    namespace: Namespace = None,
    output: Page = None,
    with_text: WithText = False,
    selector: Selector = None,
    url_env: UrlEnv = None,
    state: StateFolder = None,
    tickets: TicketOptions = NOTHING_SAID,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Write a page with the results of a run.

    One HTML file that loads nothing from anywhere. It reads the file as classify has: give the same flags about its
    columns. Without --with-text it has no ticket's text. Nothing is asked, and nothing is bought.

    With `kubectl nightsort`, or any flag about a cluster: the run, its rows merged with those of its retries, and
    beside it the runs before: those with the labels of --selector, or else those over the same source or by the same
    CronJob. Rows in object storage and in databases are read with your own credentials, as `results` reads them. Where
    that cannot be, or a table does not say which run has written a row, the figures come from the status.

    Exit codes: 0 done, 1 the cluster does not answer, 2 bad input.
    """
    from nightsort.cli.worlds import World, given

    flags = given(namespace=namespace, selector=selector, url_env=url_env, context=context, kubeconfig=kubeconfig)
    if not World(state, flags).is_here(name):
        options = ClusterOptions(namespace, context, kubeconfig, url_env)
        report_run(options, name, output, selector or "", with_text=with_text)
        return

    from nightsort.cli.classification.last_report import ReportOrder, carry_out
    from nightsort.cli.state_folder import state_folder

    file = None if name is None else Path(name)
    carry_out(ReportOrder(file, output, with_text, state_folder(state), tickets))


def report_run(
    options: ClusterOptions, name: str | None, output: Path | None, selector: str, *, with_text: bool
) -> None:
    """The page of a run in a cluster; its reader is the person who asks."""
    from nightsort.cli.classification.order import InvalidOrder
    from nightsort.cli.classification.reporting import refuse_strange, write_page
    from nightsort.cli.cluster.run_report import Wanted, labels_of, report_of
    from nightsort.domain.errors import Interruption
    from nightsort.domain.report import plural

    if name is None:
        fail("name the ClassificationBatch whose report it is", BAD_INPUT)
    page = output or Path(f"{name}.report.html")
    try:
        refuse_strange(page)
        wanted = Wanted(name, labels_of(selector), with_text=with_text)
    except (InvalidOrder, ValueError) as error:
        fail(str(error), BAD_INPUT)

    async def work(cluster: Cluster, namespace: str) -> Report:
        return await report_of(cluster, namespace, wanted)

    made = options.run(work)
    try:
        write_page(page, made, OWN)
    except Interruption as interruption:
        fail(interruption.message, BAD_INPUT)
    typer.echo(printable(f"{page} shows the results of {name}: {plural(made.total, 'ticket')}"))
