"""Rows of a statement, read one after the other, with a bound on their number and their memory.

A LIMIT is no guarantee: the server may be no database, or a malicious one. PyMySQL and libpq read a row whole before
they return it, without any bound; so the connection is watched from outside (see `lines`) and shut down if more bytes
arrive than the answer may have. SQLite, which runs in our process, cuts long values where the statement says so.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Iterable, Mapping, Sequence
from sys import getsizeof
from typing import Any

import psycopg
import pymysql
from pymysql.cursors import SSCursor

ANSWER_BYTES = 8 * 1024 * 1024
"""Bytes of all answers but pages of rows: names of columns, counts, single values."""
CHUNK_ROWS = 50 if psycopg.pq.version() >= 170000 else 1
"""Rows that libpq returns at once, where it can; one by one they take twice the time."""
DRIVER_ERRORS = (psycopg.Error, pymysql.Error, sqlite3.Error)
Row = tuple[Any, ...]


class TooMuch(Exception):
    """The database gives more than was asked for, or than fits the memory. The connection cannot be used any more."""


class TooManyRows(TooMuch):
    def __init__(self, most: int) -> None:
        super().__init__(f"the database has sent more than the {most:,} rows that it was asked for")


class TooManyBytes(TooMuch):
    def __init__(self, most: int) -> None:
        super().__init__(f"the database has sent an answer of more than {most:,} bytes")


class Unbuffered(SSCursor):
    """PyMySQL's cursor that reads each row on demand; its own end would read all remaining ones."""

    def close(self) -> None:
        try:
            super().close()
        except BaseException:
            self.abandon()
            raise

    __del__ = close

    def abandon(self) -> None:
        """Ends without reading more."""
        result: Any = getattr(self, "_result", None)
        if result is not None:
            result.unbuffered_active = False
        self.connection: Any = None


def stream(connection: Any, family: str, statement: str, parameters: Mapping[str, object]) -> Generator[Row]:
    """The rows of a statement as the driver receives them; `connection` is the driver's own."""
    match family:
        case "postgresql":
            with connection.cursor() as cursor:
                yield from cursor.stream(statement.encode(), parameters, size=CHUNK_ROWS)
        case "mysql":
            cursor = connection.cursor(Unbuffered)
            try:
                cursor.execute(statement, parameters)
                yield from iter(cursor.fetchone, None)
                cursor.close()
            finally:
                cursor.abandon()
        case _:
            yield from connection.execute(statement, parameters)


def bounded(found: Iterable[Row], most: int, room: int) -> list[Row]:
    """All rows, at most `most` and in at most `room` bytes of memory.

    Raises:
        TooMuch: there is more; that much is in memory, and one row besides.
    """
    kept: list[Row] = []
    held = 0
    for row in found:
        held += sum(map(getsizeof, row))
        if len(kept) == most:
            raise TooManyRows(most)
        if held > room:
            raise TooManyBytes(room)
        kept.append(row)
    return kept


def value_of(rows: Sequence[Row]) -> Any:
    """The single value of an answer; None where there is no row."""
    return rows[0][0] if rows else None
