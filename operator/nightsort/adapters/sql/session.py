"""An open transaction: how statements run, how long they may take, and how much they may return."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
import sqlalchemy as sa
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError

from nightsort.adapters.sql.lines import Line
from nightsort.adapters.sql.nested_texts import take_any_nesting
from nightsort.adapters.sql.rows import (
    ANSWER_BYTES,
    DRIVER_ERRORS,
    Row,
    TooManyBytes,
    TooManyRows,
    bounded,
    stream,
    value_of,
)
from nightsort.adapters.sql.times import take_any_time

READ_SECONDS = 300
WRITE_SECONDS = 300
LOCK_SECONDS = 30


NO_VALUES = (struct.error, LookupError, AssertionError, TypeError, ValueError, ArithmeticError, RuntimeError)
"""Exceptions of drivers for invalid packets, and for values that do not have the type that the server names."""


class NoProtocol(Exception):
    """The packet does not belong to the protocol."""


def tell_strangers(engine: sa.Engine) -> None:
    """Makes the engine raise NoProtocol for a driver's exceptions in NO_VALUES, and then send nothing more.

    Otherwise they pass through the library as they are, also those at the end of a transaction.
    """

    def replaced(context: ExceptionContext) -> BaseException | None:
        error = context.original_exception
        if not isinstance(error, NO_VALUES) or isinstance(error, UnicodeError):
            return None
        context.is_disconnect = True
        return NoProtocol()

    sa.event.listen(engine, "handle_error", replaced)


class Session:
    """Runs statements as the driver reads them, with parameters from `bind`.

    Every method that runs one raises the driver's own errors, TooMuch, and NoProtocol.
    """

    def __init__(self, connection: sa.Connection, family: str, line: Line | None, seconds: float) -> None:
        """`line` is None for SQLite; each statement may take this many seconds."""
        self._connection = connection
        self._line, self._seconds = line, seconds
        self.family = family

    def raw(self, text: str) -> str:
        """A piece of foreign SQL for use in a statement: its percent signs are no placeholders."""
        return text if self.family == "sqlite" else text.replace("%", "%%")

    def quote(self, name: str) -> str:
        """A name for use in a statement, whatever characters it has."""
        mark = "`" if self.family == "mysql" else '"'
        return self.raw(f"{mark}{name.replace(mark, mark * 2)}{mark}")

    def size(self, expression: str) -> str:
        """An expression for a value's bytes (SQLite's text: characters). PostgreSQL need not read the value for it."""
        length = f"OCTET_LENGTH(CAST({expression} AS TEXT))" if self.family == "postgresql" else f"LENGTH({expression})"
        return f"COALESCE({length}, 0)"

    def bind(self, name: str) -> str:
        return f":{name}" if self.family == "sqlite" else f"%({name})s"

    def rows(self, statement: str, most: int, room: int = ANSWER_BYTES, /, **parameters: object) -> list[Row]:
        """The rows of a statement, at most this many and in this many bytes.

        Text goes to PostgreSQL without a type, so that it takes that of its column.
        """
        self.ask(room)
        found = stream(self._driver, self.family, statement, parameters)
        try:
            return bounded(found, most, room)
        except DRIVER_ERRORS as error:
            if self._line is not None and self._line.is_flooded:
                self._hang_up()
                raise TooManyBytes(room) from None
            if self._connection.dialect.is_disconnect(error, self._driver, None):  # type: ignore[arg-type]
                self._connection.invalidate()
            raise
        except UnicodeError:
            self._hang_up()
            raise
        except NO_VALUES:
            self._hang_up()
            raise NoProtocol from None
        except BaseException:
            self._hang_up()
            raise
        finally:
            found.close()

    def value(self, statement: str, **parameters: object) -> Any:
        """The single value of a statement; None where there is no row."""
        return value_of(self.rows(statement, 1, **parameters))

    def asked(self, statement: str, **parameters: object) -> Any:
        """The single value of a statement; None where the database refuses it, and the transaction goes on."""
        try:
            with self._connection.begin_nested():
                return self.value(statement, **parameters)
        except (DBAPIError, *DRIVER_ERRORS):
            if self._connection.invalidated:
                raise
            return None

    def run(self, statement: str, **parameters: object) -> int:
        """Runs a statement without rows; returns how many rows it has changed."""
        return self._executed(statement, parameters, may_give_columns=False).rowcount

    def columns(self, statement: str, **parameters: object) -> Mapping[str, object]:
        """The driver's type of each column, by name, of a statement whose rows are not read."""
        result = self._executed(statement, parameters, may_give_columns=True)
        described = dict(zip(result.keys(), (column[1] for column in result.cursor.description), strict=True))
        if result.fetchone() is not None:
            self._abandon(result)
        return described

    def _executed(
        self, statement: str, parameters: object, *, may_give_columns: bool
    ) -> sa.CursorResult[*tuple[Any, ...]]:
        self.ask()
        result = self._connection.exec_driver_sql(statement, parameters)  # type: ignore[arg-type]
        if result.returns_rows and not may_give_columns:
            self._abandon(result)
        return result

    def run_many(self, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
        """Runs it for each row, whose values stand for `?` (SQLite) or `%s`."""
        self.ask()
        self._connection.exec_driver_sql(statement, list(rows))

    def copy(self, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
        """PostgreSQL's COPY … FROM STDIN."""
        self.ask()
        connection: psycopg.Connection[Any] = self._driver
        with connection.cursor() as cursor, cursor.copy(statement.encode()) as copy:
            for row in rows:
                copy.write_row(row)

    def ask(self, room: int = 0) -> None:
        """Starts the database's time anew, and allows it this many bytes."""
        if self._line is not None:
            self._line.ask(self._seconds, room + ANSWER_BYTES)

    @property
    def _driver(self) -> Any:
        return self._connection.connection.driver_connection

    def _abandon(self, result: sa.CursorResult[Any]) -> None:
        """Raises TooManyRows: there are rows where none were expected."""
        if self.family == "mysql":
            result.cursor.abandon()
        self._hang_up()
        raise TooManyRows(0)

    def _hang_up(self) -> None:
        """Keeps the driver from reading on to the end of the server's answer."""
        if self._line is not None:
            self._line.hang_up()
            self._connection.invalidate()

    def take_any_text(self) -> None:
        """Makes the driver return dates and times that Python lacks, and long or deep values, as text."""
        if self.family == "postgresql":
            take_any_time(self._driver)
            take_any_nesting(self._driver)

    @contextmanager
    def undone(self) -> Iterator[None]:
        """The writes of the block are rolled back at its end; the transaction goes on."""
        self.run("SAVEPOINT nightsort_undone")
        yield
        self.run("ROLLBACK TO SAVEPOINT nightsort_undone")

    @property
    def is_mariadb(self) -> bool:
        return bool(getattr(self._connection.dialect, "is_mariadb", False))


def limit_reads(session: Session) -> None:
    match session.family:
        case "postgresql":
            session.run(f"SET LOCAL statement_timeout = '{READ_SECONDS}s'")
        case "mysql":
            limit_mysql(session, READ_SECONDS)
            session.run("SET SESSION TRANSACTION READ ONLY")
        case _:
            session.run("PRAGMA query_only = ON")


def limit_writes(session: Session) -> None:
    """Prepares a session; MariaDB also refuses values that do not fit rather than cut them, and takes times as UTC."""
    match session.family:
        case "postgresql":
            session.run(f"SET LOCAL statement_timeout = '{WRITE_SECONDS}s'")
            session.run(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
        case "mysql":
            session.run(f"SET SESSION innodb_lock_wait_timeout = {LOCK_SECONDS}, lock_wait_timeout = {LOCK_SECONDS}")
            session.run("SET SESSION sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES'), time_zone = '+00:00'")


def limit_mysql(session: Session, seconds: int) -> None:
    if session.is_mariadb:
        session.run(f"SET SESSION max_statement_time = {seconds}")
    else:
        session.run(f"SET SESSION max_execution_time = {seconds * 1000}")
