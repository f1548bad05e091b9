"""One transaction's rows on their way into the table of the results: staged, then taken over by one statement."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from nightsort.adapters.database_statements import STAGE, Statements, as_text
from nightsort.adapters.database_tables import Column
from nightsort.adapters.database_values import values_of
from nightsort.adapters.databases import Session
from nightsort.domain.answer import Row
from nightsort.domain.errors import Stalled

Mode = Literal["Update", "Upsert"]


class Transfer:
    """Its temporary table is made at once, and goes with the transaction or the connection."""

    def __init__(
        self,
        session: Session,
        table: str,
        columns: Mapping[str, Column],
        mode: Mode,
        stalled: Callable[[str, str], Stalled],
        *,
        overwrite: bool,
    ) -> None:
        self.session = session
        self.statements = Statements.of(session, table, columns, overwrite=overwrite)
        self.mode = mode
        self.table = table
        self.stalled = stalled
        self._columns = columns
        session.run(self.statements.stage(columns))

    def stage(self, rows: Sequence[Row]) -> None:
        session = self.session
        values = [values_of(row, self._columns, session.family) for row in rows]
        names = ", ".join(self._columns)
        if session.family == "postgresql":
            session.copy(f"COPY {STAGE} ({names}) FROM STDIN", values)
            session.run(f"ANALYZE {STAGE}")  # without it the planner may read the whole table for each few rows
        elif values:
            marks = ", ".join("?" if session.family == "sqlite" else "%s" for _ in self._columns)
            session.run_many(f"INSERT INTO {STAGE} ({names}) VALUES ({marks})", values)

    def clear(self) -> None:
        self.session.run(f"DELETE FROM {STAGE}")

    def write(self, staged: int) -> int:
        """Takes over so many rows that are staged; how many labels among them have no row in the table.

        Raises:
            Stalled: the table takes two ids for one, so that one of them would get the other's label.
        """
        return self._update(staged) if self.mode == "Update" else self._upsert()

    def _update(self, staged: int) -> int:
        updated = self.session.run(self.statements.update()).rowcount
        if updated == staged and self._columns["id"].unique:
            return 0  # each has its own row: nothing is left to ask
        self.refuse_two_as_one()
        return int(self.session.run(self.statements.without_row()).scalar_one())

    def _upsert(self) -> int:
        column = self._columns["id"]
        if not column.exact:
            self.refuse_two_as_one()
        self.session.run(self.statements.upsert())
        if column.text and not column.exact:
            self._refuse(self.statements.taken_for_another())
        return 0

    def refuse_two_as_one(self) -> None:
        """An Update compares letter by letter, an Upsert as the table's key does.

        Raises:
            Stalled: two of the ids that are staged are one.
        """
        self._refuse(self.statements.taken_for_one(by_letter=self.mode == "Update"))

    def _refuse(self, statement: str) -> None:
        found = self.session.run(statement).first()
        if found is None:
            return
        one, other = (as_text(each, self.session.family) for each in found)
        column = f"column {self._columns['id'].name!r} of table {self.table!r}"
        if one == other:
            raise self.stalled(f"in {column} more than one of the tickets' ids becomes {one!r}", "IdsCollide")
        raise self.stalled(
            f"{column} takes the ids {one!r} and {other!r} for one: its collation or type ignores their difference",
            "IdsCollide",
        )
