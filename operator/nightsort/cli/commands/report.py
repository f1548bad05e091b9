"""`nightsort report`: a page of what `nightsort classify` has come to."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nightsort.cli.flags import (
    STATE,
    BodyColumn,
    Delimiter,
    Encoding,
    FileFormat,
    FillShortRows,
    IdColumn,
    Sheet,
    StateFolder,
    StripQuotes,
    SubjectColumn,
    TextColumns,
    TicketOptions,
)

ClassifiedFile = Annotated[
    Path | None, typer.Argument(help="The file that was classified; by default the last one.", show_default=False)
]
Page = Annotated[Path | None, typer.Option(help="Where the page goes; by default NAME.report.html beside the file.")]
WithText = Annotated[bool, typer.Option("--with-text", help="Show what the sampled tickets say.")]


def add_to(app: typer.Typer) -> None:
    app.command("report")(report)


def report(
    file: ClassifiedFile = None,
    output: Page = None,
    with_text: WithText = False,
    state: StateFolder = STATE,
    id: IdColumn = None,
    subject: SubjectColumn = None,
    body: BodyColumn = None,
    text: TextColumns = None,
    strip_quotes: StripQuotes = False,
    encoding: Encoding = None,
    delimiter: Delimiter = None,
    sheet: Sheet = None,
    format: FileFormat = None,
    fill_short_rows: FillShortRows = False,
) -> None:
    """Write a page on what a file's tickets came to.

    One HTML file that loads nothing from anywhere. It reads the file as classify has: give the same flags about its
    columns. Without --with-text it has no ticket's text. Nothing is asked, and nothing is bought.

    Exit codes: 0 done, 2 bad input.
    """
    from nightsort.cli.classification.last_report import ReportOrder, carry_out

    tickets = TicketOptions(
        id, subject, body, text or (), encoding, delimiter, sheet, format, fill_short_rows, strip_quotes
    )
    carry_out(ReportOrder(file, output, with_text, state, tickets))
