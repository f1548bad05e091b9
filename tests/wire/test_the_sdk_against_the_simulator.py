"""The vendor's SDK finds the API that it expects."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import anthropic
import pytest

from nightsort.simulator import Fault
from tests.wire.conftest import SYSTEM, Bench, Start, eventually, item, items


async def test_a_batch_is_made_waits_and_ends_with_a_result_for_each_request(bench: Bench) -> None:
    made = await bench.create(items(10))
    assert made.id.startswith("msgbatch_")
    assert (made.processing_status, made.request_counts.processing, made.results_url) == ("in_progress", 10, None)
    assert (made.expires_at - made.created_at).total_seconds() == 86_400

    ended = await bench.ended(made.id)
    assert (ended.request_counts.processing, ended.request_counts.succeeded) == (0, 10)
    assert ended.ended_at is not None
    assert ended.results_url == f"{bench.url}/v1/messages/batches/{made.id}/results"
    assert {line.custom_id for line in await bench.results(made.id)} == {f"ticket-{n}" for n in range(10)}


async def test_counts_stay_processing_until_the_whole_batch_ends(bench: Bench) -> None:
    made = await bench.create(items(5))
    seen = await bench.batches.retrieve(made.id)
    assert (seen.request_counts.processing, seen.request_counts.succeeded) == (5, 0)


@pytest.mark.parametrize("count", [2, 3, 50])
async def test_results_come_in_another_order_than_the_requests(bench: Bench, count: int) -> None:
    batch = await bench.create(items(count))
    await bench.ended(batch.id)
    order = [line.custom_id for line in await bench.results(batch.id)]
    sent = [f"ticket-{n}" for n in range(count)]
    assert order != sent
    assert sorted(order) == sorted(sent)
    assert count < 10 or order != sent[::-1]


async def test_the_same_seed_gives_the_same_order_and_answers(start: Start) -> None:
    def plain(results: dict[str, Any]) -> list[tuple[str, str]]:
        return [(name, result.type) for name, result in results.items()]

    first, second = await start(seed=7, error_rate=0.3), await start(seed=7, error_rate=0.3)
    other = await start(seed=8, error_rate=0.3)
    runs = [plain(await bench.run(items(40))) for bench in (first, second, other)]
    assert runs[0] == runs[1] != runs[2]


async def test_the_list_shows_the_newest_first_and_pages_both_ways(bench: Bench) -> None:
    made = [(await bench.create(items(1))).id for _ in range(7)]
    newest_first = made[::-1]

    page = await bench.batches.list(limit=3)
    assert ([batch.id for batch in page.data], page.has_more) == (newest_first[:3], True)
    assert (page.first_id, page.last_id) == (newest_first[0], newest_first[2])
    assert [batch.id async for batch in bench.batches.list(limit=3)] == newest_first

    older = await bench.batches.list(limit=3, after_id=newest_first[3])
    assert ([batch.id for batch in older.data], older.has_more) == (newest_first[4:], False)
    newer = await bench.batches.list(limit=2, before_id=newest_first[4])
    assert ([batch.id for batch in newer.data], newer.has_more) == (newest_first[2:4], True)
    newest = await bench.batches.list(limit=20, before_id=newest_first[4])
    assert ([batch.id for batch in newest.data], newest.has_more) == (newest_first[:4], False)


async def test_a_list_has_twenty_entries_unless_more_are_asked_for(bench: Bench) -> None:
    for _ in range(21):
        await bench.create(items(1))
    assert len((await bench.batches.list()).data) == 20
    assert len((await bench.batches.list(limit=1000)).data) == 21
    for limit in (0, 1001):
        with pytest.raises(anthropic.BadRequestError, match="limit"):
            await bench.batches.list(limit=limit)


async def test_a_batch_is_seen_in_its_own_workspace_only(bench: Bench) -> None:
    batch = await bench.create(items(1))
    stranger = bench.with_key("key-2").messages.batches
    assert (await stranger.list()).data == []
    for call in (stranger.retrieve, stranger.cancel, stranger.delete, stranger.results):
        with pytest.raises(anthropic.NotFoundError):
            await call(batch.id)


async def test_results_are_not_found_before_the_end(bench: Bench) -> None:
    batch = await bench.create(items(1))
    with pytest.raises(anthropic.NotFoundError, match="no results yet"):
        await bench.client.get(f"/v1/messages/batches/{batch.id}/results", cast_to=object)


async def test_a_canceled_batch_ends_with_what_was_done_and_the_rest_canceled(start: Start) -> None:
    bench = await start(seconds=60.0, cancel_seconds=0.02)
    batch = await bench.create(items(20))
    canceling = await bench.batches.cancel(batch.id)
    assert canceling.processing_status == "canceling"
    assert canceling.cancel_initiated_at is not None
    counts = (await bench.ended(batch.id)).request_counts
    results = await bench.results(batch.id)
    assert counts.canceled > 0
    assert counts.canceled + counts.succeeded == 20
    assert sorted(line.custom_id for line in results) == sorted(f"ticket-{n}" for n in range(20))
    assert sum(line.result.type == "canceled" for line in results) == counts.canceled
    assert bench.simulator.bill().paid == counts.succeeded


async def test_requests_that_do_not_run_in_time_expire_and_are_not_billed(start: Start) -> None:
    bench = await start(seconds=0.4, expire_after_seconds=0.1)
    batch = await bench.create(items(20))
    assert (batch.expires_at - batch.created_at).total_seconds() == pytest.approx(0.1)
    seen = await bench.end_of(batch.id)
    assert (seen.request_counts.succeeded, seen.request_counts.expired) == (5, 15)
    assert sum(line.result.type == "expired" for line in await bench.results(batch.id)) == 15
    assert bench.simulator.bill().paid == 5


async def test_only_an_ended_batch_can_be_deleted(bench: Bench) -> None:
    batch = await bench.create(items(1))
    with pytest.raises(anthropic.BadRequestError, match="still processing"):
        await bench.batches.delete(batch.id)
    await bench.ended(batch.id)
    deleted = await bench.batches.delete(batch.id)
    assert (deleted.id, deleted.type) == (batch.id, "message_batch_deleted")
    with pytest.raises(anthropic.NotFoundError):
        await bench.batches.retrieve(batch.id)
    assert bench.simulator.bill().paid == 1


async def test_tokens_are_counted_at_about_four_characters_each(bench: Bench) -> None:
    count = bench.client.messages.count_tokens
    text = "word " * 400
    small = await count(model="claude-haiku-4-5", system=SYSTEM, messages=[{"role": "user", "content": "hi"}])
    large = await count(model="claude-haiku-4-5", system=SYSTEM, messages=[{"role": "user", "content": text}])
    assert large.input_tokens - small.input_tokens == pytest.approx(len(text) / 4, abs=2)
    with pytest.raises(anthropic.BadRequestError, match="model"):
        await count(model="claude-nobody-1", messages=[{"role": "user", "content": "hi"}])


async def test_models_tell_their_life_and_what_they_can(bench: Bench) -> None:
    models = {model.id: model async for model in bench.client.models.list(limit=5)}
    assert len(models) >= 20
    haiku = await bench.client.models.retrieve("claude-haiku-5-5")
    assert haiku.lifecycle == "active"
    assert haiku.capabilities is not None
    assert haiku.capabilities.batch.supported
    assert haiku.capabilities.structured_outputs.supported
    assert haiku.capabilities.thinking.types.disabled.supported

    mythos = models["claude-mythos-5"]
    assert mythos.capabilities is not None
    assert not mythos.capabilities.thinking.types.disabled.supported
    retired = models["claude-3-haiku-20240307"]
    assert (retired.lifecycle, retired.retires_at is None) == ("retired", False)
    with pytest.raises(anthropic.NotFoundError):
        await bench.client.models.retrieve("claude-nobody-1")


async def test_a_call_without_a_key_or_with_a_wrong_one_is_refused(start: Start) -> None:
    bench = await start(api_keys=frozenset({"key-1"}))
    await bench.batches.list()
    with pytest.raises(anthropic.AuthenticationError):
        await bench.with_key("key-2").messages.batches.list()
    with pytest.raises(anthropic.AuthenticationError):
        await bench.client.get("/v1/models", cast_to=object, options={"headers": {"authorization": anthropic.omit}})
    older = bench.client.with_options(default_headers={"authorization": "", "x-api-key": "key-1"})
    await older.messages.batches.list()


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"requests": []}, "at least 1"),
        ({}, "requests"),
        ({"requests": items(1), "name": "nightly"}, "unknown field `name`"),
        ({"requests": [item(1), item(1)]}, "ticket-1 is not unique"),
        ({"requests": [item(1) | {"custom_id": "a" * 65}]}, "custom_id"),
        ({"requests": [item(1) | {"custom_id": "ü"}]}, "custom_id"),
        ({"requests": [item(1) | {"custom_id": ""}]}, "custom_id"),
        ({"requests": [{"custom_id": "a"}]}, "params"),
        ({"requests": [item(1) | {"priority": 1}]}, "priority"),
    ],
)
async def test_a_body_that_is_no_batch_is_refused_at_once(bench: Bench, body: Any, says: str) -> None:
    with pytest.raises(anthropic.BadRequestError, match=says) as raised:
        await bench.client.post("/v1/messages/batches", body=body, cast_to=object)
    assert raised.value.type == "invalid_request_error"
    assert raised.value.request_id is not None
    assert bench.simulator.bill().created == 0


@pytest.mark.parametrize("body", [b"", b"{", b'{"requests": [', b"\xff\xfe"])
async def test_a_body_that_is_not_json_is_refused(bench: Bench, body: bytes) -> None:
    headers = {"content-type": "application/json"}
    with pytest.raises(anthropic.BadRequestError):
        await bench.client.post("/v1/messages/batches", content=body, cast_to=object, options={"headers": headers})


async def test_a_batch_that_is_too_large_is_refused(start: Start) -> None:
    bench = await start(max_requests=3, max_bytes=100_000)
    with pytest.raises(anthropic.ContentTooLargeError):
        await bench.create(items(4))
    with pytest.raises(anthropic.ContentTooLargeError):
        await bench.create([item(1, "x" * 100_001)])
    assert bench.simulator.bill().created == 0


async def test_more_requests_than_may_be_enqueued_are_refused_until_a_batch_ends(start: Start) -> None:
    bench = await start(enqueue_limit=10)
    first = await bench.create(items(8))
    with pytest.raises(anthropic.RateLimitError) as raised:
        await bench.create(items(3))
    assert raised.value.response.headers["retry-after"] == "5"
    await bench.ended(first.id)
    await bench.create(items(3))


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"stream": True}, "stream"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": None}, "max_tokens"),
        ({"temperature": 0.0}, "temperature"),
        ({"top_p": 0.9}, "top_p"),
        ({"top_k": 5}, "top_k"),
        ({"model": "claude-nobody-1"}, "model"),
        ({"model": "claude-3-haiku-20240307"}, "model"),
        ({"model": "claude-mythos-5", "thinking": {"type": "disabled"}}, "thinking"),
        ({"text": " \n"}, "non-empty"),
        ({"nonsense": 1}, "nonsense"),
        ({"system": 5}, "system"),
        ({"messages": [5]}, "messages"),
        ({"messages": []}, "messages"),
        ({"thinking": {"type": ["disabled"]}}, "thinking"),
        ({"output_config": {"format": 5}}, "format"),
        ({"output_config": {"format": {"type": "json_schema", "schema": {"properties": 5}}}}, "schema"),
    ],
)
async def test_wrong_parameters_show_only_in_the_results(bench: Bench, params: dict[str, Any], says: str) -> None:
    results = await bench.run([item(0), item(1, **params)])
    assert results["ticket-0"].type == "succeeded"
    assert results["ticket-1"].type == "errored"
    assert results["ticket-1"].error.error.type == "invalid_request_error"
    assert says in results["ticket-1"].error.error.message
    assert bench.simulator.bill().paid == 1


async def test_a_body_that_breaks_off_buys_nothing_and_leaves_nothing(start: Start, tmp_path: Path) -> None:
    bench = await start(spool_dir=tmp_path)
    host, port = bench.url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    head = "POST /v1/messages/batches HTTP/1.1\r\nhost: x\r\nx-api-key: key-1\r\nanthropic-version: 2026-10-21\r\n"
    writer.write(f"{head}content-length: 1000\r\n\r\n".encode() + b'{"requests":[]}')
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    await bench.batches.list()
    assert bench.simulator.bill().created == 0

    async def nothing_left() -> bool:
        return not list(tmp_path.rglob("*.json"))

    assert await eventually(nothing_left)


async def test_nothing_is_left_on_disk(start: Start, tmp_path: Path) -> None:
    bench = await start(spool_dir=tmp_path)
    batch = await bench.create(items(3))
    await bench.ended(batch.id)
    assert list(tmp_path.rglob("*.jsonl"))
    await bench.simulator.reset()
    assert not list(tmp_path.rglob("*.json*"))
    assert bench.simulator.bill().created == 0


STATUS = {
    400: anthropic.BadRequestError,
    401: anthropic.AuthenticationError,
    402: anthropic.PaymentRequiredError,
    403: anthropic.PermissionDeniedError,
    404: anthropic.NotFoundError,
    409: anthropic.ConflictError,
    413: anthropic.ContentTooLargeError,
    429: anthropic.RateLimitError,
    500: anthropic.InternalServerError,
    503: anthropic.ServiceUnavailableError,
    504: anthropic.GatewayTimeoutError,
    529: anthropic.OverloadedError,
}


@pytest.mark.parametrize("status", STATUS)
async def test_each_status_arrives_as_its_class(bench: Bench, status: int) -> None:
    bench.simulator.add_faults(Fault(kind="create-refused", status=status))
    with pytest.raises(STATUS[status]) as raised:
        await bench.create(items(1))
    assert isinstance(raised.value, anthropic.APIStatusError)
    assert raised.value.status_code == status
    assert raised.value.api_message
    await bench.create(items(1))
    assert bench.simulator.bill().created == 1


async def test_a_prompt_beyond_the_models_window_is_errored_and_costs_nothing(bench: Bench) -> None:
    results = await bench.run([item(0), item(1, "word " * 200_000)])

    assert results["ticket-0"].type == "succeeded"
    error = results["ticket-1"].error.error
    assert error.type == "invalid_request_error"
    assert "prompt is too long" in error.message
    assert "> 200000 maximum" in error.message
    assert bench.simulator.bill().paid == 1


async def test_the_usage_says_where_a_request_ran(start: Start) -> None:
    bench = await start(inference_geo="us")
    asked = [
        item("default", "x", model="claude-haiku-5-5"),
        item("asked", "x", model="claude-haiku-5-5", inference_geo="global"),
        item("elder", "x", model="claude-haiku-4-5"),
        item("refused", "x", model="claude-haiku-4-5", inference_geo="global"),
    ]

    results = await bench.run(asked)

    places = {
        name: result.message.usage.inference_geo for name, result in results.items() if result.type == "succeeded"
    }
    assert places == {"ticket-default": "us", "ticket-asked": "global", "ticket-elder": "not_available"}
    assert results["ticket-refused"].error.error.type == "invalid_request_error"
