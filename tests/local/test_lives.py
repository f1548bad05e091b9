"""Local mode as its users meet it: whole runs, interruptions, a second run, and what is shown."""

from __future__ import annotations

import base64
import csv
import re
import signal
from pathlib import Path

import pytest

from tests.cluster.bench import batch, inline
from tests.local.shell import Shell, from_database, into_database, secret, submitted
from tests.support.waiting import eventually

EXAMPLE = Path(__file__).parents[2] / "examples" / "local.yaml"
TWO = inline("I was charged twice", "The app crashes")


# --- a whole run ------------------------------------------------------------------------------------------------------


def test_the_example_runs_as_it_stands_and_shows_progress_categories_cost_and_where_the_rows_are(shell: Shell) -> None:
    outcome = shell.local(EXAMPLE)

    assert (outcome.code, outcome.err) == (0, "")
    lines = outcome.out.splitlines()
    [bought] = shell.bought()["batches"]
    told = f"tickets-local  Submitted: batch {bought['id']} with 100 requests; the run is estimated at $0."
    assert lines[0].startswith(told)
    assert any(line.startswith("tickets-local  Complete: 100 tickets: ") for line in lines)
    table = [line.split() for line in lines[lines.index("category   tickets  share") + 1 : -2]]
    assert sum(int(count) for _, count, _ in table) == 100
    assert re.match(r"cost \$0\.\d+, at the standard price \$0\.\d+, saved \$0\.\d+ \(prices of", lines[-2])
    assert shell.record("tickets-local")["plan"]["disableThinking"], "its model thinks by default, and pays for it"
    results = Path(lines[-1].removeprefix("rows are in "))
    assert len(results.read_text().splitlines()) == 100
    assert {row["id"] for row in shell.rows("tickets-local")} == {f"T-{number:04}" for number in range(1, 101)}


def test_what_is_shown_elsewhere_than_on_a_terminal_is_plain_and_never_cut(shell: Shell) -> None:
    wide = "w" * 64
    described = {"[red]": "password", "[/]": "crash", wide: "invoice"}
    categories = [{"name": name, "description": words} for name, words in described.items()]
    document = batch("tickets", inline(*described.values()), categories=categories)

    outcome = shell.local(shell.write(document))

    assert outcome.out.isascii()
    assert not {"\x1b", "\r"} & set(outcome.out)
    for name in described:
        assert re.search(rf"^{re.escape(name)} +1 +33\.[34]%$", outcome.out, re.MULTILINE), outcome.out


def test_results_can_be_a_csv_file(shell: Shell) -> None:
    outcome = shell.local(shell.write(batch("tickets", TWO, results={"configMap": {"name": "out", "format": "csv"}})))

    path = Path(outcome.out.splitlines()[-1].removeprefix("rows are in "))
    assert path == shell.folder / "state" / "default" / "out" / "results.csv"
    assert sorted(row["id"] for row in csv.DictReader(path.read_text().splitlines())) == ["1", "2"]


def test_a_run_without_any_label_has_failed(shell: Shell) -> None:
    shell.api.ask("faults", [{"kind": "items", "outcome": "refusal"}])

    outcome = shell.local(shell.write(batch("tickets", TWO)))

    assert outcome.code == 1
    assert "tickets  NoTicketLabeled: 2 tickets: 2 failed" in outcome.err
    assert "(none: failed)        2" in outcome.out
    assert outcome.err.splitlines()[-1] == "not complete"


def test_several_resources_run_side_by_side_and_all_count(shell: Shell) -> None:
    first, second = batch("first", inline("Refund my invoice")), batch("second", TWO, model="claude-imaginary-1")

    outcome = shell.local(shell.write(first, second))

    assert outcome.code == 1
    assert "first  Complete: 1 ticket: 1 labeled" in outcome.out
    assert "second  UnknownModel: " in outcome.err
    assert shell.bought()["accepted"] == 1


# --- SQLite -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["stringData", "data", "environment"])
def test_tickets_go_from_sqlite_back_into_sqlite(shell: Shell, where: str) -> None:
    shell.tickets(1_500)
    shell.table("UPDATE tickets SET category = 'kept' WHERE id = 7")
    query = "SELECT id, subject, body FROM tickets WHERE category IS NULL"
    known = secret(url=shell.url)
    documents = {
        "stringData": [known],
        "data": [{**known, "stringData": {}, "data": {"url": base64.b64encode(shell.url.encode()).decode()}}],
        "environment": [],
    }[where]
    env = {"ANTHROPIC_API_KEY": "k", "DB_URL": shell.url if where == "environment" else ""}

    path = shell.write(batch("tickets", from_database(query), results=into_database()), *documents)
    outcome = shell.local(path, env=env)

    assert outcome.code == 0, outcome.told
    assert "rows are in table tickets" in outcome.out
    counts = shell.table("SELECT category, COUNT(*) FROM tickets GROUP BY category ORDER BY category")
    assert counts == [("billing", 1_499), ("kept", 1)]
    assert shell.bought()["accepted"] == 1_499


def test_results_can_go_to_a_table_of_their_own_and_a_file_at_once(shell: Shell) -> None:
    shell.tickets(3)
    columns = {"id": "ticket", "category": "category", "verdict": "verdict"}
    results = into_database("labels", mode="Upsert", columns=columns) | {"configMap": {}}

    outcome = shell.local(shell.write(batch("tickets", from_database(), results=results), secret(url=shell.url)))

    assert outcome.code == 0, outcome.told
    assert shell.table("SELECT ticket, category, verdict FROM labels ORDER BY ticket") == [
        (str(number), "billing", "Labeled") for number in (1, 2, 3)
    ]
    assert sorted(row["id"] for row in shell.rows()) == ["1", "2", "3"]


# --- interruptions ----------------------------------------------------------------------------------------------------


def test_after_a_kill_in_the_middle_of_a_batch_the_same_command_goes_on_and_nothing_is_bought_twice(
    patient_desk: Shell,
) -> None:
    shell = patient_desk
    first = shell.start(EXAMPLE)
    eventually(lambda: submitted(shell, "tickets-local"))
    first.stop(signal.SIGKILL)

    second = shell.start(EXAMPLE, log="second.log")
    eventually(lambda: "goes on where it was" in second.tail())
    shell.api.ask("end", {})

    assert second.process.wait(30) == 0, second.tail()
    bill = shell.bought()
    assert (bill["created"], bill["accepted"], bill["paid"]) == (1, 100, 100)
    assert len({row["id"] for row in shell.rows("tickets-local")}) == len(shell.rows("tickets-local")) == 100


def test_after_a_kill_before_the_answer_to_the_create_nothing_is_bought_twice(shell: Shell) -> None:
    shell.api.ask("faults", [{"kind": "delay", "operation": "create", "seconds": 60, "accepted": True}])
    path = shell.write(batch("tickets", TWO))
    first = shell.start(path)
    eventually(lambda: shell.bought()["created"])
    first.stop(signal.SIGKILL)
    assert shell.record()["batches"][0]["state"] == "Intended"
    shell.api.ask("faults", [])

    outcome = shell.local(path)

    assert outcome.code == 0, outcome.told
    assert shell.bought()["created"] == 1
    assert [row["verdict"] for row in shell.rows()] == ["Labeled", "Labeled"]


def test_ctrl_c_says_what_is_kept_and_the_same_command_goes_on(patient_desk: Shell) -> None:
    shell = patient_desk
    path = shell.write(batch("tickets", TWO))
    first = shell.start(path)
    eventually(lambda: submitted(shell))
    first.stop(signal.SIGINT)

    assert first.process.returncode == 130
    last = first.tail().splitlines()[-1]
    assert last == "interrupted: run the same command again, and it goes on where it was"
    assert "Traceback" not in first.tail(200)
    shell.api.ask("end", {})
    assert shell.local(path).code == 0
    assert shell.bought()["created"] == 1


def test_a_run_that_is_finished_is_left_as_it_is(shell: Shell) -> None:
    path = shell.write(batch("tickets", TWO))
    first = shell.local(path)

    second = shell.local(path)

    assert second.code == 0
    assert "tickets  was finished before, at 20" in second.out
    assert "another directory with --state" in second.out
    assert second.out.splitlines()[-2:] == first.out.splitlines()[-2:]
    assert shell.bought()["created"] == 1


def test_a_spec_that_changed_after_the_purchase_is_refused(shell: Shell) -> None:
    shell.local(shell.write(batch("tickets", TWO)))

    outcome = shell.local(shell.write(batch("tickets", TWO, model="claude-haiku-5-5")))

    assert outcome.code == 2
    assert "default/tickets: spec.model changed since the run began" in outcome.err
    assert shell.bought()["created"] == 1


def test_two_runs_at_once_on_the_same_state_are_refused(patient_desk: Shell) -> None:
    shell = patient_desk
    path = shell.write(batch("tickets", TWO))
    first = shell.start(path)
    eventually(lambda: submitted(shell))

    outcome = shell.local(path)
    first.stop(signal.SIGKILL)

    assert outcome.code == 2
    assert f"process {first.process.pid} (nightsort local {path}, since 20" in outcome.err
    assert shell.bought()["created"] == 1
