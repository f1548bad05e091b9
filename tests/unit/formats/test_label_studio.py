"""Tasks for Label Studio and its answers, held against the form that its SDK publishes.

The SDK (label-studio-sdk 2.1.2 on PyPI, Apache-2.0, Copyright Heartex, Inc.) takes 366 MB with what it needs, too much
for a test dependency. Its rules that matter here are carried as a schema: those of `PredictionValue`, `AnnotationValue`
and `TaskValue` in label_studio_sdk/label_interface/objects.py, and of `LabelInterface.validate_region`: names and
type of a region are those of the interface, and its choices are among the interface's. The SDK itself was tried:
`LabelInterface(interface).validate_prediction` found none of 172 exported tasks at fault, and a wrong choice it found.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest

from nightsort.api.categories import Category
from nightsort.domain.case import Case, Why
from nightsort.formats.label_studio import InvalidTasks, answers, interface, tasks

NOW = datetime(2026, 11, 29, 20, 0, tzinfo=UTC)
CATEGORIES = (
    Category(name="billing", aliases=("payment",)),
    Category(name='"lost" & <found>'),
    Category(name="account"),
)
REGION = {
    "type": "object",
    "required": ["from_name", "to_name", "type", "value"],
    "properties": {
        "from_name": {"const": "category"},
        "to_name": {"const": "text"},
        "type": {"const": "choices"},
        "value": {
            "type": "object",
            "required": ["choices"],
            "additionalProperties": False,
            "properties": {"choices": {"type": "array", "items": {"enum": [one.name for one in CATEGORIES]}}},
        },
    },
}
RESULT = {"type": "array", "minItems": 1, "items": REGION}
PREDICTION = {
    "type": "object",
    "required": ["result"],
    "additionalProperties": False,
    "properties": {
        "model_version": {"type": "string"},
        "score": {"type": "number", "minimum": 0, "maximum": 1},
        "result": RESULT,
    },
}
TASKS = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["data"],
        "additionalProperties": False,
        "properties": {
            "data": {
                "type": "object",
                "required": ["text"],
                "properties": {"text": {"type": "string", "minLength": 1}},
            },
            "predictions": {"type": "array", "items": PREDICTION},
        },
    },
}


def case(name: str, answer: str | None = "billing", **said: str) -> Case:
    fields = {"body": "charged <b>twice</b>", "subject": "Help"}
    return Case(name, answer, "Labeled", "", "a-model", (Why.SAMPLE,), said, fields)


def annotated(task: dict[str, Any], *choices: str, **more: Any) -> dict[str, Any]:
    """The task as Label Studio exports it: with ids and times of its own, and an annotation for each choice."""
    made = [
        {
            "id": number,
            "completed_by": number,
            "was_cancelled": False,
            "ground_truth": False,
            "created_at": f"2026-11-{number:02}T10:00:00.123456Z",
            "lead_time": 3.2,
            "result": [
                {
                    "id": "x",
                    "from_name": "category",
                    "to_name": "text",
                    "type": "choices",
                    "value": {"choices": [choice]},
                }
            ],
        }
        | more
        for number, choice in enumerate(choices, 1)
    ]
    return {"id": 7, "inner_id": 1, "total_annotations": len(made), **task, "annotations": made}


def exported(*cases: Case) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(tasks(cases, CATEGORIES))
    return found


def read(*found: dict[str, Any]) -> Any:
    return answers(json.dumps(found), CATEGORIES, NOW)


def test_tasks_have_the_form_that_the_sdk_publishes() -> None:
    cases = [case("1", confidence="low"), case("2", None), case("3", "gone", confidence="high"), case("4")]

    found = exported(*cases)

    jsonschema.validate(found, TASKS)
    assert found[0]["predictions"][0]["score"] == 0.25
    assert found[0]["predictions"][0]["model_version"] == "a-model"
    assert [("predictions" in one) for one in found] == [True, False, False, True]
    assert "score" not in found[3]["predictions"][0]
    assert found[0]["data"]["text"] == "Help\n\ncharged <b>twice</b>"


def test_the_interface_names_what_the_tasks_have_and_every_category() -> None:
    view = ElementTree.fromstring(interface(CATEGORIES))

    text, choices = view.find("Text"), view.find("Choices")
    assert text is not None
    assert choices is not None
    assert (text.get("name"), text.get("value")) == ("text", "$text")
    assert (choices.get("name"), choices.get("toName")) == ("category", "text")
    assert [one.get("value") for one in choices] == [one.name for one in CATEGORIES]


def test_answers_come_back_as_corrections_with_the_ticket_and_the_models_category() -> None:
    one, other = exported(case("1"), case("2", None))

    found = read(annotated(one, "account"), annotated(other, "Payment"))

    assert {name: one.category for name, one in found.corrections.items()} == {"1": "account", "2": "billing"}
    first = found.corrections["1"]
    assert (first.answer, first.by, first.fields["subject"]) == ("billing", "Label Studio user 1", "Help")
    assert first.at == datetime(2026, 11, 1, 10, 0, tzinfo=UTC)
    assert (found.differing, found.open, found.strangers) == ([], 0, {})


def test_the_person_is_known_by_address_where_the_export_has_it() -> None:
    (one,) = exported(case("1"))

    assert read(annotated(one, "account", completed_by={"id": 3, "email": "anna@example.com"})).corrections["1"].by == (
        "anna@example.com"
    )
    assert read(annotated(one, "account", completed_by=None)).corrections["1"].by == "Label Studio"


def test_annotators_who_differ_decide_nothing_and_those_who_agree_do() -> None:
    one, other, third = exported(case("1"), case("2"), case("3"))

    found = read(
        annotated(one, "account", "billing"), annotated(other, "account", "account"), annotated(third, "billing")
    )

    assert (list(found.corrections), found.differing) == (["2", "3"], ["1"])
    assert found.corrections["2"].by == "Label Studio user 2"


def test_tasks_without_an_answer_are_counted_and_strange_answers_are_named() -> None:
    one, other, third = exported(case("1"), case("2"), case("3"))

    found = read(one, annotated(other, "account", was_cancelled=True), annotated(third, "nonsense"))

    assert (found.corrections, found.open, found.strangers) == ({}, 2, {"nonsense": 1})


@pytest.mark.parametrize(
    "text",
    [
        "no json",
        "{}",
        "[1]",
        '[{"data": {"text": "of another project"}}]',
        '[{"data": {"id": 1, "nightsort": {"answer": null, "fields": {}}}}]',
        '[{"data": {"id": "1", "nightsort": {"answer": null, "fields": {}}}, "annotations": [{"result": 1}]}]',
        "[" * 5000,
    ],
)
def test_what_is_no_export_of_ours_is_refused(text: str) -> None:
    with pytest.raises(InvalidTasks):
        answers(text, CATEGORIES, NOW)
