"""Finds the table of the results, and checks it for what an Update or Upsert needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from nightsort.adapters.sql.database import listed, resolve
from nightsort.adapters.sql.session import Session
from nightsort.adapters.sql.tables import (
    Column,
    Table,
    TypeOf,
    addition,
    alike,
    create,
    may_alter,
    may_create,
    table_of,
)
from nightsort.domain.errors import Stalled
from nightsort.domain.reasons import Reason

Mode = Literal["Update", "Upsert"]
Refusal = Callable[[str, Reason], Stalled]
"""Makes an error from a message and a reason."""


KEPT_IN = {
    "hash": "reuse keeps what an answer depends on",
    "category_set": "a row says which CategorySet its category is of",
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """The resource's words: a table, the columns that are the ticket's id, and the column of each other field."""

    table: str
    mode: Mode
    key: tuple[str, ...]
    fields: Mapping[str, str]
    overwrite: bool
    kinds: Mapping[str, TypeOf] = field(default_factory=dict)
    """The types of columns for the spec's own fields, if they are made."""
    added: tuple[str, ...] = ()
    """The fields whose columns are added to a table that lacks them."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The parts of a table that are written: `keys` are the id's columns, `fields` the others by field."""

    table: Table
    keys: tuple[Column, ...]
    fields: Mapping[str, Column]
    kinds: Mapping[str, TypeOf] = field(default_factory=dict)

    @property
    def unique(self) -> bool:
        """Whether the database itself makes sure that a ticket has at most one row."""
        return self.table.is_unique(key.name for key in self.keys)

    @property
    def keeps_ids(self) -> bool:
        return all(key.keeps_ids for key in self.keys)

    @property
    def key(self) -> str:
        """The columns that are the ticket's id, for a message."""
        return f"column{'s' if len(self.keys) > 1 else ''} {listed([key.name for key in self.keys])}"


def layout_of(session: Session, wanted: Wanted, stalled: Refusal) -> Layout:
    """The table and its columns; in mode Upsert a missing table is made.

    Raises:
        Stalled: there is no suitable one.
    """
    table = existing(session, wanted, stalled)
    if table is None and wanted.mode == "Upsert":
        if not may_create(session, wanted.table):
            raise stalled(
                f"there is no table {wanted.table!r}, and the URL's user may not make it: grant CREATE on the schema. "
                "Or make the table yourself, with a primary key on the id, or use mode: Update in a new resource",
                Reason.PERMISSION_DENIED,
            )
        create(session, wanted.table, wanted.key, wanted.fields, wanted.kinds)
        table = table_of(session, wanted.table)
    if table is None:
        raise stalled(f"there is no table {wanted.table!r}", Reason.TABLE_MISSING)
    for added in wanted.added:
        table = with_added(session, table, added, wanted.fields[added], stalled)
    names = (*wanted.key, *wanted.fields.values())
    found = {name: resolve(name, table.columns) for name in names}
    if missing := [name for name, column in found.items() if column is None]:
        raise stalled(f"table {table.name!r} has no column {listed(missing)}", Reason.COLUMN_MISSING)
    columns = {name: table.columns[column] for name, column in found.items() if column is not None}
    fields = {field: columns[name] for field, name in wanted.fields.items()}
    layout = Layout(table, tuple(columns[name] for name in wanted.key), fields, wanted.kinds)
    hold_against_mode(layout, wanted, stalled)
    return layout


def with_added(session: Session, table: Table, field: str, name: str, stalled: Refusal) -> Table:
    """The table with a column that an Upsert adds to it: rows from before have nothing there, and are not reused.

    Raises:
        Stalled: the URL's user may not add it; the message has the statement.
    """
    if resolve(name, table.columns) is not None:
        return table
    statement = addition(session, table.name, field, name)
    if not may_alter(session, table.name):
        raise stalled(
            f"table {table.name!r} has no column {name!r}, in which {KEPT_IN[field]}, and the URL's user, who does not "
            f"own the table, may not add it. Its owner does so with: {statement}",
            Reason.COLUMN_MISSING,
        )
    session.run(statement)
    return table_of(session, table.name) or table


def existing(session: Session, wanted: Wanted, stalled: Refusal) -> Table | None:
    """The table of exactly that name, else the one that the name means without quotation marks.

    Raises:
        Stalled: there is none, and others differ from the name in capitals alone.
    """
    table = table_of(session, wanted.table)
    if table is not None:
        return table
    near = alike(session, wanted.table)
    if not near:
        return None
    if session.family == "postgresql" and near[0] == wanted.table.lower():
        return table_of(session, near[0])
    raise stalled(
        f"there is no table {wanted.table!r}, but {listed(near)}: if that is meant, name it so in a new resource; "
        "if not, give the table of results a name that differs in more than capitals",
        Reason.TABLE_ALIKE,
    )


def hold_against_mode(layout: Layout, wanted: Wanted, stalled: Refusal) -> None:
    table, category = layout.table, layout.fields["category"]
    names = frozenset(key.name for key in layout.keys)
    if wanted.mode == "Upsert" and names not in table.keys:
        raise stalled(
            f"{layout.key} of table {table.name!r} needs a primary key or unique index on "
            f"{'it' if len(names) == 1 else 'them'} alone",
            Reason.KEY_MISSING,
        )
    if wanted.mode == "Update" and not wanted.overwrite and not category.nullable:
        raise stalled(
            f"column {category.name!r} of table {table.name!r} is NOT NULL, and an Update fills only rows "
            "where it is NULL: allow NULL, or set overwrite: true in a new resource",
            Reason.CATEGORY_NEVER_NULL,
        )


def refuse_a_part_of_a_key(layout: Layout, stalled: Refusal) -> None:
    """Checks an Update that has bought nothing yet: rows with the same id may come at any time.

    Raises:
        Stalled: the columns of the id are a part of a key, and no key by themselves.
    """
    wider = layout.table.wider_key(key.name for key in layout.keys)
    if not layout.unique and wider is not None:
        raise stalled(
            f"{layout.key} of table {layout.table.name!r} does not tell its rows apart, whose key is "
            f"{listed(sorted(wider))}: another row would get the label. Name all of them under columns.key, of source "
            "and results, in a new resource",
            Reason.ID_NOT_UNIQUE,
        )
