"""Cancels the running batches of a resource, within a deadline, and reports those that could not be cancelled."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import timedelta

from nightsort.api.batch_record import BatchRecord, BatchState
from nightsort.api.resource import InvalidResource, Meta, Resource
from nightsort.api.status import Status
from nightsort.domain.errors import Interruption, Stalled
from nightsort.domain.reasons import Reason
from nightsort.domain.record import in_state, put
from nightsort.domain.report import summary_of_state
from nightsort.flow.run.door import post_event
from nightsort.flow.run.memory import BatchId, Memory
from nightsort.flow.run.recover import keep_if_possible, whole_status
from nightsort.flow.run.run import Run
from nightsort.flow.run.services import Services

logger = logging.getLogger(__name__)
PAUSE_SECONDS = 2.0
LAST_TRY_SECONDS = 2.0


async def cancel(run: Run, record: BatchRecord) -> None:
    """Asks the API to end a batch and remembers it; answers that it has by then are collected when it has ended."""
    # Noted first: canceled answers must be recognised as ours even if the process ends between the two steps.
    status = put(run.status, record.model_copy(update={"canceled": True}))
    try:
        await run.save(status, summary_of_state(run.resource))
        await keep_if_possible(run)
    except Stalled as stalled:
        if stalled.reason != Reason.RECORD_TOO_LARGE:  # in that case the copy has the note
            raise
    api = await run.services.connections.api(run.resource)
    await api.cancel(record.id or "")
    run.memory.cancel_asked.add(BatchId(record.id or ""))
    await run.note(Reason.CANCELED, f"asked for the end of batch {record.id}")


@dataclass(slots=True)
class Finalizer:
    """Cancels the batches of a deleted resource before it is let go: nobody would read their results."""

    services: Services
    memory: Memory
    deadline: timedelta

    async def finalize(self, meta: Meta, known: Status) -> None:
        """Tries until the deadline; then lets go, with an event that names the batches that may still run.

        `known` is the status as the caller saw it, for when no newer one can be read. The deadline also ends a call
        that is not answered; there is always time for one try.
        """
        ends = self.services.clock.monotonic() + self.deadline.total_seconds()
        left = unsettled(known)
        while True:
            try:
                async with asyncio.timeout(max(ends - self.services.clock.monotonic(), LAST_TRY_SECONDS)):
                    resource = await self.services.ledger.load(meta)
                    if resource is None:
                        return None
                    whole = await whole_status(self.services, self.memory.of(meta.uid), resource)
                    resource = resource.with_status(whole)
                    left = unsettled(resource.status)
                    left = await self._cancel(resource)
            except (Interruption, InvalidResource, TimeoutError):
                pass
            except Exception:  # an outermost handler: no unforeseen error keeps a resource from being deleted
                logger.exception("%s: unexpected", meta.key)
            else:
                if not left:
                    return None
            if self.services.clock.monotonic() >= ends:
                return await self._report(meta, left)
            await self.services.clock.sleep(PAUSE_SECONDS)

    async def _cancel(self, resource: Resource) -> list[BatchRecord]:
        """Requests the cancellation of every batch in flight; returns those for which this failed."""
        flying = in_state(resource.status, BatchState.SUBMITTED)
        left = in_state(resource.status, BatchState.INTENDED)
        if not flying:
            return left
        api = await self.services.connections.api(resource)
        outcomes = await asyncio.gather(*(api.cancel(record.id or "") for record in flying), return_exceptions=True)
        for record, outcome in zip(flying, outcomes, strict=True):
            if isinstance(outcome, Exception):
                left.append(record)
                if not isinstance(outcome, Interruption):
                    logger.error("batch %s could not be cancelled", record.id, exc_info=outcome)
            elif isinstance(outcome, BaseException):
                raise outcome
        return left

    async def _report(self, meta: Meta, left: list[BatchRecord]) -> None:
        names = ", ".join(record.id or f"the one tagged {record.tag}, whose id never came" for record in left)
        told = f"deleted, but these batches may still run: {names or 'unknown'}"
        logger.warning("%s: %s", meta.key, told)  # nobody reads the status any more, and an event can be lost
        await post_event(self.services, meta, "Warning", Reason.CANCEL_FAILED, told)


def unsettled(status: Status) -> list[BatchRecord]:
    """Batches that may be running, with and without a known id."""
    return in_state(status, BatchState.SUBMITTED) + in_state(status, BatchState.INTENDED)
