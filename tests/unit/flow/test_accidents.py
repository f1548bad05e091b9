"""An exception that nobody foresaw, at each look: it is told by name, and stands in the way of nothing else."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from nightsort.api.batch_record import BatchState
from nightsort.api.resource import Resource
from nightsort.api.status import Status
from nightsort.domain.answer import Answer
from nightsort.domain.conditions import is_finished, is_true
from nightsort.domain.errors import OutcomeUnknown, Waiting
from nightsort.domain.reasons import Reason
from nightsort.flow.run.accident import LONGEST_BACKOFF_SECONDS, MOST_TRIES
from nightsort.testing.batch_api import Held
from tests.support.faults import raising
from tests.support.world import PRIVATE, World


@pytest.fixture(autouse=True)
def silence(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)


def broken(operation: str, about: str = "", error: Callable[[], Exception] | None = None) -> Any:
    """A hook under which an operation ends in an accident each time, for one batch or for all."""

    async def hook(happening: str, *what: Any) -> None:
        if happening == operation and about in str(what):
            raise error() if error else RuntimeError(PRIVATE)

    return hook


def now(world: World, resource: Resource) -> Status:
    return world.ledger.current(resource.meta).status


async def looks(world: World, resource: Resource, count: int) -> list[float]:
    """So many looks, each when it is due; the pauses between them."""
    pauses = []
    for _ in range(count):
        pauses.append(await world.look(resource) or 0.0)
        await world.clock.sleep(pauses[-1])
    return pauses


async def test_an_accident_that_happens_each_time_stalls_with_its_name_and_place(world: World) -> None:
    resource = world.apply("billing")
    await world.look(resource)
    world.clock.advance(60)
    world.api.before = broken("results")

    await looks(world, resource, MOST_TRIES - 1)
    assert not is_true(now(world, resource), "Stalled")
    pauses = await looks(world, resource, 20)

    status = now(world, resource)
    assert is_true(status, "Stalled")
    assert status.conditions[0].reason == "InternalError"
    assert (status.message or "").startswith("collecting batch msgbatch_0001: an unexpected RuntimeError at ")
    assert sum(reason == "InternalError" for _, reason, _ in world.events.told) == 1
    assert max(pauses) == LONGEST_BACKOFF_SECONDS


async def test_what_has_stalled_by_an_accident_goes_on_when_it_is_over(world: World) -> None:
    resource = world.apply("billing")
    await world.look(resource)
    world.clock.advance(60)
    healthy, world.api.before = world.api.before, broken("results")
    await looks(world, resource, 2 * MOST_TRIES)
    world.api.before = healthy

    await world.run_until_finished(resource)

    assert world.labels() == {"0": "billing"}
    assert world.paid() == {"0": 1}


@pytest.mark.parametrize(
    "error",
    [lambda: RuntimeError("a bug"), lambda: Waiting("away", reason=Reason.API_UNAVAILABLE)],
    ids=["accident", "outage"],
)
async def test_what_is_wrong_with_one_batch_holds_up_no_other(world: World, error: Callable[[], Exception]) -> None:
    resource = world.apply("billing", "technical", "account", shards={"maxRequests": 1})
    await world.look(resource)
    world.clock.advance(60)
    world.api.before = broken("results", "msgbatch_0001", error)

    await looks(world, resource, 4)

    assert world.labels() == {"1": "technical", "2": "account"}
    states = [record.state for record in now(world, resource).batches]
    assert states == [BatchState.SUBMITTED, BatchState.COLLECTED, BatchState.COLLECTED]


@pytest.mark.parametrize("operation", ["results", "recent"])
@pytest.mark.parametrize(
    "change", [{"suspend": True}, {"active_deadline_seconds": 0}, {"active_deadline_seconds": 600}]
)
async def test_whatever_goes_wrong_what_runs_is_cancelled_when_a_user_says_so(
    world: World, operation: str, change: dict[str, Any]
) -> None:
    resource = world.apply("billing", "technical", shards={"maxRequests": 1})
    await world.look(resource)
    world.api.held["msgbatch_0002"].ends_at += timedelta(days=1)
    world.clock.advance(60)
    world.api.before = broken(operation)
    await looks(world, resource, MOST_TRIES)

    world.ledger.touch(resource.meta, **change)
    world.clock.advance(600)
    await looks(world, resource, 4)

    assert world.api.held["msgbatch_0002"].canceling


async def test_a_run_that_a_user_has_ended_ends_although_a_batch_cannot_be_read(world: World) -> None:
    resource = world.apply("billing", "technical", "account", shards={"maxRequests": 1})
    await world.look(resource)
    world.api.held["msgbatch_0003"].ends_at += timedelta(days=1)
    world.clock.advance(60)
    world.api.before = broken("results", "msgbatch_0001")
    await looks(world, resource, MOST_TRIES + 2)
    assert not is_finished(now(world, resource))

    world.ledger.touch(resource.meta, active_deadline_seconds=0)
    resource = await world.run_until_finished(resource)

    assert is_true(resource.status, "Failed")
    assert world.labels()["1"] == "technical"
    assert "could not be read" in world.rows["0"].reason
    assert world.api.held["msgbatch_0003"].canceling
    assert any(reason == "BatchLost" and "msgbatch_0001" in message for _, reason, message in world.events.told)


async def test_an_outage_of_results_makes_an_ended_run_give_up_no_answer(world: World) -> None:
    resource = world.apply("billing", activeDeadlineSeconds=300)
    await world.look(resource)
    world.clock.advance(60)
    healthy, world.api.before = (
        world.api.before,
        broken("results", error=lambda: Waiting("away", reason=Reason.API_UNAVAILABLE)),
    )
    await looks(world, resource, 4 * MOST_TRIES)
    assert not is_finished(now(world, resource))
    world.api.before = healthy

    await world.run_until_finished(resource)

    assert world.labels() == {"0": "billing"}


async def test_an_accident_with_a_strangers_batch_keeps_no_own_one_from_being_collected_and_no_run_from_its_end(
    world: World,
) -> None:
    world.api.after = raising(OutcomeUnknown("no answer"), "create", skip=1)
    resource = world.apply("billing", "technical", shards={"maxRequests": 1})
    await world.look(resource)
    stranger = Held("msgbatch_9", "theirs", world.clock.now(), world.clock.now(), [Answer("theirs-1", "succeeded")])
    world.api.held[stranger.id] = stranger
    world.api.held["msgbatch_0002"].ends_at += timedelta(days=2)
    world.clock.advance(60)
    world.api.before = broken("results", "msgbatch_9")

    await looks(world, resource, 2 * MOST_TRIES)

    assert world.labels() == {"0": "billing"}
    assert now(world, resource).conditions[0].reason == "InternalError"
    assert is_true(now(world, resource), "Stalled")
    assert world.api.calls["create"] == 2, "whether it was bought is not known"
    world.ledger.touch(resource.meta, active_deadline_seconds=0)
    resource = await world.run_until_finished(resource)
    assert is_true(resource.status, "Failed")
    assert world.rows["1"].category is None


# --- a batch that the API does not end ---


async def test_a_batch_that_still_runs_an_hour_after_its_time_stalls_and_is_collected_when_it_ends(
    world: World,
) -> None:
    resource = world.apply("billing")
    await world.look(resource)
    held = world.api.held["msgbatch_0001"]
    held.ends_at += timedelta(days=3)
    world.clock.advance(24.5 * 3600)
    await world.look(resource)
    assert not is_true(now(world, resource), "Stalled")
    world.clock.advance(3600)

    pause = await world.look(resource)

    status = now(world, resource)
    assert is_true(status, "Stalled")
    assert status.conditions[0].reason == "BatchOverdue"
    assert "msgbatch_0001" in (status.message or "")
    assert pause == 60.0, "it is looked at as before"
    await looks(world, resource, 3)
    assert [reason for _, reason, _ in world.events.told].count("BatchOverdue") == 1
    world.clock.advance(3 * 24 * 3600)

    await world.run_until_finished(resource)

    assert world.labels() == {"0": "billing"}
    assert world.api.calls["create"] == 1


async def test_a_batch_is_overdue_by_what_the_api_says_where_it_says_so(world: World) -> None:
    resource = world.apply("billing")
    await world.look(resource)
    held = world.api.held["msgbatch_0001"]
    held.ends_at += timedelta(days=3)
    held.expires_at = world.clock.now() + timedelta(hours=48)
    world.clock.advance(48.5 * 3600)
    await world.look(resource)
    assert not is_true(now(world, resource), "Stalled")

    world.clock.advance(3600)
    await world.look(resource)

    assert is_true(now(world, resource), "Stalled")
