"""Rows into a table of a database, through a temporary table and one statement for each few thousand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

from nightsort.adapters.database_rehearsal import rehearse
from nightsort.adapters.database_tables import Column, columns_of, create
from nightsort.adapters.database_transfer import Mode, Transfer
from nightsort.adapters.databases import Database, DatabasePolicy, Session, listed, resolve
from nightsort.api.spec import ResultColumns
from nightsort.domain.answer import Row
from nightsort.domain.errors import Stalled
from nightsort.ports import Rehearsal, Stored, Summary

PLACE = "spec.results.database"
# SQLite locks the whole file for any write: the fewer transactions the better.
TRANSACTION_ROWS = {"postgresql": 20_000, "mysql": 10_000, "sqlite": 100_000}
RIGHTS = {
    "Update": "SELECT and UPDATE on the columns, and the right to create temporary tables",
    "Upsert": "SELECT, INSERT and UPDATE on the table, and the right to create temporary tables",
}


class DatabaseSink:
    """Implements `ports.Sink`.

    Update fills the rows of a table that have no category yet, with `overwrite` all; Upsert keeps a table of results.
    A row without a category never touches a row that has one.
    """

    def __init__(
        self,
        url: str,
        table: str,
        mode: Mode,
        columns: ResultColumns,
        policy: DatabasePolicy,
        *,
        overwrite: bool = False,
        transaction_rows: int | None = None,
    ) -> None:
        """Raises Stalled when the policy does not allow the URL; connects to nothing yet."""
        self._database = Database(url, policy, PLACE, RIGHTS[mode])
        self._table = table
        self._mode: Mode = mode
        self._overwrite = overwrite
        self._transaction_rows = transaction_rows or TRANSACTION_ROWS[self._database.family]
        self._wanted = {field: name for field, name in columns.model_dump(by_alias=False).items() if name is not None}

    async def check(self, rehearsal: Rehearsal) -> None:
        """A write without rows shows table, columns, key and rights; one that is taken back, whether all values fit."""
        await asyncio.to_thread(self._store, ())
        if rehearsal.ids:
            await asyncio.to_thread(self._rehearse, rehearsal)

    async def write(self, rows: AsyncIterator[Sequence[Row]]) -> Stored:
        pending: dict[str, Row] = {}
        without_row = 0
        async for chunk in rows:
            for row in chunk:
                if row.category is not None or row.id not in pending:
                    pending[row.id] = row
                if len(pending) >= self._transaction_rows:
                    without_row += await asyncio.to_thread(self._store, tuple(pending.values()))
                    pending.clear()
        if pending:
            without_row += await asyncio.to_thread(self._store, tuple(pending.values()))
        return Stored(table=self._table, without_row=without_row)

    async def finish(self, summary: Summary) -> Stored:
        return Stored(table=self._table)

    def _store(self, rows: Sequence[Row]) -> int:
        """How many labels have no row in the table."""
        with self._database.writing() as session:
            transfer = self._transfer(session)
            transfer.stage(rows)
            return transfer.write(len(rows))

    def _rehearse(self, rehearsal: Rehearsal) -> None:
        try:
            with self._database.rehearsing() as session:
                rehearse(self._transfer(session), rehearsal)
        except Stalled as refusal:
            if refusal.reason != "ValueRefused":
                raise
            told = "in a rehearsal with every category and verdict, before anything was bought"
            raise Stalled(f"{refusal.message}, {told}", reason=refusal.reason) from None

    def _transfer(self, session: Session) -> Transfer:
        columns = self._columns(session)
        return Transfer(session, self._table, columns, self._mode, self._stalled, overwrite=self._overwrite)

    def _columns(self, session: Session) -> dict[str, Column]:
        """The table's column for each field that is stored; in mode Upsert a missing table is made."""
        available = columns_of(session, self._table)
        if not available and self._mode == "Upsert":
            create(session, self._table, self._wanted)
            available = columns_of(session, self._table)
        if not available:
            raise self._stalled(f"there is no table {self._table!r}", "TableMissing")
        found = {field: resolve(name, available) for field, name in self._wanted.items()}
        if missing := [self._wanted[field] for field, name in found.items() if name is None]:
            raise self._stalled(f"table {self._table!r} has no column {listed(missing)}", "ColumnMissing")
        columns = {field: available[name] for field, name in found.items() if name is not None}
        self._hold_against_mode(columns["id"], columns["category"])
        return columns

    def _hold_against_mode(self, key: Column, category: Column) -> None:
        if self._mode == "Upsert" and not key.unique:
            raise self._stalled(
                f"column {key.name!r} of table {self._table!r} needs a primary key or unique index on it alone",
                "KeyMissing",
            )
        if self._mode == "Update" and not self._overwrite and not category.nullable:
            raise self._stalled(
                f"column {category.name!r} of table {self._table!r} is NOT NULL, and an Update fills only rows "
                "where it is NULL: allow NULL, or set overwrite: true in a new resource",
                "CategoryNeverNull",
            )

    def _stalled(self, message: str, reason: str) -> Stalled:
        return self._database.stalled(message, reason)
