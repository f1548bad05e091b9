"""The output, whose reader may go away long before the work is done."""

from __future__ import annotations

import os
import sys

from rich.console import Console

from nightsort.cli.output.display import console


class Screen(Console):
    """A closed pipe, as after `head`, ends the output; what was bought is collected all the same."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, (sys.stderr if self.stderr else sys.stdout).fileno())
        os.close(nowhere)


def screen(*, stderr: bool = False) -> Console:
    return console(Screen, stderr=stderr)
