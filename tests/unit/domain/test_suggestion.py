"""What may be taken of a model's proposals, whatever it answers."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightsort.api.batch_record import Usage
from nightsort.domain.batch import ModelFacts
from nightsort.domain.suggestion import (
    MAX_THINKING_TOKENS,
    MAX_TOKENS,
    MOST_CATEGORIES,
    Reply,
    UnusableAnswer,
    categories_of,
    question,
)

ASKED = question("claude-haiku-5-5", ["The card was blocked", "x" * 10_000])


def reply(text: str, stop_reason: str = "end_turn") -> Reply:
    return Reply(text, stop_reason, Usage())


def answer(*proposed: tuple[str, str]) -> Reply:
    return reply(json.dumps({"categories": [{"name": name, "description": words} for name, words in proposed]}))


def test_names_and_descriptions_become_categories_with_other_at_the_end() -> None:
    found = categories_of(answer(("cards", "Lost  cards"), ("other", "x"), ("Cards", "again"), ("a, b\n", "two")))

    assert [(one.name, one.description) for one in found] == [
        ("cards", "Lost cards"),
        ("a b", "two"),
        ("other", "Everything else"),
    ]


def test_the_words_around_the_json_and_names_that_can_be_none_are_left_out() -> None:
    said = answer(("fine", ""), ("", "no name"), ("x" * 65, "too long"))

    assert [one.name for one in categories_of(reply(f"Here they are:\n```json\n{said.text}\n```"))] == ["fine", "other"]


def test_there_are_never_more_than_a_person_can_judge() -> None:
    assert len(categories_of(answer(*((f"c{number}", "") for number in range(500))))) == MOST_CATEGORIES + 1


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (reply("I cannot do that"), "is not the JSON that it was asked for"),
        (reply('{"categories": [{"name": "ca', "max_tokens"), "was cut off"),
        (reply("", "refusal"), "the model refused"),
        (answer(("other", "x")), "names no category"),
        (reply("[" * 100_000), "is not the JSON"),
    ],
)
def test_an_answer_without_any_is_told_as_what_it_is(said: Reply, told: str) -> None:
    with pytest.raises(UnusableAnswer, match=told):
        categories_of(said)


@given(st.text() | st.recursive(st.none() | st.text(), lambda inner: st.dictionaries(st.text(), inner)).map(json.dumps))
def test_no_answer_is_more_than_unusable(text: str) -> None:
    with suppress(UnusableAnswer):
        assert categories_of(reply(text))[-1].name == "other"


def test_a_request_holds_the_beginning_of_each_ticket_and_asks_for_what_the_model_can_give() -> None:
    plain, room = ASKED.request(ModelFacts("claude-haiku-5-5", thinks=True, can_disable_thinking=True))
    thinking, more = ASKED.request(ModelFacts("claude-haiku-5-5", thinks=True, structured_outputs=True))

    assert len(plain) < 5_000
    assert (room, more) == (MAX_TOKENS, MAX_THINKING_TOKENS)
    assert json.loads(plain)["thinking"] == {"type": "disabled"}
    assert "output_config" not in json.loads(plain)
    assert json.loads(thinking)["output_config"]["format"]["type"] == "json_schema"
    assert "thinking" not in json.loads(thinking)


def test_the_same_question_has_the_same_digest_and_another_has_another() -> None:
    same = question("claude-haiku-5-5", ["The card was blocked", "x" * 20_000])
    others = [question("claude-sonnet-5-5", ["The card was blocked"]), question("claude-haiku-5-5", ["Another"])]

    assert same.digest == ASKED.digest
    assert len({ASKED.digest, *(one.digest for one in others)}) == 3
