"""Releases an intent under which nothing was bought: its tickets are sent again."""

from __future__ import annotations

from nightsort.api.batch_record import BatchRecord
from nightsort.domain.reasons import Reason
from nightsort.domain.record import released
from nightsort.domain.report import progress
from nightsort.domain.rounds import not_taken, summary_of_held
from nightsort.flow.run.run import Run


async def release(run: Run, record: BatchRecord) -> None:
    if not record.requests:  # its rows are stored again, and none of its creates was in vain
        status = released(run.status, record)
        return await run.save(status, progress(status))
    status = not_taken(run.status, record)
    await run.save(status, summary_of_held(status, run.now()) or progress(status))
    run.memory.watches.end(record.tag)
    return await run.note(Reason.RELEASED, f"no batch of {record.requests:,} requests appeared; they are sent again")
