"""Nights over one table on the real API server: only what is new or changed is bought."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import sqlalchemy as sa
import yaml

from tests.cluster.bench import SimulatedApi, User, batch, condition, inline

pytestmark = pytest.mark.cluster

TICKETS, MORE = 50, 100
BODY = "My invoice shows a wrong charge"


@pytest.fixture
def engine(postgres_database: str) -> Iterator[sa.Engine]:
    engine = sa.create_engine(postgres_database.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE tickets (id INTEGER PRIMARY KEY, subject TEXT, body TEXT)"))
    yield engine
    engine.dispose()


def add(engine: sa.Engine, numbers: Sequence[int]) -> None:
    with engine.begin() as connection:
        connection.execute(
            sa.text("INSERT INTO tickets VALUES (:id, '', :body)"),
            [{"id": number, "body": BODY} for number in numbers],
        )


def nightly(name: str) -> dict[str, Any]:
    secret = {"name": "tickets-db", "key": "url"}
    return batch(
        name,
        {"database": {"urlSecretRef": secret, "query": "SELECT id, subject, body FROM tickets"}},
        reuse="Unchanged",
        results={"database": {"urlSecretRef": secret, "table": "labels", "mode": "Upsert"}},
    )


def bought(api: SimulatedApi, status: dict[str, Any]) -> int:
    return sum(held["paid"] for held in api.batches({one["id"] for one in status.get("batches", [])}))


def test_a_night_buys_what_is_new_or_changed_and_nothing_else(
    user: User, api: SimulatedApi, engine: sa.Engine, postgres_database: str
) -> None:
    user.secret("tickets-db", url=postgres_database)
    add(engine, range(TICKETS))

    def night(name: str) -> tuple[int, dict[str, Any]]:
        user.apply(nightly(name))
        status = user.finished(name)["status"]
        assert condition(status, "Complete") == "True"
        counts = status["tickets"]
        parts = (counts["labeled"], counts["unknown"], counts["failed"], counts["reused"])
        assert sum(parts) == counts["total"]
        return bought(api, status), status

    first, _ = night("night-1")
    second, status = night("night-2")
    assert (first, second) == (TICKETS, 0)
    assert status["tickets"]["reused"] == TICKETS
    assert status["message"] == f"{TICKETS} tickets: {TICKETS} reused"

    add(engine, range(TICKETS, TICKETS + MORE))
    third, status = night("night-3")
    assert (third, status["tickets"]["reused"], status["tickets"]["total"]) == (MORE, TICKETS, TICKETS + MORE)

    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE tickets SET body = body || ' (again)' WHERE id < 3"))
    fourth, status = night("night-4")
    assert (fourth, status["tickets"]["reused"]) == (3, TICKETS + MORE - 3)

    with engine.begin() as connection:
        rows = connection.execute(sa.text("SELECT COUNT(*), COUNT(category), COUNT(hash) FROM labels")).one()
    assert tuple(rows) == (TICKETS + MORE,) * 3
    reused = user.kubectl("get", "cb", "night-4")
    assert "REUSED" in reused
    assert str(TICKETS + MORE - 3) in reused


def test_reuse_without_a_place_that_keeps_rows_is_refused_at_apply(user: User) -> None:
    places: list[dict[str, Any]] = [{}, {"configMap": {}}]
    for results in places:
        manifest = yaml.safe_dump(batch("none", inline("Hello"), reuse="Unchanged", results=results))
        refused = user.kubectl("apply", "-f", "-", input=manifest, check=False)
        assert "Unchanged needs results that keep rows from run to run" in refused
        assert not user.kubectl("get", "cb", "none", "--ignore-not-found")
