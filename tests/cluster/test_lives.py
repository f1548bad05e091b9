"""Whole lives on the real API server: applied with kubectl, labelled by the simulated API, read back by a user."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.cluster.bench import SimulatedApi, User, batch, condition, inline, reason

pytestmark = pytest.mark.cluster

COUNTS = ("TICKETS", "LABELED", "UNKNOWN", "FAILED", "REUSED")

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_inline_tickets_end_as_rows_of_a_config_map(user: User, api: SimulatedApi) -> None:
    user.apply(batch("inline", inline("I was charged twice on my invoice", "The app crashes with an error")))

    status = user.finished("inline")["status"]

    assert condition(status, "Complete") == "True"
    rows = user.rows("inline-results")
    assert {key: row["category"] for key, row in rows.items()} == {"1": "billing", "2": "technical"}
    (bought,) = api.batches({one["id"] for one in status["batches"]})
    assert bought["paid"] == 2
    assert status["tickets"] == {
        "total": 2,
        "labeled": 2,
        "unknown": 0,
        "failed": 0,
        "inFlight": 0,
        "reused": 0,
        "duplicates": 0,
        "cut": 0,
    }
    assert float(status["cost"]["actualUSD"]) == pytest.approx(float(bought["usd"]), abs=1e-4)


def test_tickets_of_the_same_text_are_bought_once_and_each_has_its_row(user: User, api: SimulatedApi) -> None:
    asked, other = "I was charged twice on my invoice", "The app crashes with an error"
    user.apply(batch("twins", inline(asked, other, asked), dedupe="Exact"))

    status = user.finished("twins")["status"]

    rows = user.rows("twins-results")
    assert {key: row["category"] for key, row in rows.items()} == {"1": "billing", "2": "technical", "3": "billing"}
    assert {key: row.get("sameAs") for key, row in rows.items()} == {"1": None, "2": None, "3": "1"}
    assert sum(one["paid"] for one in api.batches({one["id"] for one in status["batches"]})) == 2
    assert (status["tickets"]["labeled"], status["tickets"]["duplicates"]) == (3, 1)


def test_the_quickstart_works_as_it_stands(user: User) -> None:
    user.kubectl("apply", "-f", str(EXAMPLES / "quickstart.yaml"))
    user.kubectl("wait", "--for=condition=Complete", "--timeout=60s", "cb/quickstart")
    assert {row["category"] for row in user.rows("quickstart-results").values()} >= {"billing", "technical"}


def test_300_real_tickets_from_a_config_map_each_get_one_row(user: User) -> None:
    for name in ("tickets.yaml", "batch.yaml"):
        user.kubectl("apply", "-f", str(EXAMPLES / "demo" / name))
    status = user.finished("tickets-tonight")["status"]
    assert len(user.rows("tickets-results")) == 300
    assert sum(count["tickets"] for count in status["categories"]) == 300
    index = json.loads(user.get("tickets-results", "configmap")["data"]["summary.json"])
    assert index["tickets"] == 300


@pytest.mark.parametrize("server", ["postgres_database", "mariadb_database"])
def test_the_database_example_labels_every_row_that_has_no_category(
    user: User, server: str, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue(server)
    engine = sa.create_engine(
        url.replace("postgresql://", "postgresql+psycopg://").replace("mysql://", "mysql+pymysql://")
    )
    with engine.begin() as connection:
        connection.execute(
            sa.text("CREATE TABLE tickets (id INTEGER PRIMARY KEY, subject TEXT, body TEXT, category VARCHAR(64))")
        )
        connection.execute(
            sa.text("INSERT INTO tickets VALUES (:id, 'Help', 'My invoice shows a wrong charge', NULL)"),
            [{"id": number} for number in range(1, 501)],
        )
        connection.execute(sa.text("UPDATE tickets SET category = 'kept' WHERE id = 7"))
    example = (EXAMPLES / "database.yaml").read_text()
    example = example.replace("postgresql://user:password@database.example:5432/support", url)
    user.kubectl("apply", "-f", "-", input=example)

    status = user.finished("tickets-database", seconds=120)["status"]

    assert status["tickets"]["total"] == 499
    with engine.begin() as connection:
        counts = connection.execute(sa.text("SELECT category, COUNT(*) FROM tickets GROUP BY category")).fetchall()
    assert {(category, count) for category, count in counts} == {("billing", 499), ("kept", 1)}
    engine.dispose()


def test_the_columns_tell_the_story_and_the_events_are_transitions(user: User) -> None:
    user.apply(batch("story", inline("I was charged twice")))
    user.finished("story")

    header, row = user.kubectl("get", "cb").splitlines()
    assert header.split() == ["NAME", "PHASE", "REASON", *COUNTS, "COST", "AGE"]
    assert row.split()[:7] == ["story", "Complete", "Complete", "1", "1", "0", "0"]
    wide = user.kubectl("get", "cb", "-o", "wide").splitlines()[0].split()
    assert wide[-5:] == ["BATCH", "MODEL", "ESTIMATE", "SAVED", "MESSAGE"]
    described = user.kubectl("describe", "cb", "story")
    for word in ("Submitted", "Complete", "estimated at $"):
        assert word in described


def test_a_finished_resource_has_no_finalizer_and_takes_its_results_with_it(user: User) -> None:
    user.apply(batch("gone", inline("Refund my invoice")))
    assert user.finished("gone")["status"]["results"]["configMaps"] == ["gone-results"]
    user.told("gone", lambda _: not user.get("gone")["metadata"].get("finalizers"))

    user.kubectl("delete", "cb", "gone", "--timeout=20s")

    user.kubectl("wait", "--for=delete", "--timeout=60s", "configmap/gone-results")


def test_zero_tickets_are_complete_and_nothing_is_bought(user: User) -> None:
    user.apply(batch("empty", inline()))
    status = user.finished("empty")["status"]
    assert condition(status, "Complete") == "True"
    assert "batches" not in status or not status["batches"]


def test_a_missing_config_map_is_waited_for(user: User) -> None:
    user.apply(batch("later", {"configMap": {"name": "later", "key": "tickets.csv"}}))
    status = user.told("later", lambda status: reason(status) == "SourceMissing")
    assert condition(status, "Reconciling") == "True"

    user.kubectl("create", "configmap", "later", "--from-literal=tickets.csv=id,subject,body\n1,Hi,Refund my invoice\n")

    assert condition(user.finished("later")["status"], "Complete") == "True"


def test_a_secret_without_the_label_is_not_read_until_it_is_labelled(user: User) -> None:
    user.secret("anthropic", label="false", **{"api-key": "own-workspace"})
    credentials = {"secretRef": {"name": "anthropic", "key": "api-key"}}
    user.apply(batch("secret", inline("Refund my invoice"), credentials=credentials))
    status = user.told("secret", lambda status: reason(status) == "SecretNotAllowed")
    assert condition(status, "Stalled") == "True"
    assert "own-workspace" not in json.dumps(status)

    user.secret("anthropic", **{"api-key": "own-workspace"})

    assert condition(user.finished("secret", seconds=90)["status"], "Complete") == "True"


def test_an_unknown_model_fails_and_buys_nothing(user: User) -> None:
    user.apply(batch("model", inline("Hello"), model="claude-imaginary-1"))
    status = user.finished("model")["status"]
    assert (condition(status, "Failed"), reason(status)) == ("True", "UnknownModel")
    assert "claude-imaginary-1" in status["message"]


def test_duplicate_ids_fail_with_both_places(user: User) -> None:
    tickets = [{"id": "7", "body": "a"}, {"id": "8", "body": "b"}, {"id": "7", "body": "c"}]
    user.apply(batch("twice", {"inline": {"tickets": tickets}}))
    status = user.finished("twice")["status"]
    assert condition(status, "Failed") == "True"
    assert "tickets[2]" in status["message"]
    assert "tickets[0]" in status["message"]


def test_a_running_resource_that_is_deleted_cancels_its_batch(user: User, api: SimulatedApi) -> None:
    api.ask("faults", [{"kind": "items", "outcome": "errored", "fraction": 0.0}])
    user.apply(batch("running", inline("Refund my invoice"), pollIntervalSeconds=600))
    status = user.told("running", lambda status: bool(status.get("batches")) and status["batches"][0].get("id"))
    batch_id = status["batches"][0]["id"]

    user.kubectl("delete", "cb", "running", "--timeout=30s")

    (bought,) = api.batches({batch_id})
    assert bought["ended"] or bought["paid"] == 0
