"""Tables of tickets, and sources over them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nightsort.adapters.sql.policy import DatabasePolicy
from nightsort.adapters.sql.source import DatabaseSource
from nightsort.api.columns import TicketColumns
from tests.contract.databases import (
    ANY_HOST,
    TestDatabase,
)

FIELDS = frozenset({"subject", "body"})


def source_of(
    database: TestDatabase,
    query: str = "SELECT id, subject, body FROM tickets",
    fields: frozenset[str] = FIELDS,
    policy: DatabasePolicy = ANY_HOST,
    page_rows: int = 1000,
    text: Sequence[str] = (),
    **columns: Any,
) -> DatabaseSource:
    given = TicketColumns(**columns)
    return DatabaseSource(database.url, query, given, fields, policy, text=text, page_rows=page_rows)


def make_tickets(database: TestDatabase, id_type: str, *ids: object) -> None:
    database.run(f"CREATE TABLE tickets (id {id_type}, subject text, body text)")
    if ids:
        database.insert("tickets", *({"id": each, "subject": f"s{each}", "body": f"b{each}"} for each in ids))
