"""Rows into a table of a database, through a temporary table and one statement for each few thousand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from nightsort.adapters.databases import Database, DatabasePolicy, Session, listed, resolve
from nightsort.api.spec import ResultColumns
from nightsort.domain.answer import Row
from nightsort.domain.errors import Stalled
from nightsort.ports import Stored, Summary

PLACE = "spec.results.database"
# SQLite locks the whole file for any write: the fewer transactions the better.
TRANSACTION_ROWS = {"postgresql": 20_000, "mysql": 10_000, "sqlite": 100_000}
REASON_CHARS = 500
STAGE = "nightsort_staged_rows"
RIGHTS = {
    "Update": "SELECT and UPDATE on the columns, and the right to create temporary tables",
    "Upsert": "SELECT, INSERT and UPDATE on the table, and the right to create temporary tables",
}
# Types of a table that we make; on MariaDB also of what is staged.
TYPES = {
    "id": {"mysql": "VARCHAR(700)"},
    "category": {"mysql": "VARCHAR(255)"},
    "verdict": {"mysql": "VARCHAR(32)"},
    "reason": {"mysql": f"VARCHAR({REASON_CHARS})"},
    "model": {"mysql": "VARCHAR(255)"},
    "batch_id": {"mysql": "VARCHAR(255)"},
    "classified_at": {"postgresql": "timestamp with time zone", "mysql": "DATETIME"},
    "input_tokens": {"postgresql": "bigint", "mysql": "BIGINT", "sqlite": "INTEGER"},
    "output_tokens": {"postgresql": "bigint", "mysql": "BIGINT", "sqlite": "INTEGER"},
}
# MariaDB takes a key over at most 3,072 bytes.
LONGEST_KEY_CHARS = 700
CATALOG = {
    "postgresql": """
        SELECT a.attname, CASE WHEN t.typname IN ('varchar', 'bpchar') AND a.atttypmod > 4 THEN a.atttypmod - 4 END,
               getdatabaseencoding() = 'UTF8',
               EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = a.attrelid AND i.indisunique AND i.indimmediate
                       AND i.indisvalid AND i.indpred IS NULL AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum)
        FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
        WHERE a.attrelid = to_regclass({quoted}) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum""",
    "mysql": """
        SELECT c.column_name, c.character_maximum_length, COALESCE(c.character_set_name, 'utf8mb4') = 'utf8mb4',
               EXISTS (SELECT 1 FROM information_schema.statistics s
                       WHERE s.table_schema = c.table_schema AND s.table_name = c.table_name
                       AND s.non_unique = 0 AND s.column_name = c.column_name AND s.sub_part IS NULL
                       AND NOT EXISTS (SELECT 1 FROM information_schema.statistics o
                                       WHERE o.table_schema = s.table_schema AND o.table_name = s.table_name
                                       AND o.index_name = s.index_name AND o.seq_in_index > 1))
        FROM information_schema.columns c
        WHERE c.table_schema = COALESCE({schema}, DATABASE()) AND c.table_name = {table} ORDER BY c.ordinal_position""",
    "sqlite": """
        SELECT c.name, NULL, 1,
               (c.pk = 1 AND (SELECT COUNT(*) FROM pragma_table_info({table}) WHERE pk > 0) = 1)
               OR EXISTS (SELECT 1 FROM pragma_index_list({table}) l WHERE l."unique" AND NOT l.partial
                          AND (SELECT group_concat(i.name) FROM pragma_index_info(l.name) i) = c.name)
        FROM pragma_table_info({table}) c ORDER BY c.cid""",
}


@dataclass(frozen=True, slots=True)
class Column:
    """`chars` is the most that fits, None where nothing says; `unique` when an index of its own makes it so."""

    name: str
    chars: int | None
    unicode: bool
    unique: bool


class DatabaseSink:
    """Implements `ports.Sink`.

    Update fills the rows of a table that have no category yet, with `overwrite` all; Upsert keeps a table of results.
    A row without a category never touches a row that has one.
    """

    def __init__(
        self,
        url: str,
        table: str,
        mode: Literal["Update", "Upsert"],
        columns: ResultColumns,
        policy: DatabasePolicy,
        *,
        overwrite: bool = False,
        transaction_rows: int | None = None,
    ) -> None:
        """Raises Stalled when the policy does not allow the URL; connects to nothing yet."""
        self._database = Database(url, policy, PLACE, RIGHTS[mode])
        self._table = table
        self._mode = mode
        self._overwrite = overwrite
        self._transaction_rows = transaction_rows or TRANSACTION_ROWS[self._database.family]
        self._wanted = {field: name for field, name in columns.model_dump(by_alias=False).items() if name is not None}

    async def check(self, tickets: int) -> None:
        """Rehearses a write without rows: table, columns, key and rights are what it would need."""
        await asyncio.to_thread(self._store, ())

    async def write(self, rows: AsyncIterator[Sequence[Row]]) -> Stored:
        pending: dict[str, Row] = {}
        async for chunk in rows:
            for row in chunk:
                if row.category is not None or row.id not in pending:
                    pending[row.id] = row
                if len(pending) >= self._transaction_rows:
                    await asyncio.to_thread(self._store, tuple(pending.values()))
                    pending.clear()
        if pending:
            await asyncio.to_thread(self._store, tuple(pending.values()))
        return Stored(table=self._table)

    async def finish(self, summary: Summary) -> Stored:
        return Stored(table=self._table)

    def _store(self, rows: Sequence[Row]) -> None:
        with self._database.writing() as session:
            columns = self._columns(session)
            self._stage(session, columns, rows)
            names = {field: session.quote(column.name) for field, column in columns.items()}
            if self._mode == "Update":
                session.run(update(session.family, self._quoted(session), names, overwrite=self._overwrite))
            else:
                session.run(upsert(session.family, self._quoted(session), names))

    def _columns(self, session: Session) -> dict[str, Column]:
        """The table's column for each field that is stored; in mode Upsert a missing table is made."""
        available = self._catalog(session)
        if not available and self._mode == "Upsert":
            session.run(create(session, self._quoted(session), self._wanted))
            available = self._catalog(session)
        if not available:
            raise self._stalled(f"there is no table {self._table!r}", "TableMissing")
        found = {field: resolve(name, available) for field, name in self._wanted.items()}
        if missing := [self._wanted[field] for field, name in found.items() if name is None]:
            raise self._stalled(f"table {self._table!r} has no column {listed(missing)}", "ColumnMissing")
        columns = {field: available[name] for field, name in found.items() if name is not None}
        if self._mode == "Upsert" and not columns["id"].unique:
            raise self._stalled(
                f"column {columns['id'].name!r} of table {self._table!r} needs a primary key or unique index "
                "on it alone",
                "KeyMissing",
            )
        return columns

    def _catalog(self, session: Session) -> Mapping[str, Column]:
        schema, _, table = self._table.rpartition(".")
        values = {"quoted": self._quoted(session), "schema": schema or None, "table": table}
        statement = CATALOG[session.family]
        used = {name: value for name, value in values.items() if f"{{{name}}}" in statement}
        rows = session.run(statement.format(**{name: session.bind(name) for name in used}), **used)
        return {row[0]: Column(row[0], row[1], bool(row[2]), bool(row[3])) for row in rows}

    def _quoted(self, session: Session) -> str:
        return ".".join(session.quote(part) for part in self._table.split("."))

    def _stage(self, session: Session, columns: Mapping[str, Column], rows: Sequence[Row]) -> None:
        session.run(stage(session, self._quoted(session), columns))
        values = [values_of(row, columns, session.family) for row in rows]
        names = ", ".join(columns)
        if session.family == "postgresql":
            session.copy(f"COPY {STAGE} ({names}) FROM STDIN", values)
            session.run(f"ANALYZE {STAGE}")  # without it the planner may read the whole table for each few rows
        elif values:
            marks = ", ".join("?" if session.family == "sqlite" else "%s" for _ in columns)
            session.run_many(f"INSERT INTO {STAGE} ({names}) VALUES ({marks})", values)

    def _stalled(self, message: str, reason: str) -> Stalled:
        return self._database.stalled(message, reason)


def create(session: Session, table: str, wanted: Mapping[str, str]) -> str:
    columns = [f"{session.quote(name)} {type_of(field, session.family)}" for field, name in wanted.items()]
    options = " CHARACTER SET utf8mb4 COLLATE utf8mb4_bin" if session.family == "mysql" else ""
    key = f"PRIMARY KEY ({session.quote(wanted['id'])})"
    return f"CREATE TABLE IF NOT EXISTS {table} ({', '.join([*columns, key])}){options}"


def type_of(field: str, family: str) -> str:
    return TYPES[field].get(family, "text")


def stage(session: Session, table: str, columns: Mapping[str, Column]) -> str:
    """Makes the temporary table. The id has the table's own type, so that it is compared as what it is.

    PostgreSQL converts nothing by itself, so there all columns have the table's types.
    """
    if session.family == "mysql":
        types = [f"{field} {type_of(field, 'mysql')} NULL" for field in columns if field != "id"]
        if (columns["id"].chars or 0) <= LONGEST_KEY_CHARS:
            types.append("KEY (id)")
        select = f"SELECT t.{session.quote(columns['id'].name)} AS id FROM {table} AS t LIMIT 0"
        return f"CREATE TEMPORARY TABLE {STAGE} ({', '.join(types)}) CHARACTER SET utf8mb4 {select}"
    values = ", ".join(f"t.{session.quote(column.name)} AS {field}" for field, column in columns.items())
    select = f"SELECT {values} FROM {table} AS t"
    if session.family == "postgresql":
        return f"CREATE TEMPORARY TABLE {STAGE} ON COMMIT DROP AS {select} WITH NO DATA"
    return f"CREATE TEMPORARY TABLE {STAGE} AS {select} LIMIT 0"


def update(family: str, table: str, names: Mapping[str, str], *, overwrite: bool) -> str:
    """Rows of the table that are not staged stay as they are, and so do staged rows that the table has not."""
    same = f"t.{names['id']} = s.id"
    fillable = f"t.{names['category']} IS NULL"
    which = f"(s.category IS NOT NULL OR {fillable})" if overwrite else fillable
    others = [field for field in names if field != "id"]
    if family == "mysql":
        assignments = ", ".join(f"t.{names[field]} = s.{field}" for field in others)
        return f"UPDATE {table} AS t JOIN {STAGE} AS s ON {same} SET {assignments} WHERE {which}"
    assignments = ", ".join(f"{names[field]} = s.{field}" for field in others)
    # In the order of the ids SQLite visits each page of the table once. Without the limit it would drop the order.
    staged = f"(SELECT * FROM {STAGE} ORDER BY id LIMIT -1)" if family == "sqlite" else STAGE
    return f"UPDATE {table} AS t SET {assignments} FROM {staged} AS s WHERE {same} AND {which}"


def upsert(family: str, table: str, names: Mapping[str, str]) -> str:
    others = [field for field in names if field != "id"]
    insert = f"INSERT INTO {table}{'' if family == 'mysql' else ' AS t'} ({', '.join(names.values())})"
    select = f"SELECT {', '.join(f's.{field}' for field in names)} FROM {STAGE} AS s"
    if family == "mysql":
        # Assignments see the ones before them; none of them changes whether the condition holds.
        which = f"s.category IS NOT NULL OR {table}.{names['category']} IS NULL"
        assignments = (f"{names[field]} = IF({which}, s.{field}, {table}.{names[field]})" for field in others)
        return f"{insert} {select} ON DUPLICATE KEY UPDATE {', '.join(assignments)}"
    assignments = (f"{names[field]} = excluded.{names[field]}" for field in others)
    which = f"excluded.{names['category']} IS NOT NULL OR t.{names['category']} IS NULL"
    conflict = f"ON CONFLICT ({names['id']}) DO UPDATE SET {', '.join(assignments)} WHERE {which}"
    return f"{insert} {select} WHERE true {conflict}"  # SQLite reads ON after a table's name as a join's


def values_of(row: Row, columns: Mapping[str, Column], family: str) -> tuple[object, ...]:
    return tuple(stored(getattr(row, field), field, column, family) for field, column in columns.items())


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
            return text
        case _:
            return value


def stamp(time: datetime, family: str) -> str:
    """In UTC. MariaDB takes no zone, and its sessions are in UTC."""
    utc = time.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ", timespec="seconds")
    return utc if family == "mysql" else f"{utc}+00:00"


def storable(text: str) -> str:
    """Without what no database takes as text: NUL characters and halves of surrogate pairs."""
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "").encode("utf-8", "replace").decode()
