"""Which queries surely find those tickets again that a run has left without a category."""

from __future__ import annotations

from typing import Any

import pytest

from nightsort.api.spec import Spec
from nightsort.wiring.queries import finds_unlabeled_again
from tests.support.manifests import manifest

SECRET = {"name": "db", "key": "url"}


def spec(query: str, secret: str = "db", mode: str = "Update", **columns: str) -> Spec:
    source = {"database": {"urlSecretRef": SECRET, "query": query}}
    results: dict[str, Any] = {"urlSecretRef": {"name": secret, "key": "url"}, "table": "tickets", "mode": mode}
    made = manifest(source=source, results={"database": results | {"columns": columns}})
    return Spec.model_validate(made["spec"])


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM tickets WHERE category IS NULL",
        'SELECT * FROM "tickets" WHERE "category" is  null',
        "SELECT * FROM `tickets` WHERE `category` IS\nNULL",
        "SELECT id, 'it''s new', body FROM public.tickets AS t WHERE t.category IS NULL AND NOT t.spam",
        "SELECT t.* FROM inbox i JOIN tickets t ON i.id = t.id WHERE (t.category IS NULL) AND t.state NOT IN ('a')",
        "SELECT * FROM tickets WHERE created > now() - interval '1 day' AND category IS NULL",
    ],
)
def test_a_query_that_asks_for_rows_without_a_category_finds_them_again(query: str) -> None:
    assert finds_unlabeled_again(spec(query))
    assert not finds_unlabeled_again(spec(query, secret="other")), "the category is in another database"
    assert not finds_unlabeled_again(spec(query, mode="Upsert")), "and in a table of results"


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM tickets",
        "SELECT category IS NULL FROM tickets",
        "SELECT * FROM tickets WHERE category IS NOT NULL",
        "SELECT * FROM tickets WHERE NOT category IS NULL",
        "SELECT * FROM tickets t WHERE NOT t.category IS NULL",
        "SELECT * FROM tickets WHERE NOT (spam AND category IS NULL)",
        "SELECT * FROM tickets WHERE subcategory IS NULL",
        "SELECT * FROM tickets WHERE category$ IS NULL",
        "SELECT * FROM tickets WHERE note = 'category IS NULL'",
        "SELECT * FROM tickets -- WHERE category IS NULL",
        "SELECT * FROM tickets WHERE note = 'it\\'s' OR note = 'new' AND category IS NULL",
        "SELECT * FROM tickets WHERE note = $$'$$ OR note = $$'$$ AND category IS NULL",
        "SELECT * FROM tickets /* WHERE category IS NULL */",
        "SELECT * FROM inbox WHERE category IS NULL",
        "SELECT * FROM tickets WHERE category IS NULL OR urgent",
        "SELECT * FROM tickets WHERE category IS NULL UNION SELECT * FROM old",
    ],
)
def test_of_any_other_query_that_is_not_sure(query: str) -> None:
    assert not finds_unlabeled_again(spec(query))


def test_the_category_is_the_column_that_the_run_fills() -> None:
    query = "SELECT * FROM tickets WHERE label IS NULL"

    assert finds_unlabeled_again(spec(query, category="label"))
    assert not finds_unlabeled_again(spec(query))


@pytest.mark.parametrize("column", ["a#b", "it's", '"', "--"])
def test_a_column_of_an_unusual_name_is_not_taken_for_another(column: str) -> None:
    assert not finds_unlabeled_again(spec("SELECT * FROM tickets WHERE it IS NULL AND b IS NULL", category=column))


def test_a_query_that_leaves_out_what_has_a_verdict_finds_nothing_again() -> None:
    query = "SELECT * FROM tickets WHERE category IS NULL AND outcome IS NULL"

    assert not finds_unlabeled_again(spec(query, verdict="outcome"))
    assert finds_unlabeled_again(spec(query)), "the run does not fill that column"


@pytest.mark.parametrize(
    "part",
    [
        "tickets ",
        "category ",
        "category is ",
        "not ( ",
        "not category is null and ",
        "t.",
        "'",
        '"',
        "where ",
        "is null ",
    ],
)
@pytest.mark.timeout(30)
def test_the_longest_queries_are_read_in_time_and_none_raises(part: str) -> None:
    query = ("SELECT * FROM tickets WHERE " + part * 16_000)[:16_000]

    assert not finds_unlabeled_again(spec(query))
