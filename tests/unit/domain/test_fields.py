"""Further answers of the same request: what is asked, and what an answer to it is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nightsort.api.counts import CategoryCount
from nightsort.api.resource import InvalidResource, Resource
from nightsort.api.spec import Spec, field_names
from nightsort.api.status import Status
from nightsort.cli.output.runs import field_lines
from nightsort.domain.answer import Answer, Row, Verdict
from nightsort.domain.batch import ModelFacts
from nightsort.domain.dependence import settings_of
from nightsort.domain.errors import Rejected
from nightsort.domain.field_counts import counted_values, groups_of, in_order
from nightsort.domain.fields import as_text, fields_of, specimens
from nightsort.domain.json_answer import members_of, schema_of, tokens_allowed, tokens_needed
from nightsort.domain.prompt import CLOSING, OPENING, most_answer_tokens, system_prompt
from nightsort.domain.record import Tally, with_values
from nightsort.domain.request import request_params
from nightsort.domain.verdict import Judge, Judgement
from tests.support.manifests import manifest, names

FIELDS: list[dict[str, Any]] = [
    {"name": "urgency", "values": ["low", "medium", "high"], "description": "how soon it must be answered"},
    {"name": "topics", "values": ["shipping", "price", "quality"], "multiple": True, "max": 2},
    {"name": "summary", "maxLength": 40},
    {"name": "stars", "minimum": 1, "maximum": 5},
]
WHOLE = {"category": "billing", "urgency": "high", "topics": ["price"], "summary": "Charged twice", "stars": 2}
ONLY_ANSWERS = ModelFacts("m")


def spec_of(**spec: Any) -> Spec:
    return Spec.model_validate(manifest(**spec)["spec"])


SPEC = spec_of(fields=FIELDS)
FULL = spec_of(fields=FIELDS, categoriesPerTicket=2, confidence=True, rationale=True)


# To make one takes longer than to judge.
JUDGES: dict[int, tuple[Spec, Judge]] = {}


def judged(answer: object, stop_reason: str = "end_turn", spec: Spec = SPEC) -> Judgement:
    text = answer if isinstance(answer, str) else json.dumps(answer)
    if id(spec) not in JUDGES:
        JUDGES[id(spec)] = (spec, Judge(spec))
    return JUDGES[id(spec)][1].of(Answer("x", "succeeded", text, stop_reason))


def refusal(**spec: Any) -> str:
    with pytest.raises(InvalidResource) as refused:
        Resource.of(manifest(**spec))
    return str(refused.value)


def test_one_category_and_no_fields_is_asked_for_by_its_name_alone() -> None:
    plain = spec_of()

    assert system_prompt(plain).startswith(OPENING)
    assert system_prompt(plain).endswith(CLOSING)
    assert "output_config" not in request_params(plain, "x", disable_thinking=False)
    assert settings_of(plain).keys() == {"model", "categories", "unknownLabel", "prompt"}


def test_the_prompt_says_what_each_member_is() -> None:
    asked = system_prompt(FULL)

    assert '"urgency": how soon it must be answered; one of "low", "medium", "high"' in asked
    assert '"topics": a list of at most 2 of "shipping", "price", "quality"; empty where none fits' in asked
    assert '"summary": a text of at most 40 characters' in asked
    assert '"stars": a whole number from 1 to 5' in asked
    assert '"confidence": how sure you are of the category; one of "low", "medium", "high"' in asked
    assert [member.name for member in members_of(FULL)] == [
        "rationale", "categories", "urgency", "topics", "summary", "stars", "confidence"
    ]  # fmt: skip
    assert [field.name for field in fields_of(FULL)] == [
        "categories", "urgency", "topics", "summary", "stars", "confidence", "rationale"
    ]  # fmt: skip


def test_the_schema_demands_each_member_and_no_other_and_has_no_word_that_the_api_refuses() -> None:
    schema = schema_of(FULL)

    assert schema["additionalProperties"] is False
    assert schema["required"] == list(schema["properties"])
    assert schema["properties"]["categories"]["items"]["enum"][0] == "billing"
    assert not {"minLength", "maxLength", "minimum", "maximum", "maxItems"} & set(json.dumps(schema).split('"'))
    params = request_params(FULL, "x", disable_thinking=False, structured=True)
    assert params["output_config"] == {"format": {"type": "json_schema", "schema": schema}}


def test_a_whole_answer_has_every_value() -> None:
    assert judged(WHOLE) == Judgement(Verdict.LABELED, "billing", values=("high", ["price"], "Charged twice", 2))


@pytest.mark.parametrize(
    ("answer", "urgency"),
    [
        ({**WHOLE, "urgency": "HIGH"}, "high"),
        ({**WHOLE, "urgency": " High. "}, "high"),
        ({"Category": "Billing", "URGENCY": "low"}, "low"),
        ("```json\n" + json.dumps(WHOLE) + "\n```", "high"),
        ("Here it is: " + json.dumps(WHOLE) + " Anything else?", "high"),
    ],
)
def test_an_answer_may_be_written_in_other_letters_or_with_words_around_it(answer: object, urgency: str) -> None:
    judgement = judged(answer)

    assert (judgement.category, judgement.values[0]) == ("billing", urgency)


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("urgency", "asap", "urgency is 'asap', which is none of its values"),
        ("urgency", None, "urgency has no answer"),
        ("urgency", ["high"], "urgency is a list, which is none of its values"),
        ("topics", ["price", "weather"], "topics is 'weather', which is none of its values"),
        ("summary", "", "summary is empty"),
        ("summary", 4, "summary is no text"),
        ("stars", 6, "stars is 6, which is not from 1 to 5"),
        ("stars", "many", "stars is 'many', which is no whole number"),
        ("stars", 2.5, "stars is 2.5, which is no whole number"),
        ("stars", True, "stars is true, which is no whole number"),
        ("stars", 10**400, "stars is no value, which is no whole number"),
    ],
)
def test_one_bad_field_is_unknown_and_the_others_stay(name: str, value: object, why: str) -> None:
    judgement = judged({**WHOLE, name: value})
    good = judged(WHOLE).values
    at = [field["name"] for field in FIELDS].index(name)

    assert (judgement.verdict, judgement.category, judgement.reason) == (Verdict.LABELED, "billing", why)
    assert judgement.values == (*good[:at], None, *good[at + 1 :])


@pytest.mark.parametrize("value", [4, 4.0, "4", " 4 "])
def test_a_whole_number_may_be_written_in_several_ways(value: object) -> None:
    assert judged({**WHOLE, "stars": value}).values[3] == 4


def test_more_values_than_were_asked_for_are_left_out_and_long_texts_are_cut() -> None:
    judgement = judged({**WHOLE, "topics": ["price", "quality", "shipping"], "summary": "two\nlines " + "x" * 90})

    assert judgement.values[1] == ["price", "quality"]
    assert judgement.values[2] == "two lines " + "x" * 29 + "\u2026"


@pytest.mark.parametrize("unstorable", ["\\ud83d", "\\udc00", "\\u0000", "\\u0007", "\\u001b", "\\u009f"])
def test_a_text_has_nothing_that_a_file_or_a_database_refuses(unstorable: str) -> None:
    answer = json.dumps(WHOLE | {"summary": "half?a smile, a whole \U0001f600"}).replace("?", unstorable)

    assert "half a smile, a whole \U0001f600" in judged(answer).values


def test_a_category_that_is_none_leaves_the_fields_as_they_are() -> None:
    judgement = judged({**WHOLE, "category": "weather"})

    assert (judgement.verdict, judgement.category) == (Verdict.UNKNOWN, None)
    assert judgement.values == ("high", ["price"], "Charged twice", 2)
    falls_back = spec_of(fields=FIELDS, unknownLabel={"action": "Fallback", "category": "other"})
    assert judged({**WHOLE, "category": "weather"}, spec=falls_back).category == "other"


def test_a_member_that_is_there_twice_counts_only_where_both_say_the_same() -> None:
    twice = '{"category": "billing", "urgency": "low", "urgency": "high", "stars": 1, "stars": 1}'

    judgement = judged(twice)

    assert (judgement.values[0], judgement.values[3]) == (None, 1)
    assert "urgency is answered twice" in judgement.reason
    assert judged('{"category": "billing", "category": "other"}').category is None


@pytest.mark.parametrize("stop", ["max_tokens", "pause_turn", "model_context_window_exceeded"])
def test_an_object_that_is_cut_is_truncated(stop: str) -> None:
    whole = json.dumps(WHOLE)

    assert judged(whole[:-1], stop).verdict is Verdict.TRUNCATED
    assert judged(whole, stop).verdict is Verdict.LABELED
    assert judged(whole[:-1]).verdict is Verdict.UNKNOWN


def test_a_bare_name_is_a_category_without_fields() -> None:
    judgement = judged("Billing.")

    assert (judgement.verdict, judgement.category, judgement.values) == (Verdict.LABELED, "billing", (None,) * 4)
    assert judged("I cannot say").verdict is Verdict.UNKNOWN


def test_the_first_of_several_categories_is_the_tickets_category() -> None:
    answer = {"categories": ["Account", "billing", "billing"], "confidence": "low", "rationale": "Because."}
    spec = spec_of(categoriesPerTicket=2, confidence=True, rationale=True)

    judgement = judged(answer, spec=spec)

    assert judgement.category == "account"
    assert judgement.values == (["account", "billing"], "low", "Because.")
    assert judged({"categories": []}, spec=spec).category is None
    assert judged({"categories": ["account", "weather"]}, spec=spec).category == "account"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
MEMBERS = st.dictionaries(st.sampled_from([*WHOLE, "categories", "confidence", "rationale"]), JSON, max_size=8)


@settings(deadline=None)
@given(MEMBERS, st.sampled_from([SPEC, FULL]))
@example({"stars": float("nan"), "summary": "\ud800"}, SPEC)
def test_whatever_an_object_has_each_value_is_one_of_its_field(answer: dict[str, object], spec: Spec) -> None:
    judgement = judged(answer, spec=spec)
    fields = fields_of(spec)

    assert judgement.verdict in (Verdict.LABELED, Verdict.UNKNOWN)
    assert len(judgement.reason) <= 500
    if not judgement.values:
        return
    for field, value in zip(fields, judgement.values, strict=True):
        match value:
            case None:
                pass
            case int():
                assert field.least <= value <= field.greatest
            case list():
                assert set(value) <= set(field.values)
                assert len(value) <= field.most
            case str() if field.values:
                assert value in field.values
            case str():
                assert 0 < len(value) <= field.most
                assert value.encode()
                assert "\0" not in value


@settings(deadline=None)
@given(st.text(max_size=60), st.sampled_from(["end_turn", "max_tokens", ""]))
@example("{" * 5000, "end_turn")
@example('{"category": ' + "[" * 5000, "end_turn")
@example('{"stars": ' + "9" * 5000 + "}", "end_turn")
def test_whatever_an_answer_is_it_gets_a_verdict(text: str, stop: str) -> None:
    assert judged(text, stop).verdict in (Verdict.LABELED, Verdict.UNKNOWN, Verdict.TRUNCATED)


@settings(deadline=None)
@given(st.integers(0, len(json.dumps(WHOLE)) - 1))
def test_no_beginning_of_an_object_is_a_label(size: int) -> None:
    assert judged(json.dumps(WHOLE)[:size], "max_tokens").category is None


def test_the_default_leaves_room_for_the_fields_and_for_thoughts() -> None:
    thinker = ModelFacts("m", thinks=True)

    assert tokens_needed(FULL) < tokens_allowed(FULL) == most_answer_tokens(FULL, ONLY_ANSWERS)
    assert most_answer_tokens(FULL, thinker) > tokens_allowed(FULL) + 1000
    large = spec_of(fields=[{"name": f"text_{n}", "maxLength": 1000} for n in range(12)])
    assert most_answer_tokens(large, ONLY_ANSWERS) == 4096


def test_fields_for_which_no_answer_has_room_are_refused_before_anything_is_bought() -> None:
    twenty = spec_of(fields=[{"name": f"text_{n}", "maxLength": 1000} for n in range(20)])
    with pytest.raises(Rejected, match=r"fields: the answers may take 5,\d+ tokens, and 4,096 is the most"):
        most_answer_tokens(twenty, ONLY_ANSWERS)

    large = spec_of(fields=[{"name": f"text_{n}", "maxLength": 1000} for n in range(12)])
    with pytest.raises(Rejected, match="3,072 is the most"):
        most_answer_tokens(large, ModelFacts("m", thinks=True))


def test_a_limit_of_the_users_own_is_kept_and_refused_where_the_fields_do_not_fit() -> None:
    own = spec_of(fields=FIELDS, prompt={"maxTokens": 300})
    assert most_answer_tokens(own, ONLY_ANSWERS) == 300
    assert most_answer_tokens(own, ModelFacts("m", thinks=True)) > 300, "thoughts have room of their own"
    with pytest.raises(Rejected, match=r"prompt.maxTokens: 20 tokens are too few for the fields"):
        most_answer_tokens(spec_of(fields=FIELDS, prompt={"maxTokens": 20}), ONLY_ANSWERS)


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [
        ({"fields": [{"name": "urgency", "values": ["a", "b"]}] * 2}, "'urgency' is named twice"),
        ({"fields": [{"name": "verdict", "values": ["a"]}]}, "results have a column of this name already"),
        ({"fields": [{"name": "Urgency", "values": ["a"]}]}, "small letters"),
        ({"fields": [{"name": "a"}]}, "needs exactly one of values, maxLength, or minimum with maximum"),
        ({"fields": [{"name": "a", "values": ["x"], "maxLength": 3}]}, "needs exactly one of"),
        ({"fields": [{"name": "a", "minimum": 3}]}, "minimum and maximum belong together"),
        ({"fields": [{"name": "a", "minimum": 3, "maximum": 3}]}, "minimum is the smaller one"),
        ({"fields": [{"name": "a", "maxLength": 3, "multiple": True}]}, "multiple is for fields with values"),
        ({"fields": [{"name": "a", "values": ["x", "X"]}]}, "the value 'X' is named twice"),
        (
            {"fields": [{"name": f"f{n}", "values": [f"v{each}" for each in range(180)]} for n in range(3)]},
            "540 values in all, more than 500",
        ),
    ],
)
def test_what_cannot_be_asked_is_refused(spec: dict[str, Any], complaint: str) -> None:
    assert complaint in refusal(**spec)


DATABASE = {"urlSecretRef": {"name": "db", "key": "url"}, "table": "tickets"}


def test_no_two_fields_share_a_column_of_the_table() -> None:
    def told(columns: dict[str, Any]) -> str:
        return refusal(fields=FIELDS, results={"database": {**DATABASE, "columns": columns}})

    assert "the field 'urgency' has column 'urgency', which is another's" in told({"category": "urgency"})
    assert "which is another's" in told({"fields": {"urgency": "x", "summary": "x"}})
    assert "'mood' is not one of the fields" in told({"fields": {"mood": "x"}})


def test_what_is_asked_decides_whether_an_answer_still_holds() -> None:
    plain, asked = settings_of(spec_of()), settings_of(SPEC)

    assert asked != plain
    assert settings_of(spec_of(confidence=True)) != plain
    assert settings_of(spec_of(fields=FIELDS[:1])) != asked


def test_a_status_counts_each_value_in_the_order_of_the_spec() -> None:
    fields = fields_of(SPEC)
    rows = [Row(str(n), "billing", Verdict.LABELED, values=each) for n, each in enumerate(
        [("high", ["price", "shipping"], "x", 1), ("low", [], "x", None), (None, None, None, None), ()]
    )]  # fmt: skip
    tally = Tally(values={})
    counts = with_values((), tally.values or {})
    for row in rows:
        found: dict[tuple[str, str | None], int] = {}
        for each in counted_values(fields, row.values):
            found[each] = found.get(each, 0) + 1
        counts = with_values(counts, found)

    told = {
        one.name: ({each.name: each.tickets for each in one.values}, one.unknown) for one in in_order(counts, fields)
    }
    assert told == {"urgency": ({"low": 1, "high": 1}, 1), "topics": ({"shipping": 1, "price": 1}, 1)}
    assert list(told["urgency"][0]) == ["low", "high"]
    assert Status(fields=counts).fields == counts


def test_the_names_of_the_columns_are_those_of_the_fields_in_their_order() -> None:
    assert field_names(FULL) == [field.name for field in fields_of(FULL)]
    assert field_names(spec_of()) == []


def test_a_tree_of_categories_rolls_up() -> None:
    counts = with_values(
        (), {("c", name): n for n, name in enumerate(("billing/refund", "billing/invoice/late", "billing", "a/"), 1)}
    )

    told = {count.name: count.tickets for count in groups_of(counts[0].values)}

    assert told == {"billing": 6, "billing/invoice": 2}
    assert groups_of(with_values((), {("c", "billing"): 3})[0].values) == ()


def test_a_rehearsal_has_each_value_of_each_field_and_the_longest_answer() -> None:
    rows = specimens(fields_of(SPEC))

    assert {row[0] for row in rows} == {"low", "medium", "high"}
    assert as_text(rows[0][1]) in ("quality, shipping", "shipping, quality", "price, quality")
    assert {row[2] for row in rows} == {"x" * 40}
    assert {row[3] for row in rows} == {1, 5}
    assert specimens(()) == []


def test_categories_of_a_status_are_known_by_their_names() -> None:
    assert [category.name for category in spec_of(categories=names("a/b", "a/c")).categories] == ["a/b", "a/c"]


def test_the_story_of_a_run_tells_the_values_and_says_whose_statement_confidence_is() -> None:
    values = {("urgency", "low"): 2, ("urgency", None): 1, ("confidence", "high"): 3}
    told = dict(field_lines(Status(fields=with_values((), values), groups=(CategoryCount(name="billing", tickets=3),))))

    assert told["branches"] == "3 billing"
    assert told["urgency"] == "2 low, 1 unknown"
    assert told["confidence"] == "3 high (the model's own statement)"
    assert not dict(field_lines(Status()))
