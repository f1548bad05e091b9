"""Rows as a database's driver takes them."""

from __future__ import annotations

from datetime import UTC, datetime

from nightsort.adapters.sql.keys import parted
from nightsort.adapters.sql.layouts import Layout
from nightsort.adapters.sql.tables import REASON_CHARS, Column
from nightsort.domain.answer import Row
from nightsort.domain.fields import as_text

OWN = "field_"
"""A staged column of the spec's own fields is named by this and the field's place, whatever the field is called."""


def values_of(row: Row, layout: Layout, family: str) -> tuple[object, ...]:
    """The parts of the id, the id as it was sent, and the other fields, in the layout's order.

    Raises:
        ValueError: the id is not the list that the key's columns need.
    """
    fields = (stored(value_of(row, field), field, column, family) for field, column in layout.fields.items())
    return (*id_values(row.id, layout, family), *fields)


def value_of(row: Row, field: str) -> object:
    """A part of a row, or of its answers to the spec's own fields, which are known by their place."""
    if not field.startswith(OWN):
        return getattr(row, field)
    place = int(field.removeprefix(OWN))
    return as_text(row.values[place]) if place < len(row.values) else None


def id_values(ticket_id: str, layout: Layout, family: str) -> tuple[object, ...]:
    sent = storable(ticket_id)
    parts = parted(sent, len(layout.keys))
    return (*parts, sent.encode() if family == "mysql" else sent)


def stored(value: object, field: str, column: Column, family: str) -> object:
    """The value as the driver takes it. Reasons are cut to what fits; an empty one is NULL."""
    match value:
        case datetime():
            return stamp(value, family)
        case str():
            text = storable(value)
            if field == "reason":
                text = text if column.unicode else text.encode("ascii", "backslashreplace").decode()
                return text[: min(REASON_CHARS, column.chars or REASON_CHARS)] or None
            if field.startswith(OWN) and not column.unicode:
                return text.encode("ascii", "backslashreplace").decode()[: column.chars]
            return text
        case _:
            return value


def stamp(time: datetime, family: str) -> str:
    """The time in UTC. MariaDB accepts no zone, and its sessions are in UTC."""
    utc = time.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ", timespec="seconds")
    return utc if family == "mysql" else f"{utc}+00:00"


def storable(text: str) -> str:
    """The text without characters that no database accepts: NUL, and halves of surrogate pairs."""
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "").encode("utf-8", "replace").decode()
