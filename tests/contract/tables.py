"""Tables of results, and sinks over them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Literal

import pytest

from nightsort.adapters.sql.policy import DatabasePolicy
from nightsort.adapters.sql.sink import DatabaseSink
from nightsort.api.columns import ResultColumns
from nightsort.domain.errors import Interruption
from nightsort.domain.fields import AskedField
from nightsort.domain.stored import Rehearsal
from nightsort.ports import Sink
from tests.contract.databases import (
    ANY_HOST,
    TestDatabase,
)

Mode = Literal["Update", "Upsert"]


VERDICT = ResultColumns(verdict="verdict", reason="reason")


TEXT = {"postgresql": "text", "mariadb": "VARCHAR(600) COLLATE utf8mb4_bin", "sqlite": "TEXT"}


def sink_of(
    database: TestDatabase,
    mode: Mode = "Update",
    columns: ResultColumns = VERDICT,
    table: str = "tickets",
    *,
    overwrite: bool = False,
    policy: DatabasePolicy = ANY_HOST,
    transaction_rows: int = 2,
    asked: Sequence[AskedField] = (),
) -> DatabaseSink:
    return DatabaseSink(
        database.url,
        table,
        mode,
        columns,
        policy,
        overwrite=overwrite,
        transaction_rows=transaction_rows,
        asked=asked,
    )


async def refusal(sink: Sink) -> Interruption:
    with pytest.raises(Interruption) as caught:
        await sink.check(Rehearsal(1))
    assert caught.value.message.startswith("spec.results.database: ")
    return caught.value


@contextmanager
def a_user_with(database: TestDatabase, *grants: str) -> Iterator[TestDatabase]:
    """The same database as a user without other rights."""
    scheme, _, rest = database.url.partition("://")
    address, name = rest.rpartition("@")[2], database.url.rpartition("/")[2]
    user = f"u_{name[2:]}"
    quoted = user if database.kind == "postgresql" else f"'{user}'@'127.0.0.1'"
    create = "LOGIN PASSWORD 'p'" if database.kind == "postgresql" else "IDENTIFIED BY 'p'"
    database.run(f"CREATE {'ROLE' if database.kind == 'postgresql' else 'USER'} {quoted} {create}")
    database.run(*(grant.format(user=quoted, database=name) for grant in grants))
    try:
        yield replace(database, url=f"{scheme}://{user}:p@{address}")
    finally:
        if database.kind == "postgresql":
            database.run(f"DROP OWNED BY {quoted}", f"DROP ROLE {quoted}")
        else:
            database.run(f"DROP USER {quoted}")
