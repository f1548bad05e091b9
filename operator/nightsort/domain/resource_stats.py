"""The resources and batches that the operator works on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class ResourceStats:
    """Counts of resources by (phase, run state), and of batches in flight by state."""

    resources: Mapping[tuple[str, str], int]
    batches: Mapping[str, int]
    stalled: int
    queued: int
    oldest_batch: timedelta
    held: int = 0
