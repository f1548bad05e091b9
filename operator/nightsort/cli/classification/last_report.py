"""The steps of `nightsort report`: find the last question, read the file, write the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nightsort.cli.classification.ending import NOT_ASKED
from nightsort.cli.classification.order import STATE_FILE, InvalidOrder
from nightsort.cli.classification.reading import opened
from nightsort.cli.classification.reporting import refuse_strange, report_of, spec_of, write
from nightsort.cli.classification.screen import screen
from nightsort.cli.flags import TicketOptions
from nightsort.cli.output.exit_codes import BAD_INPUT, fail
from nightsort.domain.correction import categories_of
from nightsort.domain.errors import Interruption
from nightsort.domain.printable import printable
from nightsort.domain.report import plural
from nightsort.formats.kinds import unpacked_name
from nightsort.formats.tickets import InvalidFile
from nightsort.wiring import classify as wiring
from nightsort.wiring.corrections import corrections_of


@dataclass(frozen=True, slots=True)
class ReportOrder:
    """The command line's input; without a file it is the one that was classified last."""

    file: Path | None
    output: Path | None
    with_text: bool
    state: Path
    tickets: TicketOptions

    @property
    def state_file(self) -> Path:
        return self.state / STATE_FILE


def carry_out(order: ReportOrder) -> None:
    """The whole command; ends the process with a message where it cannot go on."""
    try:
        refuse_manifests(order.file)
        if not order.state_file.is_file():
            raise InvalidOrder(
                f"{order.state_file}: no such file. `nightsort classify` makes it; --state names another directory"
            )
        with wiring.opened(order.state_file, "nightsort report") as state:
            told = written(order, state)
    except (InvalidOrder, InvalidFile) as error:
        fail(str(error), BAD_INPUT)
    except Interruption as interruption:
        fail(interruption.message, BAD_INPUT)
    screen().print(printable(told), soft_wrap=True)


def refuse_manifests(file: Path | None) -> None:
    """Raises InvalidOrder: the file is a manifest."""
    if file is not None and file.suffix.lower() in (".yaml", ".yml"):
        raise InvalidOrder(
            f"{file} is a manifest, and a report is of a file of tickets or of a run in a cluster; `nightsort results "
            f"{file}` prints the rows, and `nightsort status {file}` the cost"
        )


def written(order: ReportOrder, state: wiring.State) -> str:
    """Writes the page; returns a sentence with its path and subject."""
    asked, settings = last_asked(order, state)
    file = order.file or Path(asked.file)
    page = order.output or page_path(file)
    refuse_strange(page)
    spec = spec_of(settings, order.state_file)
    table = opened(file, order.tickets)
    wiring.settle(state)
    comparison = wiring.Comparison(state, asked.settings, asked.file, simulated=asked.simulated)
    comparison.take(table.present(spec), corrected=categories_of(corrections_of(file)))
    report = report_of(state, asked, spec, file, with_text=order.with_text)
    if report.total and report.without.get(NOT_ASKED) == report.total:
        raise InvalidOrder(
            f"{file}: no ticket was asked about. If classify was told which columns to read, by --id or --body, give "
            "the same flags here; else classify the file first"
        )
    write(page, report, file)
    return f"{page} shows what {plural(report.total, 'ticket')} of {file} came to"


def last_asked(order: ReportOrder, state: wiring.State) -> tuple[wiring.Asked, Mapping[str, Any]]:
    found = wiring.last_asked(state, None if order.file is None else str(order.file.absolute()))
    if found is None:
        if order.file is None:
            raise InvalidOrder(f"nothing was classified with {order.state_file}; --state names another directory")
        raise InvalidOrder(
            f"{order.file} was not classified with {order.state_file}: classify it, or name its directory with --state"
        )
    return found


def page_path(file: Path) -> Path:
    """The path of the page: `tickets.csv.gz` gets `tickets.report.html`."""
    return file.with_name(f"{unpacked_name(file.name).stem}.report.html")
