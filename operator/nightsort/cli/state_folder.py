"""The directory in which commands on files remember what was bought."""

from __future__ import annotations

from pathlib import Path

import typer

from nightsort.cli.output.exit_codes import BAD_INPUT, fail

STATE = Path("nightsort-state")
FORMER = Path(".nightsort")
"""The place in earlier versions, hidden. A state that is there is used as it is."""


def state_folder(given: Path | None) -> Path:
    """The directory that --state names, or the one in the working directory.

    Ends the command where there are two: what one of them has bought, the other would buy again.
    """
    if given is not None:
        return given
    if not has_content(FORMER):
        return STATE
    if has_content(STATE):
        fail(
            f"{STATE} and {FORMER} both remember what was bought, and neither knows the other's purchases: name one of "
            f"them with --state, or move {FORMER} away",
            BAD_INPUT,
        )
    typer.echo(f"the state is in {FORMER}, as of an earlier version; `mv {FORMER} {STATE}` makes it visible", err=True)
    return FORMER


def has_content(folder: Path) -> bool:
    try:
        return any(folder.iterdir())
    except OSError:
        return False
