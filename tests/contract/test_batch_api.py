"""BatchApi: the fake account and our client of the API before the simulator keep the same promises."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from nightsort.adapters.anthropic.client import open_batches
from nightsort.api.spec import Spec
from nightsort.domain import request
from nightsort.domain.answer import Answer
from nightsort.domain.batch import Batch
from nightsort.domain.custom_id import encode
from nightsort.domain.errors import Rejected, Waiting
from nightsort.domain.ticket import Ticket
from nightsort.ports import BatchApi
from nightsort.simulator import Simulator, SimulatorOptions
from nightsort.testing.batch_api import MODEL, FakeBatchApi
from nightsort.testing.clock import VirtualClock

TAG = "k3f9a2"
SPEC = Spec.model_validate({"model": MODEL, "source": {"inline": {"tickets": []}}})
LONG_AGO = timedelta(hours=1)


@dataclass
class Account:
    """An API with nothing in it; `until_ended` lets the time of a batch pass."""

    api: BatchApi
    now: Callable[[], datetime]
    until_ended: Callable[[Batch], Awaitable[Batch]]


@asynccontextmanager
async def fake() -> AsyncIterator[Account]:
    clock = VirtualClock()
    api = FakeBatchApi(clock, lambda text: "billing")

    async def until_ended(batch: Batch) -> Batch:
        clock.advance(60)
        return await seen(api, batch)

    yield Account(api, clock.now, until_ended)


@asynccontextmanager
async def simulated() -> AsyncIterator[Account]:
    simulator = Simulator(SimulatorOptions(seconds=60))
    async with simulator.serve() as url:
        api = open_batches("key", url)

        async def until_ended(batch: Batch) -> Batch:
            simulator.end()
            while not (now := await seen(api, batch)).ended:
                pass
            return now

        yield Account(api, lambda: datetime.now().astimezone(), until_ended)
        await api.aclose()


@pytest.fixture(params=[fake, simulated], ids=["fake", "simulated"])
async def account(request: pytest.FixtureRequest) -> AsyncIterator[Account]:
    async with request.param() as made:
        yield made


async def seen(api: BatchApi, batch: Batch) -> Batch:
    found = await api.retrieve(batch.id)
    assert found is not None
    return found


def body_of(*ids: str) -> bytes:
    encoder = request.Encoder(SPEC, disable_thinking=True)
    texts = [(one, encoder.text(Ticket(one, {"body": f"I was charged twice, {one}"}, one))) for one in ids]
    requests = [encoder.request(TAG, one, text) for one, text in texts if text]
    return request.OPENING + request.SEPARATOR.join(requests) + request.CLOSING


async def create(account: Account, *ids: str) -> Batch:
    body = body_of(*ids)
    return await account.api.create(io.BytesIO(body), len(body), TAG)


async def answers_of(account: Account, batch: Batch) -> list[Answer]:
    return [answer async for page in account.api.results(batch) for answer in page]


async def test_a_created_batch_is_found_by_id_and_counts_all_its_requests(account: Account) -> None:
    made = await create(account, "1", "2", "3")
    assert (made.requests, made.ended, made.canceling, made.results_url) == (3, False, False, None)
    assert await seen(account.api, made) == made
    assert abs(made.created_at - account.now()) < timedelta(minutes=1)


async def test_an_unknown_id_is_none(account: Account) -> None:
    assert await account.api.retrieve("msgbatch_nobody") is None


async def test_an_ended_batch_has_one_answer_for_each_request(account: Account) -> None:
    ids = [str(number) for number in range(2_500)]
    ended = await account.until_ended(await create(account, *ids))
    assert (ended.ended, ended.requests) == (True, 2_500)
    assert ended.ended_at is not None
    pages = [page async for page in account.api.results(ended)]
    assert max(len(page) for page in pages) < 2_000
    answers = [answer for page in pages for answer in page]
    assert sorted(answer.custom_id for answer in answers) == sorted(encode(TAG, one) for one in ids)
    assert [answer.custom_id for answer in answers] != [encode(TAG, one) for one in ids], "in an order of their own"


async def test_an_answer_carries_text_stop_reason_and_usage(account: Account) -> None:
    [answer] = await answers_of(account, await account.until_ended(await create(account, "1")))
    assert (answer.custom_id, answer.outcome, answer.text) == (f"{TAG}-1", "succeeded", "billing")
    assert (answer.stop_reason, answer.error_type) == ("end_turn", "")
    assert answer.input_tokens > 0
    assert answer.output_tokens > 0


async def test_results_can_be_read_again(account: Account) -> None:
    ended = await account.until_ended(await create(account, "1", "2", "3"))
    assert await answers_of(account, ended) == await answers_of(account, ended)


async def test_results_of_a_batch_that_has_not_ended_are_waited_for(account: Account) -> None:
    with pytest.raises(Waiting):
        await answers_of(account, await create(account, "1"))


async def test_the_list_shows_what_was_created_since_newest_first(account: Account) -> None:
    assert await account.api.recent(account.now() - LONG_AGO) == []
    made = [await create(account, str(number)) for number in range(3)]
    assert await account.api.recent(made[0].created_at - LONG_AGO) == made[::-1]
    assert await account.api.recent(account.now() + LONG_AGO) == []
    assert await account.api.behind(made[0].id, account.now() + LONG_AGO) == made[:0:-1]
    assert await account.api.behind(made[-1].id, account.now() + LONG_AGO) == []


async def test_the_newest_batch_is_the_first_of_the_list(account: Account) -> None:
    assert await account.api.newest() is None
    for number in range(3):
        made = await create(account, str(number))
        assert await account.api.newest() == made


async def test_an_account_is_known_by_its_answers_and_by_a_digest_of_its_key(account: Account) -> None:
    await account.api.newest()
    known = account.api.account(TAG)
    assert known.organization
    assert known.workspace
    assert known.key not in ("", "key")
    assert account.api.account(TAG) == known
    assert account.api.account("other1").key != known.key, "salted: no two intents can be told to have one key"


async def test_a_cancelled_batch_ends_with_an_answer_for_each_request(account: Account) -> None:
    made = await create(account, "1", "2")
    await account.api.cancel(made.id)
    await account.api.cancel(made.id)
    ended = await account.until_ended(made)
    assert [answer.outcome for answer in await answers_of(account, ended)] == ["canceled", "canceled"]


async def test_cancelling_what_has_ended_changes_nothing(account: Account) -> None:
    ended = await account.until_ended(await create(account, "1"))
    await account.api.cancel(ended.id)
    assert await seen(account.api, ended) == ended
    assert [answer.outcome for answer in await answers_of(account, ended)] == ["succeeded"]


@pytest.mark.parametrize(
    "body",
    [b"{", b'{"requests":[]}', b'{"items":[]}', body_of("1", "1"), body_of("1").replace(TAG.encode(), b"x" * 65)],
    ids=["cut", "empty", "another shape", "a custom_id twice", "a custom_id too long"],
)
async def test_a_body_that_is_no_batch_is_rejected_and_nothing_is_bought(account: Account, body: bytes) -> None:
    with pytest.raises(Rejected):
        await account.api.create(io.BytesIO(body), len(body), TAG)
    assert await account.api.recent(account.now() - LONG_AGO) == []


async def test_the_catalogue_knows_its_models_and_no_others(account: Account) -> None:
    facts = await account.api.model(MODEL)
    assert facts is not None
    assert (facts.id, facts.retired, facts.batch, facts.can_disable_thinking) == (MODEL, False, True, True)
    assert await account.api.model("claude-of-the-future") is None


async def test_the_whole_catalogue_has_each_model_as_it_is_told_alone(account: Account) -> None:
    catalogue = await account.api.catalogue()
    assert await account.api.model(MODEL) in catalogue.models
    assert catalogue.answered_at is not None
    assert abs(catalogue.answered_at - account.now()) < timedelta(seconds=30)


async def test_tokens_are_counted_over_system_and_text(account: Account) -> None:
    short = await account.api.count_tokens(MODEL, "system", "word")
    longer_text = await account.api.count_tokens(MODEL, "system", "word " * 100)
    longer_system = await account.api.count_tokens(MODEL, "system " * 100, "word")
    assert 0 < short < min(longer_text, longer_system)
