"""A user's query as a table for further statements, and the checks of its id column."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from nightsort.adapters.sql.database import listed
from nightsort.adapters.sql.ids import has_nul
from nightsort.adapters.sql.rows import ANSWER_BYTES, Row, value_of
from nightsort.adapters.sql.session import Session
from nightsort.domain.errors import Stalled
from nightsort.domain.reasons import Reason

MOST_ID_CHARS = 512
EXAMPLES = 3
KEY = "nightsort_key"
"""The column that is added where several columns are a ticket's id."""

Complain = Callable[[str, Reason], Stalled]
"""Makes the error from a message and a reason."""


@dataclass(frozen=True, slots=True)
class QueryTable:
    """The query as a table `t`; `key` is the expression of an added column, where several are a ticket's id."""

    query: str
    key: str | None = None

    def select(
        self, session: Session, what: str, rest: str = "", rows: int = 1, room: int = ANSWER_BYTES, /, **values: object
    ) -> list[Row]:
        """At most this many rows, in this many bytes.

        The statement always has a parameter, which makes PostgreSQL refuse a query of several statements.
        """
        return session.rows(self.statement(session, what, rest), rows, room, rows=rows, **values)

    def statement(self, session: Session, what: str, rest: str) -> str:
        """The query in parentheses; the line break ends a comment at its end."""
        table = f"(\n{session.raw(self.query)}\n) AS t"
        if self.key is not None:
            table = f"(SELECT t.*, {self.key} AS {KEY} FROM {table}) AS t"
        return f"SELECT {what} FROM {table} {rest} LIMIT {session.bind('rows')}"

    def columns(self, session: Session) -> Mapping[str, object]:
        """The driver's type of each column, by name."""
        return session.columns(self.statement(session, "*", ""), rows=0)

    def count(self, session: Session) -> int:
        return int(value_of(self.select(session, "COUNT(*)")))


def check_ids(session: Session, table: QueryTable, id_column: str, complain: Complain) -> None:
    """Checks all ids as tickets are told apart by them.

    Raises:
        Stalled: one is missing, empty, too long, has a NUL character, or occurs more than once.
    """
    column = f"t.{session.quote(id_column)}"
    text = f"CAST({column} AS {'CHAR' if session.family == 'mysql' else 'TEXT'})"
    length = f"{'CHAR_LENGTH' if session.family == 'mysql' else 'LENGTH'}({text})"
    types = f"COUNT(DISTINCT typeof({column}))" if session.family == "sqlite" else "1"
    empty = f"COUNT(CASE WHEN TRIM({text}) = '' THEN 1 END)"
    nul = f"COUNT(CASE WHEN {has_nul(session.family, column)} THEN 1 END)"
    aggregates = f"COUNT(*), COUNT({column}), COUNT(DISTINCT {column}), {empty}, MAX({length}), {types}, {nul}"
    ((rows, present, distinct, blank, chars, kinds, with_nul),) = table.select(session, aggregates)
    if missing := rows - present + blank:
        raise complain(f"column {id_column!r} is NULL or empty in {missing} of {rows} rows", Reason.EMPTY_IDS)
    if (chars or 0) > MOST_ID_CHARS:
        raise complain(
            f"column {id_column!r} has an id of {chars:,} characters, more than {MOST_ID_CHARS}", Reason.LONG_IDS
        )
    if with_nul:
        raise complain(nul_in(id_column), Reason.NUL_IN_IDS)
    if kinds > 1:
        raise complain(f"column {id_column!r} mixes numbers and text; cast it in the query", Reason.ID_TYPE)
    if distinct < rows:
        repeated = f"GROUP BY {column} HAVING COUNT(*) > 1 ORDER BY {column}"
        examples = table.select(session, column, repeated, EXAMPLES)
        raise complain(
            f"column {id_column!r} is not unique: {rows} rows, {distinct} different ids; more than once: "
            f"{listed([shortened(str(each)) for (each,) in examples])}",
            Reason.DUPLICATE_IDS,
        )


def nul_in(id_column: str) -> str:
    return f"column {id_column!r} has ids with a NUL character: replace it in the query"


def shortened(text: str, most: int = 60) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
