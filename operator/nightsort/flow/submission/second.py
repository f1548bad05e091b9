"""What becomes of tickets whose second reading is not bought: it is written down, and their first answers count."""

from __future__ import annotations

from nightsort.api.batch_record import BatchRecord, BatchState
from nightsort.api.status import Status
from nightsort.domain.errors import RefusedBatch
from nightsort.domain.reasons import Reason
from nightsort.domain.record import Submission, find, next_turn, parents_of, put, put_retry, without_retry
from nightsort.domain.report import plural, progress
from nightsort.domain.reviewed import with_message
from nightsort.flow.purchases.confirm import settle
from nightsort.flow.run.run import Run

NOTHING_TO_READ = "the tickets have left the source, or have no text any more"
UNSENT = {"state": BatchState.COLLECTED, "requests": 0, "text_bytes": 0, "cut": 0, "seen": None, "ids_digest": None}


async def give_up_review(run: Run, submission: Submission, why: str) -> None:
    """Notes that a shard for the second reader, under which nothing was bought, is not bought any more.

    Their rows come after that: a crash in between must not leave a row that a later purchase would change.
    """
    released = find(run.status, submission.shard, submission.attempt)
    if not submission.parents and released is not None:
        status = without_retry(run.status, released)
        return await run.save(status, progress(status))
    record = BatchRecord(
        shard=submission.shard,
        attempt=submission.attempt,
        tag=released.tag if released is not None else "",
        state=BatchState.COLLECTED,
        requests=0,
        intended_at=run.now(),
        turn=next_turn(run.status),
        second=True,
    )
    status = with_message(put_retry(run.status, record, submission.parents), why)
    await run.save(status, progress(status))
    return await tell(run, sum(parent.review for parent in submission.parents), why)


async def leave_out_refused(run: Run, record: BatchRecord, refusal: RefusedBatch) -> None:
    """Settles a batch that the API refuses: it is not worth finding the request at fault."""
    why = f"the API refuses the batch ({refusal.answer})"

    def unsent(status: Status, intent: BatchRecord) -> Status:
        return with_message(put(status, intent.model_copy(update=UNSENT)), why)

    tickets = sum(parent.review for parent in parents_of(run.status, record))
    await settle(run, record, unsent)
    await tell(run, tickets, why)


async def tell(run: Run, tickets: int, why: str) -> None:
    await run.warn(Reason.REVIEW_LEFT_OUT, f"{plural(tickets, 'ticket')} not read by the second model: {why}")
