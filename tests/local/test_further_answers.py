"""`nightsort classify` with further columns, from the flags or from categories.yaml."""

from __future__ import annotations

import json
import re

import pytest

from nightsort.cli.classification.further import FurtherAnswers, field_of
from tests.local.office import Office
from tests.local.shell import run

FIELDS = ("--field", "urgency=low,high", "--field", "topics:2=price,quality", "--field", "summary=text:12")
REFUSED = {
    "kind": "items",
    "outcome": "errored",
    "error_type": "invalid_request_error",
    "message": "output_config.format.schema: the compiled grammar is too large",
}


@pytest.mark.parametrize(
    ("word", "field"),
    [
        ("urgency=low,high", {"name": "urgency", "values": ["low", "high"]}),
        ("topics:2=a, b,", {"name": "topics", "values": ["a", "b"], "multiple": True, "max": 2}),
        ("summary=text:200", {"name": "summary", "maxLength": 200}),
        ("stars=-1..5", {"name": "stars", "minimum": -1, "maximum": 5}),
    ],
)
def test_a_field_is_one_word_of_the_command_line(word: str, field: dict[str, object]) -> None:
    assert field_of(word) == field


@pytest.mark.parametrize("word", ["urgency", "urgency=", "urgency=low", "topics:x=a,b", "topics:=a,b"])
def test_a_field_in_another_form_is_refused_with_the_forms_that_are_known(word: str) -> None:
    with pytest.raises(ValueError, match=r"write it as urgency=low,medium,high \(one of them\)"):
        field_of(word)


def test_flags_are_remembered_as_they_were_given() -> None:
    asked = FurtherAnswers(("a=b,c",), 2, confidence=True)

    assert FurtherAnswers.kept(json.loads(json.dumps(asked.to_keep()))) == asked
    assert asked.words == ["--field", "a=b,c", "--categories-per-ticket", "2", "--confidence"]


def test_each_field_is_a_column_of_the_labelled_file_and_nothing_is_asked_twice(office: Office) -> None:
    office.write(
        {"1": "A billing question of high urgency about the price and the quality", "2": "A technical problem"}
    )

    outcome = office.classify("--yes", *FIELDS, "--confidence")

    assert (outcome.code, outcome.err) == (0, ""), outcome.told
    assert "further columns: urgency, topics, summary, confidence" in outcome.out
    first, second = office.rows()
    assert list(first)[3:] == ["category", "verdict", "reason", "urgency", "topics", "summary", "confidence"]
    assert (first["category"], first["urgency"], first["topics"]) == ("billing", "high", "price, quality")
    assert (second["topics"], len(second["summary"])) == ("", 12)
    assert {row["confidence"] for row in office.rows()} <= {"low", "medium", "high"}
    assert [batch["accepted"] for batch in office.bill()["batches"]] == [1, 1], "one ticket tries the schema"

    again = office.classify("--yes", *FIELDS, "--confidence")
    assert "nothing to buy" in again.out
    assert office.bill()["accepted"] == 2
    changed = office.classify("--estimate", *FIELDS)
    assert "to be asked anew, since other fields are asked for" in changed.out

    rows = run("results", str(office.file), "--state", str(office.folder / "state"), "--output", "jsonl")
    assert json.loads(rows.out.splitlines()[0])["topics"] == ["price", "quality"]
    table = run("results", str(office.file), "--state", str(office.folder / "state"))
    assert re.match(r"ID +CATEGORY +URGENCY +TOPICS +SUMMARY +CONFIDENCE +VERDICT +REASON", table.out)


def test_fields_may_stand_beside_the_categories_in_their_file(office: Office) -> None:
    office.write({"1": "A billing question"})
    (office.folder / "categories.yaml").write_text(
        "categories: [billing/refund, billing/invoice, technical]\n"
        "categoriesPerTicket: 2\nrationale: true\n"
        "fields:\n- {name: urgency, values: [low, high]}\n"
    )

    outcome = office.classify("--yes", "--categories-file", str(office.folder / "categories.yaml"))

    assert outcome.code == 0, outcome.told
    assert list(office.rows()[0])[6:] == ["categories", "urgency", "rationale"]


def test_a_bad_field_is_told_in_the_words_of_the_command_line(office: Office) -> None:
    office.write(1)

    twice = office.classify("--yes", "--field", "urgency=a,b", "--field", "urgency=c,d")
    ours = office.classify("--yes", "--field", "verdict=a,b")
    odd = office.classify("--yes", "--field", "urgency")

    assert (twice.code, ours.code, odd.code) == (2, 2, 2)
    assert "'urgency' is named twice" in twice.err
    assert "--field[0].name: results have a column of this name already" in ours.err
    assert "write it as urgency=low,medium,high" in odd.err
    assert office.bill()["accepted"] == 0


def test_a_schema_that_the_api_refuses_ends_the_run_with_its_words_and_no_bill(office: Office) -> None:
    office.write(5)
    office.api.ask("faults", REFUSED)

    outcome = office.classify("--yes", *FIELDS)

    assert outcome.code == 1
    assert "the compiled grammar is too large" in outcome.out + outcome.err
    bill = office.bill()
    assert (bill["accepted"], bill["paid"]) == (1, 0)


def test_a_tree_of_categories_is_counted_by_branch(office: Office) -> None:
    office.write({"1": "refund refund", "2": "invoice invoice", "3": "technical technical"})
    names = "billing/refund,billing/invoice,technical,other"

    outcome = office.classify("--yes", "--categories", names)

    assert outcome.code == 0, outcome.told
    assert re.search(r"(?m)^billing +2 +66\.7%$", outcome.out), outcome.out
