"""The operator's log of each run: one line for a transition, and fewer and fewer while batches run."""

from __future__ import annotations

import logging
from datetime import datetime

from nightsort.api.batch_record import BatchState
from nightsort.api.resource import Resource
from nightsort.domain.record import in_state
from nightsort.domain.report import plural
from nightsort.domain.transitions import transitions
from nightsort.domain.waits import duration
from nightsort.flow.run.context import about, about_batch
from nightsort.flow.run.memory import RunMemory

FIRST_SECONDS = 60.0
LONGEST_SECONDS = 3600.0

logger = logging.getLogger("nightsort.runs")


def log(before: Resource, after: Resource, now: datetime) -> None:
    """Writes what has changed between two written statuses."""
    for words, batch_id in transitions(before.status, after.status, now):
        with about(after.meta.key), about_batch(batch_id):
            logger.info("%s: %s", after.meta.key, words)


def log_poll(resource: Resource, memory: RunMemory, now: datetime, passed: float) -> None:
    """Writes that batches still run: after a minute, then after twice as long each time, up to an hour.

    `passed` is in monotonic seconds.
    """
    flying = in_state(resource.status, BatchState.SUBMITTED)
    if not flying:
        memory.next_poll_line = None
        return
    due, pause = memory.next_poll_line or (passed + FIRST_SECONDS, FIRST_SECONDS)
    if passed >= due:
        pause = min(pause * 2, LONGEST_SECONDS)
        due = passed + pause
        requests = plural(sum(record.requests for record in flying), "request")
        batches = plural(len(flying), "batch", "batches")
        oldest = duration(now - min(record.intended_at for record in flying))
        logger.info("%s: polled: %s of %s still run, the oldest for %s", resource.meta.key, batches, requests, oldest)
    memory.next_poll_line = due, pause
