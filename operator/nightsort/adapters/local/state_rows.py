"""Rows of a run as labels in the state of `nightsort classify`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence

from nightsort.adapters.local.state import State
from nightsort.api.times import rfc3339
from nightsort.domain.answer import Row
from nightsort.domain.stored import Rehearsal, Stored, Summary

# A row with a category is final: a row without one does not replace it. A ticket that the run has not sent has no
# digest of its question, so nothing is stored for it. The index is named, since SQLite would otherwise search
# all tickets of the run for each row.
PUT = """
INSERT INTO labels
SELECT t.id, t.text, t.settings, :file, :category, :verdict, :reason, :model, :batch_id, :classified_at,
       :input_tokens, :output_tokens
FROM run_tickets t INDEXED BY run_tickets_by_id WHERE t.run = :run AND t.id = :id
ON CONFLICT DO UPDATE SET
    file = excluded.file, category = excluded.category, verdict = excluded.verdict, reason = excluded.reason,
    model = excluded.model, batch_id = excluded.batch_id, classified_at = excluded.classified_at,
    input_tokens = excluded.input_tokens, output_tokens = excluded.output_tokens
WHERE labels.category IS NULL OR excluded.category IS NOT NULL
"""
FILE = "SELECT file FROM runs WHERE uid = ?"

# The answers to further fields stand in a table of their own, which only states have whose files ask for any.
VALUES_TABLE = """
CREATE TABLE IF NOT EXISTS label_values (
    id TEXT NOT NULL,
    text BLOB NOT NULL,
    settings BLOB NOT NULL,
    answers TEXT NOT NULL,
    PRIMARY KEY (id, text, settings)
) WITHOUT ROWID
"""
PUT_VALUES = """
INSERT INTO label_values
SELECT t.id, t.text, t.settings, :answers
FROM run_tickets t INDEXED BY run_tickets_by_id
JOIN labels l ON l.id = t.id AND l.text = t.text AND l.settings = t.settings
WHERE t.run = :run AND t.id = :id AND l.category IS :category
ON CONFLICT DO UPDATE SET answers = excluded.answers
"""
HAS_VALUES = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'label_values'"

# Which ticket was asked about in the place of one with the same text, in states of files that were asked about so.
SAME_TABLE = """
CREATE TABLE IF NOT EXISTS label_same_as (
    id TEXT NOT NULL,
    text BLOB NOT NULL,
    settings BLOB NOT NULL,
    same_as TEXT NOT NULL,
    PRIMARY KEY (id, text, settings)
) WITHOUT ROWID
"""
PUT_SAME = """
INSERT INTO label_same_as
SELECT t.id, t.text, t.settings, :same_as
FROM run_tickets t INDEXED BY run_tickets_by_id
JOIN labels l ON l.id = t.id AND l.text = t.text AND l.settings = t.settings
WHERE t.run = :run AND t.id = :id AND l.category IS :category
ON CONFLICT DO UPDATE SET same_as = excluded.same_as
"""
# A ticket that was asked about itself later has its label from no other one.
NOT_SAME = """
DELETE FROM label_same_as WHERE (id, text, settings) IN (
    SELECT t.id, t.text, t.settings
    FROM run_tickets t INDEXED BY run_tickets_by_id
    JOIN labels l ON l.id = t.id AND l.text = t.text AND l.settings = t.settings
    WHERE t.run = :run AND t.id = :id AND l.category IS :category
)
"""
HAS_SAME = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'label_same_as'"


class StateRows:
    """Implements `ports.Sink`."""

    def __init__(self, state: State, run: str) -> None:
        self._state, self._run = state, run

    async def check(self, rehearsal: Rehearsal) -> None:
        """The file is open for writing already."""

    async def write(self, rows: AsyncIterator[Sequence[Row]]) -> Stored:
        async for chunk in rows:
            await asyncio.to_thread(self._write, chunk)
        return Stored()

    async def finish(self, summary: Summary) -> Stored:
        return Stored()

    def _write(self, chunk: Sequence[Row]) -> None:
        with self._state.transaction() as connection:
            [[file]] = connection.execute(FILE, (self._run,)).fetchall() or [[""]]
            connection.executemany(PUT, values_of(self._run, file, chunk))
            if any(row.values for row in chunk):
                connection.execute(VALUES_TABLE)
                connection.executemany(PUT_VALUES, answers_of(self._run, chunk))
            same = any(row.same_as is not None for row in chunk)
            if same:
                connection.execute(SAME_TABLE)
            if same or connection.execute(HAS_SAME).fetchone():
                connection.executemany(PUT_SAME, same_of(self._run, chunk, of_others=True))
                connection.executemany(NOT_SAME, same_of(self._run, chunk, of_others=False))


def same_of(run: str, chunk: Sequence[Row], *, of_others: bool) -> Iterator[dict[str, object]]:
    """The rows that are copies of other tickets' rows, or those that are not."""
    for row in chunk:
        if (row.same_as is not None) == of_others:
            yield {"run": run, "id": row.id, "category": row.category, "same_as": row.same_as}


def answers_of(run: str, chunk: Sequence[Row]) -> Iterator[dict[str, object]]:
    for row in chunk:
        if row.values:
            answers = json.dumps(row.values, ensure_ascii=False)
            yield {"run": run, "id": row.id, "category": row.category, "answers": answers}


def values_of(run: str, file: str, chunk: Sequence[Row]) -> Iterator[dict[str, object]]:
    for row in chunk:
        yield {
            "run": run,
            "file": file,
            "id": row.id,
            "category": row.category,
            "verdict": row.verdict.value,
            "reason": row.reason,
            "model": row.model,
            "batch_id": row.batch_id,
            "classified_at": rfc3339(row.classified_at) if row.classified_at else None,
            "input_tokens": row.input_tokens,
            "output_tokens": row.output_tokens,
        }
