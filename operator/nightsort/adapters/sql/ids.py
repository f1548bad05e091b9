"""Ids of tickets in a database, as text and as the type that their column is compared with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from uuid import UUID


def whole(text: str) -> int:
    return int(text)


def decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise ValueError(text) from None


# The Python type of the first id decides how ids are compared. None: there is no row. MariaDB compares a number with
# text as floating point, which cannot tell large ids apart, and SQLite sorts all numbers before all text.
ID_TYPES: dict[type, Callable[[str], object]] = {
    str: str,
    int: whole,
    Decimal: decimal,
    UUID: UUID,
    date: str,  # and datetime
    type(None): str,
}


def checked(typed: Callable[[str], object]) -> Callable[[str], str]:
    """PostgreSQL gives text without a type the column's own; the text must only be valid for that."""

    def as_given(text: str) -> str:
        typed(text)
        return text

    return as_given


def array_literal(values: Sequence[object]) -> str:
    escaped = (str(value).replace("\\", "\\\\").replace('"', '\\"') for value in values)
    return "{" + ",".join(f'"{value}"' for value in escaped) + "}"


def possible(typed: Callable[[str], object], ids: Sequence[str]) -> Iterator[object]:
    for each in ids:
        try:
            yield typed(each)
        except ValueError:
            continue  # the column's type has changed: this ticket does not exist any more


def has_nul(family: str, column: str) -> str:
    """The condition for an id that other columns cannot hold: without the NUL it may be another ticket's."""
    match family:
        case "sqlite":
            return f"INSTR(CAST({column} AS TEXT), CHAR(0)) > 0"
        case "mysql":
            return f"INSTR(CAST(CAST({column} AS CHAR) AS BINARY), CHAR(0)) > 0"
        case _:
            return "1 = 0"  # PostgreSQL has no such text
