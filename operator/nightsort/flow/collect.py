"""Turns the answers of an ended batch into rows. Repeatable until the sinks have confirmed and the ledger knows it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from nightsort.api.status import RULES, BatchRecord, Usage
from nightsort.domain.answer import Answer, Row, Verdict
from nightsort.domain.batch import Batch
from nightsort.domain.moves import Facts, Finish, next_move
from nightsort.domain.record import Tally, collected
from nightsort.domain.report import plural, progress
from nightsort.domain.verdict import has_price, is_asked_again, is_billed
from nightsort.flow.answers import Judged, judged_answers
from nightsort.flow.finish import finish
from nightsort.flow.run import Run
from nightsort.flow.spool import RowSpool
from nightsort.flow.store import store

NO_ANSWER = Answer("", "missing")


@dataclass(slots=True)
class Count:
    """Adds up what a batch's answers come to."""

    verdicts: Counter[Verdict]
    categories: Counter[str] = field(default_factory=Counter)
    retryable: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cache_write_tokens: int = 0
    cache_read_tokens: int = 0
    unpriced: int = 0

    def add(self, answer: Answer) -> None:
        self.unpriced += not has_price(answer)
        if not is_billed(answer):
            return
        self.input_tokens += answer.input_tokens
        self.output_tokens += answer.output_tokens
        self.cache_write_tokens += answer.cache_write_tokens
        self.cache_read_tokens += answer.cache_read_tokens

    def tally(self, record: BatchRecord) -> Tally:
        """Tickets that can no longer be named, since they have left the source unanswered, count as failed too."""
        labeled, unknown = self.verdicts[Verdict.LABELED], self.verdicts[Verdict.UNKNOWN]
        named = self.verdicts.total() + self.retryable
        return Tally(
            labeled=labeled,
            unknown=unknown,
            failed=record.requests - self.retryable - labeled - unknown,
            retryable=self.retryable,
            unnamed=max(record.requests - named, 0),
            unpriced=min(self.unpriced + max(record.requests - named, 0), record.requests),
            categories=self.categories,
            usage=Usage(
                input_tokens=self.input_tokens,
                output_tokens=self.output_tokens,
                cache_write_tokens=self.cache_write_tokens,
                cache_read_tokens=self.cache_read_tokens,
            ),
        )


async def collect(run: Run, record: BatchRecord, batch: Batch) -> None:
    """Writes one row for every ticket of the batch, but those that get another attempt.

    Raises:
        Waiting: the results were cut, or a sink is away; nothing is lost, the next look collects again.
    """
    may_retry = run.status.stop is None
    api = await run.tools.connections.api(run.resource)
    with RowSpool(run.tools.scratch) as rows:
        count = Count(rows.verdicts)
        async for judged in judged_answers(run, api, record, batch):
            count.add(judged.answer or NO_ANSWER)
            if may_retry and is_asked_again(judged.judgement, record, run.spec.backoff_limit):
                count.retryable += 1
            else:
                row = row_of(run, batch.id, batch.ended_at, judged)
                if row.category:
                    count.categories[row.category] += 1
                rows.add(row)
        stored = await store(run, rows)
    judged_by = record.model_copy(update={"rules": RULES})
    status = collected(stored, judged_by, count.tally(record), batch.ended_at)
    if isinstance(next_move(run.resource.with_status(status), Facts(), run.now()), Finish):
        return await finish(run, status)  # one write for both: a thousand resources are a thousand writes less
    await run.save_results(status, progress(status))
    again = f", {plural(count.retryable, 'ticket')} to be asked again" if count.retryable else ""
    return await run.note("Collected", f"batch {batch.id}: {plural(rows.rows, 'row')}{again}")


def row_of(run: Run, batch_id: str | None, ended_at: datetime | None, judged: Judged) -> Row:
    answer, judgement = judged.answer or NO_ANSWER, judged.judgement
    return Row(
        id=judged.id,
        category=judgement.category,
        verdict=judgement.verdict,
        reason=judgement.reason,
        model=run.spec.model,
        batch_id=batch_id,
        classified_at=ended_at,
        input_tokens=answer.input_tokens,
        output_tokens=answer.output_tokens,
    )
