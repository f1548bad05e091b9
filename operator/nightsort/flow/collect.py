"""Turns the answers of an ended batch into rows. Repeatable until the sinks have confirmed and the ledger knows it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from nightsort.api.status import RULES, BatchRecord, Usage
from nightsort.domain.answer import Answer, Row, Verdict
from nightsort.domain.batch import Batch
from nightsort.domain.errors import Waiting
from nightsort.domain.moves import Facts, Finish, next_move
from nightsort.domain.record import Tally, collected
from nightsort.domain.report import plural, progress
from nightsort.domain.verdict import has_price, is_asked_again, is_billed
from nightsort.flow.answers import Judged, judged_answers
from nightsort.flow.finish import finish
from nightsort.flow.reading import Reading
from nightsort.flow.run import Run
from nightsort.flow.spool import RowSpool
from nightsort.flow.store import store
from nightsort.ports import BatchApi

NO_ANSWER = Answer("", "missing")
MOST_READINGS = 4
"""In one look: one that shows what is odd, one for the best line of each ticket, one without what was not asked."""


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
            failed=max(record.requests - self.retryable - labeled - unknown, 0),
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
        Stalled: the record would not keep what it says of them.
    """
    await run.tools.ledger.ensure_recordable(run.resource.meta)
    api = await run.tools.connections.api(run.resource)
    with RowSpool(run.tools.scratch) as rows:
        count, reading = await read_through(run, api, record, batch, rows)
        stored = await store(run, rows)
    update = {"rules": RULES, "strays": reading.strays, "differing": len(reading.differing)}
    status = collected(stored, record.model_copy(update=update), count.tally(record), batch.ended_at)
    if isinstance(next_move(run.resource.with_status(status), Facts(), run.now()), Finish):
        await finish(run, status)  # one write for both: a thousand resources are a thousand writes less
        return await tell_of_odd_lines(run, batch, reading)
    await run.save_results(status, progress(status))
    again = f", {plural(count.retryable, 'ticket')} to be asked again" if count.retryable else ""
    await run.note("Collected", f"batch {batch.id}: {plural(rows.rows, 'row')}{again}")
    return await tell_of_odd_lines(run, batch, reading)


async def read_through(
    run: Run, api: BatchApi, record: BatchRecord, batch: Batch, rows: RowSpool
) -> tuple[Count, Reading]:
    """Makes rows of the answers, once more where only the end of the results has shown which lines count.

    Raises:
        Waiting: they were cut, or are others at each reading.
    """
    may_retry, reading = run.status.stop is None, Reading()
    for _ in range(MOST_READINGS):
        rows.clear()
        count = Count(rows.verdicts)
        async for judged in judged_answers(run, api, record, batch, reading):
            count.add(judged.answer or NO_ANSWER)
            if may_retry and is_asked_again(judged.judgement, record, run.spec.backoff_limit):
                count.retryable += 1
            else:
                row = row_of(run, batch.id, batch.ended_at, judged)
                if row.category:
                    count.categories[row.category] += 1
                rows.add(row)
        if not reading.unclear:
            return count, reading
        reading = reading.again()
    raise Waiting(
        f"the results of {batch.id} are not the same at each reading; reading them again", reason="ResultsIncomplete"
    )


async def tell_of_odd_lines(run: Run, batch: Batch, reading: Reading) -> None:
    if reading.strays:
        lines = plural(reading.strays, "line")
        await run.warn("StrayAnswers", f"batch {batch.id}: {lines} of its results answer what it did not ask; left out")
    if reading.differing:
        tickets = plural(len(reading.differing), "ticket")
        await run.warn("AnswersDiffer", f"batch {batch.id}: {tickets} with two answers that differ; one of them counts")


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
