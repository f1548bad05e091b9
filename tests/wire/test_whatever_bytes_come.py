"""The readers of the wire on any bytes: what comes is decoded, or refused by an error that says who moves next."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from nightsort.adapters.anthropic.client import AnthropicBatches
from nightsort.adapters.anthropic.errors import Failure, refused_call, refused_count, refused_create, seconds_of
from nightsort.adapters.anthropic.results import LineReader, NoResults
from nightsort.adapters.anthropic.wire import NotUnderstood, WireBatches, batch_of, batches_of, decoded
from nightsort.domain.batch import Batch
from nightsort.domain.custom_id import decode
from nightsort.domain.errors import Interruption
from tests.cases import CASES
from tests.support.spoilt import spoilt
from tests.wire.mock_api import answering

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
BATCH = Batch("msgbatch_01", NOON, 3, ended=True)
SAMPLES = [
    path.read_bytes() for path in sorted((CASES / "wire").iterdir()) if path.suffix in (".json", ".jsonl", ".html")
]
ERROR = b'{"type":"error","error":{"type":"api_error","message":"m","details":{"error_code":"c"}}}'
PIECES = [
    *(b"\xff", b"\x00", b"\xed\xa0\x80", b"\\ud800", b"[" * 3000, b"]" * 3000, b'{"a":' * 3000, b"9" * 5000),
    *(b"1e999", b"-1", b"null", b"true", b"NaN", b'""', b"{}", b"[]", b"\n", b"\r", b'"', b"\\"),
    *(b"0001-01-01T00:00:00+14:00", b"9999-12-31T23:59:59-14:00", b"2026-11-28T07:00:00"),
]
Calls = dict[str, Callable[[AnthropicBatches], Awaitable[object]]]


async def read_all(api: AnthropicBatches) -> list[object]:
    return [answer async for page in api.results(BATCH) for answer in page]


CALLS: Calls = {
    "list": lambda api: api.recent(NOON),
    "retrieve": lambda api: api.retrieve("msgbatch_1"),
    "results": read_all,
    "model": lambda api: api.model("claude-haiku-4-5"),
    "catalogue": lambda api: api.catalogue(),
    "count_tokens": lambda api: api.count_tokens("claude-haiku-4-5", "system", "text"),
    "cancel": lambda api: api.cancel("msgbatch_1"),
    "create": lambda api: api.create(io.BytesIO(b"{}"), 2, "k3f9a2"),
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
FIELDS = ("id", "processing_status", "request_counts", "created_at", "expires_at", "ended_at", "results_url", "news")
BATCHES = st.dictionaries(st.sampled_from(FIELDS), JSON | st.just("msgbatch_1"), max_size=8)
LINES = st.fixed_dictionaries(
    {"custom_id": JSON | st.just("k3f9a2-1"), "result": JSON | st.fixed_dictionaries({"type": JSON, "message": JSON})}
)


def dumped(value: object) -> bytes:
    return json.dumps(value).encode()


ANY_BYTES = (
    st.binary(max_size=200)
    | spoilt([*SAMPLES, ERROR], PIECES, most=40)
    | JSON.map(dumped)
    | BATCHES.map(dumped)
    | st.lists(BATCHES, max_size=3).map(lambda data: dumped({"data": data}))
    | LINES.map(dumped)
)
NAMES = st.sampled_from(
    [
        b"content-type",
        b"retry-after",
        b"content-encoding",
        b"location",
        b"request-id",
        b"anthropic-workspace-id",
        b"date",
    ]
)
VALUES = st.sampled_from(
    [
        b"gzip",
        b"deflate",
        b"zstd",
        b"nan",
        b"inf",
        b"-1",
        b"1e999",
        b"text/html; charset=nonsense",
        b"utf-7",
        b"\xff\xfe",
        b"",
    ]
) | st.binary(max_size=12).map(lambda value: value.translate(None, b"\r\n\0"))


@given(content=ANY_BYTES, cuts=st.lists(st.integers(0, 4000), max_size=4), content_type=st.text(max_size=20))
@settings(max_examples=600, deadline=None)
def test_lines_of_results(content: bytes, cuts: list[int], content_type: str) -> None:
    reader = LineReader(content_type)
    places = sorted({0, *(cut for cut in cuts if cut < len(content)), len(content)})
    try:
        pages = [page for start, end in pairwise(places) for page in reader.feed(content[start:end])]
        pages.append(reader.rest())
    except (NoResults, NotUnderstood):
        return
    for answer in (answer for page in pages for answer in page):
        name = decode(answer.custom_id, "k3f9a2", {})
        assert name is None or isinstance(name, str)
        assert 0 <= answer.input_tokens <= 10**9


@given(content=ANY_BYTES)
@settings(max_examples=600, deadline=None)
def test_batches_and_lists(content: bytes) -> None:
    try:
        found = [batch_of(content, NOON)]
    except NotUnderstood:
        found = []
    with suppress(NotUnderstood):
        found += batches_of(decoded(content, WireBatches).data)
    for batch in found:
        assert batch.id.isprintable()
        assert batch.requests >= 0
        assert batch.created_at.tzinfo is UTC
        assert batch.created_at <= NOON or batch.created_at > NOON, "it can be compared"
        assert batch.expires_at is None or batch.expires_at.tzinfo is UTC


@given(type=JSON, code=JSON, text=JSON, status=st.integers(100, 599), retry_after=st.none() | st.text(max_size=12))
@settings(max_examples=300, deadline=None)
def test_bodies_of_errors(type: Any, code: Any, text: Any, status: int, retry_after: str | None) -> None:
    failure = Failure.of(status, type, code, text, {} if retry_after is None else {"retry-after": retry_after})

    for meaning in (refused_call(failure), refused_count(failure), refused_create(failure)):
        assert isinstance(meaning, Interruption)
        assert str(meaning).isprintable()
    assert (seconds_of(retry_after) or 0.0) >= 0.0


@given(
    call=st.sampled_from(sorted(CALLS)),
    status=st.sampled_from([200, 200, 200, 204, 304, 307, 400, 404, 429, 500, 529]),
    body=ANY_BYTES,
    headers=st.lists(st.tuples(NAMES, VALUES), max_size=3),
)
@settings(max_examples=400, deadline=None)
def test_whole_answers_with_their_headers(
    call: str, status: int, body: bytes, headers: list[tuple[bytes, bytes]]
) -> None:
    async def ask() -> None:
        api = answering(body, headers, status)
        try:
            await CALLS[call](api)
        except Interruption as interruption:
            assert interruption.reason  # noqa: PT017 - an answer that is understood is as good
        finally:
            await api.aclose()

    asyncio.run(ask())
