"""One ticket writes the prompt into the API's cache, some show what is read from it, and the others go by that."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, BinaryIO

import pytest

from nightsort.api.batch_record import CacheUse
from nightsort.api.resource import Resource
from nightsort.api.status import Status
from nightsort.domain.batch import Batch
from nightsort.domain.caching_plan import CachingRules
from nightsort.domain.conditions import is_finished
from nightsort.domain.reasons import Reason
from nightsort.testing.prompt_cache import FakePromptCache
from tests.support.world import World

RULES = CachingRules(least_requests=10, least_saved_usd=Decimal("0.001"), probe=4)
CATEGORIES = [{"name": f"category-{number}", "description": "words that say what it is. " * 18} for number in range(40)]
"""A prompt of some 5,000 tokens: claude-haiku-4-5 caches from 4,096 on."""
SHORT = [{"name": "billing"}, {"name": "other"}]


class Account:
    """Charges what is written and read, and remembers what was sent."""

    def __init__(self, world: World, hits: float) -> None:
        self.cache, self.sent = FakePromptCache(hits, least=4096), list[dict[str, Any]]()
        create = world.api.create

        async def charged(body: BinaryIO, size: int, tag: str) -> Batch:
            content = body.read()
            params = {each["custom_id"]: each["params"] for each in json.loads(content)["requests"]}
            self.sent.append(params)
            batch = await create(io.BytesIO(content), size, tag)
            held = world.api.held[batch.id]
            held.answers = self.cache.charged(held.answers, params, held.created_at, lambda: held.ends_at)
            return batch

        world.api.create = charged  # type: ignore[method-assign]

    @property
    def sizes(self) -> Sequence[int]:
        return [len(params) for params in self.sent]

    @property
    def marked(self) -> Sequence[bool]:
        return [isinstance(one["system"], list) for params in self.sent for one in list(params.values())[:1]]


def begin(world: World, tickets: int = 30, **more: Any) -> Resource:
    world.use(caching=RULES)
    given = {"categories": CATEGORIES, "shards": {"maxRequests": 20}} | more
    return world.apply(*["category-1 it is"] * tickets, **given)


async def until(world: World, resource: Resource, there: Callable[[Status], object]) -> Status:
    """Passes, with the pauses between them, until the status is so."""
    for _ in range(200):
        status = world.ledger.current(resource.meta).status
        if there(status):
            return status
        await world.clock.sleep(await world.look(resource) or 0.0)
    raise AssertionError(status.message)


def has_batches(least: int) -> Callable[[Status], bool]:
    return lambda status: len(status.batches) >= least


async def lived(world: World, resource: Resource) -> Status:
    status = await until(world, resource, is_finished)
    assert set(world.labels().values()) == {"category-1"}
    assert set(world.paid().values()) == {1}
    return status


def told(world: World) -> str:
    return " ".join(message for _, _, message in world.events.told)


async def test_where_it_pays_all_others_read_the_prompt(world: World) -> None:
    account = Account(world, hits=1.0)
    resource = begin(world)

    status = await lived(world, resource)

    assert account.sizes == [1, 4, 20, 5]
    assert account.marked == [True] * 4
    uses = [record.cache for record in status.batches]
    assert uses == [CacheUse.PRIME, CacheUse.PROBE, CacheUse.READ, CacheUse.READ]
    assert status.batches[0].usage.cache_write_hour_tokens > 4096
    assert status.cost.cache_saved_usd is not None
    assert Decimal(status.cost.cache_saved_usd) > 0


async def test_where_it_does_not_pay_the_others_go_without(world: World) -> None:
    account = Account(world, hits=0.5)
    resource = begin(world)

    status = await lived(world, resource)

    assert account.sizes == [1, 4, 20, 5]
    assert account.marked == [True, True, False, False]
    assert "50 % of the prompt was read from the cache, which does not pay" in told(world)
    assert status.cost.cache_saved_usd is not None
    assert Decimal(status.cost.cache_saved_usd) < 0


@pytest.mark.parametrize(
    "more",
    [
        {"prompt": {"caching": "Off"}},
        {"tickets": 9},
        {"categories": [{"name": "category-1"}, {"name": "other"}]},
        {"activeDeadlineSeconds": 3600},
    ],
)
async def test_without_it_requests_are_as_ever(world: World, more: dict[str, Any]) -> None:
    account = Account(world, hits=1.0)
    resource = begin(world, **more)

    status = await lived(world, resource)

    assert account.sizes in ([20, 10], [9])
    assert account.marked == [False] * len(account.sizes)
    assert status.cost.cache_saved_usd is None


async def test_what_the_others_wait_for_is_shown_and_does_not_last(world: World) -> None:
    account = Account(world, hits=1.0)
    world.api.duration *= 60  # an hour
    resource = begin(world)

    waiting = await until(world, resource, lambda status: status.waiting)
    assert waiting.waiting is not None
    assert waiting.waiting.reason == Reason.CACHE_PRIMING
    assert waiting.message is not None
    assert "1 ticket goes ahead" in waiting.message
    await lived(world, resource)

    assert account.sizes == [1, 20, 9]
    assert account.marked == [True, False, False], "half an hour is enough"


async def test_the_decision_is_the_same_after_a_restart_at_any_time(world: World) -> None:
    account = Account(world, hits=1.0)
    resource = begin(world)
    for batches in (1, 2, 3):
        await until(world, resource, has_batches(batches))
        world.restart()
        world.use(caching=CachingRules())  # what was planned stands, whatever is worth it by now

    await lived(world, resource)

    assert account.sizes == [1, 4, 20, 5]
    assert account.marked == [True] * 4


async def test_a_limit_without_room_for_the_writes_is_no_reason_to_stop(world: World) -> None:
    account = Account(world, hits=1.0)
    resource = begin(
        world, maxCostUSD="0.11"
    )  # 30 tickets cost some $0.08 to 0.09, and twice as much if all of them write

    status = await lived(world, resource)

    assert status.plan is not None
    assert status.plan.caching is not None
    assert status.plan.caching.given_up
    assert account.marked[-1] is False


async def test_one_ticket_after_the_other_goes_ahead_until_one_is_answered(world: World) -> None:
    account = Account(world, hits=1.0)
    resource = begin(world, unknownLabel={"action": "Fallback", "category": "category-1"}, backoffLimit=0)
    answers = iter(["errored", "errored"])
    charged = account.cache.charged

    def spoilt(given: Sequence[Any], *about: Any) -> list[Any]:
        kind = next(answers, None)
        return charged(given, *about) if kind is None else [type(each)(each.custom_id, kind) for each in given]

    account.cache.charged = spoilt  # type: ignore[method-assign, assignment]
    status = await until(world, resource, is_finished)

    assert account.sizes == [1, 1, 1, 4, 20, 3]
    assert status.tickets.failed == 2


async def test_a_prompt_just_below_the_minimum_is_told(world: World) -> None:
    resource = begin(world, categories=CATEGORIES[:30])
    world.use(caching=RULES)

    await until(world, resource, lambda status: status.plan)

    assert Reason.PROMPT_NEARLY_CACHED in world.events.reasons
    assert "from 4,096 on: with" in told(world)
