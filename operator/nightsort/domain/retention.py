"""How long the API keeps answers: 29 days from a batch's creation (vendor's documentation)."""

from __future__ import annotations

from datetime import datetime, timedelta

from nightsort.api.batch_record import BatchState
from nightsort.api.status import Status
from nightsort.domain.errors import Interruption
from nightsort.domain.record import in_state

KEPT = timedelta(days=29)
SOON = timedelta(days=25)


def urged(interruption: Interruption, status: Status, now: datetime) -> Interruption:
    """The interruption, whose message says so where answers will soon be deleted."""
    told = expiring(status, now)
    if told is not None and told not in interruption.message:
        interruption.message = f"{interruption.message}; {told}"
    return interruption


def expiring(status: Status, now: datetime) -> str | None:
    """Tells of answers that are paid for, and will be deleted within days if nobody stores them."""
    old = [record for record in in_state(status, BatchState.SUBMITTED) if now - record.intended_at >= SOON]
    if not old:
        return None
    first = min(old, key=lambda record: record.intended_at)
    return f"the API deletes the answers of {first.id} on {first.intended_at + KEPT:%Y-%m-%d}, and they are not stored"
