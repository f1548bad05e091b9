"""One pace for all resources of an account."""

from __future__ import annotations

import io
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from nightsort.domain.batch import Batch
from nightsort.domain.errors import Interruption, OutcomeUnknown, Rejected, Stalled, Waiting
from nightsort.flow.pace import PacedApi
from tests.fakes.batch_api import MODEL, FakeBatchApi
from tests.fakes.clock import NIGHT, VirtualClock
from tests.fakes.world import World
from tests.unit.flow.test_lost_answers_and_crashes import Hook, raising

BODY = b'{"requests":[{"custom_id":"t00000-0","params":{"messages":[{"content":"x"}]}}]}'
Call = Callable[[PacedApi], Coroutine[Any, Any, object]]


async def nothing(operation: str, *about: Any) -> None:
    """The hook of an account where all goes well."""


class Account:
    """An account and its pace, without jitter."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.api = FakeBatchApi(self.clock)
        self.paced = PacedApi(self.api, self.clock, jitter=lambda: 0.0)

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


def always(error: BaseException) -> Hook:
    return raising(error, "retrieve", times=10_000)


async def results(api: PacedApi, batch_id: str) -> list[object]:
    batch = await api.retrieve(batch_id)
    assert batch is not None
    return [answer async for chunk in api.results(batch) for answer in chunk]


@pytest.mark.parametrize(
    "call",
    [
        lambda api: api.create(io.BytesIO(BODY), len(BODY), "t00000"),
        lambda api: api.retrieve("msgbatch_0001"),
        lambda api: api.recent(NIGHT),
        lambda api: results(api, "msgbatch_0001"),
        lambda api: api.cancel("msgbatch_0001"),
        lambda api: api.model(MODEL),
        lambda api: api.count_tokens(MODEL, "system", "text"),
    ],
    ids=["create", "retrieve", "recent", "results", "cancel", "model", "count_tokens"],
)
async def test_every_call_keeps_the_pace(account: Account, call: Call) -> None:
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
    await account.fails(raising(Waiting("rate limit", reason="RateLimited", retry_after=90), "retrieve"))

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
    await account.fails(raising(Stalled("the key is refused", reason="CredentialsRefused"), "retrieve"))
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


@pytest.mark.parametrize("error", [Rejected("400"), Waiting("not there", reason="ResultsMissing")])
async def test_what_concerns_one_batch_does_not_stop_the_others(account: Account, error: Interruption) -> None:
    await account.fails(raising(error, "retrieve"))

    assert await account.paced.retrieve("msgbatch_0001") is None


async def test_a_run_under_a_pace_ends_as_without(world: World) -> None:
    world.connections.account = PacedApi(world.api, world.clock, jitter=lambda: 0.0)
    world.api.before = raising(Waiting("529"), "recent", times=5)
    resource = world.apply(*["billing"] * 4, shards={"maxRequests": 2})
    world.api.after = raising(OutcomeUnknown("no answer"), "create")

    await world.run_until_finished(resource)

    assert world.paid() == {str(number): 1 for number in range(4)}
    assert len(world.rows) == 4
    assert isinstance(await world.api.retrieve("msgbatch_0001"), Batch)
