"""A page of tickets from a query: as many rows as fit the memory, whatever their length."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nightsort.adapters.sql.ids import array_literal
from nightsort.adapters.sql.query import Complain, QueryTable, shortened
from nightsort.adapters.sql.rows import Row, TooManyBytes
from nightsort.adapters.sql.session import Session
from nightsort.domain.reasons import Reason

PAGE_ROWS = 5000
FIRST_PAGE_ROWS = 200
# Bounds the memory of a page: where tickets are long, the database itself ends the page behind the one that fills it.
PAGE_BYTES = 8_000_000
USUAL_FACTOR = 8
"""A ticket this many times as long as fits a full page is a long one."""
MOST_TICKET_BYTES = 16 * 1024 * 1024
"""The same limit as for a ticket in a file."""
QUICK_BYTES = USUAL_FACTOR * PAGE_BYTES
"""Bytes of a page that the database has not measured, in memory and on its way."""
MEASURED_BYTES = 4 * (PAGE_BYTES + MOST_TICKET_BYTES)
"""Bytes of a measured page: in memory, a text has up to four times its bytes."""
Rows = Sequence[Row]


class LongTickets(Exception):
    """The tickets of this source are long, so that the database must measure them."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The query's columns that are read: the id's, and one for each field of a ticket.

    `typed` converts an id or cursor to the type that its column is compared with; ValueError where it cannot be one of
    its ids. `final` is false while there is no row to show the type. `padded`: ids have trailing spaces, which
    PostgreSQL ignores wherever it compares or casts them.
    """

    id: str
    fields: dict[str, str]
    typed: Callable[[str], object]
    final: bool
    padded: bool = False
    json: bool = False

    def id_of(self, value: object) -> str:
        return str(value).rstrip(" ") if self.padded else str(value)


@dataclass(frozen=True, slots=True)
class Page:
    """The next rows, this many: from which table, under which condition and in which order (`rest`)."""

    session: Session
    table: QueryTable
    layout: Layout
    rest: str
    rows: int
    values: dict[str, object]

    @property
    def columns(self) -> list[str]:
        """The id's and the fields' columns, ready for use in a statement."""
        return [f"t.{self.session.quote(name)}" for name in (self.layout.id, *self.layout.fields.values())]


def quick(page: Page) -> tuple[Rows, bool] | None:
    """Ids and fields of the next rows, at half the cost of a page that the database must measure.

    None where one of the tickets is long.

    Raises:
        LongTickets: together they are long, and the session cannot be used any more.
    """
    session, columns = page.session, page.columns
    usual = USUAL_FACTOR * PAGE_BYTES // page.rows
    sizes = [session.size(column) for column in columns[1:]]
    fields = (f"CASE WHEN {size} <= {usual} THEN {column} END" for size, column in zip(sizes, columns[1:], strict=True))
    long = " OR ".join(f"{size} > {usual}" for size in sizes) or "1 = 0"
    what = ", ".join([columns[0], *fields, f"({long})"])
    try:
        found = page.table.select(session, what, page.rest, page.rows, QUICK_BYTES, **page.values)
    except TooManyBytes:
        raise LongTickets from None
    if any(row[-1] for row in found):
        return None
    return [row[:-1] for row in found], len(found) == page.rows


def bounded(page: Page, complain: Complain) -> tuple[Rows, bool]:
    """Ids and fields of the first rows that fit a page, at least one, and whether more rows may follow.

    Only those rows leave the database: there may be a ticket longer than the memory beside many short ones.
    """
    session, columns = page.session, page.columns
    size = " + ".join(session.size(column) for column in columns)
    named = ", ".join(f"{column} AS n{place}" for place, column in enumerate(columns))
    inner = page.table.statement(session, f"{named}, {size} AS bytes", page.rest)
    fields = [f"CASE WHEN bytes <= {MOST_TICKET_BYTES} THEN n{place} END" for place in range(1, len(columns))]
    held = "SUM(bytes) OVER (ORDER BY n0 ROWS UNBOUNDED PRECEDING) - bytes AS held, COUNT(*) OVER () AS there"
    result = session.rows(
        f"SELECT {', '.join(['there', 'bytes', 'n0', *fields])} "
        f"FROM (SELECT p.*, {held} FROM (\n{inner}\n) AS p) AS h WHERE held < {PAGE_BYTES} ORDER BY n0",
        page.rows,
        MEASURED_BYTES,
        rows=page.rows,
        **page.values,
    )
    for _, taken, ticket_id, *_ in result:
        if taken > MOST_TICKET_BYTES:
            raise complain(
                f"ticket {shortened(str(ticket_id))!r} has {int(taken):,} bytes, more than {MOST_TICKET_BYTES:,}: "
                "cut its text in the query",
                Reason.TICKET_TOO_LARGE,
            )
    there = result[0][0] if result else 0
    return [row[2:] for row in result], there == page.rows or len(result) < there


def one_of(session: Session, column: str, ids: Sequence[object]) -> tuple[str, dict[str, object]]:
    """The condition that a column is one of these, with its parameters."""
    if session.family == "postgresql":  # an array without a type takes the column's
        return f"{column} = ANY({session.bind('ids')})", {"ids": array_literal(ids)}
    values: dict[str, object] = {f"id{place}": each for place, each in enumerate(ids)}
    return f"{column} IN ({', '.join(session.bind(name) for name in values)})", values
