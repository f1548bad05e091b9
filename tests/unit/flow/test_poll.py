"""One list call per account and interval, however many resources look."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from nightsort.domain.batch import Batch
from nightsort.domain.errors import Waiting
from nightsort.domain.reasons import Reason
from nightsort.flow.collection.poll import Polls
from nightsort.testing.batch_api import FakeBatchApi
from nightsort.testing.clock import NIGHT, VirtualClock
from tests.support.faults import Hook
from tests.support.world import World

RESOURCES = 200
MINUTE = timedelta(minutes=1)


@pytest.fixture
def api() -> FakeBatchApi:
    return FakeBatchApi(VirtualClock())


async def slowly(operation: str, *about: Any) -> None:
    await asyncio.sleep(0)


async def look(polls: Polls, api: FakeBatchApi, since: datetime, now: datetime) -> Sequence[Batch]:
    seconds = (now - NIGHT).total_seconds()
    return await polls.recent(api, since, seconds, seconds - 60)


async def test_resources_that_look_at_once_share_one_list(api: FakeBatchApi) -> None:
    api.before, polls = slowly, Polls()

    await asyncio.gather(*(look(polls, api, NIGHT, NIGHT) for _ in range(RESOURCES)))

    assert api.calls["recent"] == 1


async def test_a_thousand_moments_of_one_day_need_few_lists_and_from_then_on_one(api: FakeBatchApi) -> None:
    polls, tomorrow = Polls(), NIGHT + timedelta(hours=24)
    newest_first = [tomorrow - timedelta(hours=6) * number / RESOURCES for number in range(RESOURCES)]

    for since in newest_first:
        await look(polls, api, since, tomorrow)
    at_first = api.calls["recent"]
    for interval in range(1, 11):
        for since in newest_first:
            await look(polls, api, since, tomorrow + interval * MINUTE)

    assert at_first <= 8, "one for each hour"
    assert api.calls["recent"] == at_first + 10


async def test_when_the_old_ones_have_ended_lists_reach_back_no_further_than_needed(api: FakeBatchApi) -> None:
    asked: list[datetime] = []

    async def note(operation: str, since: datetime) -> None:
        asked.append(since)

    api.before, polls, tomorrow = note, Polls(), NIGHT + timedelta(hours=24)
    await look(polls, api, NIGHT, tomorrow)
    for interval in range(1, 4):
        await look(polls, api, tomorrow, tomorrow + interval * MINUTE)

    assert asked == [NIGHT, NIGHT, tomorrow, tomorrow]


async def test_a_list_that_fails_is_read_by_the_next(api: FakeBatchApi) -> None:
    polls = Polls()

    async def away(operation: str, *about: Any) -> None:
        api.before = slowly
        raise ConnectionError("away")

    api.before = away
    first, second = await asyncio.gather(
        look(polls, api, NIGHT, NIGHT), look(polls, api, NIGHT, NIGHT), return_exceptions=True
    )

    assert isinstance(first, ConnectionError)
    assert second == []


# --- a workspace with more batches than are listed --------------------------------------------------------------------


def crowded(before: datetime) -> Hook:
    """A list that goes back so far has too many."""

    async def hook(operation: str, *about: Any) -> None:
        if operation == "recent" and about[0] <= before:
            raise Waiting("too many", reason=Reason.LIST_TOO_LONG)

    return hook


async def test_where_the_list_is_too_long_own_batches_are_asked_for_by_id(world: World) -> None:
    resource = world.apply("billing")
    world.api.before = crowded(world.clock.now())

    await world.run_until_finished(resource)

    assert world.labels() == {"0": "billing"}
    assert world.api.calls["recent"] == 1, "it does not become shorter"
    assert world.paid() == {"0": 1}


async def test_one_old_batch_does_not_take_the_list_from_the_others(api: FakeBatchApi) -> None:
    api.before, polls, tomorrow = crowded(NIGHT), Polls(), NIGHT + timedelta(hours=24)
    await look(polls, api, tomorrow, tomorrow)
    for interval in range(1, 4):
        now = tomorrow + interval * MINUTE
        with pytest.raises(Waiting):
            await look(polls, api, NIGHT, now)
        assert await look(polls, api, tomorrow, now) == []


async def test_where_the_list_cannot_be_read_own_batches_are_asked_for_by_id(world: World) -> None:
    resource = world.apply("billing")

    async def unreadable(operation: str, *about: Any) -> None:
        if operation == "recent":
            raise Waiting("one of them may be any", reason=Reason.LIST_UNREADABLE)

    world.api.before = unreadable

    await world.run_until_finished(resource)

    assert world.labels() == {"0": "billing"}
    assert world.paid() == {"0": 1}
