"""Rows kept in a dict."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Collection, Mapping, Sequence

from nightsort.domain.answer import Row
from nightsort.domain.stored import EvaluationReport, Rehearsal, Stored, Summary


class MemorySink:
    """A Sink that counts how often each row was written.

    `error`, when set, is raised by every call. After `fail_after` pages, a write fails and the rows so far are kept.
    The ids in `gone` have no room any more, as in a table whose row was deleted; the rows of those in `taken` belong
    to other tickets. `tries_ids`: rows are found by ids, as in a database.
    `reuses`: the hashes of rows count in later runs.
    """

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.writes: Counter[str] = Counter()
        self.finished: list[Summary] = []
        self.reports: list[EvaluationReport] = []
        self.checked: list[Rehearsal] = []
        self.error: Exception | None = None
        self.fail_after: int | None = None
        self.gone: set[str] = set()
        self.taken: set[str] = set()
        self.tries_ids = False
        self.reuses = True

    def _is_final(self, fresh: Row) -> bool:
        """Whether the ticket's row stays as it is."""
        there = self.rows.get(fresh.id)
        if fresh.category or there is None or there.category is None:
            return False
        return not (fresh.hash and there.hash and fresh.hash != there.hash)

    async def check(self, rehearsal: Rehearsal) -> None:
        self._fail()
        self.checked.append(rehearsal)

    async def write(self, rows: AsyncIterator[Sequence[Row]]) -> Stored:
        self._fail()
        pages = without_row = 0
        homeless, taken = self.gone | self.taken, set[str]()
        async for page in rows:
            if pages == self.fail_after:
                raise ConnectionError("the sink broke off")
            without_row += sum(row.id in homeless and row.category is not None for row in page)
            taken |= {row.id for row in page} & self.taken
            there = [row for row in page if row.id not in homeless]
            self.rows.update({row.id: row for row in there if not self._is_final(row)})
            self.writes.update(row.id for row in page)
            pages += 1
        named = f"the store keeps the label that stands there, and not those of {sorted(taken)}" if taken else ""
        return Stored({"table": "memory"}, without_row, named)

    async def unchanged(self, hashes: Mapping[str, str]) -> Collection[str]:
        self._fail()
        return [row.id for row in self.rows.values() if row.hash and hashes.get(row.id) == row.hash]

    async def finish(self, summary: Summary) -> Stored:
        self._fail()
        self.finished.append(summary)
        return Stored({"table": "memory"})

    async def report(self, report: EvaluationReport) -> None:
        self._fail()
        self.reports.append(report)

    def _fail(self) -> None:
        if self.error is not None:
            raise self.error
