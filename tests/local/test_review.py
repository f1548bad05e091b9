"""`nightsort review FILE` at a real terminal: killed, taken up again, and what classify makes of it the next day."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from nightsort.formats.corrections import parsed
from tests.cluster.bench import NIGHTSORT
from tests.local.office import Office
from tests.local.shell import KEY, read_until, run

UNKNOWN = {"kind": "items", "outcome": "unknown", "match": "what is this"}
SIZE = {"COLUMNS": "100", "LINES": "30", "TERM": "xterm"}
TICKETS = {"1": "A billing question", "2": "what is this", "3": "what is this, too", "4": "what is this at all"}


@dataclass
class Terminal:
    """A person at a terminal, who sees and types."""

    end: int
    process: subprocess.Popen[bytes]

    def sees(self, words: str) -> str:
        return read_until(self.end, words)

    def types(self, keys: str) -> None:
        os.write(self.end, keys.encode())

    def leaves(self) -> str:
        shown = read_until(self.end, None)
        assert self.process.wait(60) == 0, shown
        return shown


@contextmanager
def reviewing(office: Office, *flags: str) -> Iterator[Terminal]:
    ours, theirs = pty.openpty()
    command = [*NIGHTSORT, "review", str(office.file), "--state", str(office.folder / "state"), "--by", "anna", *flags]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("NIGHTSORT_")}
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env={**kept, **SIZE}) as process:
        os.close(theirs)
        try:
            yield Terminal(ours, process)
        finally:
            process.kill()
            os.close(ours)


def decided(office: Office) -> dict[str, str]:
    path = office.folder / "tickets.corrections.jsonl"
    found = parsed(path.read_text(encoding="utf-8")) if path.exists() else {}
    return {one.id: one.category for one in found.values()}


def results(office: Office) -> list[dict[str, Any]]:
    outcome = run("results", str(office.file), "--state", str(office.folder / "state"), "-o", "jsonl", env=KEY)
    return [json.loads(line) for line in outcome.out.splitlines()]


def labelled(office: Office) -> None:
    office.write(TICKETS)
    office.api.ask("faults", [UNKNOWN])
    assert office.classify("--yes").code == 0


def test_a_review_that_is_killed_has_what_was_decided_and_goes_on_with_the_rest(office: Office) -> None:
    labelled(office)
    with reviewing(office) as person:
        person.sees("ticket 1 of 3: 0 decided")
        person.types("2")
        person.sees("ticket 2 of 3: 1 decided")
        os.kill(person.process.pid, signal.SIGKILL)
        person.process.wait(60)
    assert decided(office) == {"2": "technical"}

    with reviewing(office) as person:
        shown = person.sees("Esc ends")
        assert "ticket 2 of 3: 1 decided" in shown
        assert "what is this, too" in shown
        person.types("acc\n")
        person.sees("ticket 3 of 3: 2 decided")
        person.types("1\x1b[D")  # the last decision is taken back
        person.sees("4: billing taken back")
        person.types("\x1b")
        told = person.leaves()

    assert decided(office) == {"2": "technical", "3": "account"}
    assert "1 ticket decided: 0 as the model had them, 1 otherwise" in told
    assert "1 ticket left: the same command goes on with them" in told


def test_what_a_person_has_said_is_in_every_output_and_is_not_bought_again(office: Office) -> None:
    labelled(office)
    before = office.labeled.read_text().splitlines()[0]
    assert before == "id,subject,body,category,verdict,reason"
    with reviewing(office, "--of", "unknown,sample", "--sample", "5") as person:
        person.sees("ticket 1 of 4")
        person.types("2")  # the sampled one, which the model had as billing
        person.sees("ticket 2 of 4")
        person.types("3")
        person.sees("ticket 3 of 4")
        person.types("\x03")
        told = person.leaves()
    assert "of the tickets drawn by chance, 0 of 1 have the right category: 0.0% (0.0% to 79.3%)" in told
    bought = office.bill()["accepted"]

    again = office.classify("--yes", "--retry")

    assert again.code == 0, again.told
    assert office.bill()["accepted"] == bought + 2  # 3 and 4 alone: they have neither a category nor a person's word
    found = {row["id"]: (row["category"], row["model_category"], row["corrected_by"]) for row in office.rows()}
    assert found == {
        "1": ("technical", "billing", "anna"),
        "2": ("account", "", "anna"),
        "3": ("other", "", ""),
        "4": ("other", "", ""),
    }
    assert "technical" in again.out
    assert "2 reviewed by people, whose categories stand" in again.out
    rows = {row["id"]: (row["category"], row["model_category"], row["corrected_by"]) for row in results(office)}
    assert rows["1"] == ("technical", "billing", "anna")
    assert rows["3"] == ("other", None, None)

    other = office.classify("--yes", "--model", "claude-sonnet-5-5")
    assert other.code == 0, other.told
    assert office.bill()["accepted"] == bought + 4  # nor do other settings ask about them
    assert office.categories()["1"] == "technical"


def test_corrections_are_known_labels_from_then_on(office: Office) -> None:
    labelled(office)
    outcome = run("evaluate", str(office.file), "--truth", "corrections", *office.arguments()[2:], env=KEY)
    assert (outcome.code, "nobody has reviewed its tickets yet" in outcome.err) == (2, True)
    with reviewing(office, "--of", "sample") as person:
        person.sees("ticket 1 of 1")
        person.types("\n\n")
        person.leaves()

    outcome = run("evaluate", str(office.file), "--truth", "corrections", *office.arguments("--yes")[2:], env=KEY)

    assert outcome.code == 0, outcome.told
    assert "1 ticket with a known category in" in outcome.out
    assert "tickets.corrections.jsonl: all of them" in outcome.out
    assert "nothing to buy" in outcome.out
    file = office.folder / "tickets.corrections.jsonl"
    outcome = run("evaluate", str(file), "--truth", "category", *office.arguments("--yes")[2:], env=KEY)
    assert outcome.code == 0, outcome.told


def test_without_a_terminal_it_says_so_and_ends_with_2(office: Office) -> None:
    labelled(office)

    outcome = run("review", str(office.file), "--state", str(office.folder / "state"), env=KEY)

    assert outcome.code == 2
    assert "a review needs a terminal" in outcome.err
    assert "--export-label-studio" in outcome.err


def test_tickets_go_to_label_studio_and_its_answers_come_back(office: Office) -> None:
    labelled(office)
    told = ["review", str(office.file), "--state", str(office.folder / "state")]
    tasks, answered = office.folder / "tasks.json", office.folder / "answered.json"

    outcome = run(*told, "--export-label-studio", str(tasks))
    assert (outcome.code, outcome.err) == (0, "")
    assert "has 3 tasks for Label Studio" in outcome.out
    assert run(*told, "--export-label-studio", str(tasks)).code == 2  # a file that is there stays
    found = json.loads(tasks.read_text())
    choice = {"from_name": "category", "to_name": "text", "type": "choices", "value": {"choices": ["account"]}}
    found[0]["annotations"] = [{"completed_by": 1, "created_at": "2026-11-22T10:00:00Z", "result": [choice]}]
    answered.write_text(json.dumps(found))

    outcome = run(*told, "--import-label-studio", str(answered))

    assert (outcome.code, outcome.err) == (0, "")
    assert "1 answer; 1 differ from the model" in outcome.out
    assert "2 tasks without an answer" in outcome.out
    assert decided(office) == {"2": "account"}
    assert office.categories()["2"] == "account"
    again = run(*told, "--import-label-studio", str(answered))
    assert "1 answer, 1 of them known already or decided later elsewhere" in again.out

    found[0]["annotations"][0]["result"][0]["value"]["choices"] = ["nonsense"]
    answered.write_text(json.dumps(found))
    outcome = run(*told, "--import-label-studio", str(answered))
    assert outcome.code == 2
    assert "answers that are no category" in outcome.err
