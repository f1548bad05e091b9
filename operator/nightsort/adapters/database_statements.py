"""The statements that take rows from a temporary table into the table of the results.

In all of them `t` is the table and `s` what is staged, whose columns are named after the fields of a row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nightsort.adapters.database_tables import Column, quoted, type_of
from nightsort.adapters.databases import Session

STAGE = "nightsort_staged_rows"
# MariaDB takes a key over at most 3,072 bytes.
LONGEST_KEY_CHARS = 700


@dataclass(frozen=True, slots=True)
class Statements:
    """`names` are the table's columns by field, both ready for use in a statement."""

    family: str
    table: str
    id: Column
    names: Mapping[str, str]
    overwrite: bool

    @staticmethod
    def of(session: Session, table: str, columns: Mapping[str, Column], *, overwrite: bool) -> Statements:
        names = {field: session.quote(column.name) for field, column in columns.items()}
        return Statements(session.family, quoted(session, table), columns["id"], names, overwrite)

    def stage(self, columns: Mapping[str, Column]) -> str:
        """Makes the temporary table. The id has the table's own type, so that it is compared as what it is.

        PostgreSQL converts nothing by itself, so there all columns have the table's types.
        """
        if self.family == "mysql":
            types = [f"{field} {type_of(field, 'mysql')} NULL" for field in columns if field != "id"]
            if (self.id.chars or 0) <= LONGEST_KEY_CHARS:
                types.append("KEY (id)")
            select = f"SELECT t.{self.names['id']} AS id FROM {self.table} AS t LIMIT 0"
            return f"CREATE TEMPORARY TABLE {STAGE} ({', '.join(types)}) CHARACTER SET utf8mb4 {select}"
        ids = f"t.{self.names['id']}" if self.id.typed else f"CAST(t.{self.names['id']} AS TEXT)"
        others = [f"t.{name} AS {field}" for field, name in self.names.items() if field != "id"]
        select = f"SELECT {', '.join([f'{ids} AS id', *others])} FROM {self.table} AS t"
        if self.family == "postgresql":
            return f"CREATE TEMPORARY TABLE {STAGE} ON COMMIT DROP AS {select} WITH NO DATA"
        return f"CREATE TEMPORARY TABLE {STAGE} AS {select} LIMIT 0"

    def update(self) -> str:
        """Rows of the table that are not staged stay as they are, and so do staged rows that the table has not."""
        which = f"(s.category IS NOT NULL OR {self._empty})" if self.overwrite else self._empty
        others = [field for field in self.names if field != "id"]
        if self.family == "mysql":
            assignments = ", ".join(f"t.{self.names[field]} = s.{field}" for field in others)
            return f"UPDATE {self.table} AS t JOIN {STAGE} AS s ON {self._same} SET {assignments} WHERE {which}"
        assignments = ", ".join(f"{self.names[field]} = s.{field}" for field in others)
        # In the order of the ids SQLite visits each page of the table once. Without the limit it would drop the order.
        staged = f"(SELECT * FROM {STAGE} ORDER BY id LIMIT -1)" if self.family == "sqlite" else STAGE
        return f"UPDATE {self.table} AS t SET {assignments} FROM {staged} AS s WHERE {self._same} AND {which}"

    def upsert(self) -> str:
        names, table = self.names, self.table
        others = [field for field in names if field != "id"]
        insert = f"INSERT INTO {table}{'' if self.family == 'mysql' else ' AS t'} ({', '.join(names.values())})"
        select = f"SELECT {', '.join(f's.{field}' for field in names)} FROM {STAGE} AS s"
        if self.family == "mysql":
            # Assignments see the ones before them; none of them changes whether the condition holds.
            which = f"s.category IS NOT NULL OR {table}.{names['category']} IS NULL"
            assignments = (f"{names[field]} = IF({which}, s.{field}, {table}.{names[field]})" for field in others)
            return f"{insert} {select} ON DUPLICATE KEY UPDATE {', '.join(assignments)}"
        assignments = (f"{names[field]} = excluded.{names[field]}" for field in others)
        which = f"excluded.{names['category']} IS NOT NULL OR t.{names['category']} IS NULL"
        conflict = f"ON CONFLICT ({names['id']}) DO UPDATE SET {', '.join(assignments)} WHERE {which}"
        return f"{insert} {select} WHERE true {conflict}"  # SQLite reads ON after a table's name as a join's

    def without_row(self) -> str:
        """How many staged labels have no row in the table.

        As a join: MariaDB remembers what a subquery said of an id for all ids that its collation takes for the same.
        """
        column, labels = f"t.{self.names['id']}", f"SELECT COUNT(*) FROM {STAGE} AS s"
        if self.id.typed:
            joined = f"LEFT JOIN {self.table} AS t ON {self._same}"
            return f"{labels} {joined} WHERE s.category IS NOT NULL AND {column} IS NULL"
        # No index helps there: to look for each one would be to read the whole table as often.
        there = f"SELECT CAST({column} AS TEXT) FROM {self.table} AS t WHERE {column} IS NOT NULL"
        return f"{labels} WHERE s.category IS NOT NULL AND s.id NOT IN ({there})"

    def taken_for_one(self, *, by_letter: bool) -> str:
        """Two ids that are staged and are one in the table's type or, unless `by_letter`, to its key."""
        by_letter = by_letter and self.family == "mysql" and self.id.text
        group = f"GROUP BY {'CAST(s.id AS BINARY)' if by_letter else 's.id'} HAVING COUNT(*) > 1"
        return f"SELECT MIN({self._text('s.id')}), MAX({self._text('s.id')}) FROM {STAGE} AS s {group} LIMIT 1"

    def taken_for_another(self) -> str:
        """An id of the table and one that is staged, which are one to its key and not the same."""
        column, staged = self._text(f"t.{self.names['id']}"), self._text("s.id")
        alike = f"JOIN {self.table} AS t ON t.{self.names['id']} = s.id"
        return f"SELECT {column}, {staged} FROM {STAGE} AS s {alike} WHERE {column} <> {staged} LIMIT 1"

    def found(self, *, empty: bool) -> str:
        """Staged ids that have a row, with `empty` only those whose rows an Update would fill."""
        which = f" WHERE {self._empty}" if empty and not self.overwrite else ""
        return f"SELECT {self._text('s.id')} FROM {STAGE} AS s JOIN {self.table} AS t ON {self._same}{which}"

    def fillable(self) -> str:
        """Ids of the table whose rows an Update would fill."""
        column = f"t.{self.names['id']}"
        return f"SELECT {self._text(column)} FROM {self.table} AS t WHERE {self._empty} AND {column} IS NOT NULL"

    @property
    def _empty(self) -> str:
        return f"t.{self.names['category']} IS NULL"

    @property
    def _same(self) -> str:
        """The ids are the same letter by letter; the first comparison is the one that an index serves."""
        column = f"t.{self.names['id']}"
        match self.family:
            case "mysql" if self.id.text and not self.id.exact:
                return f"{column} = s.id AND CAST({column} AS BINARY) = CAST(s.id AS BINARY)"
            case "sqlite" if not self.id.typed:
                return f"CAST({column} AS TEXT) = s.id COLLATE BINARY"
            case "sqlite":
                return f"{column} = s.id AND {column} = s.id COLLATE BINARY"
            case _:
                return f"{column} = s.id"

    def _text(self, expression: str) -> str:
        """An id as text whose comparison leaves nothing out; of MySQL's, whose collations do, the bytes' digits."""
        match self.family:
            case "mysql":
                return f"HEX(CONVERT({expression} USING utf8mb4))"
            case "postgresql":
                return f'CAST({expression} AS text) COLLATE "C"'
            case _:
                return f"CAST({expression} AS TEXT) COLLATE BINARY"


def as_text(value: str, family: str) -> str:
    """An id that a statement has given."""
    return bytes.fromhex(value).decode("utf-8", "replace") if family == "mysql" else value
