"""The command line: one module per command. A command's imports happen when it runs, so that --help is quick."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

import typer

from nightsort.cli.cluster import completion
from nightsort.cli.commands import (
    cancel,
    classify,
    crds,
    create,
    doctor,
    estimate,
    evaluate,
    init,
    local,
    operator,
    report,
    results,
    retry,
    review,
    simulate,
    status,
    version,
    watch,
)
from nightsort.cli.worlds import is_plugin

if TYPE_CHECKING:
    from nightsort.settings import Settings

# The meaning of a flag without a value, as kubectl allows it; Typer does not have such flags.
WITHOUT_VALUE = {("create", "--dry-run"): "--dry-run=server", ("retry", "--dry-run"): "--dry-run=client"}


def main(start_operator: Callable[[Settings], None]) -> None:
    """Runs the given command; `__main__` passes in the function that runs the operator."""
    app = typer.Typer(
        help="Sorts support tickets overnight, at half price.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,  # Rich takes three times as long to import as everything else that --help needs
    )
    operator.add_to(app, start_operator)
    classify.add_to(app)
    estimate.add_to(app)
    evaluate.add_to(app)
    init.add_to(app)
    report.add_to(app)
    local.add_to(app)
    simulate.add_to(app)
    create.add_to(app)
    doctor.add_to(app)
    status.add_to(app)
    watch.add_to(app)
    results.add_to(app)
    cancel.add_to(app)
    retry.add_to(app)
    review.add_to(app)
    crds.add_to(app)
    completion.add_to(app)
    version.add_to(app)
    name = "kubectl nightsort" if is_plugin() else "nightsort"
    app(args=list(with_values(sys.argv[1:])), prog_name=name)


def with_values(arguments: Iterable[str]) -> Iterator[str]:
    """The arguments, with default values for flags that were given without one."""
    command = ""
    for argument in arguments:
        command = command or argument
        yield WITHOUT_VALUE.get((command, argument), argument)
