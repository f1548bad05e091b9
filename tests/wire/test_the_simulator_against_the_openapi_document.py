"""What the simulator sends is what the vendor's OpenAPI document describes."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

import aiohttp
import pytest
from jsonschema import Draft202012Validator

from nightsort.simulator import Fault
from tests.wire.conftest import Bench, Start, item, items

HEADERS = {"authorization": "Bearer key-1", "anthropic-version": "2026-10-21"}
BATCHES = "/v1/messages/batches"


@cache
def document() -> dict[str, Any]:
    """The vendor's document, as the package llm-comply carries it."""
    text = (files("llm_comply") / "specs" / "anthropic.json").read_text()
    schemas: dict[str, Any] = json.loads(text)["components"]["schemas"]
    return {name: relaxed(schema) for name, schema in schemas.items()}


def relaxed(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema without `required` for nullable and defaulted fields: the document names all fields of an answer."""
    fields = schema.get("properties", {})
    needed = [name for name in schema.get("required", []) if not may_be_left_out(fields.get(name, {}))]
    return schema | {"required": needed}


def may_be_left_out(field: dict[str, Any]) -> bool:
    """Whether a field is nullable or has a default."""
    return "default" in field or {"type": "null"} in field.get("anyOf", [])


def assert_is(name: str, value: Any) -> None:
    """The value is what the document calls by this name."""
    schema = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": document()}}
    problems = [
        f"{error.json_path}: {error.message[:300]}" for error in Draft202012Validator(schema).iter_errors(value)
    ]
    assert not problems


async def call(bench: Bench, method: str, path: str, **body: Any) -> tuple[int, Any, aiohttp.ClientResponse]:
    """Status, body and response of a call without the SDK in between."""
    async with (
        aiohttp.ClientSession(bench.url, headers=HEADERS) as session,
        session.request(method, path, **body) as response,
    ):
        text = await response.text()
        lines = [json.loads(line) for line in text.splitlines()]
        return response.status, lines if "jsonl" in response.content_type else lines[0], response


async def test_a_batch_and_the_list_are_as_described_through_its_whole_life(bench: Bench) -> None:
    _, made, _ = await call(bench, "POST", BATCHES, json={"requests": items(3)})
    assert_is("MessageBatch", made)
    _, canceling, _ = await call(bench, "POST", f"{BATCHES}/{made['id']}/cancel")
    assert_is("MessageBatch", canceling)
    await bench.ended(made["id"])
    _, ended, _ = await call(bench, "GET", f"{BATCHES}/{made['id']}")
    assert_is("MessageBatch", ended)
    _, page, _ = await call(bench, "GET", BATCHES)
    assert_is("ListResponse_MessageBatch_", page)
    _, deleted, _ = await call(bench, "DELETE", f"{BATCHES}/{made['id']}")
    assert_is("DeleteMessageBatchResponse", deleted)
    _, empty, _ = await call(bench, "GET", BATCHES)
    assert_is("ListResponse_MessageBatch_", empty)


async def test_the_answer_to_a_single_request_is_as_described_and_is_billed(bench: Bench) -> None:
    body = item(0)["params"]
    status, answer, _ = await call(bench, "POST", "/v1/messages", json=body)
    refused, failure, _ = await call(bench, "POST", "/v1/messages", json={**body, "model": "claude-nobody-1"})

    assert (status, refused) == (200, 400)
    assert_is("Message", answer)
    assert_is("ErrorResponse", failure)
    assert answer["usage"]["service_tier"] == "standard"
    bill = bench.simulator.bill()
    assert (bill.messages, bill.created) == (1, 0)
    assert bill.usd == 0
    assert bill.messages_usd > 0


async def test_each_answer_to_a_single_request_is_a_message_of_its_own(bench: Bench) -> None:
    _, first, _ = await call(bench, "POST", "/v1/messages", json=item(0)["params"])
    _, second, _ = await call(bench, "POST", "/v1/messages", json=item(0)["params"])

    assert first["content"] == second["content"]
    assert first["id"] != second["id"]


async def test_every_kind_of_result_line_is_as_described(start: Start) -> None:
    bench = await start(refusal_rate=0.1, error_rate=0.1, truncation_rate=0.1, expire_rate=0.1, unknown_rate=0.1)
    bench.simulator.add_faults(Fault(kind="items", outcome="canceled", fraction=0.1))
    thinking = [item(n, model="claude-haiku-5-5") for n in range(100, 120)]
    batch = await bench.create([*items(100), *thinking, item(200, temperature=1)])
    await bench.ended(batch.id)
    _, lines, response = await call(bench, "GET", f"{BATCHES}/{batch.id}/results")
    assert response.content_type == "application/x-jsonl"
    assert {line["result"]["type"] for line in lines} == {"succeeded", "errored", "canceled", "expired"}
    messages = [line["result"]["message"] for line in lines if line["result"]["type"] == "succeeded"]
    assert {message["stop_reason"] for message in messages} == {"end_turn", "max_tokens", "refusal"}
    assert {block["type"] for message in messages for block in message["content"]} == {"text", "thinking"}
    for line in lines:
        assert_is("MessageBatchIndividualResponse", line)


async def test_models_and_token_counts_are_as_described(bench: Bench) -> None:
    _, page, _ = await call(bench, "GET", "/v1/models?limit=1000")
    assert_is("ListResponse_ModelInfo_", page)
    _, model, _ = await call(bench, "GET", "/v1/models/claude-opus-5-5")
    assert_is("ModelInfo", model)
    body = {"model": "claude-opus-5-5", "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}]}
    _, count, _ = await call(bench, "POST", "/v1/messages/count_tokens", json=body)
    assert_is("CountMessageTokensResponse", count)


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 429, 500, 504, 529])
async def test_errors_are_as_described(bench: Bench, status: int) -> None:
    bench.simulator.add_faults(Fault(kind="status", operation="list", status=status))
    answered, body, response = await call(bench, "GET", BATCHES)
    assert answered == status
    assert_is("ErrorResponse", body)
    assert body["request_id"] == response.headers["request-id"]


async def test_what_is_not_there_is_not_found(bench: Bench) -> None:
    for path in ("/v1/messages", "/v1/nothing", f"{BATCHES}/msgbatch_nobody", "/"):
        status, body, _ = await call(bench, "GET", path)
        assert status == 404
        assert_is("ErrorResponse", body)


async def test_a_call_names_the_version_of_the_api(bench: Bench) -> None:
    for version in ("", "2020-01-01"):
        status, body, _ = await call(bench, "GET", BATCHES, headers={"anthropic-version": version})
        assert status == 400
        assert "anthropic-version" in body["error"]["message"]


async def test_a_body_may_come_in_chunks(bench: Bench) -> None:
    async def pieces() -> Any:
        text = json.dumps({"requests": items(500)}).encode()
        for start in range(0, len(text), 10_000):
            yield text[start : start + 10_000]

    _, made, _ = await call(bench, "POST", BATCHES, data=pieces())
    assert made["request_counts"]["processing"] == 500
