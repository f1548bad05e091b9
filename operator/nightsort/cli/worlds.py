"""Which runs a command speaks of: those of this machine, or those of a cluster.

`kubectl nightsort` speaks of a cluster, and so does any flag about one. `nightsort` speaks of a file where its argument
can be no resource's name, or is the name of a file that is here.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path, PurePath

from nightsort.cli.output.exit_codes import BAD_INPUT, fail

PLUGIN = "kubectl-nightsort"
MANIFESTS = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class World:
    """The flags of a command that tell the two apart; `cluster` are those about a cluster that were given."""

    state: Path | None
    cluster: tuple[str, ...] = ()

    def is_here(self, argument: str | None) -> bool:
        """Whether the command speaks of runs of this machine."""
        if self.cluster and self.state is not None:
            fail(
                f"--state is for runs of this machine, and {self.cluster[0]} for those of a cluster: give one of them",
                BAD_INPUT,
            )
        if self.cluster or (is_plugin() and self.state is None):
            return False
        return self.state is not None or argument is None or names_a_file(argument)


def given(**flags: object) -> tuple[str, ...]:
    """The names of flags that were given."""
    return tuple(f"--{name.replace('_', '-')}" for name, value in flags.items() if value)


def is_plugin() -> bool:
    return PurePath(sys.argv[0]).name == PLUGIN


def names_a_file(argument: str) -> bool:
    """Whether an argument means a file. A name of a resource has no slash, and hardly the ending of a file."""
    from nightsort.formats.kinds import ENDINGS, unpacked_name

    path = unpacked_name(argument)
    if path.suffix.lower() in (*MANIFESTS, *ENDINGS):
        return True
    return "/" in argument or (bool(path.suffix) and Path(argument).is_file())
