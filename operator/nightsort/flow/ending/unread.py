"""Publishes first answers that no second reader will read: nothing was bought for it, or it has come too late."""

from __future__ import annotations

from collections.abc import Sequence

from nightsort.api.batch_record import BatchRecord
from nightsort.domain.reasons import Reason
from nightsort.domain.record import waiting_for_review
from nightsort.domain.report import plural, progress
from nightsort.flow.results.second import publish, tickets_of
from nightsort.flow.run.run import Run

TOO_OLD = "the API would soon not show the first answers any more"


async def publish_first(run: Run, records: Sequence[BatchRecord]) -> None:
    stop, before = run.status.stop, run.status.review
    told = before.message if before is not None else None
    untold = [record for record in waiting_for_review(run.status) if record in records]
    why = (stop.message if stop is not None else TOO_OLD) if untold else (told or "")
    published = await publish(run, records)
    status = published.written_to(run.status, why)
    await run.save_results(status, progress(status))
    if untold:
        tickets = plural(tickets_of(untold), "ticket")
        await run.warn(Reason.REVIEW_LEFT_OUT, f"{tickets} not read by the second model: {why}")
