"""`nightsort classify`: labels the tickets of a file, at half price, and writes them beside it."""

from __future__ import annotations

import gc
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from nightsort.cli.flags import (
    MODEL,
    NOTHING_SAID,
    ApiUrl,
    BatchSeconds,
    InferenceGeo,
    MaxCost,
    Model,
    Simulate,
    SimulatedAccuracy,
    StateFolder,
    TicketOptions,
    Timeout,
    Yes,
    refuse_two_apis,
    with_ticket_flags,
)
from nightsort.cli.output.exit_codes import BAD_INPUT, fail
from nightsort.cli.simulated_accuracy import accuracy_of

TicketFile = Annotated[Path, typer.Argument(help="A file of tickets, such as a help desk's export.")]
Categories = Annotated[
    list[str] | None,
    typer.Option(help="Names of categories, with commas in between."),
]
CategoriesFile = Annotated[
    Path | None,
    typer.Option(
        help="A YAML file of categories with descriptions, aliases and examples; classify, estimate and "
        "evaluate take categories.yaml beside the tickets, if it is there.",
    ),
]
Instructions = Annotated[
    str | None,
    typer.Option(help="What else the model is told, such as 'A password problem is account'."),
]
Fields = Annotated[
    list[str] | None,
    typer.Option(
        "--field",
        help="A further column: urgency=low,medium,high (one of them), topics:2=price,quality (up to two), "
        "summary=text:200 or stars=1..5. Repeatable.",
        metavar="NAME=FORM",
    ),
]
PerTicket = Annotated[int | None, typer.Option(help="How many categories a ticket may get.", min=1, max=10)]
Confidence = Annotated[
    bool, typer.Option("--confidence", help="A column with the model's own statement of its confidence.")
]
Rationale = Annotated[bool, typer.Option("--rationale", help="A column that says why, in one sentence.")]
Estimate = Annotated[bool, typer.Option("--estimate", help="Show the price and buy nothing.")]
Limit = Annotated[int | None, typer.Option(help="Ask about the first LIMIT tickets alone.", min=1)]
Dedupe = Annotated[bool, typer.Option("--dedupe", help="Ask once about tickets with the same text; all get its label.")]
Retry = Annotated[
    bool,
    typer.Option("--retry", help="Ask again about tickets that got no category."),
]
OutputFile = Annotated[
    Path | None, typer.Option(help="Where the labelled file goes; by default NAME.labeled.csv beside the file.")
]
ReportFile = Annotated[
    Path | None, typer.Option(help="Where a page of the figures goes, such as report.html; it has no ticket's text.")
]


def add_to(app: typer.Typer) -> None:
    app.command("classify")(with_ticket_flags(classify))


def classify(
    file: TicketFile,
    categories: Categories = None,
    categories_file: CategoriesFile = None,
    model: Model = MODEL,
    instructions: Instructions = None,
    field: Fields = None,
    categories_per_ticket: PerTicket = None,
    confidence: Confidence = False,
    rationale: Rationale = False,
    inference_geo: InferenceGeo = None,
    tickets: TicketOptions = NOTHING_SAID,
    yes: Yes = False,
    max_cost: MaxCost = None,
    estimate: Estimate = False,
    limit: Limit = None,
    dedupe: Dedupe = False,
    retry: Retry = False,
    output: OutputFile = None,
    report: ReportFile = None,
    timeout: Timeout = None,
    simulate: Simulate = False,
    simulated_accuracy: SimulatedAccuracy = None,
    seconds: BatchSeconds = 2.0,
    state: StateFolder = None,
    api_url: ApiUrl = None,
) -> None:
    """Label the tickets of a file.

    The price is shown before anything is bought. What was bought is remembered: the next run buys only what is new or
    changed. An interrupted run goes on where it was when the same command is given again. The API key is read from
    ANTHROPIC_API_KEY.

    Exit codes: 0 done, 1 not complete or not bought, 2 bad input, 124 timed out, 130 interrupted.
    """
    refuse_two_apis(simulate=simulate, api_url=api_url)
    accuracy = accuracy_of(simulated_accuracy, simulate=simulate)
    if categories and categories_file:
        fail("--categories and --categories-file both say what the categories are: give one of them", BAD_INPUT)
    gc.disable()  # until the imports are over: scanning their objects takes half a second of three
    from nightsort.cli.classification.further import FurtherAnswers
    from nightsort.cli.classification.order import Order
    from nightsort.cli.classification.run import carry_out
    from nightsort.cli.state_folder import state_folder

    further = FurtherAnswers(tuple(field or ()), categories_per_ticket, confidence, rationale)
    order = Order(file, tuple(categories or ()), categories_file, model, instructions, further, tickets=tickets)
    order = replace(
        order, yes=yes, max_cost=max_cost, estimate=estimate, limit=limit, retry=retry, timeout=timeout, dedupe=dedupe
    )
    order = replace(order, inference_geo=inference_geo, output=output, report=report, state=state_folder(state))
    order = replace(order, simulated=seconds if simulate else None, accuracy=accuracy, api_url=api_url)
    carry_out(order)
