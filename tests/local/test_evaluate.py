"""`nightsort evaluate` as its users meet it: known categories become figures, models and prompts are compared."""

from __future__ import annotations

import csv
import json
import os
import pty
import re
import shlex
import subprocess
from decimal import Decimal
from pathlib import Path

import pytest
from sklearn.metrics import accuracy_score, precision_recall_fscore_support

from nightsort.domain.cost import money
from tests.cluster.bench import NIGHTSORT
from tests.local.measuring import Measuring
from tests.local.shell import KEY, read_until, run

MODELS = ("--models", "claude-haiku-5-5,claude-sonnet-5-5")


def rows_below(out: str, heading: str) -> list[list[str]]:
    """The cells of a table in a command's output, from below its heading to the next empty line."""
    lines = out.splitlines()
    first = next(place for place, line in enumerate(lines) if line.startswith(heading)) + 1
    last = next(place for place, line in enumerate(lines) if place >= first and not line.strip())
    return [re.split(r" {2,}", line.strip()) for line in lines[first:last]]


def count(cell: str) -> int:
    return int(cell.replace(",", ""))


# --- figures ----------------------------------------------------------------------------------------------------------


def test_the_labels_of_known_tickets_become_figures_that_add_up(measuring: Measuring) -> None:
    measuring.write(60, wrong=(0, 1, 3, 4, 5, 9), unknown=(10, 11))

    outcome = measuring.evaluate("--yes")

    assert (outcome.code, outcome.err) == (0, ""), outcome.told
    assert "58 tickets with a known category in column 'agent_category': all of them are taken" in outcome.out
    assert "2 tickets left out, since their category is not known" in outcome.out
    [reader] = rows_below(outcome.out, "reader            known")
    assert reader[:6] == ["claude-haiku-5-5", "58", "52", "6", "0", "89.7%"]
    *categories, total = rows_below(outcome.out, "category ")
    assert (
        [sum(count(row[place]) for row in categories) for place in (1, 2, 3)]
        == list(map(count, total[1:]))
        == [58, 58, 52]
    )
    *confusions, missed = rows_below(outcome.out, "known category")
    assert sum(count(row[1]) for row in confusions) == count(missed[1]) == 6
    assert "too few known tickets (fewer than 10) to say anything about 1 category: other (0)" in outcome.out
    assert re.search(r"^cost \$0\.\d+, at the standard price", outcome.out, re.MULTILINE)
    assert measuring.bill()["accepted"] == 58


def test_the_figures_are_those_of_scikit_learn_from_the_labels_of_classify_which_buys_only_the_rest(
    measuring: Measuring,
) -> None:
    measuring.write(60, wrong=(0, 1, 3, 4, 5, 9), unknown=(10, 11))
    found = measuring.figures("--sample", "40")
    assert measuring.bill()["accepted"] == 40

    outcome = measuring.classify()

    assert "40 answered before, and not bought again, 20 new" in outcome.out
    assert measuring.bill()["accepted"] == 60
    with (measuring.folder / "known.labeled.csv").open(newline="") as file:
        known = [row for row in csv.DictReader(file) if row["agent_category"]]
    found = measuring.figures("--sample", "100")
    truths, labels = [row["agent_category"] for row in known], [row["category"] for row in known]
    [reader] = found["readers"]
    assert reader["accuracy"] == accuracy_score(truths, labels)
    names = [each["name"] for each in reader["categories"]]
    theirs = precision_recall_fscore_support(truths, labels, labels=names, zero_division=0)
    for each, *figures in zip(reader["categories"], *theirs, strict=True):
        assert [each["precision"], each["recall"], each["f1"], each["support"]] == figures
    assert measuring.bill()["accepted"] == 60, "and nothing was bought for that"


def test_a_pipeline_sees_by_the_exit_code_that_labels_are_not_good_enough(measuring: Measuring) -> None:
    measuring.write(60, wrong=(0, 1, 3, 4, 5, 9), unknown=(10, 11))

    low = measuring.evaluate("--yes", "--min-accuracy", "0.9")
    enough = measuring.evaluate("--yes", "--min-accuracy", "0.7")

    assert low.code == 1
    assert low.err == "below --min-accuracy 0.9, by the lower end of the interval: claude-haiku-5-5 (79.2%)\n"
    assert "89.7%" in low.out, "the figures are shown all the same"
    assert enough.code == 0, enough.told
    assert measuring.bill()["accepted"] == 58


def test_in_the_us_the_bill_is_a_tenth_higher_and_so_is_what_readers_are_said_to_cost(measuring: Measuring) -> None:
    measuring.write(20)

    [there] = measuring.figures("--inference-geo", "us")["readers"]

    [batch] = measuring.bill()["batches"]
    elsewhere = (batch["input_tokens"] * Decimal("0.10") + batch["output_tokens"] * Decimal("0.50")) / 2_000_000
    paid = Decimal(str(batch["usd"]))
    assert paid == elsewhere * Decimal("1.1")
    assert there["usdPerThousandTickets"] == money(paid * 1000 / 20)

    same = measuring.evaluate("--inference-geo", "global")

    assert "nothing to buy: 20 tickets have their answers already" in same.out, "another place is no other label"
    assert f" {money(elsewhere * 1000 / 20)}\n" in same.out, "but another price"
    assert measuring.bill()["accepted"] == 20


def test_a_model_that_takes_no_place_is_refused_by_the_flags_name_with_nothing_bought(measuring: Measuring) -> None:
    measuring.write(20)

    outcome = measuring.evaluate("--yes", "--inference-geo", "us", "--models", "claude-haiku-5-5,claude-haiku-4-5")

    assert outcome.code == 2
    assert outcome.err == (
        "--inference-geo: 'claude-haiku-4-5' (--model) cannot be told where to run, and the API would refuse every "
        "request: leave --inference-geo out, or name a model of 4.6 or later\n"
    )
    assert measuring.bill()["accepted"] == 0


def test_a_sample_is_even_and_the_same_command_buys_nothing_again(measuring: Measuring) -> None:
    measuring.write(60)
    first = measuring.evaluate("--yes", "--sample", "31")
    assert "60 tickets with a known category in column 'agent_category': 31 of them are taken, evenly" in first.out
    *categories, _ = rows_below(first.out, "category ")
    assert sorted(count(row[1]) for row in categories) == [0, 10, 10, 11]

    second = measuring.evaluate("--sample", "31")

    assert second.code == 0, "without --yes, since there is nothing to buy"
    assert "nothing to buy: 31 tickets have their answers already" in second.out
    assert rows_below(second.out, "category ") == rows_below(first.out, "category ")
    assert measuring.bill()["accepted"] == 31


def test_tickets_without_an_answer_count_as_wrong_and_can_be_asked_again(measuring: Measuring) -> None:
    measuring.write(30)
    measuring.api.ask(
        "faults", [{"kind": "items", "outcome": "errored", "error_type": "invalid_request_error", "count": 4}]
    )

    outcome = measuring.evaluate("--yes")

    [reader] = rows_below(outcome.out, "reader            known")
    assert reader[1:6] == ["30", "26", "0", "4", "86.7%"]
    assert "(no label)" in outcome.out
    assert "4 answers did not come, and counted as no label" in outcome.out
    assert measuring.bill()["paid"] == 26
    measuring.api.ask("faults", [])
    [reader] = measuring.figures("--retry")["readers"]
    assert (reader["correct"], reader["unanswered"], reader["failed"]) == (30, 0, 0)
    assert measuring.bill()["paid"] == 30


# --- side by side -----------------------------------------------------------------------------------------------------


def test_two_models_read_the_same_tickets_and_each_pays_them_once(measuring: Measuring) -> None:
    measuring.write(45, wrong=(0, 1, 2))
    found = measuring.figures("--sample", "30", *MODELS)
    assert measuring.bill()["accepted"] == 60
    first, second = found["readers"]
    assert (first["known"], second["known"]) == (30, 30)
    assert first["correct"] == second["correct"], "this API reads words, whatever the model"
    assert float(second["usdPerThousandTickets"]) > 10 * float(first["usdPerThousandTickets"])
    [compared] = found["comparisons"]
    assert (compared["onlyFirstRight"], compared["onlySecondRight"], compared["p"]) == (0, 0, 1.0)
    assert found["recommendation"]["reader"] == "claude-haiku-5-5"
    measuring.figures("--sample", "30", *MODELS)
    assert measuring.bill()["accepted"] == 60
    measuring.figures("--sample", "30", *MODELS, "--model", "claude-haiku-4-5")
    assert measuring.bill()["accepted"] == 90, "a third one buys its own tickets alone"


def test_simulated_models_are_as_right_as_asked_and_the_better_one_is_found(measuring: Measuring) -> None:
    measuring.write(600)
    accuracy = ("--simulated-accuracy", "0.8", "--simulated-accuracy", "claude-sonnet-5-5=0.95")
    found = measuring.figures("--simulate", "--seconds", "0", *accuracy, *MODELS, "--sample", "600")
    for reader, share in zip(found["readers"], (0.8, 0.95), strict=True):
        assert reader["accuracy"] == pytest.approx(share, abs=0.05)
        assert reader["interval"][0] <= share <= reader["interval"][1]
    [compared] = found["comparisons"]
    assert compared["significant"]
    assert found["recommendation"]["reader"] == "claude-sonnet-5-5"
    assert measuring.bill()["accepted"] == 0


def test_simulated_labels_with_other_mistakes_are_other_labels(measuring: Measuring) -> None:
    measuring.write(9)
    found = []
    for accuracy in ("0", "1"):
        outcome = measuring.classify("--simulate", "--seconds", "0", "--simulated-accuracy", accuracy)
        assert outcome.code == 0, outcome.told
        with (measuring.folder / "known.labeled.csv").open(newline="") as file:
            found.append([row["category"] == row["agent_category"] for row in csv.DictReader(file)])
    assert found == [[False] * 9, [True] * 9]


def test_prompts_are_compared_on_the_same_tickets(measuring: Measuring) -> None:
    measuring.write(30)
    short, long = measuring.folder / "short.yaml", measuring.folder / "long.yaml"
    short.write_text("[billing, technical, account]")
    long.write_text(
        "- {name: billing, description: locked}\n- {name: technical, description: locked}\n- {name: account}\n"
    )
    outcome = measuring.evaluate("--yes", "--prompts", f"{short},{long}")
    assert outcome.code == 0, outcome.told
    assert [row[0] for row in rows_below(outcome.out, "reader ")][:2] == [str(short), str(long)]
    assert measuring.bill()["accepted"] == 60


def test_a_page_shows_the_figures_and_replaces_no_other_file(measuring: Measuring) -> None:
    measuring.write(30)
    page = measuring.folder / "page.html"
    page.write_text("somebody's own")
    refused = measuring.evaluate("--yes", "--report", str(page))
    assert refused.code == 2
    assert "is there already, and is no report of nightsort" in refused.err
    assert measuring.bill()["accepted"] == 0
    page.unlink()
    outcome = measuring.evaluate("--yes", "--report", str(page))
    assert f"{page} shows the figures, for a browser" in outcome.out
    assert "A billing question" not in page.read_text(), "it has no ticket's text"
    assert measuring.evaluate("--report", str(page)).code == 0, "a former page is replaced"


# --- money ------------------------------------------------------------------------------------------------------------


def test_the_price_of_all_readers_is_shown_and_nothing_is_bought_for_it(measuring: Measuring) -> None:
    measuring.write(30)
    outcome = measuring.evaluate("--estimate", *MODELS)
    assert outcome.code == 0, outcome.told
    *readers, total = rows_below(outcome.out, "reader ")[:3]
    assert [count(row[1]) for row in (*readers, total)] == [30, 30, 60]
    assert total[4] == f"${sum(float(row[4][1:]) for row in readers):.6f}"
    assert measuring.bill()["accepted"] == 0


def test_nobody_to_ask_and_too_high_a_price_buy_nothing(measuring: Measuring) -> None:
    measuring.write(30)
    asked = measuring.evaluate(*MODELS)
    assert (asked.code, measuring.bill()["accepted"]) == (2, 0)
    assert "there is no terminal to ask at" in asked.err
    dear = measuring.evaluate("--max-cost", "0.0001", *MODELS)
    assert (dear.code, measuring.bill()["accepted"]) == (2, 0)
    assert "which is above --max-cost 0.0001" in dear.err
    within = measuring.evaluate("--max-cost", "1", *MODELS)
    assert (within.code, measuring.bill()["accepted"]) == (0, 60), within.told


def test_the_question_is_seen_where_the_figures_go_into_a_file(measuring: Measuring) -> None:
    measuring.write(6)
    figures = measuring.folder / "figures.json"
    command = [*NIGHTSORT, *measuring.arguments("evaluate", "--truth", "agent_category", "--output", "json")]
    ours, theirs = pty.openpty()
    with (
        figures.open("w") as file,
        subprocess.Popen(command, stdin=theirs, stdout=file, stderr=theirs, env={**os.environ, **KEY}) as process,
    ):
        os.close(theirs)
        shown = read_until(ours, "[y/N] ")
        os.write(ours, b"y\n")
        read_until(ours, None)
        assert process.wait(60) == 0, shown
    os.close(ours)
    assert "Ask about 6 tickets for about $0.0" in shown
    assert json.loads(figures.read_text())["sampledTickets"] == 6


# --- bad input --------------------------------------------------------------------------------------------------------


def test_a_missing_column_is_told_with_those_that_there_are(measuring: Measuring) -> None:
    measuring.write(3)
    outcome = measuring.evaluate(truth="label")
    assert outcome.code == 2
    assert (
        "there is no column 'label' for --truth: the file has 'id', 'subject', 'body', 'agent_category'" in outcome.err
    )


@pytest.mark.parametrize("column", ["id", "subject", "body"])
def test_a_column_that_the_model_would_read_is_no_truth(measuring: Measuring, column: str) -> None:
    measuring.write(3)
    outcome = measuring.evaluate(truth=column)
    assert outcome.code == 2
    assert f"the column {column!r} is part of what is sent" in outcome.err


def test_values_that_are_no_category_are_counted_and_the_first_five_shown(measuring: Measuring) -> None:
    measuring.write(20)
    text = measuring.file.read_text()
    for number in range(1, 8):
        text = re.sub(rf"(\({number}\)),\w+", rf"\1,strange{number}", text)
    measuring.file.write_text(text)
    outcome = measuring.evaluate("--estimate")
    assert "13 tickets with a known category" in outcome.out
    assert "7 tickets left out, since the value is no category: 'strange1' (1), 'strange2' (1)" in outcome.out
    assert "'strange5' (1) and 2 more" in outcome.out


def test_a_file_in_which_nothing_is_known_is_refused_before_anything_is_bought(measuring: Measuring) -> None:
    measuring.write(6)
    outcome = measuring.evaluate("--yes", "--categories", "refunds,praise")
    assert outcome.code == 2
    assert "no value of column 'agent_category' is a category: it has 'billing' (2)" in outcome.err
    assert "the categories are refunds, praise" in outcome.err
    measuring.write(3, unknown=(0, 1, 2))
    assert "no ticket has a value in column 'agent_category'" in measuring.evaluate("--yes").err
    assert measuring.bill()["accepted"] == 0


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (("--prompts", "a.yaml", "--categories", "a"), "give one of them"),
        (("--simulated-accuracy", "0.8"), "is for --simulate alone"),
        (("--simulate", "--simulated-accuracy", "80"), "expected a share from 0 to 1"),
        (("--models", "a,a"), "a and a ask the same"),
        (("--models", "claude-none-1", "--yes"), "claude-none-1"),
    ],
)
def test_flags_that_make_no_sense_are_refused(measuring: Measuring, flags: tuple[str, ...], told: str) -> None:
    measuring.write(3)
    outcome = measuring.evaluate(*flags)
    assert outcome.code == 2
    assert told in outcome.err
    assert measuring.bill()["accepted"] == 0


# --- the documentation ------------------------------------------------------------------------------------------------

TOP = Path(__file__).parents[2]


def test_the_walk_of_the_documentation_shows_what_the_command_shows(tmp_path: Path) -> None:
    """All its lines of figures and sentences, in both of its examples; the estimates before them may become better."""
    page = (TOP / "docs" / "labels.md").read_text().split("\n## From a bad night")[0]
    blocks = re.findall(r"```console\n(\$ nightsort evaluate .*?)```", page, re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        command, *shown = block.replace("\\\n", " ").splitlines()
        words = [str(TOP / word) if word.endswith(".csv") else word for word in shlex.split(command)[3:]]
        words = [word.replace("examples/", f"{TOP}/examples/") if word.endswith(".yaml") else word for word in words]
        outcome = run("evaluate", *words, "--seconds", "0", "--state", str(tmp_path), env={})
        assert outcome.code == 0, outcome.told
        told = [" ".join(line.split()) for line in outcome.out.replace(f"{TOP}/", "").splitlines()]
        missing = [
            line
            for line in block.partition("as batches, at prices of")[2].splitlines()[1:] or shown
            if line.strip("… ") and " ".join(line.split()) not in told
        ]
        assert missing == []
        assert len(shown) > 8
