"""The only functions that change what users see: every status write and every event has its caller's name here."""

from __future__ import annotations

from typing import Literal

from nightsort.api.resource import Meta
from nightsort.api.status import Status
from nightsort.domain.reasons import Reason
from nightsort.flow.run.services import Services


async def write_status(services: Services, meta: Meta, status: Status) -> Meta:
    """Writes the status, if nobody wrote the resource since `meta` was read; returns the new version's meta.

    Raises:
        Conflict, Gone, Waiting, Stalled: see Ledger.save.
    """
    return await services.ledger.save(meta, status)


async def post_event(
    services: Services, meta: Meta, kind: Literal["Normal", "Warning"], reason: Reason, message: str
) -> None:
    """Tells people of a transition; it never fails."""
    await services.events.post(meta, kind, reason, message)
