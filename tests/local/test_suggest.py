"""`nightsort init --suggest-categories` as its users meet it: one question, priced first, and never paid twice."""

from __future__ import annotations

import json
import os
import pty
import stat
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from tests.cluster.bench import NIGHTSORT
from tests.local.office import Office
from tests.local.shell import KEY, read_until, run
from tests.support.outcome import Outcome

TEXTS = (
    "The card was blocked",
    "My card is lost",
    "A transfer did not arrive",
    "The transfer is late",
    "Refund please",
)


@pytest.fixture(autouse=True)
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def init(office: Office, *flags: str) -> Outcome:
    return run(*arguments(office, *flags))


def arguments(office: Office, *flags: str) -> list[str]:
    return ["init", "tickets.csv", "--suggest-categories", "--api-url", office.api.url, *flags]


def names(path: Path) -> Sequence[str]:
    return [category["name"] for category in yaml.safe_load(path.read_text())["categories"]]


def asked(office: Office) -> int:
    return int(office.bill()["messages"])


@pytest.fixture
def tickets(office: Office) -> Office:
    office.write({f"T-{number:03}": f"{TEXTS[number % 5]} ({number})" for number in range(300)})
    return office


def test_the_price_is_shown_and_nothing_is_bought_without_a_persons_word(tickets: Office) -> None:
    outcome = init(tickets)
    dear = init(tickets, "--max-cost", "0.0001")

    assert (outcome.code, dear.code) == (2, 2)
    lines = [line.split() for line in outcome.out.splitlines()]
    assert ["tickets", "in", "the", "sample", "100"] in lines
    assert any(line[:4] == ["standard", "price,", "at", "most"] and line[4].startswith("$0.0") for line in lines)
    assert "one request, answered at once: a batch would cost half, and may take hours" in outcome.out
    assert "there is no terminal to ask at. Give --yes, or the most that it may cost" in outcome.err
    assert "which is above --max-cost 0.0001" in dear.err
    assert asked(tickets) == 0


def test_without_a_terminal_the_proposals_are_in_a_file_that_nothing_reads_and_are_bought_once(tickets: Office) -> None:
    outcome = init(tickets, "--max-cost", "0.05")
    suggested = tickets.folder / "categories.suggested.yaml"
    proposed = names(suggested)
    suggested.unlink()
    tickets.api.ask("faults", [{"kind": "status", "operation": "models", "status": 500, "times": 1}])
    again = init(tickets)

    assert (outcome.code, outcome.err) == (0, ""), outcome.told
    assert {"card", "transfer", "refund"} <= set(proposed)
    assert proposed[-1] == "other"
    assert "Tickets about card" in outcome.out
    assert "it cost $0.0" in outcome.out
    assert "to take them: mv categories.suggested.yaml categories.yaml" in outcome.out
    assert not (tickets.folder / "categories.yaml").exists()
    assert (again.code, again.err) == (0, ""), again.told
    assert "asked about the same tickets before" in again.out
    assert names(suggested) == proposed
    assert asked(tickets) == 1
    [kept] = (tickets.folder / "nightsort-state" / "suggestions").glob("*.json")
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert "categories from" not in tickets.classify("--estimate").out


def test_what_is_proposed_is_taken_by_a_person_at_a_terminal(tickets: Office) -> None:
    refused = at_a_terminal(tickets, "y\n", "n\n")
    taken = at_a_terminal(tickets, "y\n")

    assert "Ask claude-haiku-5-5 for categories, for at most $0.0" in refused
    assert "nothing was written; the answer is kept" in refused
    assert "nothing is bought" in taken
    assert "card" in names(tickets.folder / "categories.yaml")
    assert asked(tickets) == 1


def at_a_terminal(office: Office, *answers: str) -> str:
    """What is shown while a person answers the questions."""
    ours, theirs = pty.openpty()
    command = [*NIGHTSORT, *arguments(office)]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env={**os.environ, **KEY}) as process:
        os.close(theirs)
        shown = ""
        for answer in answers:
            shown += read_until(ours, "[y/N] ")
            os.write(ours, answer.encode())
        shown += read_until(ours, None)
        process.wait(60)
    os.close(ours)
    return shown


def test_an_answer_that_was_lost_is_told_before_it_is_bought_again(tickets: Office) -> None:
    tickets.api.ask("faults", [{"kind": "connection-cut", "operation": "messages", "accepted": True}])

    lost = init(tickets, "--yes")
    unasked = init(tickets)
    again = init(tickets, "--yes")

    assert lost.code == 2
    assert "the answer was lost" in lost.err
    assert "it may have been paid" in lost.err
    assert "the answer was lost: that may have been paid, too" in unasked.out
    assert unasked.code == 2
    assert again.code == 0, again.told
    assert asked(tickets) == 2


def test_a_request_that_was_surely_refused_leaves_no_doubt(tickets: Office) -> None:
    tickets.api.ask("faults", [{"kind": "status", "operation": "messages", "status": 429}])

    refused = init(tickets, "--yes")
    again = init(tickets, "--yes")

    assert refused.code == 2
    assert again.code == 0, again.told
    assert "was lost" not in again.out
    assert asked(tickets) == 1


def test_other_tickets_or_another_model_are_another_question(tickets: Office) -> None:
    for flags in ((), ("--model", "claude-sonnet-5-5")):
        assert init(tickets, "--yes", *flags).code == 0
        (tickets.folder / "categories.suggested.yaml").unlink()
    tickets.write({"1": "Something else entirely"})

    assert init(tickets, "--yes").code == 0
    assert asked(tickets) == 3


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (("--categories", "a,b"), "give one of them"),
        (("--kubernetes", "k8s"), "without a terminal nobody takes the proposals"),
        (("--model", "claude-imaginary-1", "--yes"), "--model: 'claude-imaginary-1' is no model of the API"),
        (("--max-cost", "much"), "--max-cost: much is no amount"),
    ],
)
def test_what_cannot_be_asked_is_told_and_buys_nothing(tickets: Office, flags: tuple[str, ...], told: str) -> None:
    outcome = init(tickets, *flags)

    assert outcome.code == 2
    assert told in outcome.err
    assert asked(tickets) == 0
    assert not list(tickets.folder.glob("*.yaml"))


def test_a_file_that_is_there_is_told_before_anything_is_bought(tickets: Office) -> None:
    place = tickets.folder / "categories.suggested.yaml"
    place.write_text("mine")

    outcome = init(tickets, "--yes")

    assert outcome.code == 2
    assert "is there already, and nothing was written" in outcome.err
    assert (place.read_text(), asked(tickets)) == ("mine", 0)


def test_flags_of_a_purchase_are_refused_where_nothing_is_bought(tickets: Office) -> None:
    outcome = run("init", "tickets.csv", "--yes")

    assert outcome.code == 2
    assert "--yes is for --suggest-categories" in outcome.err


@pytest.mark.parametrize("broken", ["", "[]", '{"askedAt": 5}'])
def test_a_record_that_somebody_has_spoilt_is_named(tickets: Office, broken: str) -> None:
    init(tickets, "--yes")
    (tickets.folder / "categories.suggested.yaml").unlink()
    [kept] = (tickets.folder / "nightsort-state" / "suggestions").glob("*.json")
    kept.write_text(broken)

    outcome = init(tickets, "--yes")

    assert outcome.code == 2
    assert f"{kept.relative_to(tickets.folder)} is no record that this version can read: remove it" in outcome.err


def test_a_simulated_answer_is_kept_apart_from_a_real_one(tickets: Office) -> None:
    simulated = run("init", "tickets.csv", "--suggest-categories", "--simulate", env={})
    (tickets.folder / "categories.suggested.yaml").unlink()

    assert simulated.code == 0, simulated.told
    assert "these categories are simulated" in simulated.out
    assert init(tickets, "--yes").code == 0
    assert asked(tickets) == 1
    assert json.loads(
        next(iter((tickets.folder / "nightsort-state" / "suggestions").glob("*.simulated.json"))).read_text()
    )
