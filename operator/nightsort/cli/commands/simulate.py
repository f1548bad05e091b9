"""`nightsort simulate`: a Message Batches API on this machine, that answers from the words of the tickets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from nightsort.cli.flags import BodyColumn, SubjectColumn, TicketOptions
from nightsort.cli.output.exit_codes import BAD_INPUT, fail

if TYPE_CHECKING:
    from nightsort.simulator import SimulatorOptions

Rate = Annotated[float, typer.Option(min=0.0, max=1.0, help="Share of the requests of a batch, from 0 to 1.")]

Accuracy = Annotated[
    list[str] | None,
    typer.Option(
        help="The share of right answers, such as 0.8; claude-sonnet-5-5=0.95 is for one model. Repeatable.",
        metavar="[MODEL=]SHARE",
    ),
]

CacheHits = Annotated[
    float,
    typer.Option(min=0.0, max=1.0, help="Share of requests that read a prompt which an earlier batch has cached."),
]

DefaultGeo = Annotated[
    Literal["global", "us"],
    typer.Option(help="Where requests run that do not say it; us costs a tenth more."),
]


def add_to(app: typer.Typer) -> None:
    app.command("simulate")(simulate)


def simulate(
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.", min=0, max=65535)] = 8080,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    seconds: Annotated[float, typer.Option(help="How long a batch takes.", min=0.0)] = 5.0,
    error_rate: Rate = 0.0,
    refusal_rate: Rate = 0.0,
    unknown_rate: Rate = 0.0,
    truncation_rate: Rate = 0.0,
    expire_rate: Rate = 0.0,
    cache_hits: CacheHits = 1.0,
    inference_geo: DefaultGeo = "global",
    enqueue_limit: Annotated[int | None, typer.Option(help="Requests in unfinished batches before 429.")] = None,
    fixed_answer: Annotated[
        str | None, typer.Option(help="Answer everything with these words, unread: a large batch then ends in time.")
    ] = None,
    accuracy: Accuracy = None,
    confusions: Annotated[
        Path | None,
        typer.Option(help='A JSON file of mistakes by category, such as {"billing": {"account": 0.2, "": 0.05}}.'),
    ] = None,
    confidence: Annotated[
        float,
        typer.Option(min=0.0, max=1.0, help="Share of answers that are sure where right and unsure where wrong."),
    ] = 0.0,
    truth_file: Annotated[Path | None, typer.Option(help="A file of tickets whose categories are known.")] = None,
    truth: Annotated[str, typer.Option(help="The column of that file with the categories.")] = "category",
    subject: SubjectColumn = None,
    body: BodyColumn = None,
    seed: Annotated[int, typer.Option(help="Fixes the order of results, rates' choices and mistakes.")] = 0,
    until_input_ends: Annotated[bool, typer.Option("--until-input-ends", hidden=True)] = False,
) -> None:
    """Simulate the Message Batches API.

    For trying Nightsort without cost: point the operator at it with --api-url, and give it any API key. Faults are
    asked for at /_simulator/faults, its bill stands at /_simulator/bill. Without --accuracy each answer is the category
    whose words the ticket has, or the one that --truth-file knows.
    """
    from nightsort.cli.simulated_accuracy import InvalidMistakes, mistakes_of, truths_of
    from nightsort.formats.tickets import InvalidFile
    from nightsort.simulator import SimulatorOptions

    try:
        mistakes = mistakes_of(accuracy or (), confusions, seed, confidence)
        truths = truths_of(truth_file, truth, TicketOptions(subject=subject, body=body))
    except (InvalidMistakes, InvalidFile) as error:
        fail(str(error), BAD_INPUT)
    options = SimulatorOptions(
        seconds=seconds,
        error_rate=error_rate,
        refusal_rate=refusal_rate,
        unknown_rate=unknown_rate,
        truncation_rate=truncation_rate,
        expire_rate=expire_rate,
        enqueue_limit=enqueue_limit,
        fixed_answer=fixed_answer,
        mistakes=mistakes,
        truths=truths,
        cache_hits=cache_hits,
        inference_geo=inference_geo,
        seed=seed,
    )

    serve(options, host, port, until_input_ends=until_input_ends)


def serve(options: SimulatorOptions, host: str, port: int, *, until_input_ends: bool) -> None:
    from nightsort.simulator import run

    def ready(url: str) -> None:
        typer.echo(f"simulating the Message Batches API at {url}")
        if until_input_ends:
            end_with_input()

    try:
        run(options, host, port, ready)
    except OSError as error:
        fail(f"cannot listen on {host}, port {port}: {reason_of(error)}", BAD_INPUT)


def end_with_input() -> None:
    """Ends this process when the process at the other end of its input has ended, in whatever way."""
    import os
    import signal
    import sys
    import threading

    def wait() -> None:
        while os.read(sys.stdin.fileno(), 1024):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()


def reason_of(error: OSError) -> str:
    """The system's own message; asyncio repeats the address before it."""
    import os

    return os.strerror(error.errno) if error.errno and error.errno > 0 else str(error.strerror or error)
