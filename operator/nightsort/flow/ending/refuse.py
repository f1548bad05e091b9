"""Handles a resource with an invalid spec: the CRD could not refuse it at apply, or it is of a newer version."""

from __future__ import annotations

from nightsort.api.resource import Meta
from nightsort.api.status import Status
from nightsort.domain.conditions import is_finished
from nightsort.domain.errors import Conflict, Gone, Interruption
from nightsort.domain.reasons import Reason
from nightsort.domain.report import summarized
from nightsort.domain.run_state import ConditionSummary, Outcome, RunState
from nightsort.flow.run.accident import STALLED_SECONDS
from nightsort.flow.run.door import post_event, write_status
from nightsort.flow.run.measure import NO_MODEL
from nightsort.flow.run.services import Services

AGAIN_SECONDS = 5.0
REASON = Reason.INVALID_SPEC


async def refuse(services: Services, meta: Meta, known: Status, message: str) -> float | None:
    """Writes what is wrong. Returns seconds until the next try; None when the run has ended with it.

    A run that has begun once had a valid spec, so the CRD in force is not this operator's. Its record is kept: it
    is the memory of what was bought, and another version goes on with it.
    """
    if known.plan is None and not known.batches:
        return await write(services, meta, known, ConditionSummary(RunState.FAILED, REASON, message))
    other = f"{message}; the CRD is not that of this operator's version. What was bought is kept until they agree"
    return await write(services, meta, known, ConditionSummary(RunState.STALLED, REASON, other))


async def write(services: Services, meta: Meta, known: Status, summary: ConditionSummary) -> float | None:
    status = summarized(known, meta, summary, services.clock.now())
    if status != known:
        try:
            await write_status(services, meta, status)
        except (Conflict, Interruption):
            return AGAIN_SECONDS
        except Gone:
            return None
        if summary.finished and not is_finished(known):
            services.metrics.run_ended(meta.namespace, NO_MODEL, Outcome.FAILED)
    if known.message != summary.message:
        await post_event(services, meta, "Warning", summary.reason, summary.message)
    return None if summary.finished else STALLED_SECONDS
