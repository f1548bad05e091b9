"""What is counted of runs, and when."""

from __future__ import annotations

from decimal import Decimal

import pytest

from nightsort.api.status import Status
from nightsort.domain.answer import Answer, Verdict
from nightsort.domain.errors import Conflict, Waiting
from nightsort.domain.reasons import Reason
from nightsort.domain.run_state import RunState
from nightsort.flow.ending.refuse import refuse
from nightsort.flow.run.circuit_breaker import CircuitBreakerApi
from tests.support.faults import raising
from tests.support.world import EXPIRED, World

REFUSED = Answer("", "succeeded", stop_reason="refusal", input_tokens=100)


def respond(text: str) -> str | Answer:
    word = text.split()[0]
    return {"refuse": REFUSED, "expire": EXPIRED}.get(word, word)


async def test_every_ticket_of_a_run_is_counted_once_by_its_verdict(world: World) -> None:
    world.respond = respond
    resource = world.apply("billing", "other", "refuse", "expire", "nonsense", "", backoffLimit=1)

    await world.run_until_finished(resource)

    assert world.metrics.verdicts == {
        Verdict.LABELED: 2,
        Verdict.UNKNOWN: 1,
        Verdict.REFUSED: 1,
        Verdict.EXPIRED: 1,
        Verdict.UNSENDABLE: 1,
    }
    assert {(namespace, model) for namespace, model, _ in world.metrics.tickets} == {("support", resource.spec.model)}


async def test_each_run_is_counted_once_by_its_outcome_when_that_is_written(world: World) -> None:
    world.respond = respond
    good, bad = world.apply("billing", name="good"), world.apply("refuse", name="bad")

    await world.run_all(good, bad)
    world.restart()
    for resource in (good, bad):
        await world.look(resource)

    run = ("support", good.spec.model)
    assert world.metrics.runs == {(*run, RunState.COMPLETE): 1, (*run, RunState.FAILED): 1}


async def test_a_run_that_fails_before_its_model_is_known_counts_under_no_models_name(world: World) -> None:
    await world.run_until_finished(world.apply("billing", model="retired-or-made-up"))

    assert world.metrics.runs == {("support", "unknown", RunState.FAILED): 1}


async def test_a_run_whose_spec_is_none_counts_as_failed_once(world: World) -> None:
    meta = world.apply("billing").meta
    world.ledger.before = raising(Conflict("away"), "save")

    assert await refuse(world.services, meta, Status(), "spec.model: is missing") is not None
    assert world.metrics.runs == {}
    assert await refuse(world.services, meta, Status(), "spec.model: is missing") is None
    ended = world.ledger.current(meta)
    await refuse(world.services, ended.meta, ended.status, "spec.model: is missing in other words")

    assert world.metrics.runs == {("support", "unknown", RunState.FAILED): 1}


async def test_money_is_counted_as_the_status_has_it(world: World) -> None:
    resource = await world.run_until_finished(world.apply(*["billing"] * 500, shards={"maxRequests": 100}))

    [actual] = world.metrics.actual.values()
    assert Decimal(resource.status.cost.actual_usd or 0) == pytest.approx(Decimal(actual), abs=Decimal("0.0001"))
    assert world.metrics.saved == world.metrics.actual


async def test_a_write_that_did_not_get_through_counts_nothing(world: World) -> None:
    resource = world.apply("billing", "other")
    await world.look(resource)
    world.clock.advance(3600)
    world.ledger.before = raising(Waiting("the API server is away"), "save", times=2)

    await world.look(resource)
    assert world.metrics.verdicts == {}

    await world.run_until_finished(resource)
    assert world.metrics.verdicts == {Verdict.LABELED: 2}


async def test_tickets_of_a_batch_that_was_lost_count_as_missing(world: World) -> None:
    resource = world.apply("billing", "other")
    await world.look(resource)
    world.api.hidden.update(world.api.bill)
    world.clock.advance(2 * 24 * 3600)

    await world.run_until_finished(resource)

    assert world.metrics.verdicts == {Verdict.MISSING: 2}


async def test_tickets_that_were_never_sent_count_as_canceled(world: World) -> None:
    resource = world.apply("billing", "other", "billing", shards={"maxRequests": 1}, activeDeadlineSeconds=30)
    world.enqueued_requests = 1
    world.restart()
    await world.look(resource)
    world.clock.advance(3600)

    finished = await world.run_until_finished(resource)

    assert finished.status.tickets.failed == 2
    assert world.metrics.verdicts == {Verdict.LABELED: 1, Verdict.CANCELED: 2}


async def test_counts_begin_at_zero_as_soon_as_the_model_is_known_to_exist(world: World) -> None:
    resource = world.apply("billing", model="made-up-by-a-user")
    await world.look(resource)
    await world.look(resource)
    assert world.metrics.expected == set()

    resource = world.apply("billing", name="good")
    await world.look(resource)
    await world.look(resource)
    assert world.metrics.expected == {("support", resource.spec.model)}


async def test_calls_are_counted_by_operation_and_reason_and_those_not_made_are_not(world: World) -> None:
    paced = CircuitBreakerApi(world.api, world.clock, jitter=lambda: 0.0, metrics=world.metrics)
    await paced.recent(world.clock.now())
    world.api.before = raising(Waiting("full", reason=Reason.RATE_LIMITED), "recent")
    for _ in range(3):
        with pytest.raises(Waiting):
            await paced.recent(world.clock.now())

    assert world.metrics.calls == {("recent", "ok"): 1, ("recent", "RateLimited"): 1}


async def test_the_time_in_the_queue_and_the_life_of_a_batch_are_measured(world: World) -> None:
    world.enqueued_requests = 1
    world.restart()
    first, second = world.apply("billing", name="first"), world.apply("billing", name="second")
    await world.look(first)
    await world.look(second)
    assert world.reconciler.queued() == 1

    await world.run_all(first, second)

    assert world.reconciler.queued() == 0
    short, long = sorted(world.metrics.waits)
    assert short.total_seconds() == 0
    assert long >= min(world.metrics.durations)
    assert len(world.metrics.durations) == 2


async def test_looks_are_counted_by_how_they_came_out(world: World) -> None:
    resource = world.apply("billing")
    world.connections.error = Waiting("away")
    await world.look(resource)
    world.connections.error = RuntimeError("nobody foresaw this")
    await world.look(resource)
    world.connections.error = None
    await world.run_until_finished(resource)

    assert world.metrics.looks["waiting"] == 1
    assert world.metrics.looks["error"] == 1
    assert world.metrics.looks["rested"] >= 2
