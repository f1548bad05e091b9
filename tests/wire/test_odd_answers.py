"""Whatever the wire brings is decoded, or refused by a named error; what is odd takes nothing else with it."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from nightsort.adapters.anthropic.results import LineReader
from nightsort.api.categories import Category
from nightsort.domain.answer import Answer
from nightsort.domain.batch import Batch
from nightsort.domain.errors import Waiting
from nightsort.domain.label import Labels
from nightsort.formats.http_date import date_of
from tests.cases import case
from tests.wire.mock_api import JSONL, answering

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
BATCH = Batch("msgbatch_01", NOON, 3, ended=True)
TAG = "k3f9a2"
DEEP = b"[" * 5_000 + b"]" * 5_000


async def results(body: bytes, headers: dict[str, str] = JSONL) -> list[Answer]:
    api = answering(body, headers)
    answers = [answer async for page in api.results(BATCH) for answer in page]
    await api.aclose()
    return answers


async def refusal(body: bytes, headers: dict[str, str] = JSONL) -> str:
    with pytest.raises(Waiting) as caught:
        await results(body, headers)
    return caught.value.reason


def line(custom_id: str = "k3f9a2-1", **message: Any) -> bytes:
    said = {
        "content": [{"type": "text", "text": "billing"}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 400, "output_tokens": 5},
    }
    return json.dumps({"custom_id": custom_id, "result": {"type": "succeeded", "message": said | message}}).encode()


def brief(answers: list[Answer]) -> list[tuple[str, str, str]]:
    return [(answer.custom_id, answer.outcome, answer.text or answer.error_type) for answer in answers]


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["", "billing"], "billing"),
        (["\n", " ", "- billing"], "- billing"),
        (["billing", ""], "billing"),
        ([None, "billing"], "billing"),
        (["", " \n"], ""),
        ([], ""),
        (["billing", "billing"], "billing\nbilling"),
        (["billing", "", "is what I would say of others; this is technical."], None),
        (["billing", "technical"], None),
        (["not", "billing"], None),
    ],
)
async def test_an_answer_is_all_its_texts_that_are_not_empty(texts: list[str | None], said: str | None) -> None:
    content = [{"type": "thinking", "thinking": "x"}, *({"type": "text", "text": text} for text in texts)]

    [answer] = await results(line(content=content))

    assert answer.text == ("\n".join(filter(None, texts)) if said is None else said)
    category = Labels([Category(name="billing"), Category(name="technical")]).match(answer.text)
    assert category == (None if said is None or "billing" not in said else "billing")


# --- a line that cannot be decoded ---


@pytest.mark.parametrize("name", ["bad-utf8", "deep"])
async def test_a_line_that_cannot_be_decoded_is_the_error_of_its_ticket_alone(name: str) -> None:
    answers = brief(await results(case(f"wire/{name}.jsonl", TAG)))

    assert answers[0] == ("k3f9a2-T-1", "succeeded", "billing")
    assert answers[1] == ("k3f9a2-T-2", "errored", "unreadable_result")
    assert answers[2:] == ([("k3f9a2-T-3", "succeeded", "technical")] if name == "bad-utf8" else [])


SPOILT = {
    "a byte that is no UTF-8": lambda good: good.replace(b"billing", b"bill\xffing"),
    "a lone continuation byte in a field that nobody reads": lambda good: good[:-1] + b',"x":"\x80"}',
    "an overlong form": lambda good: good.replace(b"billing", b"\xc0\xaf"),
    "half a surrogate in bytes": lambda good: good.replace(b"billing", b"\xed\xa0\x80"),
    "half a surrogate in escapes": lambda good: good.replace(b"billing", b"\\ud800"),
    "nested arrays": lambda good: good.replace(b'"billing"', DEEP),
    "nested arrays in a field that nobody reads": lambda good: good[:-1] + b',"x":' + DEEP + b"}",
    "a number without an end": lambda good: good[:-1] + b',"x":' + b"9" * 10_000 + b"}",
    "a number that is none": lambda good: good[:-1] + b',"x":NaN}',
    "a control character": lambda good: good.replace(b"billing", b"bill\x00ing"),
    "an answer without its message": lambda good: b'{"custom_id":"k3f9a2-1","result":{"type":"succeeded"}}',
    "a message that is null": lambda good: b'{"custom_id":"k3f9a2-1","result":{"type":"succeeded","message":null}}',
    "content that is a word": lambda good: good.replace(b'[{"type": "text", "text": "billing"}]', b'"billing"'),
    "an array for a line": lambda good: b"[" + good + b"]",
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT.keys())
@pytest.mark.parametrize("place", ["first", "middle", "last", "last without its end"])
async def test_whatever_is_wrong_with_a_line_and_wherever_it_stands_the_others_count(spoil: Any, place: str) -> None:
    bad, others = spoil(line()), [line("k3f9a2-2"), line("k3f9a2-3")]
    at = {"first": 0, "middle": 1}.get(place, 2)
    lines = [*others[:at], bad, *others[at:]]
    end = b"" if place.endswith("its end") else b"\n"

    answers = {answer.custom_id: answer for answer in await results(b"\n".join(lines) + end)}

    assert {name: answer.outcome for name, answer in answers.items() if name != "k3f9a2-1"} == {
        "k3f9a2-2": "succeeded",
        "k3f9a2-3": "succeeded",
    }
    told = answers.get("k3f9a2-1")
    assert told is None or (told.outcome, told.error_type) in {("errored", "unreadable_result"), ("succeeded", "")}
    assert told is not None or spoil is SPOILT["an array for a line"]


async def test_a_last_line_that_was_cut_is_read_again_and_not_taken_for_an_error() -> None:
    whole = line()
    for cut in (whole[:-1], whole[:-30], whole[: len(whole) // 2], whole[:30]):
        assert await refusal(line("k3f9a2-2") + b"\n" + cut) == "ResultsCut"


async def test_what_somebody_adds_behind_the_last_line_is_left_out() -> None:
    assert len(await results(line() + b"\n<!-- served by a proxy -->")) == 1


async def test_line_ends_and_marks_of_other_systems_are_none_of_an_answer() -> None:
    body = b"\xef\xbb\xbf" + line() + b"\r\n\r\n" + line("k3f9a2-2") + b"\r\n"

    assert [answer.outcome for answer in await results(body)] == ["succeeded", "succeeded"]


@pytest.mark.parametrize("error", [None, "x", [], {"error": None}, {"error": {"type": 7}}, {"error": {"error": {}}}])
async def test_an_error_of_another_form_is_an_error(error: Any) -> None:
    body = json.dumps({"custom_id": "k3f9a2-1", "result": {"type": "errored", "error": error}}).encode()

    assert brief(await results(body + b"\n" + line("k3f9a2-2"))) == [
        ("k3f9a2-1", "errored", ""),
        ("k3f9a2-2", "succeeded", "billing"),
    ]


# --- usage ---


async def test_odd_usage_takes_no_label_with_it_and_is_said_to_be_unknown() -> None:
    answers = await results(case("wire/odd-usage.jsonl", TAG))

    assert [(answer.outcome, answer.text) for answer in answers] == [("succeeded", "billing")] * 3
    assert [(answer.usage_known, answer.input_tokens, answer.output_tokens) for answer in answers] == [
        (False, 0, 0)
    ] * 3


@pytest.mark.parametrize(
    "usage",
    [
        {},
        [],
        "none",
        7,
        {"input_tokens": 400},
        {"input_tokens": None, "output_tokens": 5},
        {"input_tokens": -1, "output_tokens": 5},
        {"input_tokens": True, "output_tokens": 5},
        {"input_tokens": 10**30, "output_tokens": 5},
        {"input_tokens": 400, "output_tokens": 5, "cache_read_input_tokens": "0"},
        {"input_tokens": 400, "output_tokens": 5, "cache_creation_input_tokens": -7},
    ],
)
async def test_usage_of_whatever_form_takes_no_label_with_it(usage: Any) -> None:
    [answer] = await results(line(usage=usage))

    assert (answer.outcome, answer.text, answer.stop_reason) == ("succeeded", "billing", "end_turn")
    assert not answer.usage_known
    assert (answer.input_tokens, answer.cache_read_tokens) == (0, 0)


async def test_caches_that_are_null_are_none_that_were_used() -> None:
    usage = {"input_tokens": 400, "output_tokens": 5, "cache_read_input_tokens": None, "news": {"of": "the future"}}

    [answer] = await results(line(usage=usage))

    assert (answer.usage_known, answer.input_tokens, answer.cache_read_tokens) == (True, 400, 0)


async def test_a_stop_reason_that_is_no_word_is_not_the_usual_end() -> None:
    [answer] = await results(line(stop_reason=7))

    assert (answer.text, answer.stop_reason) == ("billing", "unreadable")


# --- something else in the place of results ---


PAGE = case("wire/results-page-of-a-gateway.html")


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (PAGE, "text/html"),
        (PAGE, "text/html; charset=utf-8"),
        (PAGE, "application/x-jsonl"),
        (PAGE, ""),
        (b"", "application/x-jsonl"),
        (b"", "text/html"),
        (b"\n\n \n", "application/x-jsonl"),
        (b'{"type":"error","error":{"type":"api_error","message":"try again"}}', "application/json"),
        (b'{"status":"ok"}\n', "application/json"),
        (b"upstream connect error or disconnect/reset before headers", "text/plain"),
        (b"\x00\x01\x02\xff" * 100, "application/octet-stream"),
        (b"<?xml version='1.0'?>\n" + line(), "application/xml"),
        (b"<html>\n" + line() + b"\n</html>", "text/html"),
    ],
)
async def test_what_is_no_results_is_an_outage(body: bytes, content_type: str) -> None:
    assert await refusal(body, {"content-type": content_type} if content_type else {}) == "ResultsUnavailable"


@pytest.mark.parametrize(
    "content_type", ["text/html", "application/x-jsonl", "text/plain", "", "x" * 300, "a/b;c=\x7f"]
)
async def test_a_first_line_that_is_an_answer_makes_it_results_whatever_they_call_themselves(content_type: str) -> None:
    assert len(await results(line() + b"\n" + line("k3f9a2-2"), {"content-type": content_type})) == 2


async def test_what_a_gateway_calls_its_page_is_told_and_nothing_else_of_it() -> None:
    with pytest.raises(Waiting) as caught:
        await results(b"PRIVATE-4111", {"content-type": "text/html; PRIVATE-4111"})

    assert "text/html" in caught.value.message
    assert "PRIVATE" not in caught.value.message


# --- batches and lists ---


async def test_a_batch_whose_time_has_no_zone_is_read_as_utc() -> None:
    api = answering(case("wire/batch-without-zone.json"))

    found = await api.retrieve("msgbatch_01")

    assert found is not None
    assert (found.created_at, found.requests) == (datetime(2026, 11, 28, 7, tzinfo=UTC), 3)


async def test_a_foreign_batch_with_null_counts_hides_no_other() -> None:
    found = await answering(case("wire/list-with-null-counts.json")).recent(NOON - timedelta(hours=6))

    assert [(batch.id, batch.requests) for batch in found] == [("msgbatch_09", 0), ("msgbatch_01", 3)]


def a_batch(**odd: Any) -> dict[str, Any]:
    return {
        "id": "msgbatch_09",
        "processing_status": "in_progress",
        "request_counts": {"processing": 3, "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0},
        "created_at": "2026-11-28T07:05:00Z",
        "expires_at": "2026-11-29T07:05:00Z",
        "ended_at": None,
    } | odd


OWN = a_batch(id="msgbatch_01", created_at="2026-11-28T07:00:00Z", expires_at="2026-11-29T07:00:00Z")
ODD: list[dict[str, Any]] = [
    {"request_counts": "many"},
    {"request_counts": {"processing": -3}},
    {"request_counts": {"processing": None}},
    {"processing_status": None},
    {"processing_status": 7},
    {"created_at": None},
    {"created_at": "yesterday"},
    {"created_at": "0001-01-01T00:00:00+14:00"},
    {"created_at": "9999-12-31T23:59:59-14:00"},
    {"created_at": 1.5e300, "expires_at": "9999-12-31T23:59:59Z"},
    {"ended_at": "now", "expires_at": {}},
    {"results_url": 7, "archived_at": [[]]},
]


@pytest.mark.parametrize("odd", ODD, ids=str)
async def test_whatever_is_odd_in_a_foreign_batch_hides_no_other(odd: dict[str, Any]) -> None:
    page = json.dumps({"data": [a_batch(**odd), OWN], "has_more": False}).encode()

    found = await answering(page).recent(NOON - timedelta(hours=6))

    assert [batch.id for batch in found] == ["msgbatch_09", "msgbatch_01"]
    assert found[1].created_at == datetime(2026, 11, 28, 7, tzinfo=UTC)


@pytest.mark.parametrize("odd", ODD, ids=str)
async def test_whatever_is_odd_in_an_own_batch_it_is_bought_found_and_collected(odd: dict[str, Any]) -> None:
    body = json.dumps(a_batch(**{"processing_status": "ended"} | odd)).encode()

    found = await answering(body).retrieve("msgbatch_09")

    assert found is not None
    assert found.ended == ("processing_status" not in odd)
    assert found.created_at.tzinfo is UTC


@pytest.mark.parametrize("odd", [{"id": None}, {"id": ""}, {"id": 7}, {"id": "a b"}, {"id": "x" * 129}], ids=str)
async def test_a_list_with_a_batch_that_may_be_any_is_told_so_that_nothing_is_bought_by_it(odd: dict[str, Any]) -> None:
    page = json.dumps({"data": [a_batch(**odd), OWN], "has_more": False}).encode()

    with pytest.raises(Waiting) as caught:
        await answering(page).recent(NOON - timedelta(hours=6))

    assert caught.value.reason == "ListUnreadable"


@pytest.mark.parametrize("odd", [odd for odd in ODD if "processing_status" not in odd], ids=str)
async def test_what_is_odd_in_the_answer_to_a_create_does_not_lose_the_batch(odd: dict[str, Any]) -> None:
    bought = await answering(json.dumps(a_batch(**odd)).encode()).create(io.BytesIO(b"{}"), 2, TAG)

    assert bought.id == "msgbatch_09"


@pytest.mark.parametrize(
    "odd",
    [
        {"max_input_tokens": "200000"},
        {"max_input_tokens": -1},
        {"lifecycle": None},
        {"lifecycle": {"state": "active"}},
        {"capabilities": None},
        {"capabilities": ["batch"]},
        {"capabilities": {"batch": "yes"}},
        {"capabilities": {"thinking": {"types": 7}}},
    ],
    ids=str,
)
async def test_whatever_is_odd_in_a_model_it_can_be_used(odd: dict[str, Any]) -> None:
    facts = await answering(json.dumps({"id": "claude-haiku-5-5"} | odd).encode()).model("claude-haiku-5-5")

    assert facts is not None
    assert (facts.batch, facts.retired, facts.silent) == (True, False, True)


async def test_an_odd_entry_of_the_catalogue_is_left_out_and_the_others_stay() -> None:
    page = {"data": [{"id": 7}, None, {"id": "claude-haiku-5-5"}, ["id"]]}

    catalogue = await answering(json.dumps(page).encode()).catalogue()

    assert [model.id for model in catalogue.models] == ["claude-haiku-5-5"]


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("Sun, 29 Nov 2026 17:00:00 GMT", datetime(2026, 11, 29, 17, tzinfo=UTC)),
        ("Sun, 29 Nov 2026 18:00:00 +0100", datetime(2026, 11, 29, 17, tzinfo=UTC)),
        ("yesterday", None),
        ("Sun, 99 Nov 2026 17:00:00 GMT", None),
        ("", None),
        (None, None),
    ],
)
def test_a_date_header_is_read_or_left(header: str | None, told: datetime | None) -> None:
    assert date_of(header) == told


def test_a_reader_of_lines_keeps_its_place_however_the_stream_is_cut() -> None:
    stream = case("wire/bad-utf8.jsonl", TAG)
    for size in (1, 7, 300, len(stream)):
        reader = LineReader()
        for at in range(0, len(stream), size):
            assert list(reader.feed(stream[at : at + size])) == []
        assert [answer.outcome for answer in reader.rest()] == ["succeeded", "errored", "succeeded"]


def test_the_words_of_an_items_error_are_bounded() -> None:
    words = "a" * 5_000
    line = {
        "custom_id": "t-1",
        "result": {
            "type": "errored",
            "error": {"type": "error", "error": {"type": "invalid_request_error", "message": words}},
        },
    }
    reader = LineReader()

    pages = [*reader.feed(json.dumps(line).encode() + b"\n"), reader.rest()]
    [answer] = [each for page in pages for each in page]

    assert answer.error_message == "a" * 300


# --- where it ran ---


@pytest.mark.parametrize(
    ("geo", "in_us"),
    [
        ({"inference_geo": "us"}, True),
        ({"inference_geo": "global"}, False),
        ({"inference_geo": "not_available"}, False),
        ({"inference_geo": None}, None),
        ({"inference_geo": 7}, None),
        ({"inference_geo": ["us"]}, None),
        ({}, None),
    ],
)
async def test_where_an_answer_was_made_is_told_and_odd_words_take_no_usage_with_them(
    geo: dict[str, Any], in_us: bool | None
) -> None:
    [answer] = await results(line(usage={"input_tokens": 400, "output_tokens": 5} | geo))

    assert answer.in_us is in_us
    assert (answer.usage_known, answer.input_tokens, answer.output_tokens) == (True, 400, 5)
