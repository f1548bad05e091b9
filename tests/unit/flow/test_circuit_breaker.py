"""One pace for all resources of an account."""

from __future__ import annotations

import asyncio
import contextlib
import io
from collections.abc import Callable, Coroutine, Sequence
from datetime import timedelta
from itertools import count
from typing import Any

import pytest

from nightsort.api.resource import Resource
from nightsort.domain.batch import Batch, ModelFacts
from nightsort.domain.errors import Interruption, OutcomeUnknown, Rejected, Stalled, Waiting
from nightsort.domain.reasons import Reason
from nightsort.flow.ending.cancel import Finalizer
from nightsort.flow.run.circuit_breaker import CircuitBreakerApi
from nightsort.flow.run.kept_answers import MOST_KEPT
from nightsort.testing.batch_api import MODEL, FakeBatchApi
from nightsort.testing.clock import NIGHT, VirtualClock
from tests.support.faults import Hook, raising
from tests.support.world import World

TEXTS = count()
BODY = b'{"requests":[{"custom_id":"t00000-0","params":{"messages":[{"content":"x"}]}}]}'
Call = Callable[[CircuitBreakerApi], Coroutine[Any, Any, object]]
STALLED = Stalled("the account's spend limit is reached", reason=Reason.SPEND_LIMIT_REACHED)
REFUSALS = (
    Waiting("the API's rate limit is reached", reason=Reason.RATE_LIMITED, retry_after=120),
    Waiting("the API is overloaded", reason=Reason.OVERLOADED),
    STALLED,
)
"""How creates are refused, for as long as it pleases the API."""


async def nothing(operation: str, *about: Any) -> None:
    """The hook of an account where all goes well."""


class Account:
    """An account and its pace, without jitter."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.api = FakeBatchApi(self.clock)
        self.paced = CircuitBreakerApi(self.api, self.clock, jitter=lambda: 0.0)

    async def fails(self, hook: Hook | None = None) -> Interruption:
        """How a look at a batch is refused."""
        self.api.before = hook or self.api.before
        with pytest.raises(Interruption) as refused:
            await self.paced.retrieve("msgbatch_0001")
        return refused.value

    @property
    def asked(self) -> int:
        return self.api.calls["retrieve"]


@pytest.fixture
def account() -> Account:
    return Account()


def always(error: BaseException, *operations: str) -> Hook:
    async def hook(happening: str, *about: Any) -> None:
        if happening in (operations or ("retrieve",)):
            raise error

    return hook


async def buy(api: CircuitBreakerApi) -> object:
    return await api.create(io.BytesIO(BODY), len(BODY), "t00000")


async def look_up(api: CircuitBreakerApi) -> object:
    return await api.retrieve("msgbatch_0001")


async def list_them(api: CircuitBreakerApi) -> object:
    return await api.recent(NIGHT)


async def ask_model(api: CircuitBreakerApi) -> object:
    return await api.model("claude-tomorrow")  # what is not there is asked for each time


async def estimate(api: CircuitBreakerApi) -> object:
    return await api.count_tokens(MODEL, "system", str(next(TEXTS)))


async def results(api: CircuitBreakerApi, batch_id: str) -> list[object]:
    batch = await api.retrieve(batch_id)
    assert batch is not None
    return [answer async for chunk in api.results(batch) for answer in chunk]


@pytest.mark.parametrize(
    "call",
    [
        buy,
        look_up,
        list_them,
        lambda api: results(api, "msgbatch_0001"),
        ask_model,
        estimate,
    ],
    ids=["create", "retrieve", "recent", "results", "model", "count_tokens"],
)
async def test_after_a_failed_read_every_call_but_cancel_keeps_the_pace(account: Account, call: Call) -> None:
    await account.paced.create(io.BytesIO(BODY), len(BODY), "t00000")
    account.clock.advance(60)
    await call(account.paced)
    await account.fails(raising(Waiting("overloaded"), "retrieve"))
    calls = account.api.calls.copy()

    with pytest.raises(Waiting, match="overloaded"):
        await call(account.paced)
    assert account.api.calls == calls

    account.clock.advance(1)
    await call(account.paced)


@pytest.mark.parametrize("read", ["recent", "retrieve"])
async def test_a_cancel_always_goes_out(account: Account, read: str) -> None:
    await account.paced.create(io.BytesIO(BODY), len(BODY), "t00000")
    account.api.before = always(Waiting("away"), "create", read)
    for call in (buy, look_up, list_them):
        with contextlib.suppress(Waiting):
            await call(account.paced)

    await account.paced.cancel("msgbatch_0001")

    assert account.api.held["msgbatch_0001"].canceling


async def test_a_cancel_that_fails_stops_no_other_call(account: Account) -> None:
    account.api.before = always(Waiting("this batch is not to be cancelled"), "cancel")
    with pytest.raises(Waiting):
        await account.paced.cancel("msgbatch_0001")

    for call in (buy, look_up, list_them, ask_model, estimate):
        await call(account.paced)


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.reason)
async def test_a_refused_create_holds_back_creates_only(account: Account, refusal: Interruption) -> None:
    account.api.before = always(refusal, "create")
    for _ in range(2):
        with pytest.raises(Interruption):
            await buy(account.paced)
    assert account.api.calls["create"] == 1

    for call in (look_up, list_them, ask_model, estimate):
        await call(account.paced)

    with pytest.raises(Interruption, match=refusal.message):
        await buy(account.paced)
    assert account.api.calls["create"] == 1


@pytest.mark.parametrize("ask", ["model", "count_tokens"])
async def test_what_is_asked_before_a_purchase_holds_back_no_other_call(account: Account, ask: str) -> None:
    account.api.before = always(REFUSALS[0], ask)
    for _ in range(2):
        with pytest.raises(Waiting):
            await (ask_model if ask == "model" else estimate)(account.paced)
    assert account.api.calls[ask] == 1

    for call in (look_up, list_them, buy):
        await call(account.paced)


async def test_a_create_that_waits_for_its_own_gate_does_not_hold_the_others(account: Account) -> None:
    """After an outage one call goes out first: that is not the turn of one that may not go out."""
    account.api.before = always(STALLED, "create")
    with pytest.raises(Stalled):
        await buy(account.paced)
    await account.fails(raising(Waiting("away"), "retrieve"))
    account.clock.advance(1)
    with pytest.raises(Stalled):
        await buy(account.paced)

    await look_up(account.paced)

    assert account.api.calls["create"] == 1


async def test_the_pauses_double_up_to_five_minutes(account: Account) -> None:
    pauses = []
    await account.fails(always(Waiting("away")))
    for _ in range(11):
        refused = await account.fails()
        assert isinstance(refused, Waiting)
        pauses.append(refused.retry_after)
        account.clock.advance(refused.retry_after or 0)
        await account.fails()

    assert pauses == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    assert account.asked == 12


async def test_a_pause_is_at_least_what_the_other_side_asks_for(account: Account) -> None:
    await account.fails(raising(Waiting("rate limit", reason=Reason.RATE_LIMITED, retry_after=90), "retrieve"))

    refused = await account.fails()

    assert isinstance(refused, Waiting)
    assert (refused.message, refused.reason, refused.retry_after) == ("rate limit", "RateLimited", 90)


async def test_after_a_success_the_pauses_begin_anew(account: Account) -> None:
    for _ in range(3):
        await account.fails(always(Waiting("away")))
        account.clock.advance(300)
    account.api.before = nothing
    await account.paced.retrieve("msgbatch_0001")
    await account.fails(always(Waiting("away")))

    refused = await account.fails()

    assert isinstance(refused, Waiting)
    assert refused.retry_after == 1


async def test_after_a_pause_one_call_goes_out_alone(account: Account) -> None:
    await account.fails(always(Waiting("away")))
    account.clock.advance(1)
    others: list[Interruption] = []

    async def meanwhile(operation: str, *about: Any) -> None:
        account.api.before = nothing
        others.append(await account.fails())

    account.api.before = meanwhile

    await account.paced.retrieve("msgbatch_0001")

    assert [other.message for other in others] == ["away"]
    assert account.asked == 2
    await account.paced.retrieve("msgbatch_0001")
    assert account.asked == 3


async def test_refused_credentials_close_the_account_for_a_steady_while(account: Account) -> None:
    await account.fails(raising(Stalled("the key is refused", reason=Reason.CREDENTIALS_REFUSED), "retrieve"))
    account.clock.advance(19)

    refused = await account.fails()

    assert isinstance(refused, Stalled)
    assert (refused.message, refused.reason) == ("the key is refused", "CredentialsRefused")
    account.clock.advance(1)
    await account.paced.retrieve("msgbatch_0001")


async def test_a_call_that_was_not_made_surely_bought_nothing(account: Account) -> None:
    account.api.before = raising(OutcomeUnknown("the answer was cut"), "create")
    with pytest.raises(OutcomeUnknown):
        await account.paced.create(io.BytesIO(BODY), len(BODY), "t00000")

    with pytest.raises(Waiting) as refused:
        await account.paced.create(io.BytesIO(BODY), len(BODY), "t00001")

    assert not isinstance(refused.value, OutcomeUnknown)
    assert account.api.held == {}


@pytest.mark.parametrize(
    "error",
    [
        Rejected("400"),
        Waiting("not there", reason=Reason.NOT_FOUND),
        Waiting("the list of so long a time has too many", reason=Reason.LIST_TOO_LONG),
    ],
)
async def test_what_concerns_one_batch_does_not_stop_the_others(account: Account, error: Interruption) -> None:
    await account.fails(raising(error, "retrieve"))

    assert await account.paced.retrieve("msgbatch_0001") is None


async def test_a_run_under_a_pace_ends_as_without(world: World) -> None:
    world.connections.account = CircuitBreakerApi(world.api, world.clock, jitter=lambda: 0.0)
    world.api.before = raising(Waiting("529"), "recent", times=5)
    resource = world.apply(*["billing"] * 4, shards={"maxRequests": 2})
    world.api.after = raising(OutcomeUnknown("no answer"), "create")

    await world.run_until_finished(resource)

    assert world.paid() == {str(number): 1 for number in range(4)}
    assert len(world.rows) == 4
    assert isinstance(await world.api.retrieve("msgbatch_0001"), Batch)


async def finish_beside(world: World, first: Resource, others: Sequence[Resource]) -> None:
    """Looks at each when it is due, until the first has finished; looks take their time."""
    due = {each.meta.uid: (world.clock.now() + timedelta(seconds=number), each) for number, each in enumerate(others)}
    due[first.meta.uid] = (world.clock.now() + timedelta(seconds=2), first)
    for _ in range(40 * len(due)):
        at, resource = min(due.values(), key=lambda entry: entry[0])
        await world.clock.sleep((at - world.clock.now()).total_seconds())
        seconds = await world.look(resource)
        await world.clock.sleep(0.05)
        if resource is first and seconds is None:
            return
        due[resource.meta.uid] = (world.clock.now() + timedelta(seconds=seconds or 0.0), resource)
    raise AssertionError(world.ledger.current(first.meta).status.message)


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.reason)
@pytest.mark.parametrize("others", [1, 20])
async def test_whose_creates_are_refused_keeps_nobody_from_collecting(
    world: World, refusal: Interruption, others: int
) -> None:
    world.connections.account = CircuitBreakerApi(world.api, world.clock, jitter=lambda: 0.5)
    bought = world.apply("billing", name="bought")
    await world.look(bought)
    world.api.before = always(refusal, "create")
    waiting = [world.apply("billing", name=f"waiting-{number}") for number in range(others)]

    await finish_beside(world, bought, waiting)

    assert world.labels("bought") == {"0": "billing"}
    assert refusal.message not in {status.message for status in world.writes(bought)}
    assert {world.ledger.current(each.meta).status.message for each in waiting} == {refusal.message}


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.reason)
async def test_whose_creates_are_refused_keeps_no_deadline_from_cancelling(world: World, refusal: Interruption) -> None:
    world.connections.account = CircuitBreakerApi(world.api, world.clock, jitter=lambda: 0.5)
    bought = world.apply("billing", name="bought", activeDeadlineSeconds=30)
    await world.look(bought)
    world.api.before = always(refusal, "create")
    waiting = world.apply("billing", name="waiting")
    await world.look(waiting)
    world.clock.advance(30)
    await world.look(waiting)

    await world.look(bought)

    assert world.api.calls["cancel"] == 1


async def test_a_delete_while_creates_are_refused_cancels_at_once(world: World) -> None:
    world.connections.account = CircuitBreakerApi(world.api, world.clock, jitter=lambda: 0.0)
    bought = world.apply("billing", name="bought")
    await world.look(bought)
    world.api.before = always(REFUSALS[0], "create")
    await world.look(world.apply("billing", name="waiting"))
    newest = world.ledger.current(bought.meta)

    await Finalizer(world.services, world.reconciler.memory, timedelta(seconds=30)).finalize(newest.meta, newest.status)

    assert world.api.calls["cancel"] == 1
    assert not [told for told in world.events.told if "CancelFailed" in told]


async def test_the_facts_of_a_model_and_the_tokens_of_a_prompt_are_asked_once_for_all(account: Account) -> None:
    asked = [account.paced.model(MODEL) for _ in range(20)]
    counted = [account.paced.count_tokens(MODEL, "Sort.", text) for text in ("x", "y") for _ in range(20)]
    await asyncio.gather(*asked, *counted)

    assert account.api.calls == {"model": 1, "count_tokens": 2}


async def test_facts_and_tokens_are_asked_again_when_they_are_old(account: Account) -> None:
    for _ in range(2):
        await account.paced.model(MODEL)
        await account.paced.count_tokens(MODEL, "Sort.", "x")
        account.clock.advance(3600)

    assert account.api.calls == {"model": 2, "count_tokens": 2}


@pytest.mark.parametrize("call", ["model", "count_tokens"])
async def test_an_error_is_not_kept(account: Account, call: str) -> None:
    def ask() -> Coroutine[Any, Any, object]:
        return account.paced.model(MODEL) if call == "model" else account.paced.count_tokens(MODEL, "Sort.", "x")

    account.api.before = raising(Rejected("not now", reason=Reason.PROMPT_REFUSED), call)
    with pytest.raises(Rejected):
        await ask()
    account.api.before = nothing

    assert await ask()
    assert account.api.calls == {call: 2}


async def test_a_model_that_is_not_there_is_asked_for_again(account: Account) -> None:
    assert await account.paced.model("claude-tomorrow") is None
    account.api.models = {"claude-tomorrow": ModelFacts("claude-tomorrow")}

    assert await account.paced.model("claude-tomorrow") is not None


async def test_no_more_answers_are_kept_than_a_thousand(account: Account) -> None:
    for number in [*range(MOST_KEPT + 1), MOST_KEPT, 0]:
        await account.paced.count_tokens(MODEL, "Sort.", str(number))

    assert account.api.calls["count_tokens"] == MOST_KEPT + 2, "the oldest alone was asked for again"
