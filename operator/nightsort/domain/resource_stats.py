"""What the operator has before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class ResourceStats:
    """What the operator has before it: counts of resources by (phase, standing), and of batches in flight by state."""

    resources: Mapping[tuple[str, str], int]
    batches: Mapping[str, int]
    stalled: int
    queued: int
    oldest_batch: timedelta
