"""A create that the API does not take, time after time: told by its code, tried ever more seldom, never given up."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from nightsort.adapters.anthropic.errors import Failure, refused_create
from nightsort.api.batch_record import BatchRecord, BatchState
from nightsort.api.resource import Resource
from nightsort.api.status import Status
from nightsort.domain.conditions import is_true
from nightsort.domain.errors import Interruption, NotTaken, OutcomeUnknown, Rejected, Stalled, Waiting
from nightsort.domain.reasons import Reason
from nightsort.domain.rounds import LONGEST_PAUSE, due_at, held_back, not_taken
from tests.support.world import World

NOW = datetime(2026, 11, 28, tzinfo=UTC)


def answered(status: int, kind: str = "") -> Interruption:
    return refused_create(Failure(status, kind))


def always(error: BaseException, only: Callable[[], bool] = lambda: True) -> Callable[..., Awaitable[None]]:
    async def hook(happening: str, *about: Any) -> None:
        if happening == "create" and only():
            raise error

    return hook


async def lived(world: World, resource: Resource, hours: float) -> Status:
    """So much of a run's time."""
    ends = world.clock.now() + timedelta(hours=hours)
    while world.clock.now() < ends:
        seconds = await world.look(resource)
        assert seconds is not None
        world.clock.advance(max(seconds, 1))
    return world.ledger.current(resource.meta).status


REFUSED_FOR_GOOD = [(301, ""), (307, ""), (308, ""), (405, ""), (407, ""), (411, ""), (415, "")]


@pytest.mark.parametrize(("status", "kind"), REFUSED_FOR_GOOD)
def test_what_no_other_body_would_change_is_surely_refused(status: int, kind: str) -> None:
    refusal = answered(status, kind)

    assert isinstance(refusal, NotTaken)
    assert refusal.reason == "CreateRefused"
    assert str(status) in refusal.message


@pytest.mark.parametrize("status", [408, 409, 500, 501, 502, 503, 504, 520, 599, 418, 451])
def test_what_leaves_it_open_whether_the_batch_was_accepted_stays_open(status: int) -> None:
    refusal = answered(status, "api_error")

    assert isinstance(refusal, OutcomeUnknown)
    assert refusal.answer == f"{status} api_error"


@pytest.mark.parametrize(("status", "kind"), REFUSED_FOR_GOOD)
async def test_a_call_that_is_refused_for_good_stalls_with_its_code_and_is_tried_seldom(
    world: World, status: int, kind: str
) -> None:
    resource = world.apply("billing")
    world.api.before = always(answered(status, kind))

    seen = await lived(world, resource, hours=5)

    assert is_true(seen, "Stalled")
    assert seen.conditions[0].reason == "CreateRefused"
    assert str(status) in (seen.message or "")
    assert world.api.calls["create"] <= 10
    assert seen.batches[0].state is BatchState.RELEASED


@pytest.mark.parametrize("answer", ["500 api_error", "503", "502 bad_gateway"])
async def test_errors_without_an_end_are_told_by_code_tried_seldom_and_stall(world: World, answer: str) -> None:
    code, _, kind = answer.partition(" ")
    resource = world.apply("billing")
    world.api.before = always(answered(int(code), kind))

    first = await lived(world, resource, hours=0.01)
    assert answer in (first.message or ""), "while it is looked for, too"
    seen = await lived(world, resource, hours=6)

    assert is_true(seen, "Stalled")
    assert seen.conditions[0].reason == "CreateRefused"
    assert answer in (seen.message or "")
    assert world.api.calls["create"] <= 12
    assert any(reason == "CreateUnanswered" and answer in message for _, reason, message in world.events.told)


@pytest.mark.parametrize("error", [answered(405), answered(500, "api_error")])
async def test_when_the_api_takes_it_again_the_run_goes_on_by_itself_and_pays_once(
    world: World, error: Interruption
) -> None:
    resource = world.apply("billing", "technical", shards={"maxRequests": 1})
    world.api.before = always(error)
    await lived(world, resource, hours=5)
    world.api.before = always(error, only=lambda: False)
    began = world.clock.now()

    resource = await world.run_until_finished(resource)

    assert is_true(resource.status, "Complete")
    assert world.paid() == {"0": 1, "1": 1}
    assert world.clock.now() - began < LONGEST_PAUSE + timedelta(minutes=15)
    assert [(one.rounds, one.answer) for one in resource.status.batches] == [(0, None)] * 2


async def test_a_single_error_is_tried_again_as_soon_as_it_is_known_that_nothing_was_bought(world: World) -> None:
    resource = world.apply("billing")
    errors = iter([True])
    world.api.before = always(answered(500), only=lambda: next(errors, False))
    began = world.clock.now()

    await world.run_until_finished(resource)

    assert world.paid() == {"0": 1}
    assert world.clock.now() - began < timedelta(minutes=15)


@pytest.mark.parametrize("answer", [None, "RemoteProtocolError", "ConnectTimeout"])
def test_where_no_answer_came_it_is_sent_again_at_once_but_not_for_ever(answer: str | None) -> None:
    """A process that was killed in the middle of a call waits its grace out, and then no longer."""
    record = BatchRecord(
        shard=0, attempt=0, tag="aaaaaa", state=BatchState.INTENDED, requests=1, intended_at=NOW, answer=answer
    )
    status = Status(batches=(record,))
    pauses = []
    for _ in range(5):
        status = not_taken(status, status.batches[0])
        pauses.append(due_at(status.batches[0]) - NOW)

    assert pauses[:3] == [timedelta(0)] * 3
    assert timedelta(0) < pauses[3] < pauses[4] <= LONGEST_PAUSE


async def test_one_batch_that_is_never_taken_does_not_keep_the_others_from_being_sent(world: World) -> None:
    resource = world.apply("poison", "billing", "technical", "account", shards={"maxRequests": 1})
    create = world.api.create

    async def poisoned(body: Any, size: int, tag: str) -> Any:
        sent = body.read()
        if b"poison" in sent:
            raise answered(500, "api_error")
        return await create(type("Again", (), {"read": lambda self, size=-1: sent})(), size, tag)

    world.api.create = poisoned  # type: ignore[method-assign]

    seen = await lived(world, resource, hours=3)

    assert world.labels() == {"1": "billing", "2": "technical", "3": "account"}
    assert is_true(seen, "Stalled")
    assert [record.state for record in seen.batches if record.shard == 0] == [BatchState.RELEASED]


async def test_while_it_is_held_back_a_deadline_and_a_suspension_count(world: World) -> None:
    resource = world.apply("billing", activeDeadlineSeconds=3600)
    world.api.before = always(answered(405))

    resource = await world.run_until_finished(resource)

    assert resource.status.conditions[0].reason == "DeadlineExceeded"
    assert resource.status.tickets.failed == 1


async def test_what_is_in_flight_is_collected_while_another_batch_is_held_back(world: World) -> None:
    resource = world.apply("billing", "technical", shards={"maxRequests": 1})
    calls = iter([False])
    world.api.before = always(answered(405), only=lambda: next(calls, True))

    await lived(world, resource, hours=0.5)

    assert world.labels() == {"0": "billing"}


@pytest.mark.parametrize(
    "error", [Waiting("full", reason=Reason.RATE_LIMITED), Stalled("none", reason=Reason.CREDIT_EXHAUSTED)]
)
async def test_what_passes_or_a_person_mends_is_tried_as_often_as_before(world: World, error: Interruption) -> None:
    resource = world.apply("billing")
    world.api.before = always(error)

    seen = await lived(world, resource, hours=0.5)

    assert seen.batches[0].rounds == 0
    assert held_back(seen, world.clock.now()) == []


async def test_a_restart_does_not_forget_how_often_it_was_tried(world: World) -> None:
    resource = world.apply("billing")
    world.api.before = always(answered(405))
    seen = await lived(world, resource, hours=2)
    rounds, calls = seen.batches[0].rounds, world.api.calls["create"]

    world.restart()
    await world.look(resource)

    again = world.ledger.current(resource.meta).status.batches[0]
    assert again.rounds in (rounds, rounds + 1)
    assert world.api.calls["create"] - calls == again.rounds - rounds
    assert due_at(again) - again.intended_at <= LONGEST_PAUSE


def test_a_spend_limit_or_an_invalid_batch_is_none_of_these() -> None:
    assert isinstance(answered(402), Stalled)
    assert not isinstance(answered(402), NotTaken)
    assert isinstance(answered(400, "invalid_request_error"), Rejected)
