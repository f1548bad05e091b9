"""Flags that several commands have, and the values of those about a file of tickets."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import wraps
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from nightsort.cli.duration import seconds_of
from nightsort.cli.output.exit_codes import BAD_INPUT, fail

if TYPE_CHECKING:
    from nightsort.formats.exports import Reading
    from nightsort.formats.table import Options

MODEL = "claude-haiku-5-5"

Model = Annotated[str, typer.Option(help="The model that reads the tickets.")]
InferenceGeo = Annotated[
    Literal["us", "global"] | None,
    typer.Option(help="Where the model runs; us is a tenth dearer. Default: as the account has it."),
]
IdColumn = Annotated[str | None, typer.Option(help="The column of ids; by default what its name tells.")]
SubjectColumn = Annotated[str | None, typer.Option(help="The column of subjects.")]
BodyColumn = Annotated[str | None, typer.Option(help="The column of texts.")]
TextColumns = Annotated[
    list[str] | None, typer.Option(help="A column that is part of the text, in the place of --body; repeatable.")
]
StripQuotes = Annotated[bool, typer.Option("--strip-quotes", help="Leave out the mails that a text quotes.")]
Encoding = Annotated[str | None, typer.Option(help="How the file is encoded, such as windows-1252.")]
Delimiter = Annotated[str | None, typer.Option(help="What separates columns, such as ';' or tab.")]
Sheet = Annotated[str | None, typer.Option(help="The sheet of a spreadsheet.")]
FileFormat = Annotated[str | None, typer.Option(help="csv, tsv, jsonl, json, xlsx or parquet, whatever the name says.")]
FillShortRows = Annotated[
    bool, typer.Option("--fill-short-rows", help="Take cells that are missing at the end of a row for empty ones.")
]
StateFolder = Annotated[
    Path | None,
    typer.Option(help="The directory in which nightsort remembers what was bought; by default nightsort-state."),
]
ResourceName = Annotated[str | None, typer.Option("--resource", help="Of several in a manifest, the resource.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Buy without asking.")]
MaxCost = Annotated[
    str | None,
    typer.Option(help="The most that this run may cost, in USD; up to that it buys without asking."),
]
Simulate = Annotated[bool, typer.Option("--simulate", help="Simulate the API: no key, no cost.")]
BatchSeconds = Annotated[float, typer.Option(help="How long a simulated batch takes.", min=0.0)]
Timeout = Annotated[
    float | None,
    typer.Option(help="How long to wait, such as 90m; what runs goes on.", parser=seconds_of, metavar="DURATION"),
]
SimulatedAccuracy = Annotated[
    list[str] | None,
    typer.Option(
        help="How often simulated models are right, such as 0.8; claude-sonnet-5-5=0.95 is for one model. Repeatable.",
        metavar="[MODEL=]SHARE",
    ),
]
ApiUrl = Annotated[str | None, typer.Option(help="Base URL of the Message Batches API.")]


@dataclass(frozen=True, slots=True)
class TicketOptions:
    """The user's statements about a file of tickets that its columns and beginning do not show; see docs/files.md."""

    id: str | None = None
    subject: str | None = None
    body: str | None = None
    text: Sequence[str] = ()
    encoding: str | None = None
    delimiter: str | None = None
    sheet: str | None = None
    format: str | None = None
    fill_short_rows: bool = False
    strip_quotes: bool = False

    @property
    def options(self) -> Options:
        from nightsort.formats.table import Options

        return Options(self.format, self.delimiter, self.encoding, self.sheet, self.fill_short_rows)

    @property
    def reading(self) -> Reading:
        from nightsort.formats.exports import Reading

        return Reading(strip_quotes=self.strip_quotes)

    @property
    def words(self) -> list[str]:
        """The given flags and their values, as on the command line."""
        values = {
            "--id": self.id,
            "--subject": self.subject,
            "--body": self.body,
            "--encoding": self.encoding,
            "--delimiter": self.delimiter,
            "--sheet": self.sheet,
            "--format": self.format,
        }
        words = [word for flag, value in values.items() if value for word in (flag, value)]
        words += [word for column in self.text for word in ("--text", column)]
        switches = {"--fill-short-rows": self.fill_short_rows, "--strip-quotes": self.strip_quotes}
        return words + [flag for flag, is_given in switches.items() if is_given]


NOTHING_SAID = TicketOptions()


def tickets_of(
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
) -> TicketOptions:
    """The flags about a file of tickets, and their values."""
    return TicketOptions(
        id, subject, body, text or (), encoding, delimiter, sheet, format, fill_short_rows, strip_quotes
    )


def with_ticket_flags(command: Callable[..., None], *, without: Collection[str] = ()) -> Callable[..., None]:
    """The command, with the flags of `tickets_of` in the place of its parameter `tickets`.

    Typer makes one flag of each parameter, and knows no parameter that stands for several.
    """
    flags = {
        name: flag for name, flag in signature(tickets_of, eval_str=True).parameters.items() if name not in without
    }
    own = signature(command, eval_str=True)

    @wraps(command)
    def with_flags(**values: Any) -> None:
        given = {name: values.pop(name) for name in flags}
        command(**values, tickets=tickets_of(**given))

    parameters = [
        flag
        for name, parameter in own.parameters.items()
        for flag in (flags.values() if name == "tickets" else (parameter,))
    ]
    with_flags.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
    return with_flags


def refuse_two_apis(*, simulate: bool, api_url: str | None) -> None:
    if simulate and api_url:
        fail("--simulate starts an API of its own: give either that or --api-url", BAD_INPUT)
