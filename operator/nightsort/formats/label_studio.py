"""Tickets to review as tasks of Label Studio, and its answers as corrections.

The form is that of Label Studio's JSON export and import (label-studio-sdk 2.1.2 on PyPI, Apache-2.0): a task has
`data`, `predictions` of a `model_version` with a `score`, and `annotations`; both of these have a `result` of
regions with `from_name`, `to_name`, `type` and `value`, by the names of the labelling interface.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import quoteattr

from nightsort.api.categories import Category
from nightsort.domain.case import Case
from nightsort.domain.correction import MOST_NAME_CHARS, Correction
from nightsort.domain.printable import printable
from nightsort.domain.ticket import body_of
from nightsort.domain.truth import Truths
from nightsort.formats.bounded_json import UnusableJson, parsed

CONTROL, TEXT, OURS = "category", "text", "nightsort"
SCORES = {"low": 0.25, "medium": 0.5, "high": 0.75}
"""The model's own statement of its confidence as numbers, which sort and do not measure."""


class InvalidTasks(ValueError):
    """A file is no export of Label Studio with tasks of ours; the message says where."""


def interface(categories: Sequence[Category]) -> str:
    """The labelling interface of a project for these tasks."""
    choices = "".join(f"    <Choice value={quoteattr(one.name)}/>\n" for one in categories)
    return (
        f'<View>\n  <Text name="{TEXT}" value="${TEXT}"/>\n'
        f'  <Choices name="{CONTROL}" toName="{TEXT}" choice="single" required="true">\n'
        f"{choices}  </Choices>\n</View>\n"
    )


def tasks(cases: Sequence[Case], categories: Sequence[Category]) -> str:
    """The tickets as tasks, with the model's category as a prediction where it gave one."""
    names = {one.name for one in categories}
    return json.dumps([task(one, names) for one in cases], ensure_ascii=False, indent=1) + "\n"


def task(case: Case, names: set[str]) -> Mapping[str, Any]:
    text = body_of([text for _, text in sorted(case.fields.items(), key=lambda one: one[0] == "body")])
    data = {"id": case.id, TEXT: text or " ", "why": ", ".join(case.whys)}
    made: dict[str, Any] = {"data": {**data, OURS: {"answer": case.answer, "fields": case.fields}}}
    if case.answer in names:
        region = {"from_name": CONTROL, "to_name": TEXT, "type": "choices", "value": {"choices": [case.answer]}}
        score = {"score": SCORES[case.confidence]} if case.confidence in SCORES else {}
        made["predictions"] = [{"model_version": case.model, **score, "result": [region]}]
    return made


@dataclass(slots=True)
class Answers:
    """What an export says: corrections, tickets about which its people differ, and tasks that nobody has answered."""

    corrections: dict[str, Correction] = field(default_factory=dict)
    differing: list[str] = field(default_factory=list)
    open: int = 0
    strangers: dict[str, int] = field(default_factory=dict)
    """Values that are no category, with their tickets."""


def answers(text: str, categories: Sequence[Category], now: datetime) -> Answers:
    """The answers of an export; `now` is the time of those that have none.

    Raises:
        InvalidTasks: it is no export, or its tasks are not ours.
    """
    try:
        found = parsed(text)
    except (UnusableJson, json.JSONDecodeError) as error:
        raise InvalidTasks(f"no usable JSON ({error})") from None
    if not isinstance(found, list):
        raise InvalidTasks("no list of tasks: export from Label Studio as JSON, not as JSON-MIN or CSV")
    truths, made = Truths(categories), Answers()
    for number, each in enumerate(found, 1):
        try:
            take(made, each, truths, now)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError):
            raise InvalidTasks(
                f"task {number} is none that nightsort has exported: export from Label Studio as JSON"
            ) from None
    made.strangers = dict(truths.strangers)
    return made


def take(made: Answers, task: Any, truths: Truths, now: datetime) -> None:
    """Adds what a task's people have said."""
    ticket_id, ours = task["data"]["id"], task["data"][OURS]
    fields = {str(name): str(text) for name, text in ours["fields"].items()}
    answer = ours["answer"]
    if not isinstance(ticket_id, str) or not ticket_id or not (answer is None or isinstance(answer, str)):
        raise ValueError
    said = [one for one in task.get("annotations") or () if not one.get("was_cancelled")]
    values = {value for value in map(chosen, said) if value is not None}
    if not values:
        made.open += 1
    elif len(values) > 1:
        made.differing.append(ticket_id)
    elif category := truths.of(values.pop()):
        last = max(said, key=lambda one: when(one, now))
        made.corrections[ticket_id] = Correction(ticket_id, category, answer, who(last), when(last, now), fields)


def chosen(annotation: Mapping[str, Any]) -> str | None:
    """The category that an annotation gives; None where it leaves it open."""
    found = (one for one in annotation["result"] if one.get("from_name") == CONTROL and one.get("type") == "choices")
    return next((str(one["value"]["choices"][0]) for one in found if one["value"]["choices"]), None)


def who(annotation: Mapping[str, Any]) -> str:
    by = annotation.get("completed_by")
    names: Iterator[Any] = iter((by.get("email"), by.get("username"), by.get("id")) if isinstance(by, dict) else (by,))
    name = next((one for one in names if isinstance(one, int) or (isinstance(one, str) and one.strip())), None)
    if name is None:
        return "Label Studio"
    return f"Label Studio user {name}" if isinstance(name, int) else printable(name.strip())[:MOST_NAME_CHARS]


def when(annotation: Mapping[str, Any], now: datetime) -> datetime:
    at = annotation.get("updated_at") or annotation.get("created_at")
    if not isinstance(at, str):
        return now
    moment = datetime.fromisoformat(at)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).replace(microsecond=0)
