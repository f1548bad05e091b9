"""The statements that take rows from a temporary table into the table of the results.

In all of them `t` is the table and `s` the staged rows: the parts of the ticket's id as `id`, `id1` …, the id as it was
`sent`, and the other fields by their names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nightsort.adapters.sql.layouts import Layout
from nightsort.adapters.sql.session import Session
from nightsort.adapters.sql.tables import LONGEST_KEY_CHARS, MOST_ID_CHARS, Column, TypeOf, quoted, type_of

STAGE = "nightsort_staged_rows"


@dataclass(frozen=True, slots=True)
class Key:
    """A column that is a part of the id: its name in the table, ready for use, and its staged column."""

    column: Column
    name: str
    staged: str


@dataclass(frozen=True, slots=True)
class Statements:
    """`fields` are the table's other columns by field; all names are ready for use in a statement."""

    family: str
    table: str
    keys: Sequence[Key]
    fields: dict[str, str]
    overwrite: bool
    kinds: Mapping[str, TypeOf]

    @staticmethod
    def of(session: Session, layout: Layout, *, overwrite: bool) -> Statements:
        keys = [Key(key, session.quote(key.name), f"id{place or ''}") for place, key in enumerate(layout.keys)]
        fields = {field: session.quote(column.name) for field, column in layout.fields.items()}
        return Statements(session.family, quoted(session, layout.table.name), keys, fields, overwrite, layout.kinds)

    @property
    def staged(self) -> Sequence[str]:
        """The staged columns, in the order of the values of a row."""
        return [*(key.staged for key in self.keys), "sent", *self.fields]

    def stage(self) -> str:
        """Makes the temporary table. The id's parts have the table's own types, so that they are compared by these;
        the id as it was sent is compared byte by byte.

        PostgreSQL converts nothing by itself, so there all columns have the table's types.
        """
        if self.family == "mysql":
            types = [f"sent VARBINARY({4 * MOST_ID_CHARS}) NULL"]
            types += [f"{field} {type_of(field, 'mysql', self.kinds)} NULL" for field in self.fields]
            if sum(key.column.chars or 0 for key in self.keys) <= LONGEST_KEY_CHARS:
                types.append(f"KEY ({', '.join(key.staged for key in self.keys)})")
            select = ", ".join(f"t.{key.name} AS {key.staged}" for key in self.keys)
            select = f"SELECT {select} FROM {self.table} AS t LIMIT 0"
            return f"CREATE TEMPORARY TABLE {STAGE} ({', '.join(types)}) CHARACTER SET utf8mb4 {select}"
        ids = [f"{self._own(key)} AS {key.staged}" for key in self.keys]
        bytewise = 'COLLATE "C"' if self.family == "postgresql" else ""
        others = [f"t.{name} AS {field}" for field, name in self.fields.items()]
        sent = f"CAST('' AS text) {bytewise} AS sent"
        select = f"SELECT {', '.join([*ids, sent, *others])} FROM {self.table} AS t"
        if self.family == "postgresql":
            return f"CREATE TEMPORARY TABLE {STAGE} ON COMMIT DROP AS {select} WITH NO DATA"
        return f"CREATE TEMPORARY TABLE {STAGE} AS {select} LIMIT 0"

    def update(self) -> str:
        """Transfers the staged rows. Rows that are only in the table, or only staged, stay as they are."""
        which = f"(s.category IS NOT NULL OR {self._open})" if self.overwrite else self._open
        if self.family == "mysql":
            assignments = ", ".join(f"t.{name} = s.{field}" for field, name in self.fields.items())
            return f"UPDATE {self.table} AS t JOIN {STAGE} AS s ON {self._same} SET {assignments} WHERE {which}"
        assignments = ", ".join(f"{name} = s.{field}" for field, name in self.fields.items())
        # In the order of the ids SQLite visits each page of the table once. Without the limit it would drop the order.
        order = ", ".join(key.staged for key in self.keys)
        staged = f"(SELECT * FROM {STAGE} ORDER BY {order} LIMIT -1)" if self.family == "sqlite" else STAGE
        return f"UPDATE {self.table} AS t SET {assignments} FROM {staged} AS s WHERE {self._same} AND {which}"

    def upsert(self) -> str:
        table, names = self.table, [*(key.name for key in self.keys), *self.fields.values()]
        staged = ", ".join(f"s.{column}" for column in self.staged if column != "sent")
        insert = f"INSERT INTO {table}{'' if self.family == 'mysql' else ' AS t'} ({', '.join(names)})"
        select = f"SELECT {staged} FROM {STAGE} AS s"
        category = self.fields["category"]
        if self.family == "mysql":
            # Assignments see the ones before them; none of them changes whether the condition holds.
            # Not of the hash either: where it differs, the category becomes NULL before the hash is replaced.
            which = f"s.category IS NOT NULL OR {table}.{category} IS NULL{self._another(table, 's')}"
            assignments = (f"{name} = IF({which}, s.{field}, {table}.{name})" for field, name in self.fields.items())
            return f"{insert} {select} ON DUPLICATE KEY UPDATE {', '.join(assignments)}"
        assignments = (f"{name} = excluded.{name}" for name in self.fields.values())
        which = f"excluded.{category} IS NOT NULL OR t.{category} IS NULL{self._another('t', 'excluded')}"
        target = ", ".join(key.name for key in self.keys)
        conflict = f"ON CONFLICT ({target}) DO UPDATE SET {', '.join(assignments)} WHERE {which}"
        return f"{insert} {select} WHERE true {conflict}"  # SQLite reads ON after a table's name as a join's

    def standing(self, *, once: bool) -> str:
        """How many staged labels have a visible row, and how many of these rows have a category.

        `once` where each can have at most one row, which saves a sort.

        The statement uses joins: MariaDB remembers a subquery's result for an id for all ids that its collation takes
        for the same, and a left join would keep SQLite from choosing the order in which an index helps.
        """
        distinct = "" if once else "DISTINCT "
        filled = f"CASE WHEN t.{self.fields['category']} IS NOT NULL THEN s.sent END"
        return (
            f"SELECT COUNT({distinct}s.sent), COUNT({distinct}{filled}) FROM {STAGE} AS s "
            f"JOIN {self.table} AS t ON {self._same} WHERE s.category IS NOT NULL"
        )

    def categories(self) -> str:
        """The table's category of each staged ticket, as text."""
        category = self._as_text(f"t.{self.fields['category']}")
        return f"SELECT s.sent, {category} FROM {STAGE} AS s JOIN {self.table} AS t ON {self._same}"

    def to_replace(self) -> str:
        """The staged labels whose row has a category already: the id, that category and the new one, both as text."""
        there, new = self._as_text(f"t.{self.fields['category']}"), self._as_text("s.category")
        joined = f"FROM {STAGE} AS s JOIN {self.table} AS t ON {self._same}"
        filled = f"s.category IS NOT NULL AND t.{self.fields['category']} IS NOT NULL"
        return f"SELECT s.sent, {there}, {new} {joined} WHERE {filled}"

    def kept_as(self) -> str:
        """Each staged label's id as it was sent, and its parts as the columns' types have converted them."""
        parts = ", ".join(self._text(f"s.{key.staged}") for key in self.keys)
        return f"SELECT s.sent, {parts} FROM {STAGE} AS s WHERE s.category IS NOT NULL"

    def taken_for_one(self, *, by_letter: bool) -> str:
        """Two staged ids that are equal in the table's type or, unless `by_letter`, to its key.

        The result has them as they were sent, and behind them each part in its converted form.
        """
        by_letter = by_letter and self.family == "mysql"
        parts = (
            f"CAST(s.{key.staged} AS BINARY)" if by_letter and key.column.text else f"s.{key.staged}"
            for key in self.keys
        )
        became = [f"{end}({self._text(f's.{key.staged}')})" for end in ("MIN", "MAX") for key in self.keys]
        select = f"SELECT MIN(s.sent), MAX(s.sent), {', '.join(became)} FROM {STAGE} AS s"
        return f"{select} GROUP BY {', '.join(parts)} HAVING COUNT(*) > 1 LIMIT 1"

    def taken_for_another(self) -> str:
        """An id of the table, part by part, and a staged one, which are equal to its key and not the same."""
        columns = [self._text(f"t.{key.name}") for key in self.keys]
        alike = " AND ".join(f"t.{key.name} = s.{key.staged}" for key in self.keys)
        differs = " OR ".join(
            f"{column} <> {self._text(f's.{key.staged}')}"
            for key, column in zip(self.keys, columns, strict=True)
            if key.column.text and not key.column.exact
        )
        return (
            f"SELECT s.sent, {', '.join(columns)} FROM {STAGE} AS s JOIN {self.table} AS t ON {alike} "
            f"WHERE {differs or '1 = 0'} LIMIT 1"
        )

    def found_twice(self) -> str:
        """A staged id that more than one row of the table has."""
        joined = f"FROM {STAGE} AS s JOIN {self.table} AS t ON {self._same}"
        return f"SELECT s.sent {joined} GROUP BY s.sent HAVING COUNT(*) > 1 LIMIT 1"

    def found(self, *, empty: bool) -> str:
        """Staged ids that have a row, with `empty` only those whose rows an Update would fill."""
        which = f" WHERE {self._empty}" if empty and not self.overwrite else ""
        return f"SELECT s.sent FROM {STAGE} AS s JOIN {self.table} AS t ON {self._same}{which}"

    def fillable(self) -> str:
        """Ids of the table, part by part, whose rows an Update would fill."""
        columns = [f"t.{key.name}" for key in self.keys]
        there = " AND ".join(f"{column} IS NOT NULL" for column in columns)
        parts = ", ".join(self._text(column) for column in columns)
        return f"SELECT {parts} FROM {self.table} AS t WHERE {self._empty} AND {there}"

    @property
    def _empty(self) -> str:
        return f"t.{self.fields['category']} IS NULL"

    @property
    def _open(self) -> str:
        """Whether a row takes what is staged: it has no category, or the one that we gave to another text."""
        return f"({self._empty}{self._another('t', 's')})" if "hash" in self.fields else self._empty

    def _another(self, there: str, staged: str) -> str:
        """Goes on with a condition: or the row was for another text or other settings, by both hashes."""
        if "hash" not in self.fields:
            return ""
        there = f"{there}.{self.fields['hash']}"
        fresh = f"excluded.{self.fields['hash']}" if staged == "excluded" else f"{staged}.hash"
        return f" OR {self._exactly(there)} <> {self._exactly(fresh)}"

    def unchanged(self) -> str:
        """Staged ids whose row has the staged hash."""
        there = f"t.{self.fields['hash']}"
        equal = f"{self._exactly(there)} = {self._exactly('s.hash')}"
        return f"SELECT s.sent FROM {STAGE} AS s JOIN {self.table} AS t ON {self._same} AND {equal}"

    def _exactly(self, column: str) -> str:
        """A hash for comparison; MariaDB does not compare columns of different collations."""
        return f"CAST({column} AS BINARY)" if self.family == "mysql" else column

    @property
    def _same(self) -> str:
        """Whether the ids are the same letter by letter."""
        return " AND ".join(self._same_part(key) for key in self.keys)

    def _same_part(self, key: Key) -> str:
        """Whether the ids are equal; an index serves the first comparison."""
        column, staged = f"t.{key.name}", f"s.{key.staged}"
        match self.family:
            case "mysql" if key.column.text and not key.column.exact:
                return f"{column} = {staged} AND CAST({column} AS BINARY) = CAST({staged} AS BINARY)"
            case "sqlite" if not key.column.typed:
                return f"CAST({column} AS TEXT) = {staged} COLLATE BINARY"
            case "sqlite":
                return f"{column} = {staged} AND {column} = {staged} COLLATE BINARY"
            case _:
                return f"{column} = {staged}"

    def _own(self, key: Key) -> str:
        return f"t.{key.name}" if key.column.typed else f"CAST(t.{key.name} AS TEXT)"

    def _text(self, expression: str) -> str:
        """An id as text whose comparison ignores nothing; for MySQL, whose collations do, the bytes' digits."""
        match self.family:
            case "mysql":
                return f"HEX(CONVERT({expression} USING utf8mb4))"
            case "postgresql":
                return f'CAST({expression} AS text) COLLATE "C"'
            case _:
                return f"CAST({expression} AS TEXT) COLLATE BINARY"

    def _as_text(self, expression: str) -> str:
        return f"CAST({expression} AS {'CHAR' if self.family == 'mysql' else 'text'})"


def as_text(value: str, family: str) -> str:
    """A part of an id that a statement has returned."""
    return bytes.fromhex(value).decode("utf-8", "replace") if family == "mysql" else value


def as_sent(value: str | bytes) -> str:
    """An id as it was sent; for MySQL, its bytes."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
