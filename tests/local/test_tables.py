"""Whole runs into tables of PostgreSQL that drop labels, confuse ids or are called something else."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cases import statements
from tests.cluster.bench import batch
from tests.contract.databases import TestDatabase
from tests.contract.tables import a_user_with
from tests.local.shell import Shell, from_database, into_database, secret
from tests.support.outcome import Outcome

BOTH = {"key": ["tenant", "id"]}


@pytest.fixture
def database(postgres_database: str) -> TestDatabase:
    return TestDatabase("postgresql", postgres_database)


def run(shell: Shell, database: TestDatabase, source: dict[str, Any], results: dict[str, Any], **spec: Any) -> Outcome:
    document = batch("tickets", source, results=results, prompt={"template": "$body"}, **spec)
    return shell.local(shell.write(document, secret(url=database.url)))


def stalled(shell: Shell, outcome: Outcome, reason: str) -> None:
    """The run waits for a person and has bought nothing."""
    assert outcome.code == 1
    assert reason in outcome.told
    assert shell.bought()["batches"] == []


def test_labels_that_row_level_security_would_drop_are_not_bought(shell: Shell, database: TestDatabase) -> None:
    database.run(*statements("row-level-security.sql"))
    with a_user_with(database, "GRANT SELECT, UPDATE ON tickets TO {user}") as limited:
        outcome = run(shell, limited, from_database(), into_database())

    stalled(shell, outcome, "LabelsDropped")


def test_labels_that_a_trigger_would_swallow_are_not_bought(shell: Shell, database: TestDatabase) -> None:
    database.run(*statements("trigger-that-swallows.sql"))

    stalled(shell, run(shell, database, from_database(), into_database()), "LabelsDropped")


ACME = "SELECT tenant, id, body FROM tickets WHERE tenant = 'acme' AND category IS NULL"


def test_no_row_of_another_tenant_gets_a_label(shell: Shell, database: TestDatabase) -> None:
    database.run(*statements("composite-key.sql"))

    stalled(shell, run(shell, database, from_database(ACME), into_database()), "IdNotUnique")


def test_a_key_of_two_columns_labels_the_tenants_rows(shell: Shell, database: TestDatabase) -> None:
    database.run(*statements("composite-key.sql"))
    source = from_database(ACME)
    source["database"]["columns"] = BOTH

    outcome = run(shell, database, source, into_database(columns=BOTH), shards={"maxRequests": 1})

    assert (outcome.code, outcome.err) == (0, "")
    labeled = "SELECT tenant, count(category), count(*) FROM tickets GROUP BY tenant ORDER BY tenant"
    assert database.rows(labeled) == [("acme", 2, 2), ("globex", 0, 2)]
    assert database.rows("SELECT category FROM tickets WHERE (tenant, id) = ('acme', '1')") == [("billing",)]


def test_ids_that_an_integer_takes_for_one_are_not_bought_however_far_apart(
    shell: Shell, database: TestDatabase
) -> None:
    database.run(*statements("typed-ids.sql"))
    ids = ["7", *(str(number) for number in range(1000, 1250)), "007"]
    source = {"inline": {"tickets": [{"id": each, "body": "I was charged twice"} for each in ids]}}

    outcome = run(shell, database, source, into_database("labels", mode="Upsert"), shards={"maxRequests": 100})

    stalled(shell, outcome, "IdsCollide")
    assert "'007' and '7'" in outcome.told


def test_an_upsert_fills_the_table_that_its_name_means(shell: Shell, database: TestDatabase) -> None:
    database.run(*statements("upsert-beside-folded-name.sql"))
    source = {"inline": {"tickets": [{"id": "1", "body": "I was charged twice"}]}}

    outcome = run(shell, database, source, into_database("Ticket_Labels", mode="Upsert"))

    assert (outcome.code, outcome.err) == (0, "")
    assert database.rows("SELECT id, category FROM Ticket_Labels") == [("1", "billing")]


def test_labels_of_padded_ids_are_found_by_a_join(shell: Shell, database: TestDatabase) -> None:
    database.run(*statements("padded-ids.sql"))

    outcome = run(
        shell, database, from_database("SELECT id, body FROM tickets"), into_database("labels", mode="Upsert")
    )

    assert (outcome.code, outcome.err) == (0, "")
    assert database.rows("SELECT count(*) FROM tickets t JOIN labels l ON l.id = t.id") == [(2,)]


def test_a_connection_limit_that_passes_is_waited_for(shell: Shell, database: TestDatabase) -> None:
    database.run("CREATE TABLE tickets (id text PRIMARY KEY, body text, category text)")
    database.run("INSERT INTO tickets VALUES ('1', 'I was charged twice')")
    grant = "GRANT SELECT, UPDATE ON tickets TO {user}"
    with a_user_with(database, grant, "ALTER ROLE {user} CONNECTION LIMIT 1") as limited:
        source = from_database("SELECT id, body FROM tickets")
        document = batch("tickets", source, results=into_database(), prompt={"template": "$body"})
        file = shell.write(document, secret(url=limited.url))
        with limited.engine().connect():
            server = shell.start(file)
            server.wait_until(lambda: "too many connections" in server.log.read_text())
        assert server.process.wait(60) == 0, server.log.read_text()

    assert database.rows("SELECT category FROM tickets") == [("billing",)]
