"""Tickets from the rows of a query, read page by page in the order of the id column."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from nightsort.adapters.sql.bodies import columns_of, with_body
from nightsort.adapters.sql.database import Database, listed, resolve
from nightsort.adapters.sql.ids import ID_TYPES, checked, possible
from nightsort.adapters.sql.keys import joined_key
from nightsort.adapters.sql.pages import (
    FIRST_PAGE_ROWS,
    PAGE_ROWS,
    Layout,
    LongTickets,
    Page,
    Rows,
    bounded,
    one_of,
    quick,
)
from nightsort.adapters.sql.places import marks
from nightsort.adapters.sql.policy import DatabasePolicy
from nightsort.adapters.sql.query import KEY, QueryTable, check_ids, nul_in
from nightsort.adapters.sql.query_conditions import Labels, skips_labeled
from nightsort.adapters.sql.query_parser import paging, unlimited, without_end
from nightsort.adapters.sql.rows import value_of
from nightsort.adapters.sql.session import Session
from nightsort.adapters.sql.snapshot import MOST_KEPT_IDS, Choice, LongIds
from nightsort.adapters.sql.texts import as_text
from nightsort.api.columns import TicketColumns
from nightsort.domain.errors import Rejected, Stalled
from nightsort.domain.reasons import Reason
from nightsort.domain.snapshot import Snapshot
from nightsort.domain.ticket import Ticket
from nightsort.system.threads import InThread

PLACE = "spec.source.database"
JSON_TYPES = (114, 3802)
"""PostgreSQL's json and jsonb."""
PADDED_TYPE = 1042
"""PostgreSQL's char(n), by its number in pg_type. The other families do not have the type, or have lower numbers."""


class DatabaseSource:
    """Implements `ports.ChangingSource`. `fields` are those that the template names; only their columns are read."""

    def __init__(
        self,
        url: str,
        query: str,
        columns: TicketColumns,
        fields: frozenset[str],
        policy: DatabasePolicy,
        *,
        text: Sequence[str] = (),
        page_rows: int = PAGE_ROWS,
        labels: Labels | None = None,
        primary: DatabaseSource | None = None,
        in_thread: InThread = asyncio.to_thread,
    ) -> None:
        """`text` are columns that make up the body, in place of `columns.body`.

        `labels` is the place of the run's labels; `primary` the same query in the database that it writes to.

        Raises Stalled when the policy does not allow the URL; connects to nothing yet.
        """
        self._database = Database(url, policy, PLACE, "SELECT on what the query reads")
        self._in_thread = in_thread
        self._text = query
        self._table = QueryTable(without_end(query, self._database.family))
        self._every: QueryTable | None = None
        self._columns = columns
        self._text_columns = text
        self._wanted = columns_of(columns, text, fields)
        self._page_rows = page_rows
        self._labels, self._primary = labels, primary
        self._layout: Layout | None = None
        self._has_long = False

    async def check(self) -> Sequence[str]:
        await self._in_thread(self._check)
        return ()

    async def count(self) -> int:
        return await self._in_thread(self._count)

    async def tickets(self, after: str | None = None, through: str | None = None) -> AsyncIterator[Sequence[Ticket]]:
        async for page in self._pages(after, through):
            yield page

    async def snapshot(self) -> Snapshot:
        return await self._in_thread(self._snapshot)

    async def among(self, ids: Sequence[str]) -> AsyncIterator[Sequence[Ticket]]:
        if ids:
            async for page in self._pages(ids=ids):
                yield page

    async def by_ids(self, ids: Sequence[str]) -> Sequence[Ticket]:
        return [ticket async for page in self.among(ids) for ticket in page]

    async def place(self) -> Sequence[str]:
        return await self._in_thread(self._place)

    def _place(self) -> Sequence[str]:
        with self._database.reading() as session:
            return marks(session, self._database.address)

    async def outdated(self, ids: Sequence[str]) -> Sequence[str]:
        """Decides by the query's text, else by its rows where labels are written, if it can run there."""
        if self._labels is not None and await self._in_thread(self._skips_labeled, self._labels):
            return ids
        if self._primary is None:
            return ()
        try:
            there = {ticket.id for ticket in await self._primary.by_ids(ids)}
        except Stalled:
            return ()
        return [each for each in ids if each not in there]

    def _skips_labeled(self, labels: Labels) -> bool:
        return skips_labeled(self._text, self._columns.id, labels, self._database.family)

    async def _pages(
        self, after: str | None = None, through: str | None = None, ids: Sequence[str] | None = None
    ) -> AsyncIterator[Sequence[Ticket]]:
        rows = min(FIRST_PAGE_ROWS if ids is None else len(ids), self._page_rows)
        more = True
        while more:
            page, more = await self._in_thread(self._page, after, through, ids, rows)
            if page:
                yield page
                after, rows = page[-1].cursor, self._page_rows

    def _check(self) -> None:
        with self._database.reading() as session:
            self._layout = None
            layout = self._known(session)
            if layout.json:
                raise self._json_id(layout.id)
            check_ids(session, self._table, layout.id, self._stalled)

    def _count(self) -> int:
        with self._database.reading() as session:
            return self._table.count(session)

    def _page(
        self, after: str | None, through: str | None, ids: Sequence[str] | None, rows: int
    ) -> tuple[Sequence[Ticket], bool]:
        """The next tickets, of these ids or of all, and whether more may follow."""
        try:
            return self._read(after, through, ids, rows)
        except LongTickets:
            self._has_long = True
            return self._read(after, through, ids, rows)

    def _read(
        self, after: str | None, through: str | None, ids: Sequence[str] | None, rows: int
    ) -> tuple[Sequence[Ticket], bool]:
        with self._database.reading() as session:
            layout = self._known(session)
            column = f"t.{session.quote(layout.id)}"
            conditions, values = [f"{column} IS NOT NULL"], dict[str, object]()
            if after is not None:
                conditions.append(f"{column} > {session.bind('after')}")
                values["after"] = self._typed(layout, after)
            if through is not None:
                conditions.append(f"{column} <= {session.bind('through')}")
                values["through"] = self._typed(layout, through)
            table = self._table
            if ids is not None:
                table = self._every_row()
                wanted = list(possible(layout.typed, ids))
                if not wanted:
                    return (), False
                condition, more_values = one_of(session, column, wanted)
                conditions.append(condition)
                values |= more_values
            rest = f"WHERE {' AND '.join(conditions)} ORDER BY {column}"
            page = Page(session, table, layout, rest, rows, values)
            found, more = (None if self._has_long else quick(page)) or self._long(page)
            asked = {layout.id_of(each): each for each in ids or ()}  # trailing spaces are part of the ids
            given = ((layout.id_of(ticket_id), fields) for ticket_id, *fields in found)
            return [self._ticket(layout, asked.get(each, each), fields) for each, fields in given], more

    def _long(self, page: Page) -> tuple[Rows, bool]:
        """The first long ticket makes this and all further pages bounded ones."""
        self._has_long = True
        return bounded(page, self._stalled)

    def _every_row(self) -> QueryTable:
        """The query without its LIMIT, for reading chosen rows again."""
        if self._every is None:
            self._every = QueryTable(unlimited(self._text, self._database.family))
        return self._every

    def _snapshot(self) -> Snapshot:
        reading = paging(self._text, self._database.family)
        if reading.trouble is not None:
            raise Rejected(f"{PLACE}: {reading.trouble}", reason=Reason.ROWS_CHANGE)
        try:
            with self._choosing() as choice:
                snapshot = choice.snapshot()
        except LongIds:
            with self._choosing() as choice:
                snapshot = choice.last()
        if snapshot.ids is None and reading.limited:
            raise Rejected(
                f"{PLACE}: a query with a LIMIT may give {MOST_KEPT_IDS:,} rows, whose ids are kept, so that no others "
                "are bought; this one gives more",
                reason=Reason.TOO_MANY_ROWS,
            )
        return snapshot

    @contextmanager
    def _choosing(self) -> Iterator[Choice]:
        with self._database.reading() as session:
            yield Choice(session, self._table, self._every_row(), self._known(session), self._stalled)

    def _typed(self, layout: Layout, cursor: str) -> object:
        try:
            return layout.typed(cursor)
        except ValueError:
            raise self._stalled(
                f"the type of column {layout.id!r} has changed since the run began", Reason.ID_TYPE_CHANGED
            ) from None

    def _ticket(self, layout: Layout, ticket_id: str, values: Sequence[object]) -> Ticket:
        if "\0" in ticket_id:
            raise self._stalled(nul_in(layout.id), Reason.NUL_IN_IDS)
        fields = {}
        for name, value in zip(layout.fields, values, strict=True):
            try:
                fields[name] = value if type(value) is str else as_text(value)
            except UnicodeDecodeError:
                column = layout.fields[name]
                raise self._stalled(
                    f"column {column!r} of ticket {ticket_id!r} is not UTF-8 text", Reason.NOT_TEXT
                ) from None
        return Ticket(ticket_id, with_body(fields, self._text_columns), cursor=ticket_id)

    def _known(self, session: Session) -> Layout:
        layout = self._layout or self._learn(session)
        self._layout = layout if layout.final else None
        return layout

    def _learn(self, session: Session) -> Layout:
        # When all rows within a LIMIT are labeled, the query itself may give no row to show the type.
        every = replace(self._every_row(), key=None)
        types = every.columns(session)
        names = list(types)
        wanted = self._columns.key or (self._columns.id,)
        found = {name: resolve(name, names) for name in (*wanted, *self._wanted.values())}
        if missing := sorted(name for name, column in found.items() if column is None):
            raise self._stalled(
                f"the query has no column {listed(missing)}; its columns are {listed(names)}", Reason.COLUMN_MISSING
            )
        present = {name: column for name, column in found.items() if column is not None}
        id_column = present[wanted[0]]
        if self._columns.key is not None:
            key, id_column = joined_key(session, [present[name] for name in wanted]), KEY
            every = self._every = replace(every, key=key)
            self._table = replace(self._table, key=key)
        quoted = f"t.{session.quote(id_column)}"
        some_id = value_of(every.select(session, quoted, f"WHERE {quoted} IS NOT NULL"))
        is_json = session.family == "postgresql" and types.get(id_column) in JSON_TYPES
        return Layout(
            id=id_column,
            fields={field: present[column] for field, column in sorted(self._wanted.items())},
            typed=self._id_type(session, id_column, some_id, json=is_json),
            final=some_id is not None,
            padded=types.get(id_column) == PADDED_TYPE,
            json=is_json,
        )

    def _id_type(self, session: Session, id_column: str, some_id: object, *, json: bool) -> Callable[[str], object]:
        for kind, typed in ID_TYPES.items():
            if isinstance(some_id, kind) and not isinstance(some_id, bool):
                return checked(typed) if session.family == "postgresql" else typed
        if json:
            raise self._json_id(id_column)
        raise self._stalled(
            f"column {id_column!r} is of a type ({type(some_id).__name__}) that cannot identify tickets; "
            "cast it to text or a whole number in the query",
            Reason.ID_TYPE,
        )

    def _json_id(self, column: str) -> Stalled:
        return self._stalled(
            f"column {column!r} is JSON, whose texts, numbers, lists and true are ids of as many kinds; take the text "
            f"out of it in the query, as by {column} #>> '{{}}' AS {column}",
            Reason.ID_TYPE,
        )

    def _stalled(self, message: str, reason: Reason) -> Stalled:
        return self._database.stalled(message, reason)
