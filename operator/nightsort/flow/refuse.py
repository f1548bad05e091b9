"""Ends a resource whose spec is no spec: what the CRD's schema could not refuse at apply."""

from __future__ import annotations

from nightsort.api.resource import Meta
from nightsort.api.status import Status
from nightsort.domain.conditions import conditions_of
from nightsort.domain.errors import Conflict, Gone, Interruption
from nightsort.domain.situation import Situation, Standing
from nightsort.flow.run import Tools

AGAIN_SECONDS = 5.0


async def refuse(tools: Tools, meta: Meta, message: str) -> float | None:
    """Writes Failed with what is wrong. Seconds until the next try; None when it is written."""
    now = tools.clock.now().replace(microsecond=0)
    situation = Situation(Standing.FAILED, "InvalidSpec", message)
    status = Status(
        observed_generation=meta.generation,
        phase=situation.standing.value,
        message=message,
        start_time=now,
        completion_time=now,
        conditions=conditions_of(situation, (), meta.generation, now),
    )
    try:
        await tools.ledger.save(meta, status)
    except (Conflict, Interruption):
        return AGAIN_SECONDS
    except Gone:
        return None
    await tools.events.post(meta, "Warning", situation.reason, message)
    return None
