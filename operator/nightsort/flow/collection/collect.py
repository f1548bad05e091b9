"""Turns the answers of an ended batch into rows. Repeatable until the sinks have confirmed and the ledger knows it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from nightsort.api.batch_record import RULES, BatchRecord, TokenCounts, Usage
from nightsort.api.status import Status
from nightsort.domain.answer import Answer, Figure, Verdict
from nightsort.domain.batch import Batch
from nightsort.domain.caching import shown
from nightsort.domain.errors import Waiting
from nightsort.domain.field_counts import counted_values
from nightsort.domain.fields import fields_of
from nightsort.domain.probe import is_taken, tried
from nightsort.domain.reasons import Reason
from nightsort.domain.record import Tally, collected, find
from nightsort.domain.report import plural
from nightsort.domain.second import Chooser
from nightsort.domain.verdict import INVALID, has_price, is_asked_again, is_billed
from nightsort.flow.results.answers import judged_answers
from nightsort.flow.results.hashes import hashes_of
from nightsort.flow.results.reading import Reading
from nightsort.flow.results.rows import NO_ANSWER, row_of
from nightsort.flow.results.store import deliver
from nightsort.flow.run.run import Run
from nightsort.flow.run.spool import RowSpool
from nightsort.flow.tickets.duplicates import duplicates_of
from nightsort.ports import BatchApi

MOST_READINGS = 4
"""In one pass: one that shows what is odd, one for the best line of each ticket, one without what was not asked."""


@dataclass(slots=True)
class TokenSum:
    """Adds up the tokens of answers."""

    answers: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cache_write_tokens: int = 0
    cache_write_hour_tokens: int = 0
    cache_read_tokens: int = 0

    def add(self, answer: Answer) -> None:
        self.answers += 1
        self.input_tokens += answer.input_tokens
        self.output_tokens += answer.output_tokens
        self.cache_write_tokens += answer.cache_write_tokens
        self.cache_write_hour_tokens += answer.cache_write_hour_tokens
        self.cache_read_tokens += answer.cache_read_tokens

    def counts(self) -> dict[str, int]:
        return {name: getattr(self, name) for name in TokenCounts.model_fields}


@dataclass(slots=True)
class Count:
    """Adds up the verdicts and tokens of a batch's answers."""

    verdicts: Counter[Verdict]
    copied: Counter[Verdict]
    """Of these, those of tickets that nobody was asked about, since another one has their text."""
    asked_us: bool = False
    """Whether the requests ask for the US: so does an answer that does not say where it was made count."""
    categories: Counter[str] = field(default_factory=Counter)
    retryable: int = 0
    duplicates: int = 0
    """Tickets with the text of a retryable one."""
    review: int = 0
    held_duplicates: int = 0
    """Tickets with the text of one that the second model reads."""
    used: TokenSum = field(default_factory=TokenSum)
    in_us: TokenSum = field(default_factory=TokenSum)
    """Of these, the tokens of answers that were made in the US."""
    unpriced: int = 0
    values: Counter[tuple[str, str | None]] = field(default_factory=Counter)
    taken: bool = False
    """Whether the API has answered one of the requests."""
    refusal: str | None = None
    """The API's words for a request that it calls invalid."""

    def add(self, answer: Answer) -> None:
        self.taken = self.taken or is_taken(answer)
        if answer.error_type == INVALID:
            self.refusal = answer.error_message
        self.unpriced += not has_price(answer)
        if not is_billed(answer):
            return
        self.used.add(answer)
        if self.asked_us if answer.in_us is None else answer.in_us:
            self.in_us.add(answer)

    def tally(self, record: BatchRecord) -> Tally:
        """The sums. Tickets that cannot be named any more (they left the source unanswered) count as failed too."""
        labeled, unknown = self._counted(Figure.LABELED), self._counted(Figure.UNKNOWN)
        named = self.verdicts.total() - self.copied.total() + self.retryable + self.review
        copied = self.copied.total() + self.duplicates + self.held_duplicates
        later = self.retryable + self.duplicates + self.review + self.held_duplicates
        tickets = record.requests + record.duplicates - later
        return Tally(
            labeled=labeled,
            unknown=unknown,
            failed=max(tickets - labeled - unknown, 0),
            retryable=self.retryable,
            duplicates=self.duplicates,
            review=self.review,
            held_duplicates=self.held_duplicates,
            unnamed=max(record.requests - named, 0) + max(record.duplicates - copied, 0),
            unpriced=min(self.unpriced + max(record.requests - named, 0), record.requests),
            categories=self.categories,
            values=self.values,
            usage=self.usage,
        )

    def tally_of_second(self, record: BatchRecord) -> Tally:
        """The sums of the second reader: tokens alone, since its tickets count where their first answers do."""
        return Tally(unpriced=min(self.unpriced, record.requests), usage=self.usage)

    @property
    def usage(self) -> Usage:
        us = TokenCounts(**self.in_us.counts()) if self.in_us.answers else None
        return Usage(**self.used.counts(), us=us)

    def _counted(self, figure: Figure) -> int:
        return sum(tickets for verdict, tickets in self.verdicts.items() if verdict.figure is figure)


class Warned(NamedTuple):
    """A Warning event to be posted."""

    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class Collected:
    """The outcome of a batch: the status with its figures, not written yet, and the events for users."""

    status: Status
    note: str
    warnings: Sequence[Warned]


async def collect(run: Run, record: BatchRecord, batch: Batch) -> Collected:
    """Stores one row for every ticket of the batch, except for tickets that get another attempt.

    The caller writes the status: where the run ends with this batch, the outcome goes into the same write.

    Raises:
        Waiting: the results were cut, or a sink is unreachable; nothing is lost, the next reconcile collects again.
        Stalled: the store would not keep the new figures of the record.
    """
    await run.services.ledger.ensure_recordable(run.resource.meta)
    api = await run.services.connections.api(run.resource)
    with RowSpool(run.services.scratch) as rows:
        count, reading = await read_through(run, api, record, batch, rows)
        delivered = await deliver(run, record, rows)
    update = {"rules": RULES, "strays": reading.strays, "differing": len(reading.differing)}
    status = collected(
        delivered.counted(run.spec), record.model_copy(update=update), count.tally(record), batch.ended_at
    )
    status = tried(status, taken=count.taken, refusal=count.refusal)
    again = f", {plural(count.retryable, 'ticket')} to be asked again" if count.retryable else ""
    again += f", {plural(count.review, 'ticket')} to be read by a second model" if count.review else ""
    told = plural(rows.rows, "known ticket" if record.canary else "row")
    done = find(status, record.shard, record.attempt)
    cached = shown(status, done) if done is not None else ""
    return Collected(status, f"batch {batch.id}: {told}{again}{cached}", list(odd_lines(batch, reading)))


async def read_through(
    run: Run, api: BatchApi, record: BatchRecord, batch: Batch, rows: RowSpool
) -> tuple[Count, Reading]:
    """Makes rows of the answers, and reads again where only the end of the results has shown which lines count.

    Raises:
        Waiting: the results were cut, or differ at each reading.
    """
    goes_on, reading, fields = run.status.stop is None, Reading(), fields_of(run.spec)
    chooser = Chooser(run.spec, run.resource.meta.uid)
    hashes, duplicates = await hashes_of(run, record), await duplicates_of(run)
    for _ in range(MOST_READINGS):
        rows.clear()
        count = Count(rows.verdicts, rows.copied, asked_us=run.spec.inference_geo == "us")
        async for judged in judged_answers(run, api, record, batch, reading):
            count.add(judged.answer or NO_ANSWER)
            if goes_on and is_asked_again(judged.judgement, record, run.spec.backoff_limit):
                count.retryable += 1
                count.duplicates += duplicates.count(judged.id)
                continue
            if goes_on and not record.canary and chooser.takes(judged.judgement, judged.id):
                count.review += 1
                count.held_duplicates += duplicates.count(judged.id)
                continue
            for row in duplicates.rows(row_of(run, batch.id, batch.ended_at, judged, hashes)):
                if row.category and not record.canary:
                    count.categories[row.category] += 1
                if not record.canary:
                    count.values.update(counted_values(fields, row.values))
                rows.add(row)
        if not reading.unclear:
            return count, reading
        reading = reading.again()
    raise Waiting(
        f"the results of {batch.id} are not the same at each reading; reading them again",
        reason=Reason.RESULTS_INCOMPLETE,
    )


def odd_lines(batch: Batch, reading: Reading) -> Iterator[Warned]:
    if reading.strays:
        lines = plural(reading.strays, "line")
        message = f"batch {batch.id}: {lines} of its results answer what it did not ask; left out"
        yield Warned(Reason.STRAY_ANSWERS, message)
    if reading.differing:
        tickets = plural(len(reading.differing), "ticket")
        message = f"batch {batch.id}: {tickets} with two answers that differ; one of them counts"
        yield Warned(Reason.ANSWERS_DIFFER, message)
