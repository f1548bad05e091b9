"""`nightsort cancel` and `retry` about runs of this machine, as their users meet them."""

from __future__ import annotations

import json
import os
import signal
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.bench import NIGHTSORT, SimulatedApi, batch, inline
from tests.local.measuring import Measuring
from tests.local.office import Office, figures
from tests.local.shell import KEY, Shell, config_map, from_config_map, run, submitted
from tests.support.outcome import Outcome
from tests.support.processes import Server
from tests.support.waiting import eventually

TICKETS = 400


@pytest.fixture(scope="module")
def slow_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatedApi]:
    """A batch of TICKETS gets two answers a second: some are there when it is canceled, and some are not."""
    with SimulatedApi(tmp_path_factory.mktemp("slow"), seconds=TICKETS / 2) as api:
        yield api


@pytest.fixture
def slow_office(tmp_path: Path, slow_api: SimulatedApi) -> Office:
    slow_api.ask("reset", {})
    return Office(tmp_path, slow_api)


def here(office: Office | Shell, *arguments: str) -> Outcome:
    return run(*arguments, "--state", str(office.folder / "state"), "--api-url", office.api.url)


@pytest.fixture(autouse=True)
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "no-kubeconfig"))
    return tmp_path


def left_alone(office: Office, tickets: int) -> None:
    """The state after somebody has closed the terminal: a batch is under way, and nobody works."""
    office.write(tickets)
    with office.start("--yes") as process:
        eventually(lambda: "Submitted" in status_words(office))
        some_answers()
        process.stop(signal.SIGKILL)


def some_answers() -> None:
    """Lets the API work on a batch for a second, in which it answers two tickets of a slow one."""
    begun = time.monotonic()
    eventually(lambda: time.monotonic() > begun + 1)


def status_words(office: Office) -> str:
    return "Submitted" if "batch    msgbatch" in run("status", "--state", str(office.folder / "state")).out else ""


# --- cancel -----------------------------------------------------------------------------------------------------------


def test_a_cancel_ends_the_batch_writes_what_was_answered_and_the_same_command_asks_about_the_rest(
    slow_office: Office,
) -> None:
    office = slow_office
    left_alone(office, TICKETS)

    outcome = here(office, "cancel", "tickets.csv")

    assert (outcome.code, outcome.err) == (0, ""), outcome.told
    [bought] = office.bill()["batches"]
    assert f"asked for the end of batch {bought['id']}" in outcome.out
    counts = figures(outcome.out)
    canceled = counts.pop("(none: canceled)")
    answered = TICKETS - canceled
    assert counts.pop("total") == TICKETS
    assert 0 < answered == sum(counts.values()) < TICKETS
    assert "cost $0.0" in outcome.out
    assert office.bill()["paid"] == answered
    assert {row["verdict"] for row in office.rows()} == {"Labeled", "Canceled"}
    status = here_status(office)
    assert "  phase    Canceled: its answers are kept" in status.out

    again = here(office, "cancel", "tickets.csv")
    assert (again.code, again.out) == (0, "nothing of tickets.csv is under way: there is nothing to cancel\n")

    with office.start("--yes", log="again.log") as process:
        eventually(lambda: office.bill()["created"] == 2)
        office.api.ask("end", {})
        assert process.process.wait(60) == 0, process.tail()
        assert f"{answered} answered before, and not bought again, {canceled} to be asked again" in process.tail(100)
    assert office.bill()["paid"] == TICKETS, "every ticket is paid once"
    assert {row["verdict"] for row in office.rows()} == {"Labeled"}


def test_an_evaluation_of_a_file_that_was_never_classified_is_canceled_too(patient_office: Office) -> None:
    office, measuring = patient_office, Measuring(patient_office.folder, patient_office.api)
    measuring.write(6)
    with measuring.start(log="evaluate.log") as process:
        eventually(lambda: "Submitted" in status_words(office))
        process.stop(signal.SIGKILL)

    outcome = here(office, "cancel", "known.csv")

    assert (outcome.code, outcome.err) == (0, ""), outcome.told
    assert "the same nightsort evaluate asks about the rest" in outcome.out
    assert "Canceled: its answers are kept" in run("status", "--state", str(office.folder / "state")).out
    assert not (office.folder / "known.labeled.csv").exists()


def here_status(office: Office) -> Outcome:
    return run("status", "tickets.csv", "--state", str(office.folder / "state"))


def test_a_cancel_beside_a_process_that_works_is_told_which_one(patient_office: Office) -> None:
    office = patient_office
    office.write(3)
    with office.start("--yes") as process:
        eventually(lambda: office.bill()["created"] == 1)
        outcome = here(office, "cancel", "tickets.csv")

        assert outcome.code == 2
        assert f"process {process.process.pid} (nightsort classify {office.file}, since 20" in outcome.err
        assert "cancel" not in office.api.ask("requests")["calls"]


def test_a_cancel_that_does_not_end_in_time_or_is_killed_goes_on_when_it_is_typed_again(
    patient_office: Office,
) -> None:
    office = patient_office
    left_alone(office, 6)
    office.api.ask("faults", [{"kind": "status", "operation": "cancel", "status": 529, "times": None}])

    stuck = here(office, "cancel", "tickets.csv", "--timeout", "4s")
    status = here_status(office)
    command = ["cancel", "tickets.csv", "--state", str(office.folder / "state"), "--api-url", office.api.url]
    with Server.start([*NIGHTSORT, *command], office.folder / "cancel.log", env={**os.environ, **KEY}) as process:
        eventually(lambda: office.api.ask("requests")["calls"].get("cancel", 0) > 1)
        process.stop(signal.SIGKILL)
    urllib.request.urlopen(urllib.request.Request(f"{office.api.url}/_simulator/faults", method="DELETE")).close()
    outcome = here(office, "cancel", "tickets.csv")

    assert stuck.code == 124, stuck.told
    assert "not ended when its time was over: to go on with it, type  nightsort cancel tickets.csv" in stuck.err
    assert "  phase    Canceling: its batches were asked to end" in status.out
    assert outcome.code == 0, outcome.told
    assert figures(outcome.out)["total"] == 6
    assert office.bill()["created"] == 1


def test_after_a_cancel_a_file_that_cannot_be_written_is_told_and_its_answers_are_kept(patient_office: Office) -> None:
    office = patient_office
    left_alone(office, 6)
    office.labeled.write_text("mine")

    outcome = here(office, "cancel", "tickets.csv")

    assert outcome.code == 1
    assert "canceled, and its answers are kept; but no file was written" in outcome.err
    assert office.labeled.read_text() == "mine"
    assert "nothing of tickets.csv is under way" in here(office, "cancel", "tickets.csv").out


def test_a_cancel_of_a_manifest_keeps_its_answers_and_the_same_command_goes_on(
    tmp_path: Path, slow_api: SimulatedApi
) -> None:
    slow_api.ask("reset", {})
    shell = Shell(tmp_path, slow_api)
    tickets = "id,subject,body\n" + "".join(f"T-{number},Help,I was charged twice\n" for number in range(TICKETS))
    path = shell.write(batch("tickets", from_config_map("tickets.csv")), config_map("tickets.csv", tickets))
    with shell.start(path) as process:
        eventually(lambda: submitted(shell))
        some_answers()
        process.stop(signal.SIGKILL)

    outcome = here(shell, "cancel", "tickets.yaml")
    rows = len(shell.rows())

    assert outcome.code == 0, outcome.told
    assert "cost $0.0" in outcome.out, outcome.told
    assert "next: nightsort local tickets.yaml --state state  goes on with what is left" in outcome.out
    assert "suspend" not in outcome.told
    assert 0 < rows < TICKETS
    assert shell.bought()["paid"] == rows
    assert "nothing of tickets.yaml is under way" in here(shell, "cancel", "tickets.yaml").out

    with shell.start(path, log="again.log") as process:
        eventually(lambda: shell.bought()["created"] == 2)
        shell.api.ask("end", {})
        assert process.process.wait(60) == 0, process.tail()
    assert shell.bought()["paid"] == TICKETS
    assert {row["verdict"] for row in shell.rows()} == {"Labeled"}


# --- retry ------------------------------------------------------------------------------------------------------------


def test_a_retry_of_a_file_asks_about_what_failed_and_about_nothing_else(office: Office) -> None:
    office.write({"1": "billing", "2": "refuse me", "3": "what is this"})
    office.api.ask(
        "faults",
        [
            {"kind": "items", "outcome": "refusal", "match": "refuse me"},
            {"kind": "items", "outcome": "unknown", "match": "what is this"},
        ],
    )
    office.classify("--yes")
    office.write({"1": "billing", "2": "refuse me", "3": "what is this", "4": "technical"})

    priced = here(office, "retry", "tickets.csv")
    refused = here(office, "retry", "tickets.csv", "--verdict", "Refused", "--yes")

    assert priced.code == 2
    assert "nothing was bought: there is no terminal to ask at. Give --yes" in priced.err
    assert "4 tickets: 1 answered before, and not bought again, 2 to be asked again" in priced.out
    assert refused.code == 0, refused.told
    assert "2 answered before, and not bought again, 1 to be asked again" in refused.out
    assert office.bill()["accepted"] == 4
    assert here(office, "retry", "tickets.csv", "--yes").code == 0
    assert office.bill()["accepted"] == 5
    last = here(office, "retry", "tickets.csv", "--yes")
    assert "nothing to retry: each ticket that was asked about has a category, or cannot get one" in last.out
    assert "1 other ticket left to nightsort classify" in last.out
    assert office.bill()["accepted"] == 5
    assert [bool(row["category"]) for row in office.rows()] == [True, True, True, False]


def test_a_retry_of_a_manifest_is_a_run_beside_it_and_its_rows_take_the_place_of_the_former(shell: Shell) -> None:
    documents = batch("nightly", inline("I was charged twice", "refuse me", "The app crashes"))
    shell.api.ask("faults", [{"kind": "items", "outcome": "refusal", "match": "refuse me", "times": 2}])
    path = shell.write(documents, name="nightly.yaml")
    assert shell.local(path).code == 0

    still_refused = here(shell, "retry", "nightly.yaml")
    outcome = here(shell, "retry", "nightly.yaml")
    nothing = here(shell, "retry", "nightly.yaml")
    rows = run("results", "nightly.yaml", "-o", "jsonl", "--state", str(shell.folder / "state"))

    assert still_refused.code == 1
    assert "1 ticket of 3 sent again (1 Refused)" in still_refused.err
    assert outcome.code == 0, outcome.told
    assert "nightly-retry-2  Complete: 1 ticket: 1 labeled" in outcome.out
    assert nothing.code == 0
    assert "nothing to retry: every ticket of nightly-retry-2 has its category" in nothing.err
    assert shell.bought()["accepted"] == 5
    assert {row["id"]: row["verdict"] for row in map(json.loads, rows.out.splitlines())} == {
        "1": "Labeled",
        "2": "Labeled",
        "3": "Labeled",
    }


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("retry", "tickets.csv", "--all"), "--name and --all are for runs of a cluster"),
        (("retry", "tickets", "--yes"), "--yes is for files and manifests of this machine"),
        (("cancel", "tickets.csv"), "classify.sqlite: no such file"),
        (("retry", "tickets.csv"), "classify.sqlite: no such file"),
        (("cancel", "none.yaml"), "none.yaml: no such file"),
    ],
)
def test_what_cannot_be_done_is_told_and_leaves_nothing(at_home: Path, arguments: tuple[str, ...], told: str) -> None:
    outcome = run(*arguments)

    assert outcome.code == 2
    assert told in outcome.err
    assert list(at_home.iterdir()) == []
