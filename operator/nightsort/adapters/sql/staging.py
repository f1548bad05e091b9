"""One transaction's rows on their way into the table of the results: staged, then transferred by one statement."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from nightsort.adapters.sql.keys import is_list, joined
from nightsort.adapters.sql.layouts import Layout, Mode
from nightsort.adapters.sql.rows import ANSWER_BYTES
from nightsort.adapters.sql.rows import Row as Found
from nightsort.adapters.sql.session import Session
from nightsort.adapters.sql.statements import STAGE, Statements, as_sent, as_text
from nightsort.adapters.sql.values import id_values, values_of
from nightsort.domain.answer import Row
from nightsort.domain.errors import Stalled
from nightsort.domain.reasons import Reason

ROW_BYTES = 8192
"""Bytes in memory for an id with its parts and two categories."""
SPARE_ROWS = 1000
Claim = Callable[[Sequence[str], str], bool]
"""Whether the row with this id in the table may have the label of the ticket with that id."""


@dataclass(frozen=True, slots=True)
class Written:
    """`missing` labels are not in the table: `foreign` are the ids among them whose row belongs to another ticket."""

    missing: int
    foreign: tuple[str, ...] = ()


def folded(category: str | None) -> str:
    """The text without differences of spelling that a table may introduce."""
    return (category or "").strip().casefold()


class Transfer:
    """Makes its temporary table at once; that goes with the transaction or the connection."""

    def __init__(
        self,
        session: Session,
        layout: Layout,
        mode: Mode,
        stalled: Callable[[str, Reason], Stalled],
        *,
        overwrite: bool,
        claim: Claim | None = None,
    ) -> None:
        self.session = session
        self.layout = layout
        self.statements = Statements.of(session, layout, overwrite=overwrite)
        self.mode = mode
        self.stalled = stalled
        self._claim = claim
        self._sent = self._staged = self._labels = 0
        session.run(self.statements.stage())

    @property
    def key(self) -> str:
        """The columns of the table that are the ticket's id, for a message."""
        return f"{self.layout.key} of table {self.layout.table.name!r}"

    @property
    def may_find_twice(self) -> bool:
        """Whether the table may have several rows for a ticket."""
        return self.mode == "Update" and not self.layout.unique

    def stage(self, rows: Sequence[Row]) -> None:
        with self._list_needed([row.id for row in rows]):
            values = [values_of(row, self.layout, self.session.family) for row in rows]
        self._insert(self.statements.staged, values)
        self._staged += len(rows)
        self._labels += sum(row.category is not None for row in rows)

    def stage_ids(self, ids: Sequence[str]) -> None:
        """Stages ids alone, to be compared with each other and the table."""
        columns = self.statements.staged[: len(self.layout.keys) + 1]
        with self._list_needed(ids):
            values = [id_values(ticket_id, self.layout, self.session.family) for ticket_id in ids]
        self._insert(columns, values)

    def stage_hashes(self, hashes: Mapping[str, str]) -> None:
        """Stages hashes by id, to be compared with those of the table."""
        columns = [*self.statements.staged[: len(self.layout.keys) + 1], "hash"]
        with self._list_needed(list(hashes)):
            ids = [id_values(ticket_id, self.layout, self.session.family) for ticket_id in hashes]
        self._insert(columns, [(*each, known) for each, known in zip(ids, hashes.values(), strict=True)])

    def unchanged(self) -> Sequence[str]:
        """The staged ids whose row has the staged hash."""
        return [as_sent(sent) for (sent,) in self._of_each(self.statements.unchanged())]

    @contextmanager
    def _list_needed(self, ids: Sequence[str]) -> Iterator[None]:
        try:
            yield
        except ValueError:
            wrong = next(each for each in ids if not is_list(each, len(self.layout.keys)))
            raise self.stalled(
                f"the ticket's id {wrong!r} is not the list of {len(self.layout.keys)} texts that {self.key} need: "
                "name as many columns under the source's columns.key",
                Reason.KEY_MISMATCH,
            ) from None

    def _insert(self, columns: Sequence[str], values: Sequence[tuple[object, ...]]) -> None:
        session, names = self.session, ", ".join(columns)
        self._sent += len(values)
        if session.family == "postgresql":
            session.copy(f"COPY {STAGE} ({names}) FROM STDIN", values)
            session.run(f"ANALYZE {STAGE}")  # without it the planner may read the whole table for each few rows
        elif values:
            marks = ", ".join("?" if session.family == "sqlite" else "%s" for _ in columns)
            session.run_many(f"INSERT INTO {STAGE} ({names}) VALUES ({marks})", values)

    def clear(self) -> None:
        self.session.run(f"DELETE FROM {STAGE}")
        self._sent = self._staged = self._labels = 0

    def _of_each(self, statement: str) -> list[Found]:
        """The rows of a statement that gives one for each staged id; more where the table has an id more than once.

        The limit is twice as many, so that ids that are found twice can be reported.
        """
        return self.session.rows(statement, 2 * self._sent + SPARE_ROWS, self._sent * ROW_BYTES + ANSWER_BYTES)

    def _some(self, statement: str) -> Found | None:
        found = self.session.rows(statement, 1)
        return found[0] if found else None

    def write(self) -> Written:
        """Transfers the staged rows.

        Raises:
            Stalled: the table takes two ids for one, so that one of them would get the other's label, or takes an id
                for several rows.
        """
        foreign = self._leave_to_others()
        others = self._other_labels()
        if self.mode == "Update":
            self._update()
        else:
            self._upsert()
        kept = others.items() & self._other_labels().items() if others else ()
        return Written(self._missing() + len(kept) + len(foreign), foreign)

    def _other_labels(self) -> dict[str | bytes, str]:
        """The present labels, by id, that staged ones differ from, if they are to be replaced.

        A label that is still there afterwards was restored by a trigger or a rule that discards the write.
        """
        if not self._labels or not (self.mode == "Upsert" or self.statements.overwrite):
            return {}
        found = self._of_each(self.statements.to_replace())
        return {sent: there for sent, there, new in found if folded(there) != folded(new)}

    def _update(self) -> None:
        if self.may_find_twice:
            self.refuse_found_twice()
        updated = self.session.run(self.statements.update())
        if updated > self._staged:
            raise self.stalled(
                f"{self._staged:,} rows were sent and {updated:,} changed: {self.key} does not tell rows apart",
                Reason.ID_NOT_UNIQUE,
            )
        if updated < self._staged or not self.layout.unique:
            self.refuse_two_as_one()

    def _upsert(self) -> None:
        keys = self.layout.keys
        if not self.layout.keeps_ids:
            self.refuse_two_as_one()
        self.session.run(self.statements.upsert())
        if any(key.text and not key.exact for key in keys):
            self._refuse_another()

    def _missing(self) -> int:
        """How many staged labels have no row in the table, or an empty one: discarded writes may be counted as done.

        A view may leave out rows with a category: there, rows that have become invisible are stored.
        """
        if not self._labels:
            return 0
        ((seen, filled),) = self.session.rows(self.statements.standing(once=self.layout.unique), 1)
        leaves = self.layout.table.view and not filled
        return int(seen if leaves else self._labels) - int(filled)

    def _leave_to_others(self) -> tuple[str, ...]:
        """Removes staged labels whose row has the label of another ticket of this run; returns their ids."""
        if self._claim is None or self.layout.keeps_ids:
            return ()
        self.refuse_two_as_one()
        found = self._of_each(self.statements.kept_as())
        foreign = [sent for sent, *parts in found if not self._claim(parts, as_sent(sent))]
        for sent in foreign:
            self.session.run(f"DELETE FROM {STAGE} WHERE sent = {self.session.bind('sent')}", sent=sent)
        self._staged -= len(foreign)
        self._labels -= len(foreign)
        return tuple(as_sent(sent) for sent in foreign)

    def refuse_two_as_one(self) -> None:
        """An Update compares letter by letter, an Upsert as the table's key does.

        Raises:
            Stalled: two of the staged ids are equal by that.
        """
        found = self._some(self.statements.taken_for_one(by_letter=self.mode == "Update"))
        if found is None:
            return
        one, other, *became = found
        half = len(became) // 2
        least, most = self._shown(became[:half]), self._shown(became[half:])
        self._collide(as_sent(one), as_sent(other), least if least == most else None)

    def refuse_found_twice(self) -> None:
        """Raises Stalled where more than one row of the table has one of the staged ids."""
        found = self.session.value(self.statements.found_twice())
        if found is not None:
            raise self.stalled(
                f"more than one row has the id {as_sent(found)!r} in {self.key}, and none may get the label of "
                "another: name all columns of the key under columns.key, in a new resource",
                Reason.ID_NOT_UNIQUE,
            )

    def _refuse_another(self) -> None:
        found = self._some(self.statements.taken_for_another())
        if found is not None:
            sent, *parts = found
            self._collide(self._shown(parts), as_sent(sent))

    def _shown(self, parts: Sequence[str]) -> str:
        return joined([as_text(part, self.session.family) for part in parts])

    def _collide(self, one: str, other: str, became: str | None = None) -> None:
        if became is None:
            why = "its collation or type ignores their difference"
        else:
            why = f"more than one of the tickets' ids becomes {became!r}"
        raise self.stalled(f"{self.key} takes the ids {one!r} and {other!r} for one: {why}", Reason.IDS_COLLIDE)

    def categories(self) -> dict[str, str | None]:
        """The category that the table has for each staged ticket, by id."""
        found = self._of_each(self.statements.categories())
        return {as_sent(sent): None if category is None else str(category) for sent, category in found}
