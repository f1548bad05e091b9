"""The tickets that a source has at one moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The tickets that a source has at one moment: their ids, in the order of their cursors.

    `ids` is None where they are too many to be kept; then `last` is the cursor of the last one, None where there is no
    ticket.
    """

    ids: Sequence[str] | None
    last: str | None = None
