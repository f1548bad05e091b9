"""What is read out of a query, and what is asked where it cannot be told."""

from __future__ import annotations

import pytest

from nightsort.adapters.sql.query_conditions import Labels, skips_labeled
from nightsort.adapters.sql.query_parser import paging

LABELS = Labels("tickets", "id", "category")


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM tickets WHERE category IS NULL",
        'SELECT * FROM tickets WHERE "category" is  null',
        "SELECT t.id, t.body FROM tickets t WHERE t.category IS NULL;-- done",
        "select id, body from public.tickets where (category is null) and (a > 1 and b < 2) order by id limit 5",
        "select t.id, m.body from messages m join tickets t on t.id = m.ticket and t.category is null",
        "select t.*, m.body from tickets t left join messages m on m.t = t.id where t.category is null",
        "with todo as (select * from tickets where category is null) select id, body from todo",
        "select * from (select id, body from tickets where category is null order by id limit 5) x where body > 1",
        "select cast(t.id as text) as id, body from tickets t where t.category is null",
        "select id from tickets where category is null union all select id from tickets where category is null and a",
        "select `id` from tickets where `category` is null",
        "select id from Tickets where Category is null",
        "select id from tickets where category isnull",
        "(select id from tickets where category is null)",
    ],
)
def test_a_query_that_leaves_out_labeled_rows_is_known(query: str) -> None:
    assert skips_labeled(query, "id", LABELS)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM tickets",
        "select id from tickets -- where category is null",
        "select id from tickets /* where category is null */",
        "select id from tickets where not category is null",
        "select id from tickets order by category is null",
        "select t.id from tickets t join owners o on o.id = t.o where o.category is null",
        "select id from tickets where category is null or urgent",
        "select id from tickets where category is not null",
        "select id from tickets where subcategory is null",
        "select id from inbox where category is null",
        "select id from tickets where 'category is null' <> body",
        "select id from tickets where body like '%where category is null%'",
        "select t.id from tickets t left join tickets o on o.parent = t.id where o.category is null",
        "select o.id from tickets t join old o on o.t = t.id where t.category is null",
        "select m.id from messages m left join tickets t on t.id = m.t where t.category is null",
        "select id from tickets where (category is null) = false",
        "select id from tickets where category is null is false",
        "select id, (category is null) as fresh from tickets",
        "select case when category is null then id else 0 end as id from tickets",
        "select id from archive.tickets where category is null",
        "select id from tickets where category is null union select id from tickets",
        "select id from tickets where exists (select 1 from tickets where category is null)",
        "select id from tickets where id in (select id from tickets where category is null)",
        "select nonsense ~~ where category is null from",
        "select ref as id from tickets where category is null",
        "select * from tickets t, owners o where t.category is null",
        "select t.id from tickets t, owners o where category is null",
        "select id from tickets having category is null",
        "select count(*) filter (where category is null), id from tickets group by id",
        'select id from "Tickets" where category is null',
        "select id from tickets where category is null xor true",
        "select id from tickets where coalesce(category, '') is null",
        "with tickets as (select * from old) select id from tickets where category is null",
    ],
)
def test_a_query_that_may_give_labeled_rows_is_not_taken_for_one_that_does_not(query: str) -> None:
    assert not skips_labeled(query, "id", LABELS)


def test_names_of_schemas_count_where_both_are_given() -> None:
    query = "SELECT id FROM support.tickets WHERE category IS NULL"

    assert skips_labeled(query, "id", Labels("support.tickets", "id", "category"))
    assert not skips_labeled(query, "id", Labels("other.tickets", "id", "category"))
    assert skips_labeled('SELECT id FROM "T x" WHERE category IS NULL', "id", Labels("T x", "id", "category"), "sqlite")


@pytest.mark.parametrize(
    ("family", "query", "text"),
    [
        ("postgresql", "SELECT id FROM t; -- done", "SELECT id FROM t"),
        ("postgresql", "SELECT id FROM t /* all */;; /* x */ ; -- done", "SELECT id FROM t /* all */"),
        ("postgresql", "SELECT id FROM t WHERE a = '; -- x'", "SELECT id FROM t WHERE a = '; -- x'"),
        ("mysql", "SELECT id FROM t; # done", "SELECT id FROM t"),
        ("mysql", "SELECT 5--1 AS id; -- done", "SELECT 5--1 AS id"),
        ("sqlite", "SELECT id FROM t ;\n -- done\n", "SELECT id FROM t"),
        ("postgresql", "SELECT id FROM t -- all", "SELECT id FROM t -- all"),
        ("postgresql", "SELECT id FROM t; SELECT 1; -- done", "SELECT id FROM t; SELECT 1"),
        ("postgresql", "SELECT $$;$$ AS id;--", "SELECT $$;$$ AS id"),
        ("postgresql", "SELECT 'cut; --", "SELECT 'cut; --"),
    ],
)
def test_what_follows_the_semicolon_at_a_querys_end_is_left_out(family: str, query: str, text: str) -> None:
    assert paging(query, family).text == text


@pytest.mark.parametrize(
    ("family", "query", "unlimited"),
    [
        ("postgresql", "SELECT id FROM t ORDER BY id DESC LIMIT 5 OFFSET 2", "SELECT id FROM t ORDER BY id DESC"),
        ("postgresql", "SELECT id FROM t OFFSET 2 ROWS FETCH FIRST 5 ROWS ONLY", "SELECT id FROM t"),
        ("mysql", "SELECT id FROM t ORDER BY RAND() LIMIT 5, 10", "SELECT id FROM t ORDER BY RAND()"),
        (
            "postgresql",
            "SELECT id FROM a UNION ALL SELECT id FROM b ORDER BY 1 LIMIT 5",
            "SELECT id FROM a UNION ALL SELECT id FROM b ORDER BY 1",
        ),
        ("postgresql", "SELECT ~~~ what sqlglot cannot read LIMIT 5", "SELECT ~~~ what sqlglot cannot read"),
    ],
)
def test_the_outermost_limit_can_be_left_out(family: str, query: str, unlimited: str) -> None:
    found = paging(query, family)

    assert (found.limited, found.unlimited, found.trouble) == (True, unlimited, None)


@pytest.mark.parametrize(
    ("family", "query"),
    [
        ("mysql", "SELECT offset FROM t ORDER BY offset"),
        ("postgresql", "SELECT *, (SELECT a FROM b WHERE b.t = t.id ORDER BY x LIMIT 1) FROM t"),
        ("postgresql", "SELECT * FROM t LEFT JOIN LATERAL (SELECT * FROM b WHERE b.t = t.id LIMIT 1) l ON true"),
        ("postgresql", "SELECT * FROM t WHERE EXISTS (SELECT 1 FROM b LIMIT 1)"),
        ("postgresql", "SELECT * FROM t WHERE x > (SELECT max(x) FROM y LIMIT 1)"),
        ("postgresql", "SELECT id, array(SELECT x FROM y WHERE y.t = a.id LIMIT 3) FROM a"),
        (
            "postgresql",
            "SELECT id, (SELECT string_agg(b, '') FROM (SELECT b FROM m WHERE m.t = t.id LIMIT 5) s) FROM t",
        ),
        ("postgresql", "SELECT id, random() AS dice FROM t ORDER BY random()"),
        ("sqlite", "SELECT id, hex(randomblob(4)) AS mark FROM t"),
        ("postgresql", "SELECT what sqlglot ~~~ cannot ~~~ read"),
    ],
)
def test_what_is_chosen_for_each_row_is_no_trouble(family: str, query: str) -> None:
    found = paging(query, family)

    assert (found.limited, found.unlimited, found.trouble) == (False, query, None)


@pytest.mark.parametrize(
    ("family", "query", "word"),
    [
        ("postgresql", "SELECT id FROM t TABLESAMPLE SYSTEM (10)", "TABLESAMPLE"),
        ("postgresql", "SELECT id FROM t WHERE random() < 0.1", "random()"),
        ("mysql", "SELECT id FROM t WHERE RAND() < 0.1 LIMIT 5", "random()"),
        ("postgresql", "SELECT * FROM (SELECT id, random() AS r FROM t) x WHERE r < 0.1", "random()"),
        ("sqlite", "SELECT id FROM t WHERE substr(hex(randomblob(1)), 1, 1) = 'A'", "randomblob()"),
        ("postgresql", "SELECT * FROM (SELECT id FROM t ORDER BY id LIMIT 5) x", "LIMIT inside"),
        ("postgresql", "(SELECT id FROM t LIMIT 5)", "LIMIT inside"),
        ("postgresql", "WITH some AS (SELECT id FROM t LIMIT 3) SELECT * FROM some", "LIMIT inside"),
        ("postgresql", "SELECT * FROM t WHERE id IN (SELECT id FROM t LIMIT 5)", "LIMIT inside"),
        ("postgresql", "SELECT * FROM t WHERE id = ANY(array(SELECT id FROM t LIMIT 5))", "LIMIT inside"),
        ("postgresql", "SELECT id FROM a UNION ALL (SELECT id FROM b FETCH FIRST 5 ROWS ONLY)", "LIMIT inside"),
    ],
)
def test_rows_that_are_chosen_anew_at_each_read_are_named(family: str, query: str, word: str) -> None:
    assert word in (paging(query, family).trouble or "")


@pytest.mark.parametrize("query", ["", ";", "(((((" * 3000, "DELETE FROM t", "\0", "'", "SELECT 1; SELECT 2"])
def test_what_is_no_query_is_left_to_the_database(query: str) -> None:
    assert paging(query, "postgresql").trouble is None
    assert not skips_labeled(query, "id", LABELS)
