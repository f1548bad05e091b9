"""The tickets that a query gives at one moment, and whether they can be read again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nightsort.adapters.sql.ids import possible
from nightsort.adapters.sql.pages import Layout, one_of
from nightsort.adapters.sql.query import Complain, QueryTable, shortened
from nightsort.adapters.sql.rows import TooManyBytes, value_of
from nightsort.adapters.sql.session import Session
from nightsort.domain.reasons import Reason
from nightsort.domain.snapshot import Snapshot

MOST_KEPT_IDS = 200_000
"""Of a query with more tickets, the ids are not kept."""
MOST_KEPT_CHARS = 20_000_000
KEPT_BYTES = 4 * MOST_KEPT_CHARS + 100 * MOST_KEPT_IDS
"""In memory, a text has up to four bytes for each character, and some besides."""
VERIFIED_IDS = 1_000


class LongIds(Exception):
    """The ids of a query do not fit the memory."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Chooses the tickets of a run by `table`, the query; `every` is the query without its LIMIT."""

    session: Session
    table: QueryTable
    every: QueryTable
    layout: Layout
    complain: Complain

    def snapshot(self) -> Snapshot:
        """All ids now, or only the last one where there are too many.

        Raises:
            LongIds: together they are long, and the session cannot be used any more.
            Stalled: a second read does not find what the first one has found.
        """
        ids = self._ids()
        if len(ids) > MOST_KEPT_IDS or sum(map(len, ids)) > MOST_KEPT_CHARS:
            return self.last()
        lost = self._lost(ids) and self._lost(self._ids())  # a row may have left between the reads
        if lost:
            raise self.complain(
                f"a second read does not find the rows of the first one: it lacks the id {shortened(lost)!r}. The "
                "query must give the same ids and rows each time",
                Reason.ROWS_CHANGE,
            )
        return Snapshot(ids)

    def _ids(self) -> Sequence[str]:
        """All ids in one statement, which sees one moment; one more than can be kept where there are more."""
        ordered = f"WHERE {self._column} IS NOT NULL ORDER BY {self._column}"
        try:
            found = self.table.select(self.session, self._column, ordered, MOST_KEPT_IDS + 1, KEPT_BYTES)
        except TooManyBytes:
            raise LongIds from None
        return [self.layout.id_of(each) for (each,) in found]

    def last(self) -> Snapshot:
        """The last id alone, where there are too many for memory."""
        ordered = f"WHERE {self._column} IS NOT NULL ORDER BY {self._column} DESC"
        last = value_of(self.table.select(self.session, self._column, ordered))
        return Snapshot(None, None if last is None else self.layout.id_of(last))

    def _lost(self, ids: Sequence[str]) -> str | None:
        """The first id that is not found again when it is read as the run will read it."""
        for some in (ids[:VERIFIED_IDS], ids[VERIFIED_IDS:][-VERIFIED_IDS:]):
            wanted = list(possible(self.layout.typed, some))
            if not wanted:
                continue
            condition, values = one_of(self.session, self._column, wanted)
            rows = self.every.select(self.session, self._column, f"WHERE {condition}", 2 * len(some), **values)
            found = {self.layout.id_of(each) for (each,) in rows}
            if lost := next((each for each in some if each not in found), None):
                return lost
        return None

    @property
    def _column(self) -> str:
        return f"t.{self.session.quote(self.layout.id)}"
