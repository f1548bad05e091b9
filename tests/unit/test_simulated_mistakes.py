"""Simulated models are as often wrong as they are asked to be, and an evaluation finds out how often."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from nightsort.api.spec import Spec
from nightsort.cli.flags import TicketOptions
from nightsort.cli.simulated_accuracy import InvalidMistakes, by_model, confusions_of, mistakes_of, truths_of
from nightsort.domain.evaluation import Evaluation, evaluate
from nightsort.domain.mcnemar import difference
from nightsort.domain.request import request_params
from nightsort.domain.truth import EvenSample
from nightsort.simulator import SimulatorOptions
from nightsort.simulator.answers import Category, Classifier
from nightsort.simulator.items import Respondent
from nightsort.simulator.mistakes import Mistakes, Truths
from nightsort.simulator.wire import Succeeded
from tests.support.banking77 import FILE, categories, questions
from tests.support.manifests import manifest

MODEL, OTHER = "claude-haiku-5-5", "claude-sonnet-5-5"
KNOWN = [Category(name) for name in categories()]
BY_NAME = {category.name: category for category in KNOWN}


def sampled(size: int) -> list[tuple[str, str]]:
    sample = EvenSample(size)
    for place, (_, category) in enumerate(questions()):
        sample.offer(str(place), category)
    return [questions()[int(place)] for place in sorted(sample.chosen())]


def labels(mistakes: Mistakes, model: str, tickets: Sequence[tuple[str, str]]) -> list[str | None]:
    read = (mistakes.read(model, BY_NAME[truth], text, KNOWN) for text, truth in tickets)
    return [None if category is None else category.name for category in read]


def measured(mistakes: Mistakes, tickets: Sequence[tuple[str, str]], model: str = MODEL) -> Evaluation:
    truths = [truth for _, truth in tickets]
    return evaluate(zip(truths, labels(mistakes, model, tickets), strict=True), categories())


@pytest.mark.parametrize("accuracy", [0.95, 0.8])
def test_the_interval_of_an_evaluation_holds_the_rate_that_was_asked_for(accuracy: float) -> None:
    """Of 100 intervals with a confidence of 95 %, at least 93 hold it; a rate beside it is outside of most."""
    tickets = sampled(300)
    found = [measured(Mistakes(accuracy={"": accuracy}, seed=seed), tickets).interval for seed in range(100)]
    assert sum(one.low <= accuracy <= one.high for one in found) >= 93
    assert sum(one.low <= accuracy - 0.08 <= one.high for one in found) <= 20


def test_over_all_questions_the_rate_is_nearly_exact() -> None:
    assert measured(Mistakes(accuracy={"": 0.8}), questions()).accuracy == pytest.approx(0.8, abs=0.02)


def test_a_model_reads_a_ticket_in_the_same_way_whenever_it_is_asked() -> None:
    mistakes = Mistakes(accuracy={"": 0.5}, seed=3)
    assert labels(mistakes, MODEL, questions()[:200]) == labels(mistakes, MODEL, questions()[:200])
    assert labels(mistakes, MODEL, questions()[:200]) != labels(Mistakes(accuracy={"": 0.5}), MODEL, questions()[:200])


def test_a_second_model_makes_mistakes_of_its_own() -> None:
    mistakes = Mistakes(accuracy={"": 0.8, OTHER: 0.95})
    truths = [truth for _, truth in questions()]
    first, second = labels(mistakes, MODEL, questions()), labels(mistakes, OTHER, questions())
    right = [(one == truth, two == truth) for truth, one, two in zip(truths, first, second, strict=True)]
    found = difference(right)
    # Independent of each other: 0.8 * 0.05 and 0.95 * 0.2 of the tickets.
    assert found.only_first / found.tickets == pytest.approx(0.8 * 0.05, abs=0.015)
    assert found.only_second / found.tickets == pytest.approx(0.95 * 0.2, abs=0.02)
    assert found.is_significant()


def test_mistakes_have_favourites() -> None:
    found = measured(Mistakes(accuracy={"": 0.5}), questions())
    largest = found.confusions()
    assert largest[0].tickets >= 10, "half of the mistakes of a category of 40 go to one other category"
    assert all(one.truth != one.label for one in largest)


def test_a_confusion_matrix_says_which_categories_are_taken_for_which() -> None:
    rows = {"card_arrival": {"card_delivery_estimate": 0.5, "": 0.25}}
    mistakes = Mistakes(accuracy={"": 1.0}, confusions=rows)
    tickets = [(f"{text} {number}", truth) for text, truth in questions() for number in range(10)]
    read = Counter(zip([truth for _, truth in tickets], labels(mistakes, MODEL, tickets), strict=True))
    assert read["card_arrival", "card_delivery_estimate"] == pytest.approx(200, abs=40)
    assert read["card_arrival", None] == pytest.approx(100, abs=35)
    assert sum(read.values()) == len(tickets)
    assert {pair for pair in read if pair[0] != pair[1]} == {
        ("card_arrival", "card_delivery_estimate"),
        ("card_arrival", None),
    }


def test_a_single_category_cannot_be_mistaken() -> None:
    only = [Category("billing")]
    assert Mistakes(accuracy={"": 0.0}).read(MODEL, only[0], "text", only) == only[0]


def stated(confidence: float, structured: bool) -> Counter[tuple[bool, str]]:
    """How often each confidence is stated by answers that are right, and by those that are wrong."""
    given: dict[str, Any] = {
        "model": MODEL,
        "categories": [{"name": name} for name in categories()],
        "confidence": True,
    }
    spec = Spec.model_validate(manifest(**given, prompt={"template": "$body"})["spec"])
    truths = dict(questions())
    mistakes = Mistakes(accuracy={"": 0.8}, confidence=confidence)
    respondent = Respondent(SimulatorOptions(mistakes=mistakes, truths=Truths(truths)), (), random.Random(1))
    found = Counter[tuple[bool, str]]()
    for text, truth in truths.items():
        params = request_params(spec, text, disable_thinking=True, max_tokens=200, structured=structured)
        result = respondent.answer(msgspec.json.encode(params)).result
        assert isinstance(result, Succeeded)
        answer = msgspec.json.decode("".join(getattr(block, "text", "") for block in result.message.content))
        found[answer["category"] == truth, answer["confidence"]] += 1
    return found


@pytest.mark.parametrize("structured", [True, False], ids=["by a schema", "by the prompt"])
def test_confidence_goes_with_being_right_as_often_as_it_is_asked_to(structured: bool) -> None:
    found = stated(0.9, structured)
    right, wrong = (sum(count for (is_right, _), count in found.items() if is_right is each) for each in (True, False))
    # One of ten says nothing: a third of these states the same by chance.
    assert found[True, "high"] / right == pytest.approx(0.9 + 0.1 / 3, abs=0.03)
    assert found[False, "low"] / wrong == pytest.approx(0.9 + 0.1 / 3, abs=0.04)


def test_without_it_confidence_says_nothing() -> None:
    found = stated(0.0, structured=True)
    right, wrong = (sum(count for (is_right, _), count in found.items() if is_right is each) for each in (True, False))
    assert found[True, "high"] / right == pytest.approx(1 / 3, abs=0.04)
    assert found[False, "high"] / wrong == pytest.approx(1 / 3, abs=0.07)


# --- what is true ---------------------------------------------------------------------------------------------------

LONG = "I was charged twice for the same order, and I have asked three times already. " * 20
CLASSIFIER = Classifier([Category("billing"), Category("Account", description="password")])


@pytest.mark.parametrize(
    "sent", ["{}", "Subject: Help\n\n{}", "Subject: Help\n\n{}\n\nThanks", "\n  {}", "Subject: Help\n\n{:.500}"]
)
def test_a_known_ticket_is_recognised_within_its_prompt(sent: str) -> None:
    truths = Truths({LONG: "account"})
    assert truths.of(sent.format(LONG), CLASSIFIER).name == "Account"


def test_a_short_text_is_known_as_a_whole_alone() -> None:
    truths = Truths({"billing": "account"})
    assert truths.of("Subject: billing\n\nbilling", CLASSIFIER).name == "Account"
    assert truths.of("billing, but otherwise", CLASSIFIER).name == "billing"


def test_what_is_not_known_or_no_category_is_told_by_its_words() -> None:
    truths = Truths({"my password": "billing", "my bill": "refunds"})
    assert truths.of("my password is lost", CLASSIFIER).name == "Account"
    assert truths.of("my password", CLASSIFIER).name == "billing"
    assert truths.of("my bill", CLASSIFIER).name == Classifier(CLASSIFIER.categories).choose("my bill").name


def test_the_categories_of_a_file_are_known_by_their_texts() -> None:
    truths = truths_of(FILE, "category", TicketOptions())
    classifier = Classifier(KNOWN)
    assert [truths.of(text, classifier).name for text, _ in questions()] == [truth for _, truth in questions()]
    with pytest.raises(InvalidMistakes, match=r"no column 'label' \(--truth\); it has text, category"):
        truths_of(FILE, "label", TicketOptions())


# --- how it is asked for ----------------------------------------------------------------------------------------------


def test_the_accuracy_is_that_of_all_models_or_of_one() -> None:
    assert by_model(["0.8", "claude-sonnet-5-5=0.95"]) == {"": 0.8, "claude-sonnet-5-5": 0.95}


@pytest.mark.parametrize("given", [["80"], ["a=1.1"], ["-0.1"], ["often"], ["nan"], ["0.8", "0.9"], ["a=1", "a=1"]])
def test_what_is_no_accuracy_is_refused(given: list[str]) -> None:
    with pytest.raises(InvalidMistakes):
        by_model(given)


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"a": 1}', '{"a": {"b": 2}}', '{"a": {"b": "x"}}', '{"a": {"b": 0.6, "c": 0.6}}']
)
def test_a_file_that_is_no_confusion_matrix_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "confusions.json"
    path.write_text(text)
    with pytest.raises(InvalidMistakes, match=r"confusions\.json"):
        confusions_of(path)
    with pytest.raises(InvalidMistakes, match="No such file"):
        confusions_of(tmp_path / "missing.json")


def test_a_confusion_matrix_is_read_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "confusions.json"
    path.write_text('{"billing": {"account": 0.2, "": 0.05}}')
    assert mistakes_of(["0.9"], path, 7) == Mistakes(
        accuracy={"": 0.9}, confusions={"billing": {"account": 0.2, "": 0.05}}, seed=7
    )
