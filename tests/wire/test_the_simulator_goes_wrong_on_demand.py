"""Each fault does what it says, as often as it says, and then no more."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import aiohttp
import anthropic
import httpx2
import pytest

from nightsort.simulator import Fault, Mistakes, Simulator
from tests.wire.conftest import SYSTEM, TICKETS, Bench, Start, eventually, item, items


async def ended_batch(bench: Bench, count: int = 10) -> str:
    """The id of a batch with results."""
    return (await bench.ended((await bench.create(items(count))).id)).id


async def lines_of(bench: Bench, batch_id: str) -> tuple[list[str], Exception | None]:
    """The lines that arrived, and what broke off their stream."""
    lines: list[str] = []
    try:
        async with bench.batches.with_streaming_response.results(batch_id) as response:
            async for line in response.iter_lines():
                lines.append(line)  # noqa: PERF401 - what came before an error counts
    except httpx2.HTTPError as error:
        return lines, error
    return lines, None


async def test_a_create_whose_answer_is_lost_is_accepted_and_billed(bench: Bench) -> None:
    bench.simulator.add_faults(Fault(kind="create-response-lost"))
    with pytest.raises(anthropic.APIConnectionError):
        await bench.create(items(4))
    lost = (await bench.batches.list()).data
    assert [batch.request_counts.processing for batch in lost] == [4]
    await bench.ended(lost[0].id)
    assert (bench.simulator.bill().created, bench.simulator.bill().paid) == (1, 4)


async def test_the_sdk_buys_twice_when_it_repeats_a_create_by_itself(bench: Bench) -> None:
    bench.simulator.add_faults(Fault(kind="create-response-lost"))
    await bench.client.with_options(max_retries=1).messages.batches.create(requests=items(2))  # type: ignore[arg-type]
    assert bench.simulator.bill().created == 2


@pytest.mark.parametrize("accepted", [True, False])
async def test_a_refused_create_was_accepted_or_not_as_asked(bench: Bench, accepted: bool) -> None:
    bench.simulator.add_faults(Fault(kind="create-refused", status=503, accepted=accepted))
    with pytest.raises(anthropic.ServiceUnavailableError):
        await bench.create(items(2))
    assert bench.simulator.bill().created == int(accepted)


@pytest.mark.parametrize(("accepted", "created"), [(None, 1), (True, 1), (False, 0)])
async def test_a_cut_connection_buys_unless_it_comes_before_the_create(
    bench: Bench, accepted: bool | None, created: int
) -> None:
    bench.simulator.add_faults(Fault(kind="connection-cut", operation="create", accepted=accepted))
    with pytest.raises(anthropic.APIConnectionError):
        await bench.create(items(2))
    assert bench.simulator.bill().created == created


async def test_a_refusal_can_carry_retry_after_and_an_error_code(bench: Bench) -> None:
    bench.simulator.add_faults(
        Fault(kind="create-refused", status=429, retry_after=7),
        Fault(kind="create-refused", status=429, error_code="enforced_spend_limit_reached"),
    )
    with pytest.raises(anthropic.RateLimitError) as limited:
        await bench.create(items(1))
    assert limited.value.response.headers["retry-after"] == "7"
    with pytest.raises(anthropic.RateLimitError) as spent:
        await bench.create(items(1))
    assert spent.value.error_code == "enforced_spend_limit_reached"
    assert "retry-after" not in spent.value.response.headers


@pytest.mark.parametrize("operation", ["retrieve", "list", "results", "cancel", "delete", "count_tokens", "models"])
async def test_a_status_comes_from_one_operation_so_many_times(bench: Bench, operation: Any) -> None:
    batch_id = await ended_batch(bench, 2)
    calls: dict[str, Callable[[], Any]] = {
        "retrieve": lambda: bench.batches.retrieve(batch_id),
        "list": bench.batches.list,
        "results": lambda: bench.results(batch_id),
        "cancel": lambda: bench.batches.cancel(batch_id),
        "delete": lambda: bench.batches.delete(batch_id),
        "count_tokens": lambda: bench.client.messages.count_tokens(
            model="claude-haiku-4-5", messages=[{"role": "user", "content": "hi"}]
        ),
        "models": bench.client.models.list,
    }
    bench.simulator.add_faults(Fault(kind="status", operation=operation, status=404, times=2))
    for _ in range(2):
        with pytest.raises(anthropic.NotFoundError):
            await calls[operation]()
    if operation != "cancel":  # an ended batch cannot be canceled
        await calls[operation]()
    assert bench.simulator.requests().batches == {batch_id: 2}


async def test_a_fault_can_let_the_first_calls_pass_or_stand_until_the_reset(bench: Bench) -> None:
    bench.simulator.add_faults(Fault(kind="status", operation="list", status=529, skip=1, times=None))
    await bench.batches.list()
    for _ in range(3):
        with pytest.raises(anthropic.OverloadedError):
            await bench.batches.list()
    await bench.simulator.reset()
    await bench.batches.list()


async def test_a_late_answer_to_a_create_times_out_after_the_batch_was_made(bench: Bench) -> None:
    bench.simulator.add_faults(Fault(kind="delay", operation="create", seconds=1))
    with pytest.raises(anthropic.APITimeoutError):
        await bench.client.with_options(timeout=0.2).messages.batches.create(requests=items(2))  # type: ignore[arg-type]
    assert bench.simulator.bill().created == 1


async def test_any_operation_can_be_slow(bench: Bench) -> None:
    bench.simulator.add_faults(Fault(kind="delay", seconds=0.1), Fault(kind="delay", seconds=0.1, accepted=False))
    for _ in range(2):
        began = time.monotonic()
        await bench.batches.list()
        assert time.monotonic() - began >= 0.1


@pytest.mark.parametrize("mid_line", [True, False])
async def test_a_broken_results_stream_raises_after_so_many_lines(bench: Bench, mid_line: bool) -> None:
    batch_id = await ended_batch(bench)
    bench.simulator.add_faults(Fault(kind="results-cut", lines=3, mid_line=mid_line))
    lines, error = await lines_of(bench, batch_id)
    assert isinstance(error, httpx2.RemoteProtocolError)
    assert len(lines) == 3
    assert len(await bench.results(batch_id)) == 10


async def test_a_results_stream_can_end_early_without_a_word(bench: Bench) -> None:
    batch_id = await ended_batch(bench)
    bench.simulator.add_faults(
        Fault(kind="results-cut", lines=3, mode="silent"),
        Fault(kind="results-cut", lines=3, mode="silent", mid_line=True),
    )
    lines, error = await lines_of(bench, batch_id)
    assert (len(lines), error) == (3, None)
    lines, error = await lines_of(bench, batch_id)
    assert (len(lines), error) == (4, None)
    assert not lines[3].endswith("}}")


async def test_lines_can_be_doubled_left_out_or_added(bench: Bench) -> None:
    batch_id = await ended_batch(bench)
    names = [line.custom_id for line in await bench.results(batch_id)]

    async def with_fault(kind: Any) -> list[str]:
        bench.simulator.add_faults(Fault(kind=kind, lines=2))
        return [line.custom_id for line in await bench.results(batch_id)]

    assert await with_fault("results-duplicate") == names[:2] + names
    assert await with_fault("results-drop") == names[2:]
    assert await with_fault("results-unknown") == [*names[:2], "nobody_sent_this_0", "nobody_sent_this_1", *names[2:]]


async def test_a_new_batch_can_be_missing_from_the_list_for_a_while(bench: Bench) -> None:
    bench.simulator.add_faults(Fault(kind="list-lag", seconds=0.2))
    hidden, shown = await bench.create(items(1)), await bench.create(items(1))
    assert [batch.id for batch in (await bench.batches.list()).data] == [shown.id]
    assert (await bench.batches.retrieve(hidden.id)).id == hidden.id

    async def all_listed() -> bool:
        return len((await bench.batches.list()).data) == 2

    assert await eventually(all_listed)


async def test_a_results_url_can_name_a_foreign_host(bench: Bench) -> None:
    batch_id = await ended_batch(bench)
    bench.simulator.add_faults(Fault(kind="foreign-results-url", host="http://127.0.0.1:9"))
    batch = await bench.batches.retrieve(batch_id)
    assert batch.results_url == f"http://127.0.0.1:9/v1/messages/batches/{batch_id}/results"
    assert ((await bench.batches.retrieve(batch_id)).results_url or "").startswith(bench.url)


@pytest.mark.parametrize("outcome", ["errored", "expired", "canceled"])
async def test_requests_with_a_word_fail_as_asked_and_cost_nothing(bench: Bench, outcome: Any) -> None:
    bench.simulator.add_faults(Fault(kind="items", outcome=outcome, match="INVOICE", error_type="overloaded_error"))
    results = await bench.run(items(6))
    assert {name: result.type for name, result in results.items() if result.type != "succeeded"} == {
        "ticket-4": outcome
    }
    if outcome == "errored":
        assert results["ticket-4"].error.error.type == "overloaded_error"
    assert bench.simulator.bill().paid == 5
    again = await bench.run(items(6))
    assert {result.type for result in again.values()} == {"succeeded"}


async def test_a_fraction_or_a_number_of_requests_fails(bench: Bench) -> None:
    async def failed(fault: Fault) -> int:
        bench.simulator.add_faults(fault)
        return sum(result.type == "errored" for result in (await bench.run(items(200))).values())

    assert 20 < await failed(Fault(kind="items", fraction=0.2)) < 65
    assert await failed(Fault(kind="items", count=7)) == 7


async def test_a_refusal_succeeds_without_content_and_is_not_paid(bench: Bench) -> None:
    bench.simulator.add_faults(Fault(kind="items", outcome="refusal", count=2))
    results = await bench.run(items(5))
    refused = [r.message for r in results.values() if r.message.stop_reason == "refusal"]
    assert [message.content for message in refused] == [[], []]
    assert bench.simulator.bill().paid == 3


async def test_a_truncated_answer_says_so(bench: Bench) -> None:
    bench.simulator.add_faults(Fault(kind="items", outcome="truncation"))
    message = (await bench.run(items(1)))["ticket-0"].message
    assert message.stop_reason == "max_tokens"
    assert message.content[0].text == "bil"


async def test_an_answer_longer_than_max_tokens_is_truncated(bench: Bench) -> None:
    message = (await bench.run([item(1, max_tokens=1)]))["ticket-1"].message
    assert (message.stop_reason, message.content[0].text, message.usage.output_tokens) == ("max_tokens", "tech", 1)


async def test_answers_can_be_outside_the_categories_or_oddly_written(bench: Bench) -> None:
    async def answers(outcome: Any) -> list[str]:
        bench.simulator.add_faults(Fault(kind="items", outcome=outcome))
        results = await bench.run([item(n, TICKETS[0]) for n in range(20)])
        return [result.message.content[0].text for result in results.values()]

    assert not {"billing", "technical", "account", "other"} & set(await answers("unknown"))
    odd = await answers("odd")
    assert "billing" not in odd
    assert {answer.strip(' ".\n').lower() for answer in odd} == {"billing"}
    assert set(await answers("alias")) == {"payment", "invoice"}


async def test_rates_hit_about_their_share(start: Start) -> None:
    bench = await start(error_rate=0.1, expire_rate=0.1, refusal_rate=0.1, truncation_rate=0.1, unknown_rate=0.1)
    results = (await bench.run(items(1000))).values()
    shares = [
        sum(result.type == "errored" for result in results),
        sum(result.type == "expired" for result in results),
        sum(result.type == "succeeded" and result.message.stop_reason == "refusal" for result in results),
        sum(result.type == "succeeded" and result.message.stop_reason == "max_tokens" for result in results),
    ]
    assert all(60 < share < 140 for share in shares)


async def test_the_control_path_takes_faults_and_shows_bill_and_calls(bench: Bench) -> None:
    async with aiohttp.ClientSession(f"{bench.url}/_simulator/") as control:

        async def ask(method: str, path: str, **body: Any) -> tuple[int, Any]:
            async with control.request(method, path, **body) as response:
                return response.status, await response.json()

        faults = [{"kind": "status", "operation": "list", "status": 529}, {"kind": "create-response-lost", "times": 2}]
        status, standing = await ask("POST", "faults", json=faults)
        assert (status, len(standing["faults"])) == (200, 2)
        assert (await ask("POST", "faults", json=[{"kind": "earthquake"}]))[0] == 400
        assert (await ask("POST", "faults", json=[{"kind": "delay", "secnods": 1}]))[0] == 400
        with pytest.raises(anthropic.OverloadedError):
            await bench.batches.list()
        assert len((await ask("GET", "faults"))[1]["faults"]) == 1
        await ask("DELETE", "faults")

        batch = await bench.create(items(3))
        await ask("POST", "end")
        await bench.end_of(batch.id)
        _, bill = await ask("GET", "bill")
        assert (bill["created"], bill["accepted"], bill["paid"]) == (1, 3, 3)
        _, used = await ask("GET", "requests")
        assert used["batches"] == {batch.id: 3}
        assert used["calls"]["create"] == 1
        await ask("POST", "reset")
        assert (await ask("GET", "bill"))[1]["created"] == 0


async def test_a_bill_is_the_tokens_at_half_the_price(bench: Bench) -> None:
    results = await bench.run(items(6))
    usages = [result.message.usage for result in results.values()]
    full = sum(usage.input_tokens * 1 + usage.output_tokens * 5 for usage in usages) / 1e6
    assert float(bench.simulator.bill().usd) == pytest.approx(full / 2)
    assert sum(usage.input_tokens for usage in usages) * 4 > 6 * len(SYSTEM)


async def test_a_simulator_stops_at_once_although_batches_and_calls_are_under_way() -> None:
    simulator = Simulator()
    async with simulator.serve() as url:
        client = anthropic.AsyncAnthropic(api_key="k", base_url=url, max_retries=0)
        batch = await client.messages.batches.create(requests=items(2000))  # type: ignore[arg-type]
        simulator.add_faults(Fault(kind="delay", seconds=60))
        waiting = asyncio.create_task(client.messages.batches.retrieve(batch.id))

        async def called() -> bool:
            return "retrieve" in simulator.requests().calls

        assert await eventually(called)
        began = time.monotonic()
    assert time.monotonic() - began < 2
    with pytest.raises(anthropic.APIConnectionError):
        await waiting
    await client.close()


async def test_a_model_is_as_often_wrong_as_asked_and_the_truth_can_be_told_while_it_runs(start: Start) -> None:
    wrong = await start(mistakes=Mistakes(accuracy={"": 0.0, "claude-sonnet-5-5": 1.0}))
    async with aiohttp.ClientSession() as session:
        await session.post(f"{wrong.url}/_simulator/truths", json={TICKETS[3]: "billing"})
    requests = [item(number) for number in range(4)] + [
        item(9, TICKETS[3], model="claude-sonnet-5-5", thinking={"type": "disabled"})
    ]
    answers = {id: result.message.content[-1].text for id, result in (await wrong.run(requests)).items()}
    assert answers.pop("ticket-9") == "billing"
    assert all(
        answers[f"ticket-{place}"] != truth
        for place, truth in enumerate(["billing", "technical", "account", "billing"])
    )


async def test_a_mistake_can_be_an_answer_that_is_no_category(start: Start) -> None:
    bench = await start(mistakes=Mistakes(confusions={"billing": {"": 1.0}}))
    results = await bench.run([item(0)])
    assert results["ticket-0"].message.content[0].text not in ("billing", "technical", "account", "other")
