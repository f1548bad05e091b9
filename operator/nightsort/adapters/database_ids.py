"""Ids of tickets in a database, as text and as what their column is compared with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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


# What the first id is in Python decides how ids are compared. None: there is no row. MariaDB compares a number with
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
    """PostgreSQL gives text without a type the column's own; it only must be of the kind."""

    def as_given(text: str) -> str:
        typed(text)
        return text

    return as_given


def array_literal(values: Sequence[object]) -> str:
    escaped = (str(value).replace("\\", "\\\\").replace('"', '\\"') for value in values)
    return "{" + ",".join(f'"{value}"' for value in escaped) + "}"
