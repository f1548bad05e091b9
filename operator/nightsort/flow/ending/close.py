"""The last steps of a run: rows for what is not sent any more, then its outcome."""

from __future__ import annotations

from typing import assert_never

from nightsort.domain.actions import CloseRetries, Finish, PublishFirst, SkipRemaining
from nightsort.flow.ending.finish import finish
from nightsort.flow.ending.give_up import abandon, conclude
from nightsort.flow.ending.unread import publish_first
from nightsort.flow.run.context import about_batch
from nightsort.flow.run.run import Run


async def close(run: Run, action: CloseRetries | SkipRemaining | PublishFirst | Finish) -> None:
    match action:
        case CloseRetries(record):
            with about_batch(record.id):
                await conclude(run, record)
        case SkipRemaining(submission):
            await abandon(run, submission)
        case PublishFirst(records):
            await publish_first(run, records)
        case Finish():
            await finish(run, run.status)
        case _:
            assert_never(action)
