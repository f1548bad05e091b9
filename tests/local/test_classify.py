"""`nightsort classify` as its users meet it: from a file to labels, and the same file again the next day."""

from __future__ import annotations

import os
import pty
import re
import signal
import sqlite3
import subprocess
from collections.abc import Mapping
from contextlib import closing
from decimal import Decimal

import pytest

from nightsort.domain.cost import money
from tests.cluster.bench import NIGHTSORT
from tests.local.office import CATEGORIES, Office, figures
from tests.local.shell import KEY, read_until
from tests.support.waiting import eventually


def shares(out: str) -> float:
    return sum(float(share) for share in re.findall(r"(?m)^(?!total).*? ([\d.]+)%$", out))


# --- a whole run ------------------------------------------------------------------------------------------------------


def test_a_file_becomes_a_labelled_file_beside_it(office: Office) -> None:
    office.write(6)

    outcome = office.classify("--yes")

    assert (outcome.code, outcome.err) == (0, ""), outcome.told
    rows = office.rows()
    assert [row["id"] for row in rows] == [f"T-{number:04}" for number in range(1, 7)]
    assert {row["verdict"] for row in rows} == {"Labeled"}
    assert [row["category"] for row in rows] == ["technical", "account", "billing"] * 2
    assert rows[0]["body"] == "A technical problem (1)"
    assert figures(outcome.out) == {"billing": 2, "technical": 2, "account": 2, "total": 6}
    assert round(shares(outcome.out), 1) == 100.0
    assert re.search(r"^cost \$0\.0\d+, at the standard price \$0\.0\d+, saved \$0\.0", outcome.out, re.MULTILINE)
    assert f"{office.labeled} has all 6 rows" in outcome.out
    assert office.bill()["accepted"] == 6


def test_tickets_without_a_usable_answer_have_rows_of_their_own_and_the_table_adds_up(office: Office) -> None:
    office.write({"1": "billing", "2": "technical", "3": "refuse me", "4": "what is this", "5": ""})
    office.api.ask(
        "faults",
        [
            {"kind": "items", "outcome": "refusal", "match": "refuse me"},
            {"kind": "items", "outcome": "unknown", "match": "what is this"},
        ],
    )
    text = office.file.read_text().replace("5,Help,", "5,,")
    office.file.write_text(text)

    outcome = office.classify("--yes")

    assert outcome.code == 0, outcome.told
    assert figures(outcome.out) == {"billing": 1, "technical": 1, "(none: unknown)": 1, "(none: failed)": 2, "total": 5}
    assert round(shares(outcome.out), 1) == 100.0
    assert {row["id"]: row["verdict"] for row in office.rows()} == {
        "1": "Labeled",
        "2": "Labeled",
        "3": "Refused",
        "4": "Unknown",
        "5": "Unsendable",
    }
    assert office.bill()["accepted"] == 4


# --- the price --------------------------------------------------------------------------------------------------------


def test_the_price_is_shown_before_anything_is_bought_and_an_estimate_buys_nothing(office: Office) -> None:
    office.write(5)

    outcome = office.classify("--estimate")

    assert outcome.code == 0, outcome.told
    for words in (
        "tickets to ask about",
        "input tokens, about",
        "price as a batch",
        "standard price",
        "30 such nights",
    ):
        assert words in outcome.out
    assert "│ - billing" in outcome.out
    assert "A technical problem (1)" in outcome.out
    assert office.bill()["created"] == 0
    assert not office.labeled.exists()


def test_the_same_text_is_asked_about_once_on_demand_and_told_without(office: Office) -> None:
    office.write({"1": "A billing question", "2": "A technical problem", "3": "A billing question"})

    told = office.classify("--estimate").out
    estimate = office.classify("--estimate", "--dedupe").out
    outcome = office.classify("--yes", "--dedupe")

    assert "1 of 3 tickets has the same text as another one: --dedupe would save about $0." in told
    assert re.search(r"tickets to ask about +2\n +with the same text as one of them, and free +1\n", estimate)
    assert outcome.code == 0, outcome.told
    assert figures(outcome.out) == {"billing": 2, "technical": 1, "total": 3}
    assert office.categories() == {"1": "billing", "2": "technical", "3": "billing"}
    assert office.bill()["accepted"] == 2
    assert {row["id"]: row["sameAs"] for row in office.rows()} == {"1": "", "2": "", "3": "1"}


def test_in_the_us_the_bill_is_a_tenth_higher_and_so_is_what_is_told(office: Office) -> None:
    office.write({"1": "A billing question", "2": "A technical problem"})

    estimate = office.classify("--estimate", "--inference-geo", "us").out
    outcome = office.classify("--yes", "--inference-geo", "us")

    assert re.search(r"where it runs +us\n", estimate)
    assert outcome.code == 0, outcome.told
    [batch] = office.bill()["batches"]
    elsewhere = (batch["input_tokens"] * Decimal("0.10") + batch["output_tokens"] * Decimal("0.50")) / 2_000_000
    assert Decimal(str(batch["usd"])) == elsewhere * Decimal("1.1")
    assert f"${money(elsewhere * Decimal('1.1'))}" in outcome.out


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ((), "there is no terminal to ask at. Give --yes, or the most that it may cost"),
        (("--max-cost", "0.000001"), "above --max-cost 0.000001"),
        (("--max-cost", "-1"), "--max-cost"),
        (("--model", "claude-imaginary-1", "--yes"), "--model: the API knows no model 'claude-imaginary-1'"),
        (("--model", "claude-haiku-4-5", "--inference-geo", "us", "--yes"), "cannot be told where to run"),
        (("--categories", "a,a", "--yes"), "--categories: categories: 'a' is named twice"),
        (("--categories", "a", "--categories-file", "b.yaml", "--yes"), "give one of them"),
        (("--categories-file", "none.yaml", "--yes"), "none.yaml: no such file"),
    ],
)
def test_what_is_not_agreed_to_or_cannot_be_done_buys_nothing(
    office: Office, flags: tuple[str, ...], told: str
) -> None:
    office.write(5)

    outcome = office.classify(*flags)

    assert outcome.code == 2
    assert told in outcome.err
    assert len(outcome.err.splitlines()) == 1
    assert office.bill()["created"] == 0
    assert not office.labeled.exists()


def test_up_to_a_limit_of_its_cost_it_buys_without_a_terminal(office: Office) -> None:
    office.write(5)

    assert office.classify("--max-cost", "1.00").code == 0
    assert office.bill()["accepted"] == 5


def test_without_a_key_it_says_so_and_with_nothing_to_buy_it_needs_none(office: Office) -> None:
    office.write(5)

    outcome = office.classify("--yes", env={})
    assert outcome.code == 2
    assert "set the environment variable ANTHROPIC_API_KEY" in outcome.err

    assert office.classify("--yes").code == 0
    assert office.classify(env={}).code == 0


# --- the next run -----------------------------------------------------------------------------------------------------


def test_the_same_file_again_buys_nothing_and_says_so(office: Office) -> None:
    office.write(5)
    first = office.classify("--yes")
    before = office.labeled.read_bytes()

    second = office.classify()

    assert second.code == 0, second.told
    assert "nothing to buy: all 5 tickets have their answer" in second.out
    assert figures(second.out) == figures(first.out)
    assert office.labeled.read_bytes() == before
    assert office.bill()["accepted"] == 5


def test_more_rows_buy_their_number_and_a_changed_text_buys_itself(office: Office) -> None:
    office.write(100)
    office.classify("--yes")
    office.write(200)
    text = office.file.read_text().replace("A technical problem (1)", "A billing problem")
    office.file.write_text(text)

    outcome = office.classify("--yes")

    assert "200 tickets: 99 answered before, and not bought again, 100 new, 1 whose text has changed" in outcome.out
    assert office.bill()["accepted"] == 201
    assert len(office.rows()) == 200
    assert office.categories()["T-0001"] == "billing"
    assert figures(outcome.out)["total"] == 200


def test_changed_categories_say_how_many_tickets_they_touch_and_cost_and_are_asked_about(office: Office) -> None:
    office.write(5)
    office.classify("--yes")

    asked = office.classify("--categories", "billing,technical,locked,other")

    assert asked.code == 2
    assert "5 tickets: 5 to be asked anew, since category locked new; category account gone" in asked.out
    assert "price as a batch" in asked.out
    assert office.bill()["accepted"] == 5

    assert office.classify("--categories", "billing,technical,locked,other", "--yes").code == 0
    assert office.bill()["accepted"] == 10
    assert set(office.categories().values()) == {"billing", "technical", "locked"}
    assert office.classify().code == 0, "and the former ones are not forgotten"
    assert office.bill()["accepted"] == 10
    assert set(office.categories().values()) == {"billing", "technical", "account"}


def test_failed_tickets_are_bought_again_by_a_retry_alone_and_merged_into_the_same_file(office: Office) -> None:
    office.write({"1": "billing", "2": "technical", "3": "billing too"})
    office.api.ask("faults", [{"kind": "items", "outcome": "refusal", "match": "billing"}])
    first = office.classify("--yes")
    assert figures(first.out) == {"technical": 1, "(none: failed)": 2, "total": 3}
    assert "--yes --retry  asks again about the 2 without a category" in first.out

    assert office.classify("--yes").code == 0
    assert office.bill()["accepted"] == 3

    outcome = office.classify("--yes", "--retry")
    assert "3 tickets: 1 answered before, and not bought again, 2 to be asked again" in outcome.out
    assert office.bill()["accepted"] == 5
    assert office.categories() == {"1": "billing", "2": "technical", "3": "billing"}


def test_a_sample_first_counts_as_done_afterwards(office: Office) -> None:
    office.write(10)

    sample = office.classify("--limit", "4", "--yes")
    assert sample.code == 0, sample.told
    assert figures(sample.out)["(not asked)"] == 6
    assert "without --limit the same command asks about the other 6 tickets" in sample.out
    assert [bool(row["category"]) for row in office.rows()] == [True] * 4 + [False] * 6
    assert office.classify("--limit", "4", "--yes").code == 0
    assert office.bill()["accepted"] == 4

    assert office.classify("--yes").code == 0
    assert office.bill()["accepted"] == 10
    assert all(row["category"] for row in office.rows())


def test_simulated_labels_are_kept_apart_from_real_ones(office: Office) -> None:
    office.write(3)

    simulated = office.classify("--simulate", "--seconds", "0")
    assert simulated.code == 0, simulated.told
    assert "these labels are simulated" in simulated.out
    assert "nothing to buy" in office.classify("--simulate").out

    assert "3 tickets: 3 new" in office.classify("--yes").out
    assert office.bill()["accepted"] == 3


# --- interruptions, and others ----------------------------------------------------------------------------------------


def submitted(office: Office) -> bool:
    return bool(office.state.exists() and office.bill()["created"] and "under way" in statuses(office))


def statuses(office: Office) -> str:
    with closing(sqlite3.connect(f"file:{office.state}?mode=ro", uri=True)) as connection:
        found = [status or "" for (status,) in connection.execute("SELECT status FROM runs")]
    return "under way" if any('"Submitted"' in status for status in found) else ""


def test_after_a_kill_the_same_command_goes_on_with_what_is_under_way(patient_office: Office) -> None:
    office = patient_office
    office.write(5)
    first = office.start("--yes")
    eventually(lambda: submitted(office))
    first.stop(signal.SIGKILL)

    second = office.start("--yes", log="second.log")
    eventually(lambda: "going on with the run of 20" in second.tail())
    office.api.ask("end", {})

    assert second.process.wait(30) == 0, second.tail()
    assert "5 tickets: 5 under way already" in second.tail(100)
    assert (office.bill()["created"], office.bill()["accepted"]) == (1, 5)
    assert all(row["category"] for row in office.rows())


def test_ctrl_c_says_what_to_type_to_come_back(patient_office: Office) -> None:
    office = patient_office
    office.write(5)
    first = office.start("--yes")
    eventually(lambda: "this terminal may be closed" in first.tail(100))
    first.stop(signal.SIGINT)

    assert first.process.returncode == 130
    last = first.tail().splitlines()[-1]
    assert "interrupted: nothing is lost and nothing is bought twice; to come back, type" in last
    assert f"classify {office.file}" in last
    assert "Traceback" not in first.tail(100)


def test_a_file_that_has_grown_meanwhile_buys_only_what_is_not_under_way(patient_office: Office) -> None:
    office = patient_office
    office.write(5)
    first = office.start("--yes")
    eventually(lambda: submitted(office))
    first.stop(signal.SIGKILL)
    office.write(8)

    second = office.start("--yes", log="second.log")
    eventually(lambda: office.bill()["created"] == 2)
    eventually(lambda: "with 3 requests" in second.tail(50))
    office.api.ask("end", {})

    assert second.process.wait(30) == 0, second.tail()
    assert "8 tickets: 5 under way already, 3 new" in second.tail(100)
    assert office.bill()["accepted"] == 8
    assert all(row["category"] for row in office.rows())


def test_what_is_under_way_with_other_categories_is_told_and_can_be_collected_by_its_own_command(
    patient_office: Office,
) -> None:
    office = patient_office
    office.write(3)
    assert office.classify("--yes", "--timeout", "3s").code == 124

    other = office.classify("--yes", "--timeout", "3s", "--categories", "billing,technical")
    assert "besides, 3 tickets asked otherwise than now are under way" in other.out
    office.api.ask("end", {})

    assert office.classify().code == 0
    assert set(office.categories().values()) == {"billing", "technical", "account"}
    assert office.bill()["accepted"] == 6


@pytest.mark.parametrize(("answer", "code", "bought"), [("y\n", 0, 3), ("n\n", 1, 0), ("\n", 1, 0), ("\x04", 1, 0)])
def test_on_a_terminal_it_asks_before_it_buys(office: Office, answer: str, code: int, bought: int) -> None:
    office.write(3)
    ours, theirs = pty.openpty()
    command = [*NIGHTSORT, *office.arguments()]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env={**os.environ, **KEY}) as process:
        os.close(theirs)
        shown = read_until(ours, "[y/N] ")
        assert office.bill()["created"] == 0
        os.write(ours, answer.encode())
        shown += read_until(ours, None)
        assert process.wait(60) == code, shown
    os.close(ours)
    assert "Ask about 3 tickets for about $0.0" in shown
    assert ("nothing was bought" in shown) == (bought == 0)
    assert office.bill()["accepted"] == bought


def test_whoever_waits_no_longer_is_told_how_to_come_back(patient_office: Office) -> None:
    office = patient_office
    office.write(3)

    outcome = office.classify("--yes", "--timeout", "3s")

    assert outcome.code == 124, outcome.told
    assert figures(outcome.out) == {"(under way)": 3, "total": 3}
    assert "to come back, type" in outcome.err
    office.api.ask("end", {})
    assert office.classify().code == 0
    assert office.bill()["accepted"] == 3


def test_a_retry_that_nobody_waits_for_has_its_tickets_under_way(patient_office: Office) -> None:
    office = patient_office
    office.write({"1": "billing", "2": "technical"})
    office.api.ask("faults", [{"kind": "items", "outcome": "refusal", "match": "billing"}])
    assert office.classify("--yes", "--timeout", "3s").code == 124
    office.api.ask("end", {})
    assert figures(office.classify().out) == {"technical": 1, "(none: failed)": 1, "total": 2}

    outcome = office.classify("--yes", "--retry", "--timeout", "3s")

    assert outcome.code == 124, outcome.told
    assert figures(outcome.out) == {"technical": 1, "(under way)": 1, "total": 2}
    assert "asks again about" not in outcome.out


def test_a_second_process_is_told_who_works_and_buys_nothing(patient_office: Office) -> None:
    office = patient_office
    office.write(5)
    first = office.start("--yes")
    eventually(lambda: submitted(office))

    outcome = office.classify("--yes")
    first.stop(signal.SIGKILL)

    assert outcome.code == 2
    assert f"process {first.process.pid} (nightsort classify {office.file}, since 20" in outcome.err
    assert office.bill()["created"] == 1


def test_a_state_of_a_newer_version_is_refused(office: Office) -> None:
    office.write(5)
    office.classify("--yes")
    with closing(sqlite3.connect(office.state)) as connection:
        connection.execute("PRAGMA user_version=99")

    outcome = office.classify("--yes")

    assert outcome.code == 2
    assert "was written by a newer version of nightsort" in outcome.err


STRANGE: Mapping[str, str] = {
    "somebody else's": "is there already, and this state has not written it",
    "changed": "was changed since it was written",
}


@pytest.mark.parametrize("why", STRANGE)
def test_an_output_that_is_not_ours_is_left_alone_and_told_before_anything_is_bought(office: Office, why: str) -> None:
    office.write(3)
    if why == "changed":
        office.classify("--yes")
        office.labeled.write_text(office.labeled.read_text().replace("billing", "mine"))
    else:
        office.labeled.write_text("mine")
    bought, before = office.bill()["accepted"], office.labeled.read_bytes()
    office.write(6)

    outcome = office.classify("--yes")

    assert outcome.code == 2
    assert STRANGE[why] in outcome.err
    assert "--output" in outcome.err
    assert office.labeled.read_bytes() == before
    assert office.bill()["accepted"] == bought
    assert office.classify("--yes", "--output", str(office.folder / "other.csv")).code == 0


def test_what_to_type_to_come_back_is_the_command_that_was_typed(office: Office) -> None:
    office.write({"1": "refund"})
    office.api.ask("faults", [{"kind": "items", "outcome": "refusal"}])

    outcome = office.classify("--yes")

    assert outcome.code == 1
    assert f"nightsort classify {office.file}" in outcome.out
    assert " ".join(CATEGORIES) in outcome.out
