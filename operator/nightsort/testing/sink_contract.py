"""The contract of every Sink. A test module names its fixture `store` and inherits from the class."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Protocol

import msgspec

from nightsort.api.evaluated import EvaluationStatus
from nightsort.domain.answer import Row, Verdict
from nightsort.domain.stored import EvaluationReport, Rehearsal, Summary
from nightsort.ports import ReusableSink, Sink

SUMMARY = Summary("support/tickets", "claude-haiku-4-5", 3, {"billing": 2}, {"Labeled": 2, "Errored": 1}, None, None)
REHEARSAL = Rehearsal(3, ("billing", "account"), ("1", "2", "3"), "claude-haiku-4-5")
HASH, OTHER_HASH = "0123456789abcdef" * 2, "fedcba9876543210" * 2
CLASSIFIED = datetime(2026, 11, 22, 16, 30, 15, tzinfo=UTC)


class Store(Protocol):
    """The store behind a sink, as its reader sees it."""

    def sink(self) -> Sink: ...

    def read(self) -> dict[str, tuple[str | None, str]]:
        """Category and verdict by ticket id, of the tickets that have a row."""
        ...


def labeled(ticket_id: str, category: str = "billing") -> Row:
    return Row(ticket_id, category, Verdict.LABELED, "", "claude-haiku-4-5", "msgbatch_01", CLASSIFIED, 120, 5)


def hashed(row: Row, known: str | None = HASH) -> Row:
    return msgspec.structs.replace(row, hash=known)


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


class Reusable(Protocol):
    """The store behind a sink whose rows stand for later runs; `another_sink` is that of a later run."""

    def sink(self) -> ReusableSink: ...

    def another_sink(self) -> ReusableSink: ...


class ReusableSinkContract:
    """The store has room for the tickets 1, 2 and 3, and no row for any of them yet."""

    async def test_a_later_run_finds_the_tickets_whose_hash_stands_whatever_their_verdict(
        self, reusable: Reusable
    ) -> None:
        first = reusable.sink()
        await first.check(REHEARSAL)
        await first.write(chunks(hashed(labeled("1")), hashed(failed("2"))))

        later = reusable.another_sink()
        await later.check(REHEARSAL)

        assert later.reuses
        assert set(await later.unchanged(dict.fromkeys(("1", "2", "3"), HASH))) == {"1", "2"}
        assert set(await later.unchanged({"1": OTHER_HASH, "2": HASH})) == {"2"}
        assert not list(await later.unchanged({}))

    async def test_a_row_without_a_hash_stands_for_nothing(self, reusable: Reusable) -> None:
        await reusable.sink().write(chunks(hashed(labeled("1"), None), hashed(labeled("2"))))

        assert set(await reusable.another_sink().unchanged(dict.fromkeys(("1", "2"), HASH))) == {"2"}

    async def test_a_ticket_that_has_changed_and_is_stored_again_stands_with_its_new_hash(
        self, reusable: Reusable
    ) -> None:
        await reusable.sink().write(chunks(hashed(labeled("1")), hashed(labeled("2"))))
        await reusable.another_sink().write(chunks(hashed(failed("1"), OTHER_HASH)))

        found = await reusable.another_sink().unchanged({"1": OTHER_HASH, "2": HASH})
        assert set(found) == {"1", "2"}
