"""Names in local mode: two resources may want one, and none may meet a file of ours."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.bench import batch, inline
from tests.local.shell import Shell, into_database, secret
from tests.support.waiting import eventually

TWO = inline("I was charged twice", "The app crashes")
THREE = inline("Refund my invoice", "Where is my card?", "It is slow")
ONE_NAME = {"results": {"configMap": {"name": "labels"}}}


def in_namespace(namespace: str, document: dict[str, Any]) -> dict[str, Any]:
    return {**document, "metadata": {**document["metadata"], "namespace": namespace}}


def ids(shell: Shell, *place: str) -> list[str]:
    text = shell.folder.joinpath("state", *place, "results.jsonl").read_text()
    return sorted(json.loads(line)["id"] for line in text.splitlines())


def test_one_name_in_two_namespaces_is_two_runs_each_with_its_rows(shell: Shell) -> None:
    path = shell.write(in_namespace("bank", batch("tickets", TWO)), in_namespace("shop", batch("tickets", THREE)))

    outcome = shell.local(path)

    assert outcome.code == 0, outcome.told
    assert ids(shell, "bank", "tickets-results") == ["1", "2"]
    assert ids(shell, "shop", "tickets-results") == ["1", "2", "3"]
    assert shell.bought()["paid"] == 5
    places = [line.removeprefix("rows are in ") for line in outcome.out.splitlines() if line.startswith("rows are in")]
    state = shell.folder / "state"
    assert places == [str(state / name / "tickets-results" / "results.jsonl") for name in ("bank", "shop")]
    assert "bank/tickets  Complete: 2 tickets" in outcome.out
    assert "shop/tickets  Complete: 3 tickets" in outcome.out


def test_of_two_resources_with_one_name_for_results_one_is_bought_and_the_other_hears_who_has_it(shell: Shell) -> None:
    path = shell.write(batch("first", TWO, **ONE_NAME), batch("second", TWO, **ONE_NAME))

    outcome = shell.local(path)

    assert outcome.code == 1
    assert shell.bought()["created"] == 1
    [taken] = [line for line in outcome.err.splitlines() if "ResultsNameTaken" in line]
    loser = taken.split()[0]
    [winner] = {"first", "second"} - {loser}
    assert f"it is of ClassificationBatch {winner}" in taken
    assert ids(shell, "default", "labels") == ["1", "2"]
    assert shell.local(path).code == 1
    assert shell.bought()["created"] == 1, "nothing more on a second run"


@pytest.mark.parametrize("name", ["lock", "simulated", "record.json", "copy.json"])
def test_no_name_meets_a_file_of_our_own(shell: Shell, name: str) -> None:
    results = {"results": {"configMap": {"name": name}}}
    path = shell.write(in_namespace(name.partition(".")[0], batch(name, TWO, **results)))

    assert shell.local(path, "--simulate", "--seconds", "0").code == 0
    assert shell.local(path).code == 0
    assert shell.local(path, "--simulate", "--seconds", "0").code == 0, "which forgets nothing of the run that was paid"
    outcome = shell.local(path)

    assert outcome.code == 0, outcome.told
    assert shell.bought()["created"] == 1
    rows = outcome.out.splitlines()[-1].removeprefix("rows are in ")
    assert rows.endswith(f"/{name}/results.jsonl")
    assert len(Path(rows).read_text().splitlines()) == 2


def test_a_run_that_an_earlier_version_has_begun_goes_on_with_its_record_and_its_rows(patient_desk: Shell) -> None:
    """Which had the results in a folder without the namespace, and the record where it is now."""
    shell = patient_desk
    shell.api.ask("faults", [{"kind": "items", "error_type": "overloaded_error", "count": 1}])
    path = shell.write(batch("tickets", THREE, pollIntervalSeconds=5))
    folder = shell.folder / "state" / "default" / "tickets-results"
    first = shell.start(path)
    eventually(lambda: shell.bought()["created"] == 1)
    shell.api.ask("end", {})
    eventually(lambda: [each["state"] for each in shell.record()["batches"]] == ["Collected", "Submitted"])
    first.stop(signal.SIGKILL)
    assert len(ids(shell, "default", "tickets-results")) == 2
    folder.rename(shell.folder / "state" / "tickets-results")
    second = shell.start(path, log="second.log")
    eventually(lambda: "goes on where it was" in second.tail())
    shell.api.ask("end", {})

    assert second.process.wait(60) == 0, second.tail()
    assert shell.bought()["created"] == 2
    assert ids(shell, "tickets-results") == ["1", "2", "3"]
    assert f"rows are in {shell.folder / 'state' / 'tickets-results' / 'results.jsonl'}" in second.tail(5)


def test_of_one_name_in_two_namespaces_whose_files_go_into_one_folder_one_is_bought(shell: Shell) -> None:
    results = {"results": {"objectStore": {"url": f"file://{shell.folder}/exports"}}}
    documents = [in_namespace(name, batch("tickets", TWO, **results)) for name in ("bank", "shop")]
    path = shell.write(*documents)

    outcome = shell.local(path)

    assert outcome.code == 1
    assert shell.bought()["created"] == 1
    folder = shell.folder / "exports" / "tickets"
    winner = json.loads((folder / "owner.json").read_text())["namespace"]
    assert f"it is of ClassificationBatch {winner}/tickets" in outcome.err
    (folder / "owner.json").unlink()
    assert shell.local(path).code == 0
    assert shell.bought()["created"] == 2
    assert len(list(folder.glob("rows-*"))) == 2


def test_of_two_runs_whose_tickets_are_the_same_rows_of_a_table_one_is_bought_at_once(patient_desk: Shell) -> None:
    shell = patient_desk
    results = {"results": into_database("labels", mode="Upsert")}
    path = shell.write(batch("first", TWO, **results), batch("second", THREE, **results), secret(url=shell.url))
    process = shell.start(path)
    told = "tickets of first, which is unfinished and has another source, have the same ids"
    eventually(lambda: told in process.tail(20))
    eventually(lambda: shell.bought()["created"] == 1)
    shell.api.ask("end", {})

    assert process.process.wait(60) == 1
    assert shell.bought()["created"] == 1
    assert shell.table("SELECT id FROM labels ORDER BY id") == [("1",), ("2",)]
