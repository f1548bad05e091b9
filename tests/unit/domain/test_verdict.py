"""What one answer means, and whether asking again can help."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from nightsort.adapters.anthropic.results import LineReader
from nightsort.api.batch_record import FIRST_RULES, BatchRecord, BatchState
from nightsort.api.categories import UnknownLabel
from nightsort.api.spec import Spec
from nightsort.domain.answer import Answer, Verdict
from nightsort.domain.verdict import PASSING_ERRORS, Judge, Judgement, is_asked_again
from tests.support.manifests import manifest

CUT = Path(__file__).parents[2] / "cases" / "wire" / "cut-answer.jsonl"


def judge(unknown: dict[str, Any] | None = None) -> Judge:
    return Judge(Spec.model_validate(manifest(unknownLabel=unknown)["spec"]))


def said(text: str, stop_reason: str = "end_turn") -> Answer:
    return Answer("x", "succeeded", text, stop_reason)


def errored(kind: str) -> Answer:
    return Answer("x", "errored", error_type=kind)


@pytest.mark.parametrize(
    ("answer", "verdict", "category", "may_pass"),
    [
        (said("billing"), Verdict.LABELED, "billing", False),
        (said("billing", "max_tokens"), Verdict.LABELED, "billing", False),
        (said("billing", "stop_sequence"), Verdict.LABELED, "billing", False),
        (said("billing", "refusal"), Verdict.REFUSED, None, False),
        (said("", "refusal"), Verdict.REFUSED, None, False),
        (said("billing", ""), Verdict.LABELED, "billing", False),
        (said("I believe that this is about", "max_tokens"), Verdict.TRUNCATED, None, False),
        (said("billing", "model_context_window_exceeded"), Verdict.TRUNCATED, None, False),
        (said("billing", "pause_turn"), Verdict.TRUNCATED, None, False),
        (said("billing", "tool_use"), Verdict.TRUNCATED, None, False),
        (said("billing", "a reason of next year"), Verdict.TRUNCATED, None, False),
        (said("shipping", "pause_turn"), Verdict.TRUNCATED, None, False),
        (said("shipping", "stop_sequence"), Verdict.TRUNCATED, None, False),
        (said("shipping", ""), Verdict.UNKNOWN, None, False),
        (said("shipping"), Verdict.UNKNOWN, None, False),
        (said(""), Verdict.UNKNOWN, None, False),
        (errored("invalid_request_error"), Verdict.ERRORED, None, False),
        (errored("overloaded_error"), Verdict.ERRORED, None, True),
        (errored("api_error"), Verdict.ERRORED, None, True),
        (errored(""), Verdict.ERRORED, None, False),
        (Answer("x", "expired"), Verdict.EXPIRED, None, True),
        (Answer("x", "canceled"), Verdict.CANCELED, None, False),
        (Answer("x", "a type of next year"), Verdict.ERRORED, None, False),
    ],
)
def test_an_answer_gets_one_verdict(answer: Answer, verdict: Verdict, category: str | None, may_pass: bool) -> None:
    judgement = judge().of(answer)

    assert (judgement.verdict, judgement.category, judgement.may_pass) == (verdict, category, may_pass)


@pytest.mark.parametrize(
    "answer",
    [
        said("x", "refusal"),
        said("x", "max_tokens"),
        said("x"),
        errored(""),
        Answer("", "expired"),
        Answer("", "canceled"),
    ],
)
def test_whatever_is_not_labeled_says_why(answer: Answer) -> None:
    assert judge().of(answer).reason


@pytest.mark.parametrize("kind", sorted(PASSING_ERRORS))
def test_an_error_of_the_api_can_pass(kind: str) -> None:
    assert judge().of(errored(kind)) == Judgement(Verdict.ERRORED, reason=kind, may_pass=True)


@pytest.mark.parametrize(
    ("rule", "category", "may_pass"),
    [
        ({"action": "Fallback", "category": "other"}, "other", False),
        ({"action": "Retry"}, None, True),
        ({"action": "Fail"}, None, False),
    ],
)
def test_an_unknown_label_goes_where_the_rule_says(rule: dict[str, Any], category: str | None, may_pass: bool) -> None:
    judgement = judge(rule).of(said("shipping"))

    assert (judgement.verdict, judgement.category, judgement.may_pass) == (Verdict.UNKNOWN, category, may_pass)


def test_the_rule_for_unknown_labels_leaves_refusals_alone() -> None:
    assert judge({"action": "Fallback", "category": "other"}).of(said("no", "refusal")).category is None


def test_a_long_answer_is_shown_in_part_and_on_one_line() -> None:
    reason = judge().of(said("first\nsecond " + "x" * 500)).reason

    assert "first second" in reason
    assert len(reason) < 120


def test_a_truncated_answer_names_the_field_to_raise() -> None:
    assert "prompt.maxTokens (50 tokens)" in judge().of(said("I think", "max_tokens")).reason


def judge_of(*names: str, aliases: tuple[str, ...] = ()) -> Judge:
    first, *others = ({"name": name} for name in names)
    return Judge(Spec.model_validate(manifest(categories=[{**first, "aliases": aliases}, *others])["spec"]))


def test_cut_answers_that_were_seen_get_no_label_that_could_be_another() -> None:
    reader = LineReader()
    assert not list(reader.feed(CUT.read_bytes())), "less than a page"
    answers = reader.rest()

    judged = [judge_of("card", "card payment").of(answer) for answer in answers]

    assert [(each.verdict, each.category) for each in judged] == [
        (Verdict.TRUNCATED, None),
        (Verdict.LABELED, "card payment"),
        (Verdict.TRUNCATED, None),
        (Verdict.TRUNCATED, None),
    ]
    assert "'card' may be the beginning of another one" in judged[0].reason
    assert "pause_turn" in judged[3].reason


@pytest.mark.parametrize(
    ("categories", "text", "label"),
    [
        (("card", "cards"), "card", None),
        (("card", "cards"), "Cards.", "cards"),
        (("card", "card payment"), "- card", None),
        (("card", "card payment"), "Category: card", None),
        (("card", "card payment"), '{"category": "card"', None),
        (("card", "card payment"), "<category>card", None),
        (("card", "card payment"), "**card", None),
        (("card", "card payment"), "card\ncard", None),
        (("C", "C++"), "C", None),
        (("sign", "sign-in"), "sign", None),
        (("sign", "Sign\u2011in"), "sign", None),
        (("Can't", "Can\u2019t log in"), "Can't", None),
        (("R", "R & D"), "R", None),
        (("card", "payment by card"), "card", "card"),
        (("card", "other"), "Category: card", "card"),
    ],
)
def test_a_cut_answer_is_no_label_where_a_longer_category_begins_like_it(
    categories: tuple[str, ...], text: str, label: str | None
) -> None:
    assert judge_of(*categories).of(said(text, "max_tokens")).category == label
    whole = judge_of(*categories).of(said(text))
    assert whole.verdict is Verdict.LABELED


def test_a_longer_alias_of_the_same_category_leaves_a_cut_answer_as_it_is() -> None:
    assert judge_of("card", "other", aliases=("card payment",)).of(said("card", "max_tokens")).category == "card"


def test_a_longer_alias_of_another_category_does_not() -> None:
    assert judge_of("other", "card", aliases=("card trouble",)).of(said("card", "max_tokens")).category is None


def test_what_an_earlier_version_left_to_be_asked_again_is_judged_by_its_rules() -> None:
    spec = Spec.model_validate(manifest(unknownLabel={"action": "Retry"})["spec"])

    assert Judge(spec).of(said("- billing")).verdict is Verdict.LABELED
    assert Judge(spec, FIRST_RULES).of(said("- billing")).may_pass
    assert Judge(spec, FIRST_RULES).of(said("shipping", "pause_turn")).may_pass
    assert Judge(spec, FIRST_RULES).of(said("Category: billing.")).verdict is Verdict.LABELED


def test_an_answer_that_is_unknown_is_shown_as_it_was() -> None:
    assert "the answer '- Billing & co.' is none" in judge().of(said("- Billing & co.")).reason


def test_by_default_an_unknown_label_fails() -> None:
    assert UnknownLabel().action == "Fail"


@pytest.mark.parametrize(
    ("judgement", "attempt", "canceled_by_us", "again"),
    [
        (Judgement(Verdict.EXPIRED, may_pass=True), 0, False, True),
        (Judgement(Verdict.EXPIRED, may_pass=True), 1, False, True),
        (Judgement(Verdict.EXPIRED, may_pass=True), 2, False, False),
        (Judgement(Verdict.REFUSED), 0, False, False),
        (Judgement(Verdict.LABELED, "billing"), 0, True, False),
        (Judgement(Verdict.CANCELED), 0, False, False),
        (Judgement(Verdict.CANCELED), 0, True, True),
        (Judgement(Verdict.CANCELED), 2, True, True),
    ],
)
def test_a_ticket_is_asked_again_up_to_the_limit_or_when_we_cancelled_it(
    judgement: Judgement, attempt: int, canceled_by_us: bool, again: bool
) -> None:
    record = BatchRecord(
        shard=0,
        attempt=attempt,
        tag="k3f9a2",
        state=BatchState.SUBMITTED,
        requests=1,
        canceled=canceled_by_us,
        intended_at=datetime(2026, 11, 22, tzinfo=UTC),
    )

    assert is_asked_again(judgement, record, backoff_limit=2) is again
