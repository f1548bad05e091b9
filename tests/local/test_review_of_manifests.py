"""`nightsort review` of a manifest whose tickets and labels are in a database: what was said counts from then on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from nightsort.formats.corrections import parsed
from tests.cluster.bench import batch
from tests.contract.databases import TestDatabase
from tests.local.shell import Shell, from_database, into_database, run, secret
from tests.support.outcome import Outcome

OPEN = "SELECT id, subject, body FROM tickets WHERE category IS NULL"
UNKNOWN = {"kind": "items", "outcome": "unknown", "match": "what is this"}
TICKETS = {1: "A billing question", 2: "what is this", 3: "what is this, too", 4: "charged on my invoice"}
ANNOTATOR = "Label Studio user 1"
RULES = {"unknownLabel": {"action": "Retry"}, "backoffLimit": 0, "prompt": {"template": "$body"}}


@dataclass
class Desk:
    """A shell beside a database with a table of tickets, and a manifest that sorts them."""

    shell: Shell
    database: TestDatabase
    file: Path

    def here(self, command: str, *flags: str) -> Outcome:
        api = ["--api-url", self.shell.api.url] if command == "retry" else []
        return run(command, str(self.file), "--state", str(self.shell.folder / "state"), *flags, *api)

    def tasks(self, *flags: str) -> list[dict[str, Any]]:
        path = self.shell.folder / "tasks.json"
        outcome = self.here("review", "--export-label-studio", str(path), *flags)
        assert outcome.code == 0, outcome.told
        found: list[dict[str, Any]] = json.loads(path.read_text())
        path.unlink()
        (self.shell.folder / "tasks.interface.xml").unlink()
        return found

    def decide(self, said: Mapping[str, str], *flags: str) -> Outcome:
        """Takes in the answers of a project, as Label Studio exports them."""
        tasks = self.tasks("--of", "unknown,sample", "--sample", "9", *flags)
        for task in tasks:
            if (category := said.get(task["data"]["id"])) is not None:
                choice = {"from_name": "category", "to_name": "text", "type": "choices"}
                result = [{**choice, "value": {"choices": [category]}}]
                task["annotations"] = [{"completed_by": 1, "created_at": "2026-11-22T10:00:00Z", "result": result}]
        answered = self.shell.folder / "answered.json"
        answered.write_text(json.dumps(tasks))
        outcome = self.here("review", "--import-label-studio", str(answered), *flags)
        assert outcome.code == 0, outcome.told
        return outcome

    def rows(self) -> dict[str, dict[str, Any]]:
        outcome = self.here("results", "-o", "jsonl")
        assert outcome.code == 0, outcome.told
        return {row["id"]: row for row in map(json.loads, outcome.out.splitlines())}

    def bought(self) -> int:
        return int(self.shell.bought()["accepted"])

    def said(self) -> dict[str, str]:
        text = (self.shell.folder / "night.corrections.jsonl").read_text(encoding="utf-8")
        return {one.id: one.category for one in parsed(text).values()}


@pytest.fixture(params=["sqlite", "postgresql"])
def desk(request: pytest.FixtureRequest, shell: Shell) -> Desk:
    if request.param == "sqlite":
        (shell.folder / "tickets.db").touch()
        database = TestDatabase("sqlite", shell.url)
    else:
        database = TestDatabase("postgresql", request.getfixturevalue("postgres_database"))
    columns = ("subject", "body", "category", "verdict", "batch")
    database.run(f"CREATE TABLE tickets (id bigint PRIMARY KEY, {', '.join(f'{each} text' for each in columns)})")
    database.insert("tickets", *({"id": number, "subject": "s", "body": body} for number, body in TICKETS.items()))
    results = into_database(columns={"verdict": "verdict", "batchId": "batch"})
    night = batch("night", from_database(OPEN), results=results, **RULES)
    file = shell.write(night, secret(url=database.url), name="nightly.yaml")
    shell.api.ask("faults", [UNKNOWN])
    outcome = shell.local(file)
    assert database.rows("SELECT count(*) FROM tickets WHERE category IS NULL") == [(2,)], outcome.told
    return Desk(shell, database, file)


def test_tickets_are_shown_with_their_texts_also_those_that_have_their_label(desk: Desk) -> None:
    unknown = desk.tasks()
    sample = desk.tasks("--of", "sample", "--sample", "9")

    assert {task["data"]["id"]: task["data"]["text"] for task in unknown} == {"2": TICKETS[2], "3": TICKETS[3]}
    assert {task["data"]["id"]: task["data"]["text"] for task in sample} == {"1": TICKETS[1], "4": TICKETS[4]}


def test_what_was_said_is_in_results_and_the_table_is_as_it_was(desk: Desk) -> None:
    before = desk.database.rows("SELECT * FROM tickets ORDER BY id")

    told = desk.decide({"2": "technical", "4": "account"})

    assert desk.said() == {"2": "technical", "4": "account"}
    assert f"kept in {desk.shell.folder / 'night.corrections.jsonl'}" in told.out
    assert "next: nightsort results" in told.out
    rows = {name: (row["category"], row["model_category"], row["corrected_by"]) for name, row in desk.rows().items()}
    assert rows.pop("1")[2] is rows.pop("3")[2] is None
    assert rows == {"2": ("technical", None, ANNOTATOR), "4": ("account", "billing", ANNOTATOR)}
    assert desk.database.rows("SELECT * FROM tickets ORDER BY id") == before


def test_a_retry_leaves_out_what_a_person_has_said(desk: Desk) -> None:
    desk.decide({"2": "technical"})
    bought = desk.bought()

    outcome = desk.here("retry")

    assert "a person has given 1 ticket a category: not sent again" in outcome.told
    assert desk.bought() == bought + 1, outcome.told


def test_what_was_said_after_a_retry_is_not_sent_again_either(desk: Desk) -> None:
    desk.here("retry")
    bought = desk.bought()
    desk.decide({"2": "technical", "3": "technical"})

    outcome = desk.here("retry")

    assert bought == 4 + 2
    assert "nothing to retry: every ticket of night-retry has its category" in outcome.told
    assert desk.bought() == bought


def test_corrections_are_known_labels_of_the_next_night(desk: Desk) -> None:
    desk.decide({"2": "technical", "4": "billing"})
    desk.database.run("UPDATE tickets SET category = 'technical' WHERE id = 2")  # the analyst's own, as the page says
    desk.database.insert("tickets", {"id": 7, "subject": "s", "body": "A new billing question"})
    known = {"objectStore": {"url": f"file://{desk.shell.folder}/night.corrections.jsonl"}}
    results = into_database(columns={"verdict": "verdict", "batchId": "batch"})
    evaluation = {"truth": known, "sample": 10}
    document = batch("next", from_database(OPEN), results=results, evaluation=evaluation, **RULES)

    outcome = desk.shell.local(desk.shell.write(document, secret(url=desk.database.url), name="next.yaml"))

    assert "2 known tickets" in outcome.told, outcome.told
    assert desk.database.rows("SELECT category FROM tickets WHERE id = 7") == [("billing",)]


def test_tickets_that_are_gone_are_counted_and_told(desk: Desk) -> None:
    desk.database.run("UPDATE tickets SET id = 30 WHERE id = 3", "UPDATE tickets SET id = 300 WHERE id = 30")
    path = desk.shell.folder / "tasks.json"

    outcome = desk.here("review", "--export-label-studio", str(path), "--tickets-query", OPEN + " AND id < 3")

    assert [task["data"]["id"] for task in json.loads(path.read_text())] == ["2"]
    assert outcome.err.startswith("1 ticket left out: not in the source any more")


def test_bad_input_is_one_sentence(desk: Desk) -> None:
    path = str(desk.shell.folder / "tasks.json")
    never = desk.shell.write(batch("never", from_database(OPEN)), name="never.yaml")
    cases = {
        "has not run with": run(
            "review", str(never), "--state", str(desk.shell.folder / "s"), "--export-label-studio", path
        ),
        "no resource other": desk.here("review", "--export-label-studio", path, "--resource", "other"),
        "nowhere": desk.here(
            "review", "--export-label-studio", path, "--tickets-query", "SELECT id, body FROM nowhere"
        ),
        "needs a terminal": desk.here("review"),
    }

    for words, outcome in cases.items():
        assert (outcome.code, words in outcome.err, outcome.err.count("\n")) == (2, True, 1), outcome.told
        assert "Traceback" not in outcome.told
        assert desk.database.url not in outcome.told
