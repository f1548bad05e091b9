"""Tables of made-up tickets, the same for every contender: some 700 characters each, and all different if not asked."""

from __future__ import annotations

import json
import os
import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

VOCABULARY = """
    invoice charged twice refund card declined payment account login password reset app crashes error screen slow
    upload export report feature please would like thank you love team support help urgent yesterday again still
    waiting order number delivery late missing wrong address change email name plan upgrade cancel subscription price
    bank transfer pending money currency fee identity document photo verify code phone lost stolen blocked
"""
WORDS = VOCABULARY.split()
TYPICAL_WORDS = 110
TABLE = "CREATE TABLE tickets (id INTEGER PRIMARY KEY, subject TEXT, body TEXT, category TEXT)"
CATEGORIES = {
    "billing": "Charges, refunds, invoices, prices and plans",
    "technical": "Errors, crashes and slowness of the app",
    "account": "Login, password, e-mail address and identity",
    "feedback": "Praise, complaints and wishes",
    "other": "Everything else",
}


def tickets(count: int, repeated: float = 0.0) -> Iterator[tuple[int, str, str]]:
    """Id, subject and body; `repeated` is the share of tickets with the text of an earlier one."""
    chance, again = random.Random(count), random.Random(count)
    former: list[tuple[str, str]] = []
    for number in range(1, count + 1):
        if former and again.random() < repeated:
            yield number, *again.choice(former)
            continue
        words = chance.choices(WORDS, k=chance.randint(TYPICAL_WORDS // 2, TYPICAL_WORDS * 3 // 2))
        text = " ".join(words[:6]), f"Ticket {number}: {' '.join(words)}."
        if repeated:
            former.append(text)
        yield number, *text


def fill_sqlite(path: Path, count: int, *, repeated: float = 0.0) -> str:
    """The URL of a new database file with these tickets."""
    with sqlite3.connect(path) as connection:
        connection.execute(TABLE)
        connection.executemany("INSERT INTO tickets (id, subject, body) VALUES (?, ?, ?)", tickets(count, repeated))
    connection.close()
    return f"sqlite:///{path}"


def fill_postgres(url: str, count: int) -> str:
    import psycopg

    with psycopg.connect(url) as connection:
        connection.execute(TABLE)
        with connection.cursor().copy("COPY tickets (id, subject, body) FROM STDIN") as copy:
            for ticket in tickets(count):
                copy.write_row(ticket)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE tickets")
    return url


def resource(name: str, source: dict[str, object], results: dict[str, object] | None = None) -> dict[str, Any]:
    """A manifest over them, with an identity."""
    spec: dict[str, object] = {
        "model": os.environ.get("BENCH_MODEL", "claude-haiku-4-5"),
        "source": source,
        "categories": [{"name": name} for name in os.environ.get("BENCH_CATEGORIES", "").split(",") if name]
        or [{"name": name, "description": text} for name, text in CATEGORIES.items()],
        "pollIntervalSeconds": 1,
        **json.loads(os.environ.get("BENCH_SPEC", "{}")),
    }
    if results:
        spec["results"] = results
    metadata = {"name": name, "namespace": "bench", "uid": f"uid-of-{name}"}
    return {"apiVersion": "nightsort.dev/v1alpha1", "kind": "ClassificationBatch", "metadata": metadata, "spec": spec}


def database_resource() -> dict[str, Any]:
    """SELECT from the table and UPDATE of the same; its URL stands in BENCH_URL."""
    secret = {"name": "bench", "key": "url"}
    query = "SELECT id, subject, body FROM tickets WHERE category IS NULL"
    return resource(
        "tickets",
        {"database": {"urlSecretRef": secret, "query": query}},
        {"database": {"urlSecretRef": secret, "table": "tickets", "mode": "Update"}},
    )
