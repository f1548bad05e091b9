"""The ways to end a command: 0 when all is done, otherwise a message and one of these codes."""

from __future__ import annotations

from typing import NoReturn

import typer

NOT_COMPLETE = 1
BAD_INPUT = 2
STALLED = 3
"""Nothing goes on until a person acts."""
TIMED_OUT = 124
"""The code of timeout(1)."""
INTERRUPTED = 130
"""The code that a shell reports for a program that was ended by Ctrl-C."""


def fail(message: str, code: int) -> NoReturn:
    from nightsort.domain.printable import printable

    for line in message.split("\n"):
        typer.echo(printable(line), err=True)
    raise typer.Exit(code)
