"""Our client of the API over real HTTP: what was surely not bought, what may have been, what leaves the process."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO, cast

import pytest
from aiohttp import web

from nightsort.adapters.anthropic.client import AnthropicBatches, open_batches
from nightsort.domain.answer import Answer
from nightsort.domain.batch import Batch, ModelFacts
from nightsort.domain.errors import Interruption, NotTaken, OutcomeUnknown, Rejected, Stalled, Waiting
from nightsort.domain.reasons import Reason
from nightsort.flow.run.spool import Guarded
from nightsort.simulator import Fault, Simulator, SimulatorOptions
from tests.wire.conftest import eventually, items

SECRET_WORDS = "my neighbour's cat"


@dataclass
class Client:
    """A running simulator and our adapter in front of it."""

    simulator: Simulator
    api: AnthropicBatches

    async def create(self, count: int = 3) -> Batch:
        return await create(self.api, count)

    async def ended(self, count: int = 3) -> Batch:
        batch = await self.create(count)
        self.simulator.end()

        async def ended() -> Batch | None:
            seen = await self.api.retrieve(batch.id)
            return seen if seen and seen.ended else None

        return await eventually(ended)


async def create(api: AnthropicBatches, count: int = 3) -> Batch:
    body = json.dumps({"requests": items(count)}).encode()
    return await api.create(io.BytesIO(body), len(body), "k3f9a2")


async def collect(api: AnthropicBatches, batch: Batch) -> list[Answer]:
    return [answer async for page in api.results(batch) for answer in page]


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    simulator = Simulator(SimulatorOptions(seconds=60))
    async with simulator.serve() as url:
        api = open_batches("key-1", url, create_timeout=5, read_timeout=5)
        yield Client(simulator, api)
        await api.aclose()


Refused = tuple[Fault, type[Interruption], str]

SURELY_NOT_BOUGHT: list[Refused] = [
    (Fault(kind="create-refused", status=400), Rejected, "BatchRefused"),
    (Fault(kind="create-refused", status=400, error_code="organization_on_hold"), Stalled, "AccountRefused"),
    (Fault(kind="create-refused", status=400, error_code="request_body_timeout"), Waiting, "ApiUnavailable"),
    (
        Fault(kind="create-refused", status=400, message="You have reached your specified API usage limits."),
        Stalled,
        "SpendLimitReached",
    ),
    (
        Fault(kind="create-refused", status=400, message="Your credit balance is too low to access the API."),
        Stalled,
        "CreditExhausted",
    ),
    (Fault(kind="create-refused", status=401), Stalled, "CredentialsRefused"),
    (Fault(kind="create-refused", status=402), Stalled, "CreditExhausted"),
    (Fault(kind="create-refused", status=403), Stalled, "CredentialsRefused"),
    (Fault(kind="create-refused", status=404), Stalled, "EndpointMissing"),
    *[(Fault(kind="create-refused", status=code), Stalled, "CreateRefused") for code in (302, 307, 405, 407, 411, 415)],
    (Fault(kind="create-refused", status=413), Rejected, "BatchTooLarge"),
    (Fault(kind="create-refused", status=422), Rejected, "BatchRefused"),
    (Fault(kind="create-refused", status=429), Waiting, "RateLimited"),
    (
        Fault(kind="create-refused", status=429, error_code="enforced_spend_limit_reached"),
        Stalled,
        "SpendLimitReached",
    ),
    (
        Fault(kind="create-refused", status=429, error_code="contract_spend_limit_reached"),
        Stalled,
        "SpendLimitReached",
    ),
    (Fault(kind="create-refused", status=529), Waiting, "Overloaded"),
]
MAYBE_BOUGHT = [
    *[Fault(kind="create-refused", status=status) for status in (408, 409, 418, 500, 502, 503, 504)],
    Fault(kind="create-refused", status=500, accepted=True),
    Fault(kind="create-response-lost"),
    Fault(kind="connection-cut", operation="create", accepted=False),
]


def name_of(case: Refused | Fault) -> str:
    fault = case if isinstance(case, Fault) else case[0]
    return " ".join(str(part) for part in (fault.kind, fault.status, fault.error_code) if part)


@pytest.mark.parametrize("case", SURELY_NOT_BOUGHT, ids=name_of)
async def test_a_refused_create_says_who_moves_next(client: Client, case: Refused) -> None:
    fault, kind, reason = case
    client.simulator.add_faults(replace_message(fault))
    with pytest.raises(kind) as caught:
        await client.create()
    assert not isinstance(caught.value, OutcomeUnknown)
    assert caught.value.reason == reason
    assert SECRET_WORDS not in caught.value.message
    assert str(fault.status) in caught.value.message
    assert client.simulator.requests().calls["create"] == 1


def replace_message(fault: Fault) -> Fault:
    """The fault with a ticket's words in its message, as an API may repeat them."""
    return Fault(
        **{name: getattr(fault, name) for name in fault.__struct_fields__} | {"message": fault.message + SECRET_WORDS}
    )


@pytest.mark.parametrize("fault", MAYBE_BOUGHT, ids=name_of)
async def test_a_create_without_a_clear_answer_may_have_been_accepted(client: Client, fault: Fault) -> None:
    client.simulator.add_faults(fault)
    with pytest.raises(OutcomeUnknown):
        await client.create()
    assert client.simulator.requests().calls["create"] == 1, "it is sent exactly once"


async def test_an_answer_that_comes_too_late_leaves_the_outcome_open() -> None:
    simulator = Simulator(SimulatorOptions(seconds=60))
    async with simulator.serve() as url:
        api = open_batches("key-1", url, create_timeout=0.2)
        simulator.add_faults(Fault(kind="delay", operation="create", seconds=1.0))
        with pytest.raises(OutcomeUnknown):
            await create(api)
        assert len(await api.recent(datetime.now(UTC) - timedelta(minutes=1))) == 1
        await api.aclose()


@pytest.mark.parametrize("url", ["http://127.0.0.1:{port}", "http://no-such-host.invalid"])
async def test_without_a_connection_nothing_was_bought(url: str) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        api = open_batches("key-1", url.format(port=bound.getsockname()[1]))
        with pytest.raises(Waiting) as caught:
            await create(api)
        await api.aclose()
    assert not isinstance(caught.value, OutcomeUnknown)
    assert caught.value.reason == "ApiUnavailable"


async def test_retry_after_is_passed_on_and_capped(client: Client) -> None:
    for asked, told in ((7.0, 7.0), (86_400.0, 900.0)):
        client.simulator.add_faults(Fault(kind="create-refused", status=429, retry_after=asked))
        with pytest.raises(Waiting) as caught:
            await client.create()
        assert caught.value.retry_after == told


async def test_a_cancelled_create_is_cancelled(client: Client) -> None:
    client.simulator.add_faults(Fault(kind="delay", operation="create", seconds=2.0))
    task = asyncio.create_task(client.create())
    await eventually(lambda: called(client.simulator, "create"))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def called(simulator: Simulator, operation: Any) -> bool:
    return simulator.requests().calls.get(operation, 0) > 0


# --- what leaves the process ------------------------------------------------------------------------------------------


@dataclass
class Seen:
    """What a server received."""

    requests: list[tuple[str, str, dict[str, str]]]
    bodies: list[bytes]


@asynccontextmanager
async def server(answer: Callable[[web.Request], web.Response]) -> AsyncIterator[tuple[str, Seen]]:
    """A server that keeps what it gets and answers anything with `answer`."""
    seen = Seen([], [])

    async def handle(request: web.Request) -> web.Response:
        seen.requests.append((request.method, request.path_qs, {k.lower(): v for k, v in request.headers.items()}))
        seen.bodies.append(await request.read())
        return answer(request)

    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}", seen
    await runner.cleanup()


def a_batch(**more: Any) -> web.Response:
    counts = {"processing": 3, "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0}
    return web.json_response(
        {
            "id": "msgbatch_1",
            "type": "message_batch",
            "processing_status": "in_progress",
            "request_counts": counts,
            "created_at": "2026-11-22T20:00:00.123456789Z",
            "expires_at": "2026-11-23T20:00:00Z",
        }
        | more
    )


async def test_a_create_sends_its_body_once_with_its_length_and_its_tag() -> None:
    async with AsyncExitStack() as stack:
        url, seen = await stack.enter_async_context(server(lambda _: a_batch(news="unknown fields are ignored")))
        api = open_batches("key-1", url)
        body = b'{"requests":[' + b" " * 3_000_000 + b"]}"
        batch = await api.create(io.BytesIO(body), len(body), "k3f9a2")
        await api.aclose()
    (method, path, headers) = seen.requests[0]
    assert (len(seen.requests), method, path) == (1, "POST", "/v1/messages/batches")
    assert seen.bodies == [body]
    assert headers["content-length"] == str(len(body))
    assert headers["content-type"] == "application/json"
    assert headers["idempotency-key"] == "k3f9a2"
    assert headers["authorization"] == "Bearer key-1"
    assert "transfer-encoding" not in headers
    assert (batch.id, batch.requests, batch.ended) == ("msgbatch_1", 3, False)


@pytest.mark.parametrize(
    "answer",
    [
        lambda _: web.Response(text="<html>welcome</html>", content_type="text/html"),
        lambda _: web.Response(text='{"id": "msgbatch_1"', content_type="application/json"),
        lambda _: web.json_response({"id": "msgbatch_1"}),
        lambda _: web.Response(status=204),
        lambda _: web.Response(status=502, text=SECRET_WORDS),
    ],
    ids=["a page", "cut JSON", "half a batch", "no content", "a gateway's error"],
)
async def test_an_answer_that_is_no_batch_leaves_the_outcome_open(
    answer: Callable[[web.Request], web.Response],
) -> None:
    async with server(answer) as (url, seen):
        api = open_batches("key-1", url)
        with pytest.raises(OutcomeUnknown) as caught:
            await create(api)
        await api.aclose()
    assert len(seen.requests) == 1
    assert SECRET_WORDS not in caught.value.message


async def test_no_redirect_of_a_create_is_followed() -> None:
    """It would take the key and the tickets somewhere else; nothing was bought."""
    async with server(lambda _: web.Response(status=307, headers={"location": "/elsewhere"})) as (url, seen):
        api = open_batches("key-1", url)
        with pytest.raises(NotTaken, match="307"):
            await create(api)
        await api.aclose()
    assert len(seen.requests) == 1


async def test_results_are_read_under_the_base_url_whatever_host_the_batch_names(client: Client) -> None:
    async with server(lambda _: web.Response(text="")) as (foreign, seen):
        client.simulator.add_faults(Fault(kind="foreign-results-url", host=foreign, times=None))
        batch = await client.ended()
        answers = await collect(client.api, batch)
    assert len(answers) == batch.requests
    assert seen.requests == []


@pytest.mark.parametrize("mid_line", [False, True])
async def test_a_results_stream_that_is_cut_is_told(client: Client, mid_line: bool) -> None:
    batch = await client.ended(20)
    client.simulator.add_faults(Fault(kind="results-cut", lines=10, mid_line=mid_line))
    with pytest.raises(Waiting) as caught:
        await collect(client.api, batch)
    assert caught.value.reason == "ResultsCut"
    assert len(await collect(client.api, batch)) == 20


async def test_a_results_stream_that_ends_within_a_line_is_cut_even_if_the_connection_says_otherwise(
    client: Client,
) -> None:
    batch = await client.ended(20)
    client.simulator.add_faults(Fault(kind="results-cut", lines=10, mode="silent", mid_line=True))
    with pytest.raises(Waiting) as caught:
        await collect(client.api, batch)
    assert caught.value.reason == "ResultsCut"


async def test_a_line_that_is_not_understood_does_not_hide_the_others() -> None:
    lines = [
        (
            b'{"custom_id":"a","result":{"type":"succeeded","message":{"content":[{"type":"thinking","thinking":"x"},'
            b'{"type":"text","text":"billing"},{"type":"text","text":"more"}],"stop_reason":"end_turn",'
            b'"usage":{"input_tokens":9,"output_tokens":2,"cache_creation_input_tokens":null}}}}'
        ),
        b'{"custom_id":"b","result":["a shape of the future"]}',
        b"",
        b"no JSON at all",
        b'{"custom_id":"c","result":{"type":"errored","error":{"type":"error","error":{"type":"api_error","message":"x"}}}}',
    ]
    async with server(lambda _: web.Response(body=b"\n".join(lines))) as (url, _):
        api = open_batches("key-1", url)
        answers = await collect(api, Batch("msgbatch_1", datetime.now(UTC), 3, ended=True))
        await api.aclose()
    assert [(one.custom_id, one.outcome, one.text, one.error_type, one.input_tokens) for one in answers] == [
        ("a", "succeeded", "billing\nmore", "", 9),
        ("b", "errored", "", "unreadable_result", 0),
        ("c", "errored", "", "api_error", 0),
    ]


# --- the other calls --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "kind", "reason"),
    [
        (401, Stalled, "CredentialsRefused"),
        (403, Stalled, "CredentialsRefused"),
        (402, Stalled, "CreditExhausted"),
        (429, Waiting, "RateLimited"),
        (500, Waiting, "ApiUnavailable"),
        (529, Waiting, "Overloaded"),
    ],
)
@pytest.mark.parametrize("operation", ["list", "retrieve", "results", "models", "count_tokens"])
async def test_errors_of_reading_calls_say_who_moves_next(
    client: Client, operation: Any, status: int, kind: type[Interruption], reason: str
) -> None:
    batch = await client.ended()
    before = client.simulator.requests().calls.get(operation, 0)
    client.simulator.add_faults(Fault(kind="status", operation=operation, status=status))
    calls: dict[str, Callable[[], Awaitable[object]]] = {
        "list": lambda: client.api.recent(datetime.now(UTC)),
        "retrieve": lambda: client.api.retrieve(batch.id),
        "results": lambda: collect(client.api, batch),
        "models": lambda: client.api.model("claude-haiku-4-5"),
        "count_tokens": lambda: client.api.count_tokens("claude-haiku-4-5", "system", "text"),
    }
    with pytest.raises(kind) as caught:
        await calls[operation]()
    assert caught.value.reason == reason
    assert client.simulator.requests().calls[operation] == before + 1, "waiting and asking again is the flow's"


@pytest.mark.parametrize("operation", ["list", "retrieve", "results", "models"])
async def test_a_400_of_a_call_that_sends_nothing_passes(client: Client, operation: Any) -> None:
    await test_errors_of_reading_calls_say_who_moves_next(client, operation, 400, Waiting, "ApiUnavailable")


LOW_CREDIT = "Your credit balance is too low to access the Anthropic API."
SPEND_LIMIT = "You have reached your specified workspace API usage limits."


@pytest.mark.parametrize(
    ("status", "more", "kind", "reason"),
    [
        (400, {}, Rejected, "PromptRefused"),
        (413, {"error_type": "request_too_large"}, Rejected, "PromptRefused"),
        (422, {}, Rejected, "PromptRefused"),
        (400, {"message": LOW_CREDIT}, Stalled, "CreditExhausted"),
        (400, {"message": SPEND_LIMIT}, Stalled, "SpendLimitReached"),
        (400, {"error_code": "organization_on_hold"}, Stalled, "AccountRefused"),
        (400, {"error_code": "request_body_timeout"}, Waiting, "ApiUnavailable"),
    ],
)
async def test_a_prompt_that_cannot_be_counted_is_refused_unless_the_account_or_the_network_is_to_blame(
    client: Client, status: int, more: dict[str, str], kind: type[Interruption], reason: str
) -> None:
    client.simulator.add_faults(Fault(kind="status", operation="count_tokens", status=status, **more))  # type: ignore[arg-type]

    with pytest.raises(kind) as caught:
        await client.api.count_tokens("claude-haiku-4-5", "system", "text")

    assert caught.value.reason == reason


async def test_a_body_that_may_not_begin_any_more_buys_nothing(client: Client) -> None:
    def too_late(sent: int) -> None:
        raise Waiting("too much time has passed", reason=Reason.TOO_LATE)

    body = json.dumps({"requests": items(3)}).encode()
    late = cast(BinaryIO, Guarded(io.BytesIO(body), len(body), too_late))
    with pytest.raises(Interruption):
        await client.api.create(late, len(body), "k3f9a2")

    assert client.simulator.bill().accepted == 0
    assert (await client.create()).requests == 3, "the client is as good as before"


@pytest.mark.parametrize("operation", ["retrieve", "results", "models"])
async def test_a_404_of_somebody_else_than_the_api_says_nothing_of_batches_and_models(
    client: Client, operation: Any
) -> None:
    batch = await client.ended()
    client.simulator.add_faults(Fault(kind="status", operation=operation, status=404, error_type="no_such_page"))
    calls: dict[str, Callable[[], Awaitable[object]]] = {
        "retrieve": lambda: client.api.retrieve(batch.id),
        "results": lambda: collect(client.api, batch),
        "models": lambda: client.api.model("claude-haiku-4-5"),
    }
    with pytest.raises(Stalled, match="check the operator's base URL") as caught:
        await calls[operation]()
    assert caught.value.reason == "EndpointMissing"


async def test_a_results_404_waits(client: Client) -> None:
    batch = await client.ended()
    client.simulator.add_faults(Fault(kind="status", operation="results", status=404))
    with pytest.raises(Waiting):
        await collect(client.api, batch)


async def test_an_ended_batch_cannot_be_cancelled_and_that_is_fine(client: Client) -> None:
    await client.api.cancel((await client.ended()).id)


async def test_a_cancel_that_fails_says_so(client: Client) -> None:
    batch = await client.create()
    client.simulator.add_faults(Fault(kind="status", operation="cancel", status=500))
    with pytest.raises(Waiting):
        await client.api.cancel(batch.id)


async def test_retired_models_and_models_that_cannot_stop_thinking_are_told(client: Client) -> None:
    retired = await client.api.model("claude-3-haiku-20240307")
    assert retired == ModelFacts(
        "claude-3-haiku-20240307",
        retired=True,
        batch=False,
        max_input_tokens=200_000,
        retires_at=datetime(2026, 4, 20, tzinfo=UTC),
    )
    stubborn = await client.api.model("claude-mythos-5")
    assert stubborn == ModelFacts(
        "claude-mythos-5", thinks=True, max_input_tokens=1_000_000, structured_outputs=True, low_effort=True
    )
    assert await client.api.model("no/such model?") is None


def endless_list(start: datetime) -> Callable[[web.Request], web.Response]:
    """Pages of a list of batches b0, b1 …, each a second older than the one before."""
    one = json.loads(a_batch().text or "")

    def page(request: web.Request) -> web.Response:
        first = int(request.query["after_id"].removeprefix("b")) + 1 if "after_id" in request.query else 0
        batches = [
            one | {"id": f"b{n}", "created_at": (start - timedelta(seconds=n)).isoformat()}
            for n in range(first, first + 1000)
        ]
        return web.json_response(
            {"data": batches, "has_more": True, "first_id": f"b{first}", "last_id": f"b{first + 999}"}
        )

    return page


async def test_the_list_is_read_page_by_page_until_it_is_old_enough() -> None:
    start = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)

    async with server(endless_list(start)) as (url, seen):
        api = open_batches("key-1", url)
        found = await api.recent(start - timedelta(seconds=1500))
        assert [batch.id for batch in found] == [f"b{n}" for n in range(1501)]
        assert [path for _, path, _ in seen.requests] == [
            "/v1/messages/batches?limit=1000",
            "/v1/messages/batches?limit=1000&after_id=b999",
        ]
        await api.aclose()


async def test_a_list_of_twenty_thousand_is_read_to_its_end_and_a_longer_one_counts_as_not_read() -> None:
    start = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)

    async with server(endless_list(start)) as (url, seen):
        api = open_batches("key-1", url)
        found = await api.recent(start - timedelta(seconds=19_998))
        assert [batch.id for batch in found] == [f"b{n}" for n in range(19_999)]
        assert len(seen.requests) == 20

        with pytest.raises(Waiting) as caught:
            await api.recent(start - timedelta(days=1))
        assert caught.value.reason == "ListTooLong", "an incomplete list would let a bought batch be bought again"
        assert len(seen.requests) == 40
        await api.aclose()


def finite_list(start: datetime, batches: int, *, wrong: str = "") -> Callable[[web.Request], web.Response]:
    """Batches b0 (the newest), b1 …; `wrong` is how it answers to a list before a batch."""
    one = json.loads(a_batch().text or "")
    ids = [f"b{number}" for number in range(batches)]

    def page(request: web.Request) -> web.Response:
        limit, query = int(request.query["limit"]), request.query
        if "before_id" in query and (wrong == "refuses" or query["before_id"] not in ids):
            body = {"type": "error", "error": {"type": "invalid_request_error", "message": "no such batch"}}
            return web.json_response(body, status=400)
        if "before_id" in query:
            there = ids[: ids.index(query["before_id"])]
            shown = there[:limit] if wrong == "newest first" else there[-limit:]
        else:
            there = ids[ids.index(query["after_id"]) + 1 :] if "after_id" in query else ids
            shown = there[:limit]
        data = [
            one | {"id": name, "created_at": (start - timedelta(seconds=int(name[1:]))).isoformat()} for name in shown
        ]
        return web.json_response({"data": data, "has_more": len(shown) < len(there)})

    return page


async def test_a_list_is_read_from_a_batch_on_until_it_is_new_enough() -> None:
    start = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)

    async with server(finite_list(start, 30_000)) as (url, _):
        api = open_batches("key-1", url)
        found = await api.behind("b29500", start - timedelta(seconds=28_000))
        assert [batch.id for batch in found] == [f"b{n}" for n in range(27_500, 29_500)]
        assert [batch.id for batch in await api.behind("b3", start)] == ["b0", "b1", "b2"]
        assert await api.behind("b0", start) == []
        await api.aclose()


@pytest.mark.parametrize(
    ("wrong", "place", "until"),
    [("newest first", "b29500", 28_000), ("refuses", "b29500", 28_000), ("", "gone", 28_000), ("", "b29500", 0)],
    ids=["shows another part", "refuses", "the batch was deleted", "far too many"],
)
async def test_a_list_that_does_not_lead_on_from_a_batch_counts_as_not_read(wrong: str, place: str, until: int) -> None:
    start = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)

    async with server(finite_list(start, 30_000, wrong=wrong)) as (url, _):
        api = open_batches("key-1", url)
        with pytest.raises(Waiting) as caught:
            await api.behind(place, start - timedelta(seconds=until))
        assert caught.value.reason == "ListTooLong", "an incomplete list would let a bought batch be bought again"
        await api.aclose()


@pytest.mark.parametrize("key", ["", "with space", "two\nlines", "schlüssel"])
def test_a_key_that_cannot_be_sent_is_refused_without_showing_it(key: str) -> None:
    with pytest.raises(Stalled) as caught:
        open_batches(key, "http://127.0.0.1")
    assert not key or key not in caught.value.message


async def test_no_ticket_text_gets_into_the_log_even_at_debug_level(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await client.api.count_tokens("claude-haiku-4-5", "system", SECRET_WORDS)
    assert await collect(client.api, await client.ended())
    assert SECRET_WORDS not in caplog.text
    assert "charged twice" not in caplog.text
    assert "key-1" not in caplog.text


class Broken(io.BytesIO):
    """A body of which the disk gives the first bytes only."""

    def read(self, size: int | None = -1) -> bytes:
        if self.tell():
            raise Stalled("the disk failed", reason=Reason.DISK_FAILED)
        return super().read(10)


async def test_a_body_that_cannot_be_read_to_its_end_is_no_lost_answer_and_buys_nothing(client: Client) -> None:
    body = json.dumps({"requests": items(3)}).encode()

    with pytest.raises(Stalled, match="the disk failed"):
        await client.api.create(Broken(body), len(body), "k3f9a2")

    assert await client.api.recent(datetime.now(UTC) - timedelta(hours=1)) == []
