"""Tickets from the rows of a query, read page by page in the order of the id column."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from nightsort.adapters.database_ids import ID_TYPES, array_literal, checked, has_nul, possible
from nightsort.adapters.database_keys import joined_key
from nightsort.adapters.databases import Database, DatabasePolicy, Result, Session, listed, resolve
from nightsort.api.spec import TicketColumns
from nightsort.domain.errors import Stalled
from nightsort.domain.ticket import Ticket

PLACE = "spec.source.database"
PAGE_ROWS = 5000
FIRST_PAGE_ROWS = 200
# Bounds the memory of a page: where tickets are long, the database itself ends it behind the one that fills it.
PAGE_BYTES = 8_000_000
USUAL_FACTOR = 8
"""A ticket so many times as long as fits a full page is long."""
MOST_TICKET_BYTES = 16 * 1024 * 1024
"""As of a ticket in a file."""
MOST_ID_CHARS = 512
EXAMPLES = 3
KEY = "nightsort_key"
"""The column that is made where several are a ticket's id."""
PADDED_TYPE = 1042
"""PostgreSQL's char(n), by its number in pg_type. The other families have no such types, or numbers below."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The query's columns that are read: the id's, and for each field of a ticket its own.

    `typed` turns an id or cursor into what its column is compared with; ValueError where it can be none of its ids.
    `final` is false while there is no row to tell the type from. `padded`: ids are given with spaces behind them, which
    PostgreSQL leaves out wherever it compares or casts them.
    """

    id: str
    fields: dict[str, str]
    typed: Callable[[str], object]
    final: bool
    padded: bool = False

    def id_of(self, value: object) -> str:
        return str(value).rstrip(" ") if self.padded else str(value)


class DatabaseSource:
    """Implements `ports.Source`. `fields` are the names in the prompt's template; only their columns are read."""

    def __init__(
        self,
        url: str,
        query: str,
        columns: TicketColumns,
        fields: frozenset[str],
        policy: DatabasePolicy,
        *,
        page_rows: int = PAGE_ROWS,
    ) -> None:
        """Raises Stalled when the policy does not allow the URL; connects to nothing yet."""
        self._database = Database(url, policy, PLACE, "SELECT on what the query reads")
        self._query = query.strip().rstrip("; \t\r\n")
        self._columns = columns
        mapped: dict[str, str] = columns.model_dump(by_alias=False, exclude={"key"})
        self._wanted: dict[str, str] = {name: mapped.get(name, name) for name in fields}
        self._page_rows = page_rows
        self._layout: Layout | None = None
        self._has_long = False
        self._joined_key: str | None = None

    async def check(self) -> Sequence[str]:
        await asyncio.to_thread(self._check)
        return ()

    async def count(self) -> int:
        return await asyncio.to_thread(self._count)

    async def tickets(self, after: str | None = None, through: str | None = None) -> AsyncIterator[Sequence[Ticket]]:
        rows = min(FIRST_PAGE_ROWS, self._page_rows)
        more = True
        while more:
            page, more = await asyncio.to_thread(self._page, after, through, rows)
            if page:
                yield page
                after, rows = page[-1].cursor, self._page_rows

    async def by_ids(self, ids: Sequence[str]) -> Sequence[Ticket]:
        return await asyncio.to_thread(self._by_ids, ids) if ids else ()

    def _check(self) -> None:
        with self._database.reading() as session:
            self._layout = None
            self._check_ids(session, self._known(session).id)

    def _count(self) -> int:
        with self._database.reading() as session:
            return int(self._select(session, "COUNT(*)").scalar_one())

    def _page(self, after: str | None, through: str | None, rows: int) -> tuple[Sequence[Ticket], bool]:
        """The next tickets, and whether there may be more behind them."""
        with self._database.reading() as session:
            layout = self._known(session)
            column = f"t.{session.quote(layout.id)}"
            conditions, values = [f"{column} IS NOT NULL"], {}
            if after is not None:
                conditions.append(f"{column} > {session.bind('after')}")
                values["after"] = self._typed(layout, after)
            if through is not None:
                conditions.append(f"{column} <= {session.bind('through')}")
                values["through"] = self._typed(layout, through)
            rest = f"WHERE {' AND '.join(conditions)} ORDER BY {column}"
            page = (session, layout, rest, rows, values)
            found, more = self._quick(*page) or self._bounded(*page)
            return [self._ticket(layout, layout.id_of(ticket_id), fields) for ticket_id, *fields in found], more

    def _quick(
        self, session: Session, layout: Layout, rest: str, rows: int, values: dict[str, object]
    ) -> tuple[Sequence[Sequence[Any]], bool] | None:
        """Ids and fields of the next rows, at half of what a page costs that the database has to measure.

        None where tickets are long: the first one makes this and all further pages bounded ones.
        """
        if self._has_long:
            return None
        columns = [f"t.{session.quote(name)}" for name in (layout.id, *layout.fields.values())]
        usual = USUAL_FACTOR * PAGE_BYTES // rows
        sizes = [session.size(column) for column in columns[1:]]
        fields = (
            f"CASE WHEN {size} <= {usual} THEN {column} END" for size, column in zip(sizes, columns[1:], strict=True)
        )
        long = " OR ".join(f"{size} > {usual}" for size in sizes) or "1 = 0"
        found = self._select(session, ", ".join([columns[0], *fields, f"({long})"]), rest, rows, **values).all()
        self._has_long = any(row[-1] for row in found)
        return None if self._has_long else ([row[:-1] for row in found], len(found) == rows)

    def _bounded(
        self, session: Session, layout: Layout, rest: str, rows: int, values: dict[str, object]
    ) -> tuple[Sequence[Sequence[Any]], bool]:
        """Ids and fields of the first rows that fit a page, at least one, and whether there may be more behind them.

        No row leaves the database but those: beside many short tickets may stand one that is longer than memory.
        """
        columns = [f"t.{session.quote(name)}" for name in (layout.id, *layout.fields.values())]
        size = " + ".join(session.size(column) for column in columns)
        named = ", ".join(f"{column} AS n{place}" for place, column in enumerate(columns))
        page = self._statement(session, f"{named}, {size} AS bytes", rest)
        fields = [f"CASE WHEN bytes <= {MOST_TICKET_BYTES} THEN n{place} END" for place in range(1, len(columns))]
        held = "SUM(bytes) OVER (ORDER BY n0 ROWS UNBOUNDED PRECEDING) - bytes AS held, COUNT(*) OVER () AS there"
        result = session.run(
            f"SELECT {', '.join(['there', 'bytes', 'n0', *fields])} "
            f"FROM (SELECT p.*, {held} FROM (\n{page}\n) AS p) AS h WHERE held < {PAGE_BYTES} ORDER BY n0",
            rows=rows,
            **values,
        ).all()
        for _, taken, ticket_id, *_ in result:
            if taken > MOST_TICKET_BYTES:
                raise self._too_large(str(ticket_id), int(taken))
        there = result[0][0] if result else 0
        return [row[2:] for row in result], there == rows or len(result) < there

    def _too_large(self, ticket_id: str, taken: int) -> Stalled:
        return self._stalled(
            f"ticket {shortened(ticket_id)!r} has {taken:,} bytes, more than {MOST_TICKET_BYTES:,}: "
            "cut its text in the query",
            "TicketTooLarge",
        )

    def _typed(self, layout: Layout, cursor: str) -> object:
        try:
            return layout.typed(cursor)
        except ValueError:
            raise self._stalled(
                f"the type of column {layout.id!r} has changed since the run began", "IdTypeChanged"
            ) from None

    def _by_ids(self, ids: Sequence[str]) -> Sequence[Ticket]:
        with self._database.reading() as session:
            layout = self._known(session)
            values = list(possible(layout.typed, ids))
            if not values:
                return ()
            column = f"t.{session.quote(layout.id)}"
            parameters: dict[str, object]
            if session.family == "postgresql":  # an array without a type takes the column's
                condition, parameters = f"= ANY({session.bind('ids')})", {"ids": array_literal(values)}
            else:
                parameters = {f"id{place}": value for place, value in enumerate(values)}
                condition = f"IN ({', '.join(session.bind(name) for name in parameters)})"
            return self._tickets_of(session, layout, f"WHERE {column} {condition}", ids, parameters)

    def _tickets_of(
        self, session: Session, layout: Layout, rest: str, ids: Sequence[str], parameters: dict[str, object]
    ) -> Sequence[Ticket]:
        """An id that was asked for with the spaces behind it is given so."""
        what = ", ".join(f"t.{session.quote(name)}" for name in (layout.id, *layout.fields.values()))
        result = self._select(session, what, rest, len(ids), **parameters)
        asked = {layout.id_of(ticket_id): ticket_id for ticket_id in ids}
        found = ((layout.id_of(ticket_id), fields) for ticket_id, *fields in result.all())
        return [self._ticket(layout, asked.get(ticket_id, ticket_id), fields) for ticket_id, fields in found]

    def _ticket(self, layout: Layout, ticket_id: str, values: Sequence[object]) -> Ticket:
        if "\0" in ticket_id:
            raise self._nul(layout.id)
        fields = {}
        for name, value in zip(layout.fields, values, strict=True):
            try:
                fields[name] = value if type(value) is str else as_text(value)
            except UnicodeDecodeError:
                column = layout.fields[name]
                raise self._stalled(f"column {column!r} of ticket {ticket_id!r} is not UTF-8 text", "NotText") from None
        return Ticket(ticket_id, fields, cursor=ticket_id)

    def _select(self, session: Session, what: str, rest: str = "", rows: int = 1, **values: object) -> Result:
        """The query as a table `t`. The line break ends a comment at its end.

        It has always a parameter, which makes PostgreSQL refuse more than one statement.
        """
        return session.run(self._statement(session, what, rest), rows=rows, **values)

    def _statement(self, session: Session, what: str, rest: str) -> str:
        table = f"(\n{session.raw(self._query)}\n) AS t"
        if self._joined_key is not None:
            table = f"(SELECT t.*, {self._joined_key} AS {KEY} FROM {table}) AS t"
        return f"SELECT {what} FROM {table} {rest} LIMIT {session.bind('rows')}"

    def _known(self, session: Session) -> Layout:
        layout = self._layout or self._learn(session)
        self._layout = layout if layout.final else None
        return layout

    def _learn(self, session: Session) -> Layout:
        self._joined_key = None
        result = self._select(session, "*", rows=0)
        names, types = list(result.keys()), [column[1] for column in result.cursor.description]
        wanted = self._columns.key or (self._columns.id,)
        found = {name: resolve(name, names) for name in (*wanted, *self._wanted.values())}
        if missing := sorted(name for name, column in found.items() if column is None):
            raise self._stalled(
                f"the query has no column {listed(missing)}; its columns are {listed(names)}", "ColumnMissing"
            )
        present = {name: column for name, column in found.items() if column is not None}
        id_column = present[wanted[0]]
        if self._columns.key is not None:
            self._joined_key, id_column = joined_key(session, [present[name] for name in wanted]), KEY
        quoted = f"t.{session.quote(id_column)}"
        some_id = self._select(session, quoted, f"WHERE {quoted} IS NOT NULL").scalar()
        return Layout(
            id=id_column,
            fields={field: present[column] for field, column in sorted(self._wanted.items())},
            typed=self._id_type(session, id_column, some_id),
            final=some_id is not None,
            padded=dict(zip(names, types, strict=True)).get(id_column) == PADDED_TYPE,
        )

    def _id_type(self, session: Session, id_column: str, some_id: object) -> Callable[[str], object]:
        for kind, typed in ID_TYPES.items():
            if isinstance(some_id, kind) and not isinstance(some_id, bool):
                return checked(typed) if session.family == "postgresql" else typed
        raise self._stalled(
            f"column {id_column!r} is of a type ({type(some_id).__name__}) that cannot identify tickets; "
            "cast it to text or a whole number in the query",
            "IdType",
        )

    def _check_ids(self, session: Session, id_column: str) -> None:
        column = f"t.{session.quote(id_column)}"
        text = f"CAST({column} AS {'CHAR' if session.family == 'mysql' else 'TEXT'})"
        length = f"{'CHAR_LENGTH' if session.family == 'mysql' else 'LENGTH'}({text})"
        types = f"COUNT(DISTINCT typeof({column}))" if session.family == "sqlite" else "1"
        empty = f"COUNT(CASE WHEN TRIM({text}) = '' THEN 1 END)"
        nul = f"COUNT(CASE WHEN {has_nul(session.family, column)} THEN 1 END)"
        aggregates = f"COUNT(*), COUNT({column}), COUNT(DISTINCT {column}), {empty}, MAX({length}), {types}, {nul}"
        rows, present, distinct, blank, chars, kinds, with_nul = self._select(session, aggregates).one()
        if missing := rows - present + blank:
            raise self._stalled(f"column {id_column!r} is NULL or empty in {missing} of {rows} rows", "EmptyIds")
        if (chars or 0) > MOST_ID_CHARS:
            raise self._stalled(
                f"column {id_column!r} has an id of {chars:,} characters, more than {MOST_ID_CHARS}", "LongIds"
            )
        if with_nul:
            raise self._nul(id_column)
        if kinds > 1:
            raise self._stalled(f"column {id_column!r} mixes numbers and text; cast it in the query", "IdType")
        if distinct < rows:
            examples = self._select(
                session, column, f"GROUP BY {column} HAVING COUNT(*) > 1 ORDER BY {column}", EXAMPLES
            ).scalars()
            raise self._stalled(
                f"column {id_column!r} is not unique: {rows} rows, {distinct} different ids; more than once: "
                f"{listed([shortened(str(each)) for each in examples])}",
                "DuplicateIds",
            )

    def _nul(self, id_column: str) -> Stalled:
        return self._stalled(f"column {id_column!r} has ids with a NUL character: replace it in the query", "NulInIds")

    def _stalled(self, message: str, reason: str) -> Stalled:
        return self._database.stalled(message, reason)


def as_text(value: object) -> str:
    match value:
        case None:
            return ""
        case str():
            return value
        case bytes():
            return value.decode()
        case dict() | list():
            return json.dumps(value, ensure_ascii=False, default=str)
        case _:
            return str(value)


def shortened(text: str, most: int = 60) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
