"""`nightsort simulate`: a Message Batches API on this machine, that answers from the words of the tickets."""

from __future__ import annotations

from typing import Annotated

import typer

from nightsort.cli.output.exit_codes import BAD_INPUT, fail

Rate = Annotated[float, typer.Option(min=0.0, max=1.0, help="Share of the requests of a batch, from 0 to 1.")]


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
    enqueue_limit: Annotated[int | None, typer.Option(help="Requests in unfinished batches before 429.")] = None,
    fixed_answer: Annotated[
        str | None, typer.Option(help="Answer everything with these words, unread: a large batch then ends in time.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Fixes the order of results and which requests the rates hit.")] = 0,
    until_input_ends: Annotated[bool, typer.Option("--until-input-ends", hidden=True)] = False,
) -> None:
    """Simulate the Message Batches API.

    For trying Nightsort without cost: point the operator at it with --api-url, and give it any API key. Faults are
    asked for at /_simulator/faults, its bill stands at /_simulator/bill.
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
        fixed_answer=fixed_answer,
        seed=seed,
    )

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
