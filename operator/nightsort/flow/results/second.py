"""Publishes tickets whose rows have waited for the second reader: once, with both answers or with the first alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from nightsort.api.batch_record import BatchRecord
from nightsort.api.status import Status
from nightsort.domain.actions import ABSENCE
from nightsort.domain.answer import Figure, Row
from nightsort.domain.field_counts import counted_values
from nightsort.domain.fields import fields_of
from nightsort.domain.record import find, put, with_counts, with_outcome
from nightsort.domain.reviewed import ReviewCount, with_review
from nightsort.domain.second import Chooser, settled
from nightsort.flow.results.answers import held_for_review
from nightsort.flow.results.hashes import hashes_of
from nightsort.flow.results.rows import row_of
from nightsort.flow.results.store import store
from nightsort.flow.run.run import Run
from nightsort.flow.run.spool import RowSpool
from nightsort.flow.tickets.duplicates import duplicates_of

Place = tuple[int, int]


@dataclass(slots=True)
class Published:
    """What the rows come to: figures by the batch of the first answers, and counts to be added to the status."""

    places: Status
    figures: dict[Place, Mapping[str, int]] = field(default_factory=dict)
    categories: Counter[str] = field(default_factory=Counter)
    values: Counter[tuple[str, str | None]] = field(default_factory=Counter)
    count: ReviewCount = field(default_factory=ReviewCount)
    rows: int = 0

    def written_to(self, status: Status, why: str = "") -> Status:
        """The status with these rows: in the same write as the state of the batches that they are of."""
        status = status.model_copy(update={"results": self.places.results})
        for place, figures in self.figures.items():
            if (record := find(status, *place)) is not None and record.review:
                status = put(status, with_outcome(record, figures))
        return with_review(with_counts(status, self.categories, self.values), self.count, why)


async def publish(run: Run, records: Iterable[BatchRecord], answers: Mapping[str, Row] | None = None) -> Published:
    """Stores the rows of tickets that these batches have held back; `answers` are the second reader's, by id.

    Raises:
        Waiting: the results of a batch cannot be read, or a sink is unreachable; the next reconcile does it again.
    """
    with RowSpool(run.services.scratch) as rows:
        found = await rows_of(run, records, answers or {}, rows)
        found.rows = rows.rows
        if rows.rows:
            found.places = await store(run, rows)
    return found


async def rows_of(run: Run, records: Iterable[BatchRecord], answers: Mapping[str, Row], rows: RowSpool) -> Published:
    api = await run.services.connections.api(run.resource)
    found, fields = Published(run.status), fields_of(run.spec)
    chooser, there, duplicates = Chooser(run.spec, run.resource.meta.uid), set[str](), await duplicates_of(run)
    for record in records:
        hashes, figures = await hashes_of(run, record), Counter[Figure]()
        async for judged in held_for_review(run, api, record, ABSENCE):
            if judged.id in there:
                continue
            there.add(judged.id)
            first = row_of(run, record.id, record.ended_at, judged, hashes)
            settled_row, outcome = settled(run.spec, first, answers.get(judged.id))
            found.count.add(outcome, drawn=chooser.draws(judged.id))
            for row in duplicates.rows(settled_row):
                rows.add(row)
                figures[row.verdict.figure] += 1
                found.values.update(counted_values(fields, row.values))
                if row.category:
                    found.categories[row.category] += 1
        found.figures[record.shard, record.attempt] = figures_of(record, figures)
    return found


def figures_of(record: BatchRecord, figures: Mapping[Figure, int]) -> Mapping[str, int]:
    """Tickets that nobody can name any more have failed, like all others whose results are gone."""
    labeled, unknown = figures.get(Figure.LABELED, 0), figures.get(Figure.UNKNOWN, 0)
    unnamed = max(record.review + record.held_duplicates - labeled - unknown, 0)
    return {"labeled": labeled, "unknown": unknown, "failed": unnamed, "unnamed": unnamed}


def tickets_of(records: Sequence[BatchRecord]) -> int:
    return sum(record.review for record in records)
