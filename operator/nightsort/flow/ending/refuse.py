"""A resource whose spec is no spec: what the CRD's schema could not refuse at apply, or what only a newer one knows."""

from __future__ import annotations

from nightsort.api.resource import Meta
from nightsort.api.status import Status
from nightsort.domain.conditions import conditions_of, is_finished
from nightsort.domain.errors import Conflict, Gone, Interruption
from nightsort.domain.situation import Situation, Standing
from nightsort.flow.run.accident import STALLED_SECONDS
from nightsort.flow.run.measure import NO_MODEL
from nightsort.flow.run.run import Tools

AGAIN_SECONDS = 5.0
REASON = "InvalidSpec"


async def refuse(tools: Tools, meta: Meta, known: Status, message: str) -> float | None:
    """Writes what is wrong. Seconds until the next try; None when the run has ended with it.

    A run that has begun had a spec once, so that a CRD is in force that is not this operator's. Its record is kept: it
    is the memory of what was bought, and another version goes on with it.
    """
    if known.plan is None and not known.batches:
        return await write(tools, meta, known, Situation(Standing.FAILED, REASON, message))
    other = f"{message}; the CRD is not that of this operator's version. What was bought is kept until they agree"
    return await write(tools, meta, known, Situation(Standing.STALLED, REASON, other))


async def write(tools: Tools, meta: Meta, known: Status, situation: Situation) -> float | None:
    now = tools.clock.now().replace(microsecond=0)
    ended = {"completion_time": now} if situation.finished else {}
    told = {
        "observed_generation": meta.generation,
        "phase": situation.standing.value,
        "message": situation.message,
        "start_time": known.start_time or now,
        "conditions": conditions_of(situation, known.conditions, meta.generation, now),
        **ended,
    }
    status = known.model_copy(update=told)
    if status != known:
        try:
            await tools.ledger.save(meta, status)
        except (Conflict, Interruption):
            return AGAIN_SECONDS
        except Gone:
            return None
        if situation.finished and not is_finished(known):
            tools.metrics.run_ended(meta.namespace, NO_MODEL, situation.standing)
    if known.message != situation.message:
        await tools.events.post(meta, "Warning", situation.reason, situation.message)
    return None if situation.finished else STALLED_SECONDS
