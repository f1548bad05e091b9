"""Reads back the rows of a run from a table, with the credentials of the person who asks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from nightsort.adapters.sql.database import Database, listed, resolve
from nightsort.adapters.sql.keys import joined
from nightsort.adapters.sql.layouts import Wanted, existing
from nightsort.adapters.sql.pages import one_of
from nightsort.adapters.sql.policy import DatabasePolicy
from nightsort.adapters.sql.session import Session
from nightsort.adapters.sql.tables import Table, quoted
from nightsort.adapters.sql.values import OWN
from nightsort.api.results import DatabaseResults
from nightsort.domain.answer import Row, Verdict
from nightsort.domain.errors import Stalled
from nightsort.domain.fields import AskedField
from nightsort.domain.reasons import Reason

RIGHTS = "SELECT on the table of the results"
PAGE_ROWS = 1000
PAGE_BYTES = 32 * 1024 * 1024
"""Bytes in memory of a page; a reason has at most 500 characters, and a field's text has a bound of its own."""
POLICY = DatabasePolicy(frozenset({"postgresql", "mysql", "mariadb"}), ("*",), own=True)
"""The machine and the credentials are the person's own."""


class StoredRows:
    """The rows in a table of results. All calls block, and are for threads.

    Where the table has a column of batches, only the rows of the given ones are read; else all that have a category,
    or a verdict.
    """

    def __init__(
        self,
        url: str,
        spec: DatabaseResults,
        asked: Sequence[AskedField],
        batches: Sequence[str],
        policy: DatabasePolicy = POLICY,
    ) -> None:
        """Connects to nothing yet. Raises Stalled: the URL is invalid, or of no database of a cluster."""
        self._database = Database(url, policy, f"the rows in table {spec.table}", RIGHTS)
        self._spec, self._batches = spec, batches
        named = spec.columns.model_dump(by_alias=False, exclude={"id", "key", "fields", "hash"})
        self._fields: dict[str, str] = {field: name for field, name in named.items() if name is not None}
        own = spec.columns.fields or {}
        self._fields |= {f"{OWN}{place}": own.get(one.name, one.name) for place, one in enumerate(asked)}
        self._key = spec.columns.key or (spec.columns.id,)

    @property
    def place(self) -> str:
        """Host and port, without user and password; empty where they may be a part of the password."""
        return self._database.address.shown.removeprefix(" at ")

    def check(self) -> None:
        """Looks for the table and its columns; writes nothing.

        Raises:
            Waiting, Stalled: the database cannot be reached or refuses, or they are not there.
        """
        with self._database.reading() as session:
            self._columns(session)

    def pages(self) -> Iterator[Sequence[Row]]:
        """The rows, a page at a time, in one transaction that only reads.

        Raises:
            Waiting, Stalled: the database cannot be reached or refuses, or the table has other content.
        """
        with self._database.reading() as session:
            table, columns = self._columns(session)
            after: Sequence[object] | None = None
            while found := self._page(session, table, columns, after):
                yield [self._row(values[len(self._key) :]) for values in found]
                if len(found) < PAGE_ROWS:
                    return
                after = found[-1][: len(self._key)]

    def _page(
        self, session: Session, table: Table, columns: Mapping[str, str], after: Sequence[object] | None
    ) -> list[tuple[Any, ...]]:
        """The key, the same as text, and the fields of the next rows in the order of the key."""
        names = {name: f"t.{session.quote(column)}" for name, column in columns.items()}
        ids = [names[name] for name in self._key]
        texts = (self._text(session, each) for each in ids)
        fields = (self._value(session, field, names[name]) for field, name in self._fields.items())
        condition, values = self._condition(session, names)
        condition = " AND ".join([condition, *(f"{each} IS NOT NULL" for each in ids)])
        if after is not None:
            binds = [session.bind(f"after{place}") for place in range(len(ids))]
            condition += f" AND ({', '.join(ids)}) > ({', '.join(binds)})"
            values |= {f"after{place}": each for place, each in enumerate(after)}
        return session.rows(
            f"SELECT {', '.join([*ids, *texts, *fields])} FROM {quoted(session, table.name)} AS t "
            f"WHERE {condition} ORDER BY {', '.join(ids)} LIMIT {PAGE_ROWS}",
            PAGE_ROWS,
            PAGE_BYTES,
            **values,
        )

    def _condition(self, session: Session, names: Mapping[str, str]) -> tuple[str, dict[str, object]]:
        if batch := self._fields.get("batch_id"):
            return one_of(session, names[batch], self._batches) if self._batches else ("1 = 0", {})
        written = [names[self._fields[field]] for field in ("category", "verdict") if field in self._fields]
        return f"({' OR '.join(f'{name} IS NOT NULL' for name in written)})", {}

    def _columns(self, session: Session) -> tuple[Table, Mapping[str, str]]:
        """The table, and its columns by the names that the resource has for them."""
        stalled, spec = self._database.stalled, self._spec
        wanted = Wanted(spec.table, spec.mode, self._key, self._fields, spec.overwrite)
        table = existing(session, wanted, stalled)
        if table is None:
            raise stalled(f"there is no table {spec.table!r}", Reason.TABLE_MISSING)
        found = {name: resolve(name, table.columns) for name in (*self._key, *self._fields.values())}
        if missing := [name for name, column in found.items() if column is None]:
            raise stalled(f"table {table.name!r} has no column {listed(missing)}", Reason.COLUMN_MISSING)
        return table, {name: column for name, column in found.items() if column is not None}

    def _value(self, session: Session, field: str, column: str) -> str:
        """Times and numbers come as they are, everything else as text."""
        return column if field in ("classified_at", "input_tokens", "output_tokens") else self._text(session, column)

    def _text(self, session: Session, column: str) -> str:
        return f"CAST({column} AS {'CHAR' if session.family == 'mysql' else 'text'})"

    def _row(self, values: Sequence[Any]) -> Row:
        """The row of an id's parts and the fields; without a column of verdicts, who has a category is Labeled."""
        parts = len(self._key)
        told = dict(zip(self._fields, values[parts:], strict=True))
        category = told.get("category")
        try:
            verdict = Verdict(told.get("verdict") or (Verdict.UNKNOWN if category is None else Verdict.LABELED))
            read, written = (int(told.get(field) or 0) for field in ("input_tokens", "output_tokens"))
        except (ValueError, TypeError):
            raise self._damaged() from None
        return Row(
            joined(values[:parts]),
            category,
            verdict,
            told.get("reason") or "",
            told.get("model") or "",
            told.get("batch_id"),
            time_of(told.get("classified_at")),
            read,
            written,
            tuple(value for field, value in told.items() if field.startswith(OWN)),
        )

    def _damaged(self) -> Stalled:
        return self._database.stalled(
            "a row has a verdict or a count of tokens that is none; somebody has changed it", Reason.RESULTS_DAMAGED
        )


def time_of(value: object) -> datetime | None:
    """The time of a column; one without a zone is in UTC, as it was written."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
