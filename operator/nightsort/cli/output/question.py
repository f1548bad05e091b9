"""Questions to the person at the terminal."""

from __future__ import annotations

import typer


def yes(question: str) -> bool:
    """Whether the answer is yes. The question goes to stderr: in a file of figures, nobody would see it."""
    typer.echo(f"{question} [y/N] ", nl=False, err=True)
    try:
        return input().strip().lower() in ("y", "yes")
    except (EOFError, KeyboardInterrupt):
        typer.echo(err=True)
        return False
