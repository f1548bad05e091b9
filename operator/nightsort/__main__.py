"""The program: `nightsort` and `python -m nightsort`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nightsort import cli
from nightsort.cli.cluster import completion

if TYPE_CHECKING:
    from nightsort.settings import Settings


def start_operator(settings: Settings) -> None:
    """Loads kopf and the clients only for the command that needs them."""
    from nightsort.kube.process import run

    run(settings)


def main() -> None:
    cli.main(start_operator)


def complete_for_kubectl() -> None:
    """The program `kubectl_complete-nightsort`, which kubectl runs to complete `kubectl nightsort`."""
    completion.for_kubectl(main)


if __name__ == "__main__":
    main()
