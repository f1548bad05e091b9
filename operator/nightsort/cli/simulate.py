"""`nightsort simulate`: a Message Batches API on this machine, that answers from the words of the tickets."""

from __future__ import annotations

from typing import Annotated

import typer

Rate = Annotated[float, typer.Option(min=0.0, max=1.0)]


def add_to(app: typer.Typer) -> None:
    app.command("simulate")(simulate)


def simulate(
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.")] = 8080,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    seconds: Annotated[float, typer.Option(help="How long a batch takes.", min=0.0)] = 5.0,
    error_rate: Rate = 0.0,
    refusal_rate: Rate = 0.0,
    unknown_rate: Rate = 0.0,
    truncation_rate: Rate = 0.0,
    expire_rate: Rate = 0.0,
    enqueue_limit: Annotated[int | None, typer.Option(help="Requests in unfinished batches before 429.")] = None,
    seed: Annotated[int, typer.Option(help="Fixes the order of results and which requests the rates hit.")] = 0,
) -> None:
    """Simulate the Message Batches API, for trying Nightsort without a key and without cost.

    Point the operator at it with --api-url. Faults are asked for at /_simulator/faults, its bill stands at
    /_simulator/bill.
    """
    from nightsort.simulator import SimulatorOptions, run

    options = SimulatorOptions(
        seconds=seconds,
        error_rate=error_rate,
        refusal_rate=refusal_rate,
        unknown_rate=unknown_rate,
        truncation_rate=truncation_rate,
        expire_rate=expire_rate,
        enqueue_limit=enqueue_limit,
        seed=seed,
    )
    run(options, host, port, lambda url: typer.echo(f"simulating the Message Batches API at {url}"))
