"""The contract of every Sink. A test module names its fixture `store` and inherits from the class."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Protocol

from nightsort.api.evaluated import EvaluationStatus
from nightsort.domain.answer import Row, Verdict
from nightsort.domain.stored import EvaluationReport, Rehearsal, Summary
from nightsort.ports import Sink

SUMMARY = Summary("support/tickets", "claude-haiku-4-5", 3, {"billing": 2}, {"Labeled": 2, "Errored": 1}, None, None)
REHEARSAL = Rehearsal(3, ("billing", "account"), ("1", "2", "3"), "claude-haiku-4-5")
CLASSIFIED = datetime(2026, 11, 22, 16, 30, 15, tzinfo=UTC)


class Store(Protocol):
    """The store behind a sink, as its reader sees it."""

    def sink(self) -> Sink: ...

    def read(self) -> dict[str, tuple[str | None, str]]:
        """Category and verdict by ticket id, of the tickets that have a row."""
        ...


def labeled(ticket_id: str, category: str = "billing") -> Row:
    return Row(ticket_id, category, Verdict.LABELED, "", "claude-haiku-4-5", "msgbatch_01", CLASSIFIED, 120, 5)


def failed(ticket_id: str, reason: str = "api_error") -> Row:
    return Row(ticket_id, None, Verdict.ERRORED, reason, "claude-haiku-4-5", "msgbatch_01", CLASSIFIED)


def evaluated(known: int, correct: int) -> EvaluationReport:
    """An evaluation of tickets about billing, of which some got no label."""
    figures = EvaluationStatus(known=known, correct=correct, sample=known, available=known)
    answers = {("billing", "billing"): correct, ("billing", None): known - correct}
    return EvaluationReport("tickets", "claude-haiku-4-5", "0.90", figures, answers)


async def chunks(*rows: Row, size: int = 2) -> AsyncIterator[Sequence[Row]]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


THREE = (labeled("1"), failed("2"), labeled("3", "account"))
STORED = {"1": ("billing", "Labeled"), "2": (None, "Errored"), "3": ("account", "Labeled")}


class SinkContract:
    """The store has room for the tickets 1, 2 and 3, and no row for any of them yet."""

    async def test_each_ticket_has_one_row(self, store: Store) -> None:
        sink = store.sink()
        await sink.check(REHEARSAL)
        written = await sink.write(chunks(*THREE))

        assert await sink.finish(SUMMARY) == written
        assert store.read() == STORED

    async def test_writing_the_same_rows_again_changes_nothing(self, store: Store) -> None:
        await store.sink().write(chunks(*THREE))
        await store.sink().write(chunks(*reversed(THREE)))

        assert store.read() == STORED

    async def test_a_check_writes_nothing(self, store: Store) -> None:
        before = store.read()
        await store.sink().check(REHEARSAL)

        assert store.read() == before
