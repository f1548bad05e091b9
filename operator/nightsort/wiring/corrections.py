"""Where corrections are kept: beside a file of tickets, or in a ConfigMap."""

from __future__ import annotations

from pathlib import Path

from nightsort.adapters.local.corrections import FileCorrections, corrections_in
from nightsort.domain.correction import Corrections
from nightsort.formats.kinds import corrections_path

__all__ = ["FileCorrections", "corrections_in", "corrections_of"]


def corrections_of(file: Path) -> Corrections:
    """What people have said about the tickets of a file; nothing where nobody has reviewed it.

    Raises:
        Stalled: what is beside it are no corrections, or it cannot be read.
    """
    return corrections_in(corrections_path(file))
