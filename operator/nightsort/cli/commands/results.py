"""`nightsort results`: the rows of a run, from the ConfigMaps that belong to it."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from nightsort.cli.cluster.options import ClusterOptions, Context, Kubeconfig, Name, Namespace, parsed
from nightsort.cli.output.exit_codes import BAD_INPUT, NOT_COMPLETE, fail

if TYPE_CHECKING:
    from nightsort.api.resource import Resource
    from nightsort.domain.answer import Row
    from nightsort.wiring.cluster import Cluster

WIDEST = 60
"""Cells of a table are aligned up to this width; longer ones are shown as they are."""
GAP = "   "


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
    name: Name,
    namespace: Namespace = None,
    output: Annotated[Literal["table", "jsonl", "csv"], typer.Option("--output", "-o", help="The form.")] = "table",
    verdict: Verdicts = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Print the rows of a run: one per ticket.

    jsonl and csv are exact, as in the ConfigMaps: a CSV cell that begins with = is not changed, so open it as text.
    On a terminal, and in tables, control characters are shown as escapes. Rows in a database or in object storage are
    not read; it is said where they are.

    Exit codes: 0 there are rows, 1 there are none here, or none yet, 2 they cannot be read.
    """
    wanted = chosen(verdict or ())

    async def work(cluster: Cluster, namespace: str) -> None:
        resource = parsed(await cluster.resources.read(namespace, name))
        stored = resource.status.results.config_maps
        if not stored:
            fail(elsewhere(resource), NOT_COMPLETE)
        printer = Printer(output, terminal=sys.stdout.isatty())
        async for rows in cluster.rows(resource.meta, stored[0]):
            printer.show([row for row in rows if not wanted or row.verdict in wanted])
        printer.end()
        if note := caution(resource):
            typer.echo(note, err=True)

    ClusterOptions(namespace, context, kubeconfig).run(work)


def chosen(words: Sequence[str]) -> frozenset[str]:
    """The verdicts by their names; capitals do not count."""
    from nightsort.domain.answer import Verdict

    known = {verdict.value.casefold(): verdict.value for verdict in Verdict}
    parts = [part.strip() for word in words for part in word.split(",")]
    for part in parts:
        if part.casefold() not in known:
            fail(f"--verdict: {part} is none of {', '.join(known.values())}", BAD_INPUT)
    return frozenset(known[part.casefold()] for part in parts)


def elsewhere(resource: Resource) -> str:
    """Why there are no rows to print."""
    from nightsort.domain.conditions import is_finished

    name, status = resource.meta.name, resource.status
    if places := status.results.places():
        return f"the rows of {name} are in {' and '.join(places)}"
    stands = f"{status.phase}: {status.message}" if status.phase else "no operator has looked at it yet"
    return f"{name} has no rows{'' if is_finished(status) else ' yet'}: {stands}"


def caution(resource: Resource) -> str:
    from nightsort.domain.conditions import is_finished

    tickets, rows = resource.status.tickets, resource.status.results.rows
    return (
        "" if is_finished(resource.status) else f"not all: {rows:,} of {tickets.total:,} tickets have their row so far"
    )


class Printer:
    """Writes rows page by page in one form."""

    def __init__(self, form: str, *, terminal: bool) -> None:
        self._form = form
        self._terminal = terminal
        self._widths: list[int] = []
        self._begun = False

    def show(self, rows: Sequence[Row]) -> None:
        if rows:
            sys.stdout.writelines(self._table(rows) if self._form == "table" else self._records(rows))

    def end(self) -> None:
        if self._form == "table" and not self._begun:
            typer.echo("no such rows", err=True)
        elif not self._begun:
            sys.stdout.writelines(self._records(()))
        sys.stdout.flush()

    def _records(self, rows: Iterable[Row]) -> Iterator[str]:
        from nightsort.cli.output.json_on_terminals import as_json
        from nightsort.domain.printable import printable
        from nightsort.wiring.cluster import file_format

        form = file_format(self._form)
        if not self._begun:
            self._begun = True
            yield form.header
        for row in rows:
            record = form.record(row)
            if not self._terminal:
                yield record
            else:
                yield as_json(record) if self._form == "jsonl" else printable(record.removesuffix("\n")) + "\n"

    def _table(self, rows: Sequence[Row]) -> Iterator[str]:
        from rich.cells import cell_len

        lines = [cells(row) for row in rows]
        if not self._begun:
            self._begun = True
            lines.insert(0, ["ID", "CATEGORY", "VERDICT", "REASON"])
            self._widths = [min(max(cell_len(line[at]) for line in lines), WIDEST) for at in range(3)]
        for line in lines:
            aligned = [
                cell + " " * max(width - cell_len(cell), 0) for cell, width in zip(line, self._widths, strict=False)
            ]
            yield GAP.join([*aligned, line[-1]]).rstrip() + "\n"


def cells(row: Row) -> list[str]:
    from nightsort.domain.printable import printable

    return [printable(text) for text in (row.id, row.category or "<none>", row.verdict.value, row.reason)]
