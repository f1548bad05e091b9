"""Makes the row of a ticket from its answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from nightsort.api.batch_record import BatchRecord
from nightsort.domain.actions import ABSENCE
from nightsort.domain.answer import Answer, Figure, Row
from nightsort.domain.field_counts import counted_values
from nightsort.domain.fields import fields_of
from nightsort.domain.record import with_values
from nightsort.flow.results.answers import Judged, to_ask_again
from nightsort.flow.results.hashes import hash_beside, hashes_of
from nightsort.flow.results.store import Delivered, deliver
from nightsort.flow.run.run import Run
from nightsort.flow.run.spool import RowSpool
from nightsort.flow.tickets.duplicates import duplicates_of

NO_ANSWER = Answer("", "missing")


def row_of(run: Run, batch_id: str | None, ended_at: datetime | None, judged: Judged, hashes: Mapping[str, str]) -> Row:
    """`hashes` are those of the batch, by ticket id."""
    return row_by(run.spec.model, batch_id, ended_at, judged, hashes)


def row_by(
    model: str, batch_id: str | None, ended_at: datetime | None, judged: Judged, hashes: Mapping[str, str]
) -> Row:
    """The row of an answer of this model."""
    answer, judgement = judged.answer or NO_ANSWER, judged.judgement
    return Row(
        id=judged.id,
        category=judgement.category,
        verdict=judgement.verdict,
        reason=judgement.reason,
        model=model,
        batch_id=batch_id,
        classified_at=ended_at,
        input_tokens=answer.input_tokens,
        output_tokens=answer.output_tokens,
        values=judgement.values,
        hash=hash_beside(judgement.verdict, judged.id, hashes),
    )


async def final_rows(run: Run, record: BatchRecord) -> tuple[Delivered, Mapping[str, int]]:
    """Stores the rows of the tickets that an attempt left for a retry, with the verdicts that they have.

    Returns what was delivered, and the attempt's changed figures. When the API does not show the
    batch any more, nobody can name these tickets: they only count as failed.
    """
    api = await run.services.connections.api(run.resource)
    unknown, fields, values = 0, fields_of(run.spec), Counter[tuple[str, str | None]]()
    hashes, duplicates = await hashes_of(run, record), await duplicates_of(run)
    with RowSpool(run.services.scratch) as rows:
        async for judged in to_ask_again(run, api, record, ABSENCE):
            for row in duplicates.rows(row_of(run, record.id, record.ended_at, judged, hashes)):
                unknown += row.verdict.figure is Figure.UNKNOWN
                if not record.canary:
                    values.update(counted_values(fields, row.values))
                rows.add(row)
        delivered = await deliver(run, record, rows)
    counted, left = with_values(delivered.status.fields, values), record.left + record.duplicates
    return replace(delivered, status=delivered.status.model_copy(update={"fields": counted})), {
        "retryable": 0,
        "unknown": record.unknown + unknown,
        "duplicates": 0,
        "failed": record.failed + left - unknown,
        "unnamed": record.unnamed + max(left - rows.rows, 0),
    }
