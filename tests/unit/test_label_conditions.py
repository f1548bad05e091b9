"""Queries with another condition in the place of `category IS NULL`."""

from __future__ import annotations

import pytest

from nightsort.adapters.sql.label_conditions import with_labeled, without
from nightsort.adapters.sql.query_conditions import Labels

LABELS = Labels("tickets", "id", "category")
OPEN = "SELECT id, body FROM tickets WHERE category IS NULL"
READ = "SELECT id, body FROM tickets WHERE 1 = 1"


@pytest.mark.parametrize(
    ("query", "family", "read"),
    [
        (OPEN, "mysql", READ),
        (f"{OPEN} AND urgent LIMIT 5;", "sqlite", f"{READ} AND urgent LIMIT 5"),
        (
            'SELECT t.* FROM tickets t WHERE ("é" = \'é\' AND t."category"  is  null)',
            "postgresql",
            "SELECT t.* FROM tickets t WHERE (\"é\" = 'é' AND 1 = 1)",
        ),
        (f"WITH new AS ({OPEN}) SELECT * FROM new", "mysql", f"WITH new AS ({READ}) SELECT * FROM new"),
        (f"{OPEN} UNION {OPEN}", "sqlite", f"{READ} UNION {READ}"),
    ],
)
def test_tickets_that_have_their_label_are_read_again(query: str, family: str, read: str) -> None:
    assert with_labeled(query, [LABELS], family) == read


@pytest.mark.parametrize(
    "query",
    [
        f"{OPEN} OR urgent",
        "SELECT id, body FROM tickets WHERE category IS NOT NULL",
        "SELECT id, body FROM tickets WHERE NOT category IS NULL",
        "SELECT id, body FROM tickets WHERE subcategory IS NULL",
        "SELECT id, body FROM inbox WHERE category IS NULL",
        "SELECT id, 'category IS NULL' FROM tickets",
        "SELECT id, body FROM tickets LEFT JOIN labels l ON l.id = id WHERE l.category IS NULL",
        "SELECT id, CASE WHEN category IS NULL THEN body END AS body FROM tickets",
        "not SQL at all; category IS NULL",
    ],
)
def test_every_other_query_stays_as_it_is(query: str) -> None:
    assert with_labeled(query, [LABELS], "postgresql") == query
    assert without(query, LABELS, ["1"]) is None


def test_tickets_are_left_out_beside_the_same_condition() -> None:
    found = without("SELECT * FROM tickets t WHERE t.category IS NULL ORDER BY id LIMIT 9", LABELS, ["2", "o'x"])

    left_out = "t.category IS NULL AND t.id NOT IN ('2', 'o''x')"
    assert found == f"SELECT * FROM tickets t WHERE {left_out} ORDER BY id LIMIT 9"


def test_an_id_that_databases_read_differently_cannot_be_left_out() -> None:
    assert without(OPEN, LABELS, ["a\\b"]) is None
