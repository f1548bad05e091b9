"""Whatever stands at the base URL: answers without an end fill no memory, and every ticket still gets an answer."""

from __future__ import annotations

import asyncio
import io
import json
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import chain

import pytest
from aiohttp import web

from nightsort.adapters.anthropic import bounded_client
from nightsort.adapters.anthropic import errors as anthropic_errors
from nightsort.adapters.anthropic import results as anthropic_results
from nightsort.adapters.anthropic import wire as anthropic_wire
from nightsort.adapters.anthropic.client import AnthropicBatches, open_batches
from nightsort.adapters.anthropic.errors import Failure
from nightsort.adapters.anthropic.results import LineReader
from nightsort.domain.answer import Answer
from nightsort.domain.batch import Batch
from nightsort.domain.errors import NotTaken, OutcomeUnknown, Rejected, Stalled, Waiting
from tests.support.memory import memory_below

BATCH = Batch(id="msgbatch_1", created_at=datetime(2026, 11, 22, tzinfo=UTC), requests=3, ended=True)
PIECE = b"x" * 64 * 1024
LIMIT = 1024 * 1024
MOST_MEMORY = 8 * LIMIT
MILLIONS = 64


@pytest.fixture(autouse=True)
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sixteenth of the limits, so that what is far larger is quickly sent."""
    monkeypatch.setattr(bounded_client, "MOST_ANSWER_BYTES", LIMIT)
    monkeypatch.setattr(anthropic_results, "MOST_LINE_BYTES", LIMIT)


def line(custom_id: str, text: str = "billing") -> bytes:
    message = {"content": [{"type": "text", "text": text}], "stop_reason": "end_turn", "usage": {}}
    return json.dumps({"custom_id": custom_id, "result": {"type": "succeeded", "message": message}}).encode() + b"\n"


def endless(piece: bytes) -> Iterator[bytes]:
    for _ in range(MILLIONS * 1024 * 1024 // len(piece)):
        yield piece


@asynccontextmanager
async def sending(
    pieces: Callable[[], Iterator[bytes]], status: int = 200, pause: float = 0.0, encoding: str = "identity"
) -> AsyncIterator[AnthropicBatches]:
    """The client of a server whose every answer is these pieces, as far as they are read."""

    async def handle(request: web.Request) -> web.StreamResponse:
        await request.read()
        response = web.StreamResponse(status=status, headers={"Content-Encoding": encoding})
        await response.prepare(request)
        try:
            for piece in pieces():
                await response.write(piece)
                await asyncio.sleep(pause)
            await response.write_eof()
        except ConnectionError:
            pass  # the client has hung up, as it should
        return response

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    api = open_batches("key-1", f"http://127.0.0.1:{runner.addresses[0][1]}")
    yield api
    await api.aclose()
    await runner.cleanup()


async def collect(api: AnthropicBatches) -> list[Answer]:
    return [answer async for page in api.results(BATCH) for answer in page]


def calls(api: AnthropicBatches) -> dict[str, Callable[[], Awaitable[object]]]:
    return {
        "list": lambda: api.recent(datetime.now(UTC)),
        "retrieve": lambda: api.retrieve("msgbatch_1"),
        "model": lambda: api.model("claude-haiku-4-5"),
        "count_tokens": lambda: api.count_tokens("claude-haiku-4-5", "system", "text"),
        "cancel": lambda: api.cancel("msgbatch_1"),
    }


@pytest.mark.parametrize("status", [200, 500])
@pytest.mark.parametrize("call", ["list", "retrieve", "model", "count_tokens", "cancel"])
async def test_an_answer_without_an_end_is_cut_off_and_waited_for(call: str, status: int) -> None:
    async with sending(lambda: endless(b'{"data":[' + PIECE), status) as api:
        with memory_below(MOST_MEMORY), pytest.raises(Waiting) as caught:
            await calls(api)[call]()
    assert caught.value.reason == "ApiUnavailable"
    assert "xxx" not in caught.value.message


async def test_an_error_without_an_end_in_the_place_of_results_is_cut_off() -> None:
    async with sending(lambda: endless(PIECE), 503) as api:
        with memory_below(MOST_MEMORY), pytest.raises(Waiting):
            await collect(api)


async def test_an_answer_to_a_create_without_an_end_leaves_open_whether_it_was_accepted() -> None:
    async with sending(lambda: endless(PIECE)) as api:
        with memory_below(MOST_MEMORY), pytest.raises(OutcomeUnknown):
            await api.create(io.BytesIO(b"{}"), 2, "k3f9a2")


async def test_a_refusal_without_an_end_is_known_by_its_status() -> None:
    """Whether anything was bought need not be found out: the answer says it."""
    said = b'{"type":"error","error":{"type":"invalid_request_error","message":"requests.0.custom_id: '
    for status, kind in ((400, Rejected), (401, Stalled), (307, NotTaken), (404, NotTaken)):
        async with sending(lambda: chain([said], endless(PIECE)), status) as api:
            with memory_below(MOST_MEMORY), pytest.raises(kind):
                await api.create(io.BytesIO(b"{}"), 2, "k3f9a2")


async def test_a_page_of_the_list_that_would_take_far_more_memory_than_bytes_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bounded_client, "MOST_ANSWER_BYTES", 4 * LIMIT)
    for entry in (b"1,", b"{},", b'{"id":"1"},'):
        page = b'{"data":[' + entry * (2 * LIMIT // len(entry)) + entry[:-1] + b"]}"
        async with sending(lambda page=page: iter([page])) as api:  # type: ignore[misc]
            with memory_below(2 * MOST_MEMORY), pytest.raises(Waiting) as caught:
                await api.recent(datetime.now(UTC))
        assert caught.value.reason in ("ApiUnavailable", "ListUnreadable")


def test_of_an_errors_words_the_beginning_is_looked_at() -> None:
    failure = Failure.of(400, "invalid_request_error", None, "requests.7: no. " + "requests.1 " * 100_000, {})

    assert len(failure.text) == anthropic_errors.MOST_SAID_CHARS
    assert anthropic_errors.index_in(failure.text) == 7


async def test_an_answer_that_unpacks_to_more_than_memory_is_cut_off() -> None:
    packer = zlib.compressobj(wbits=31)
    bomb = b"".join(packer.compress(piece) for piece in endless(PIECE)) + packer.flush()
    assert len(bomb) < LIMIT
    async with sending(lambda: iter([bomb]), encoding="gzip") as api:
        with memory_below(MOST_MEMORY), pytest.raises(Waiting):
            await api.retrieve("msgbatch_1")


async def test_an_answer_that_comes_drop_by_drop_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_client, "MOST_ANSWER_SECONDS", 0.3)
    async with sending(lambda: endless(b" "), pause=0.01) as api:
        with pytest.raises(Waiting) as caught:
            await api.retrieve("msgbatch_1")
    assert caught.value.reason == "ApiUnavailable"


async def test_results_that_come_drop_by_drop_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(anthropic_results, "SLOW_SECONDS", 0.2)
    monkeypatch.setattr(anthropic_results, "LEAST_BYTES_PER_SECOND", 100_000)
    async with sending(lambda: endless(b" "), pause=0.01) as api:
        with pytest.raises(Waiting) as caught:
            await collect(api)
    assert caught.value.reason == "ResultsCut"


async def test_a_packed_answer_is_read() -> None:
    packer = zlib.compressobj(wbits=31)
    packed = packer.compress(b'{"input_tokens": 7}') + packer.flush()
    async with sending(lambda: iter([packed]), encoding="gzip") as api:
        assert await api.count_tokens("claude-haiku-4-5", "system", "text") == 7


async def test_a_results_line_without_an_end_is_an_error_of_its_ticket_alone() -> None:
    def pieces() -> Iterator[bytes]:
        yield line("a") + b'{"custom_id": "b", "result": {"type": "'
        yield from endless(PIECE)
        yield b"\n" + line("c")

    async with sending(pieces) as api:
        with memory_below(MOST_MEMORY):
            answers = await collect(api)
    assert [(one.custom_id, one.outcome, one.error_type) for one in answers] == [
        ("a", "succeeded", ""),
        ("b", "errored", "unreadable_result"),
        ("c", "succeeded", ""),
    ]


async def test_results_that_end_within_a_line_without_an_end_still_count() -> None:
    async with sending(lambda: iter([line("a"), b'{"custom_id": "b", ', *endless(PIECE)])) as api:
        with memory_below(MOST_MEMORY):
            answers = await collect(api)
    assert [(one.custom_id, one.outcome) for one in answers] == [("a", "succeeded"), ("b", "errored")]


def test_however_the_stream_is_cut_a_long_line_takes_no_other_with_it() -> None:
    stream = line("a") + b'{"custom_id":"b",' + b"x" * (LIMIT + 100) + b"\n" + line("c") + line("d")
    for size in (LIMIT // 3, LIMIT + 50, len(stream)):
        reader = LineReader()
        for at in range(0, len(stream), size):
            assert list(reader.feed(stream[at : at + size])) == []
        assert [answer.custom_id for answer in reader.rest()] == ["a", "b", "c", "d"]


def test_an_answer_of_ten_megabytes_is_kept_short_and_names_no_category(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(anthropic_results, "MOST_LINE_BYTES", 16 * LIMIT)
    reader = LineReader()
    list(reader.feed(line("a", "billing" + " " * 10_000_000 + ".")))
    [answer] = reader.rest()
    assert len(answer.text) <= anthropic_wire.MOST_TEXT_CHARS + 1
    assert answer.text.endswith("…"), "what was cut must not become a category by that"
