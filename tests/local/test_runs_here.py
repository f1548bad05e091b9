"""`nightsort status`, `list` and `results` about runs of this machine, as their users meet them."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from tests.cluster.bench import batch, inline
from tests.local.measuring import Measuring
from tests.local.office import CATEGORIES, Office
from tests.local.shell import Shell, run
from tests.support.outcome import Outcome
from tests.support.waiting import eventually


def here(office: Office | Shell, *arguments: str) -> Outcome:
    return run(*arguments, "--state", str(office.folder / "state"))


@pytest.fixture
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory is the folder of the files, and there is no cluster."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "no-kubeconfig"))
    return tmp_path


# --- while it runs ----------------------------------------------------------------------------------------------------


def test_a_run_that_another_process_works_on_is_shown_with_its_batches_and_that_process(
    patient_office: Office, at_home: Path
) -> None:
    office = patient_office
    office.write(5)
    with office.start("--yes") as process:
        eventually(lambda: office.bill()["created"] == 1 and "not answered" in here(office, "status").out)
        outcome = here(office, "status", "tickets.csv")
        rows = here(office, "results", "tickets.csv")
        process.stop(signal.SIGKILL)

    assert outcome.code == 0, outcome.told
    [bought] = office.bill()["batches"]
    lines = outcome.out.splitlines()
    assert lines[0] == "tickets.csv"
    assert "  phase    Processing: waiting for 1 batch of 5 requests" in lines
    assert "  tickets  5: 5 not answered yet" in lines
    assert any(line.startswith(f"  batch    {bought['id']}: 5 requests, sent 20") for line in lines)
    assert any(line.startswith("  cost     estimated $0.0") for line in lines)
    assert f"  next     nightsort classify tickets.csv {' '.join(CATEGORIES)} --state state" in lines
    assert f"process {process.process.pid} (nightsort classify {office.file}, since 20" in outcome.err
    assert (rows.code, rows.out) == (1, "")
    assert "0 of 5 tickets of tickets.csv have their answer; 5 are under way" in rows.err


def test_after_a_kill_the_status_says_that_nobody_works_and_what_to_type(patient_office: Office, at_home: Path) -> None:
    office = patient_office
    office.write(3)
    with office.start("--yes") as process:
        eventually(lambda: "waiting for" in here(office, "status").out)
        process.stop(signal.SIGKILL)

    outcome = here(office, "status")
    back = outcome.out.split("nobody works on it now; ")[1].split("\n")[0].split()
    office.api.ask("end", {})

    assert outcome.err == ""
    assert run(*back[1:], "--api-url", office.api.url).code == 0, "it goes on with what is typed"
    assert office.bill()["accepted"] == 3
    assert "Complete: 3 tickets" in here(office, "status").out


def test_an_evaluation_says_that_it_is_one_names_no_labelled_file_and_evaluate_to_go_on(
    patient_office: Office, at_home: Path
) -> None:
    office, measuring = patient_office, Measuring(patient_office.folder, patient_office.api)
    measuring.write(6)
    with measuring.start(log="evaluate.log") as process:
        eventually(lambda: "waiting for" in here(office, "status").out)
        process.stop(signal.SIGKILL)

    outcome = here(office, "status")

    lines = outcome.out.splitlines()
    assert lines[0] == "known.csv (evaluation)"
    assert "  next     nobody works on it now; the same nightsort evaluate of known.csv goes on with it" in lines
    assert "labeled.csv" not in outcome.out, "it writes none"
    assert "known.csv (evaluation)" in here(office, "list").out


# --- afterwards -------------------------------------------------------------------------------------------------------


def test_all_runs_are_listed_with_what_they_have_cost(office: Office, at_home: Path) -> None:
    office.write(3)
    office.classify("--yes")
    office.write(5)
    office.classify("--yes")
    office.classify("--simulate", "--seconds", "0")
    shell = Shell(office.folder, office.api)
    assert shell.local(shell.write(batch("nightly", inline("I was charged twice")), name="nightly.yaml")).code == 0

    outcome = here(office, "list")

    assert (outcome.code, outcome.err) == (0, "")
    header, *lines, bill = outcome.out.splitlines()
    assert header.split() == ["run", "began", "phase", "tickets", "labeled", "unknown", "failed", "cost"]
    cells = [line.split() for line in lines]
    assert [(one[0], one[-5], one[-4]) for one in cells] == [
        ("tickets.csv", "3", "3"),
        ("tickets.csv", "2", "2"),
        ("tickets.csv", "5", "5"),
        ("nightly", "1", "1"),
    ]
    assert "(simulated)" in lines[2]
    real = [float(one[-1].removeprefix("$")) for one in (cells[0], cells[1], cells[3])]
    assert bill == f"3 runs, ${sum(real):f}".rstrip("0")


def test_the_story_of_a_manifest_tells_where_its_rows_are(shell: Shell, at_home: Path) -> None:
    path = shell.write(batch("nightly", inline("I was charged twice", "The app crashes")), name="nightly.yaml")
    shell.local(path)

    outcome = here(shell, "status", "nightly.yaml")

    assert (outcome.code, outcome.err) == (0, "")
    assert "  phase    Complete: 2 tickets: 2 labeled" in outcome.out
    assert "  manifest nightly.yaml" in outcome.out
    [place] = [line.split()[1] for line in outcome.out.splitlines() if line.startswith("  rows ")]
    assert len(Path(place).read_text().splitlines()) == 2


def test_the_rows_of_a_file_are_printed_in_its_order_and_by_verdict(office: Office, at_home: Path) -> None:
    office.write({"b": "billing", "a": "refuse me", "c": "technical"})
    office.api.ask("faults", [{"kind": "items", "outcome": "refusal", "match": "refuse me"}])
    office.classify("--yes")

    table = here(office, "results", "tickets.csv")
    lines = here(office, "results", str(office.file), "-o", "jsonl")
    refused = here(office, "results", "tickets.csv", "-o", "csv", "--verdict", "refused")

    assert [line.split()[:3] for line in table.out.splitlines()] == [
        ["ID", "CATEGORY", "VERDICT"],
        ["b", "billing", "Labeled"],
        ["a", "<none>", "Refused"],
        ["c", "technical", "Labeled"],
    ]
    rows = [json.loads(line) for line in lines.out.splitlines()]
    assert [(row["id"], row["category"]) for row in rows] == [("b", "billing"), ("a", None), ("c", "technical")]
    assert all(row["inputTokens"] > 0 and row["batchId"] for row in rows if row["category"])
    assert [line.split(",")[0] for line in refused.out.splitlines()] == ["id", "a"]
    assert {table.code, lines.code, refused.code} == {0}


def test_the_flags_about_the_file_need_not_be_given_again(office: Office, at_home: Path) -> None:
    office.write(3)
    office.file.write_text(office.file.read_text().replace("body", "was los ist"))
    office.classify("--yes", "--body", "was los ist")

    assert len(here(office, "results", "tickets.csv", "-o", "jsonl").out.splitlines()) == 3


def test_rows_of_tickets_that_came_since_are_told_to_be_missing(office: Office, at_home: Path) -> None:
    office.write(3)
    office.classify("--yes")
    office.write(5)

    outcome = here(office, "results", "tickets.csv")

    assert outcome.code == 0
    assert "not all: 3 of 5 tickets of tickets.csv have their answer; the others were not asked about" in outcome.err


def test_of_several_resources_one_must_be_named(shell: Shell, at_home: Path) -> None:
    path = shell.write(batch("first", inline("Refund")), batch("second", inline("a crash")), name="two.yaml")
    shell.local(path)

    outcome = here(shell, "results", "two.yaml")
    second = here(shell, "results", "two.yaml", "--resource", "second", "-o", "jsonl")

    assert outcome.code == 2
    assert "name one of them with --resource: first, second" in outcome.err
    assert [json.loads(line)["category"] for line in second.out.splitlines()] == ["technical"]


# --- which world ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("results", "tickets"), "no cluster"),
        (("results", "cb/tickets"), "no cluster"),
        (("results", "tickets.csv", "--namespace", "support"), "no cluster"),
        (("status", "nightly-2026.11.29"), "no cluster"),
        (("list", "-A"), "no cluster"),
        (("results", "tickets.csv", "--state", "state", "-n", "support"), "give one of them"),
        (("results", "tickets.csv"), "classify.sqlite: no such file. `nightsort classify` makes it"),
        (("results", "./tickets"), "classify.sqlite: no such file"),
        (("status",), "there is no nightsort-state here"),
        (("list",), "for runs of a cluster: kubectl nightsort list"),
    ],
)
def test_a_name_is_a_resource_of_the_cluster_and_a_file_is_a_file(
    at_home: Path, arguments: tuple[str, ...], told: str
) -> None:
    outcome = run(*arguments)

    assert outcome.code == 2, outcome.told
    assert told in outcome.err
    assert list(at_home.iterdir()) == [], "looking leaves nothing behind"


# --- where the state is -----------------------------------------------------------------------------------------------


def test_the_state_is_beside_the_work_and_not_hidden_and_a_former_one_is_used_where_it_is(
    office: Office, at_home: Path
) -> None:
    office.write(3)
    first = run("classify", "tickets.csv", "--yes", "--api-url", office.api.url)
    assert first.code == 0, first.told
    assert "nightsort-state remembers what was bought: keep it, and nothing of it is bought again" in first.out
    assert (at_home / "nightsort-state" / "classify.sqlite").exists()

    (at_home / "nightsort-state").rename(at_home / ".nightsort")
    again = run("classify", "tickets.csv", "--yes", "--api-url", office.api.url)
    listed = run("list")

    assert "nothing to buy: all 3 tickets have their answer" in again.out
    assert "remembers" not in again.out
    assert again.err == listed.err
    assert "`mv .nightsort nightsort-state` makes it visible" in again.err
    assert office.bill()["accepted"] == 3


def test_two_states_are_refused_before_one_buys_what_the_other_has(office: Office, at_home: Path) -> None:
    office.write(3)
    for name in (".nightsort", "nightsort-state"):
        assert run("classify", "tickets.csv", "--yes", "--api-url", office.api.url, "--state", name).code == 0
        (at_home / "tickets.labeled.csv").unlink()
    bought = office.bill()["created"]

    outcome = run("classify", "tickets.csv", "--yes", "--api-url", office.api.url)

    assert outcome.code == 2
    assert "neither knows the other's purchases: name one of them with --state" in outcome.err
    assert office.bill()["created"] == bought
