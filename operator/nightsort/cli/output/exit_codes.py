"""How a command ends: 0 when all is done, otherwise with a message and one of these codes."""

from __future__ import annotations

from typing import NoReturn

import typer

NOT_COMPLETE = 1
BAD_INPUT = 2
TIMED_OUT = 124
"""As timeout(1) has it."""
INTERRUPTED = 130
"""What a shell reports of a program that Ctrl-C has ended."""


def fail(message: str, code: int) -> NoReturn:
    from nightsort.domain.printable import printable

    for line in message.split("\n"):
        typer.echo(printable(line), err=True)
    raise typer.Exit(code)
