"""Rows into a table of a database, through a temporary table and one statement for each few thousand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import islice

from nightsort.adapters.sql.claims import Claims
from nightsort.adapters.sql.database import Database
from nightsort.adapters.sql.dry_run import rehearse
from nightsort.adapters.sql.id_spool import IdSpool
from nightsort.adapters.sql.layouts import Mode, Wanted, layout_of, refuse_a_part_of_a_key
from nightsort.adapters.sql.places import marks
from nightsort.adapters.sql.policy import DatabasePolicy
from nightsort.adapters.sql.session import Session
from nightsort.adapters.sql.staging import Transfer, Written
from nightsort.adapters.sql.tables import LONG_TEXT, SHORT_CHARS, SHORT_TEXT, WHOLE_NUMBER, TypeOf
from nightsort.adapters.sql.values import OWN
from nightsort.api.columns import ResultColumns
from nightsort.domain.answer import Row
from nightsort.domain.errors import Stalled
from nightsort.domain.fields import AskedField, FieldKind
from nightsort.domain.reasons import Reason
from nightsort.domain.stored import Rehearsal, Stored, Summary
from nightsort.system.threads import InThread

PLACE = "spec.results.database"
# A transaction has all its rows in memory, three times over while they are staged and compared.
TRANSACTION_ROWS = {"postgresql": 20_000, "mysql": 10_000, "sqlite": 20_000}
RIGHTS = {
    "Update": "SELECT and UPDATE on the columns, and the right to create temporary tables",
    "Upsert": "SELECT, INSERT and UPDATE on the table, the right to create temporary tables, and CREATE where the "
    "table is to be made; its owner's rights where a column of hashes is added",
}
EXAMPLES = 3
ADDED = ("category_set", "hash")
"""The columns of hashes in a table of results, by their fields, where the resource names none."""


class DatabaseSink:
    """Implements `ports.LabeledSink` and `ports.ReusableSink`.

    Update fills the rows of a table that have no category yet, with `overwrite` all; Upsert keeps a table of results.
    A row without a category never replaces one that has one. `claims` remember for `run`, between writes, which
    ticket's label is in which row.
    """

    tries_ids = True

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
        reuses: bool = False,
        of_set: bool = False,
        claims: Claims | None = None,
        run: str = "",
        asked: Sequence[AskedField] = (),
        in_thread: InThread = asyncio.to_thread,
    ) -> None:
        """`reuses`: hashes are kept and compared; an Upsert has a column for them, which it adds if it is missing.
        `of_set`: rows have the hash of a CategorySet, for which an Upsert has a column in the same way.

        Raises Stalled when the policy does not allow the URL; connects to nothing yet.
        """
        self._database = Database(url, policy, PLACE, RIGHTS[mode])
        self._in_thread = in_thread
        self._transaction_rows = transaction_rows or TRANSACTION_ROWS[self._database.family]
        named = columns.model_dump(by_alias=False, exclude={"id", "key", "fields"})
        fields: dict[str, str] = {field: name for field, name in named.items() if name is not None}
        fields |= {f"{OWN}{place}": (columns.fields or {}).get(one.name, one.name) for place, one in enumerate(asked)}
        kinds = {f"{OWN}{place}": type_of_field(one) for place, one in enumerate(asked)}
        if mode == "Upsert":
            wanted = [name for name, needed in zip(ADDED, (of_set, reuses), strict=True) if needed]
            fields |= {name: fields.get(name, name) for name in wanted}
        self.reuses = "hash" in fields
        added = [name for name in ADDED if mode == "Upsert" and name in fields]
        self._where = {"table": table}
        self._wanted = Wanted(table, mode, columns.key or (columns.id,), fields, overwrite, kinds, tuple(added))
        self._claim = partial((claims or Claims()).claim, f"{run}/{table}")

    async def check(self, rehearsal: Rehearsal) -> None:
        """Checks table, columns, key and rights by a write without rows, and all values by one that is rolled back.

        Where the key's columns may take two ids for one, or an id for several rows, all ids of the run are checked.
        """
        await self._in_thread(self._store, ())
        if not rehearsal.ids:
            return
        confuses: bool = await self._in_thread(self._rehearse, rehearsal)
        if confuses and rehearsal.all_ids is not None:
            with IdSpool() as spool:
                async for ids in rehearsal.all_ids():
                    spool.add(ids)
                await self._in_thread(self._check_all, spool)

    async def write(self, rows: AsyncIterator[Sequence[Row]]) -> Stored:
        pending: dict[str, Row] = {}
        written: list[Written] = []
        async for chunk in rows:
            for row in chunk:
                if row.category is not None or row.id not in pending:
                    pending[row.id] = row
                if len(pending) >= self._transaction_rows:
                    written.append(await self._in_thread(self._store, tuple(pending.values())))
                    pending.clear()
        if pending:
            written.append(await self._in_thread(self._store, tuple(pending.values())))
        foreign = [ticket_id for each in written for ticket_id in each.foreign]
        missing = sum(each.missing for each in written)
        return Stored(self._where, missing, collision(self._wanted.table, foreign[:EXAMPLES]))

    async def finish(self, summary: Summary) -> Stored:
        return Stored(self._where)

    async def place(self) -> Sequence[str]:
        return await self._in_thread(self._place)

    def _place(self) -> Sequence[str]:
        with self._database.reading() as session:
            return marks(session, self._database.address, self._wanted.table)

    async def labeled(self, ids: Sequence[str]) -> Sequence[str]:
        return await self._in_thread(self._labeled, ids)

    def _labeled(self, ids: Sequence[str]) -> Sequence[str]:
        """Asks in a writing transaction: a proxy may lead one that only reads to a replica."""
        found: list[str] = []
        with self._beforehand() as session:
            transfer = self._transfer(session)
            for start in range(0, len(ids), self._transaction_rows):
                transfer.clear()
                transfer.stage_ids(ids[start : start + self._transaction_rows])
                found += [each for each, category in transfer.categories().items() if category is not None]
        return found

    async def unchanged(self, hashes: Mapping[str, str]) -> Collection[str]:
        return await self._in_thread(self._unchanged, hashes)

    def _unchanged(self, hashes: Mapping[str, str]) -> Collection[str]:
        """Asks in a writing transaction, as `_labeled` does: a replica may lag."""
        found: list[str] = []
        rest = iter(hashes.items())
        with self._beforehand() as session:
            transfer = self._transfer(session)
            while some := dict(islice(rest, self._transaction_rows)):
                transfer.clear()
                transfer.stage_hashes(some)
                found += transfer.unchanged()
        return found

    def _store(self, rows: Sequence[Row]) -> Written:
        with self._database.writing() as session:
            transfer = self._transfer(session)
            transfer.stage(rows)
            return transfer.write()

    def _rehearse(self, rehearsal: Rehearsal) -> bool:
        """Whether all ids of the run must be checked, since the table may confuse them."""
        with self._beforehand() as session:
            transfer = self._transfer(session)
            if self._wanted.mode == "Update":
                refuse_a_part_of_a_key(transfer.layout, self._database.stalled)
            rehearse(transfer, rehearsal)
            return not transfer.layout.keeps_ids or transfer.may_find_twice

    def _check_all(self, spool: IdSpool) -> None:
        with self._beforehand() as session:
            transfer = self._transfer(session)
            for ids in spool.chunks():
                transfer.stage_ids(ids)
            transfer.refuse_two_as_one()
            if transfer.may_find_twice:
                transfer.refuse_found_twice()

    @contextmanager
    def _beforehand(self) -> Iterator[Session]:
        """A transaction that is rolled back; its errors say that they were found before anything was bought."""
        try:
            with self._database.rehearsing() as session:
                yield session
        except Stalled as refusal:
            if refusal.reason not in (Reason.VALUE_REFUSED, Reason.LABELS_DROPPED):
                raise
            told = "in a rehearsal with every category and verdict, before anything was bought"
            raise Stalled(f"{refusal.message}, {told}", reason=refusal.reason) from None

    def _transfer(self, session: Session) -> Transfer:
        stalled = self._database.stalled
        layout = layout_of(session, self._wanted, stalled)
        return Transfer(
            session, layout, self._wanted.mode, stalled, overwrite=self._wanted.overwrite, claim=self._claim
        )


def type_of_field(field: AskedField) -> TypeOf:
    match field.kind:
        case FieldKind.NUMBER:
            return WHOLE_NUMBER
        case FieldKind.ONE | FieldKind.SEVERAL | FieldKind.TEXT:
            return SHORT_TEXT if field.longest_chars <= SHORT_CHARS else LONG_TEXT


def collision(table: str, taken: Sequence[str]) -> str:
    if not taken:
        return ""
    return (
        f"table {table} takes the ids of several tickets for one: it keeps the label that stands there, and not "
        f"those of {', '.join(map(repr, taken))}. Use a type and collation that tell them apart"
    )
