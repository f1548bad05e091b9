"""`nightsort evaluate`: how right labels are, on tickets whose categories are known, by model and by prompt."""

from __future__ import annotations

import gc
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import typer

from nightsort.cli.commands.classify import (
    Categories,
    CategoriesFile,
    Estimate,
    Instructions,
    ReportFile,
    TicketFile,
)
from nightsort.cli.flags import (
    MODEL,
    NOTHING_SAID,
    ApiUrl,
    BatchSeconds,
    InferenceGeo,
    MaxCost,
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

Truth = Annotated[
    str,
    typer.Option(
        help="The column with the known categories, empty where none is known; or corrections, of nightsort review."
    ),
]
Sample = Annotated[int, typer.Option(help="How many known tickets are read, evenly over the categories.", min=1)]
Models = Annotated[
    list[str] | None, typer.Option("--models", "--model", help="Models to compare, with commas in between.")
]
Prompts = Annotated[
    list[str] | None,
    typer.Option(help="Files of categories (and instructions) to compare, with commas in between."),
]
MinAccuracy = Annotated[
    float | None,
    typer.Option(
        help="Ends with 1 where the lower end of a reader's interval is below, such as 0.9.",
        min=0,
        max=0.9999,
        metavar="SHARE",
    ),
]
Retry = Annotated[bool, typer.Option("--retry", help="Ask again about tickets that got no category.")]
Form = Annotated[Literal["table", "json"], typer.Option("--output", "-o", help="The form of the figures.")]


def add_to(app: typer.Typer) -> None:
    app.command("evaluate")(with_ticket_flags(evaluate))


def evaluate(
    file: TicketFile,
    truth: Truth,
    sample: Sample = 300,
    min_accuracy: MinAccuracy = None,
    models: Models = None,
    prompts: Prompts = None,
    categories: Categories = None,
    categories_file: CategoriesFile = None,
    instructions: Instructions = None,
    inference_geo: InferenceGeo = None,
    tickets: TicketOptions = NOTHING_SAID,
    yes: Yes = False,
    max_cost: MaxCost = None,
    estimate: Estimate = False,
    retry: Retry = False,
    output: Form = "table",
    report: ReportFile = None,
    timeout: Timeout = None,
    simulate: Simulate = False,
    simulated_accuracy: SimulatedAccuracy = None,
    seconds: BatchSeconds = 2.0,
    state: StateFolder = None,
    api_url: ApiUrl = None,
) -> None:
    """Measure labels on tickets whose categories are known.

    A sample of them is labelled, as classify does it, and compared with the column of known categories: accuracy with
    its 95 % interval, figures for each category, the largest confusions. With several models or prompts it says which
    is better, what each costs, and whether the sample is large enough to tell. The price is shown before anything is
    bought, and what was bought is not bought again, by classify neither.

    Exit codes: 0 done, 1 not complete, not bought, or below --min-accuracy, 2 bad input, 124 timed out,
    130 interrupted.
    """
    refuse_two_apis(simulate=simulate, api_url=api_url)
    if sum(map(bool, (categories, categories_file, prompts))) > 1:
        fail(
            "--categories, --categories-file and --prompts all say what the categories are: give one of them", BAD_INPUT
        )
    accuracy = accuracy_of(simulated_accuracy, simulate=simulate)
    gc.disable()  # until the imports are over: scanning their objects takes half a second of three
    from nightsort.cli.classification.order import Order
    from nightsort.cli.evaluation.order import EvaluationOrder, names
    from nightsort.cli.evaluation.run import carry_out
    from nightsort.cli.state_folder import state_folder

    names_of = tuple(categories or ())
    usual = Order(file, names_of, categories_file, MODEL, instructions, state=state_folder(state), tickets=tickets)
    usual = replace(usual, inference_geo=inference_geo, yes=yes, max_cost=max_cost, estimate=estimate, retry=retry)
    usual = replace(usual, timeout=timeout, simulated=seconds if simulate else None, accuracy=accuracy, api_url=api_url)
    prompt_files = tuple(map(Path, names(prompts)))
    carry_out(EvaluationOrder(usual, truth, sample, names(models), prompt_files, output, report, min_accuracy))
