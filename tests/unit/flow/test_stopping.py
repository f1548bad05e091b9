"""Suspension, deadlines, deletion and specs that are none: what is running is cancelled, and nothing is lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from nightsort.api.batch_record import BatchRecord, BatchState
from nightsort.api.resource import Resource
from nightsort.api.status import Status, Stop
from nightsort.domain.answer import Answer, Verdict
from nightsort.domain.conditions import is_true
from nightsort.domain.errors import Conflict, OutcomeUnknown, Rejected, Waiting
from nightsort.domain.reasons import Reason
from nightsort.domain.record import is_in_flight
from nightsort.domain.verdict import is_asked_again, of_error
from nightsort.flow.ending.cancel import Finalizer
from nightsort.flow.ending.refuse import refuse
from tests.support.faults import raising
from tests.support.world import EXPIRED, Killed, World, first_word

NEVER = raising(Waiting("never"), "nothing")


def status_of(world: World, resource: Resource) -> Status:
    return world.ledger.current(resource.meta).status


# --- suspension -------------------------------------------------------------------------------------------------------


async def test_a_resource_that_is_suspended_from_the_start_buys_nothing(world: World) -> None:
    resource = world.apply("billing", suspend=True)

    assert await world.look(resource) == 60

    assert is_true(status_of(world, resource), "Suspended")
    assert world.api.calls["create"] == 0
    world.ledger.touch(resource.meta, suspend=False)
    assert is_true((await world.run_until_finished(resource)).status, "Complete")


async def test_what_was_cancelled_by_a_suspension_is_asked_again_afterwards(world: World) -> None:
    resource = world.apply("billing", "technical", backoffLimit=0)
    await world.look(resource)
    world.ledger.touch(resource.meta, suspend=True)
    await world.look(resource)
    assert world.api.calls["cancel"] == 1
    world.clock.advance(60)
    await world.look(resource)
    assert status_of(world, resource).batches[0].state is BatchState.COLLECTED
    assert is_true(status_of(world, resource), "Suspended")
    world.ledger.touch(resource.meta, suspend=False)

    await world.run_until_finished(resource)

    assert world.labels() == {"0": "billing", "1": "technical"}
    assert world.paid() == {"0": 1, "1": 1}
    assert world.api.calls["cancel"] == 1


async def test_a_cancel_that_did_not_arrive_is_asked_for_again(world: World) -> None:
    resource = world.apply("billing", suspend=False)
    await world.look(resource)
    world.ledger.touch(resource.meta, suspend=True)
    world.api.before = raising(Waiting("away"), "cancel", times=2)
    for _ in range(4):
        await world.look(resource)

    assert world.api.held["msgbatch_0001"].canceling
    assert world.events.reasons.count("Canceled") == 1


async def test_a_process_that_ends_while_it_cancels_knows_its_cancelled_answers(world: World) -> None:
    resource = world.apply("billing")
    await world.look(resource)
    world.ledger.touch(resource.meta, suspend=True)
    world.api.after = raising(Killed(), "cancel")
    with pytest.raises(Killed):
        await world.look(resource)
    world.api.after = NEVER
    world.restart()
    world.ledger.touch(resource.meta, suspend=False)

    await world.run_until_finished(resource)

    assert world.labels() == {"0": "billing"}


# --- deadline ---------------------------------------------------------------------------------------------------------


async def test_a_run_that_takes_too_long_is_cancelled_and_every_ticket_gets_its_row(world: World) -> None:
    world.api.duration = timedelta(hours=20)
    began = world.clock.now()
    resource = world.apply(*["billing"] * 3, activeDeadlineSeconds=600, shards={"maxRequests": 2})

    resource = await world.run_until_finished(resource)

    assert is_true(resource.status, "Failed")
    assert resource.status.conditions[0].reason == "DeadlineExceeded"
    assert {row.verdict for row in world.rows.values()} == {Verdict.CANCELED}
    assert len(world.rows) == 3
    assert world.clock.now() - began < timedelta(minutes=12)


async def test_the_deadline_of_a_suspended_run_counts_from_its_resumption(world: World) -> None:
    resource = world.apply("billing", suspend=True, activeDeadlineSeconds=600)
    await world.look(resource)
    world.clock.advance(9_000)
    await world.look(resource)
    assert status_of(world, resource).start_time is None
    world.ledger.touch(resource.meta, suspend=False)

    ended = (await world.run_until_finished(resource)).status

    assert is_true(ended, "Complete")
    assert ended.start_time is not None
    assert ended.completion_time is not None
    assert ended.completion_time - ended.start_time < timedelta(seconds=600)


async def test_the_deadline_holds_for_a_run_that_was_stopped_for_another_reason(world: World) -> None:
    world.api.duration = timedelta(hours=20)
    world.api.before = raising(Rejected("the API refuses it", reason=Reason.BATCH_REFUSED), "create", skip=1)
    began = world.clock.now()
    resource = world.apply(*["billing"] * 3, shards={"maxRequests": 2}, activeDeadlineSeconds=600)

    resource = await world.run_until_finished(resource)

    assert world.api.calls["cancel"] == 1
    assert resource.status.conditions[0].reason == "BatchRefused"
    assert world.clock.now() - began < timedelta(minutes=13)


async def test_a_stop_whose_reason_is_a_word_of_another_version_ends_the_run_with_that_word(world: World) -> None:
    resource = world.apply("billing")
    await world.look(resource)
    now = world.ledger.current(resource.meta)
    stop = Stop(reason="WordOfTomorrow", message="said by a later version")
    await world.ledger.save(now.meta, now.status.model_copy(update={"stop": stop}))

    resource = await world.run_until_finished(world.ledger.current(resource.meta))

    assert is_true(resource.status, "Failed")
    assert {condition.reason for condition in resource.status.conditions} == {"WordOfTomorrow"}
    assert world.labels() == {"0": "billing"}, "what was bought is stored all the same"


async def test_a_stopped_run_whose_source_is_gone_ends(world: World) -> None:
    """Nobody can name what was not sent: it counts, and has no row."""
    world.api.duration = timedelta(hours=20)
    world.api.before = raising(Waiting("full", reason=Reason.RATE_LIMITED, retry_after=900), "create", skip=1)
    began = world.clock.now()
    resource = world.apply(*["billing"] * 3, shards={"maxRequests": 2}, activeDeadlineSeconds=600)
    await world.look(resource)
    world.source.error = Waiting("ConfigMap tickets does not exist; it may come later", reason=Reason.SOURCE_MISSING)

    resource = await world.run_until_finished(resource)

    assert (resource.status.tickets.total, resource.status.tickets.failed) == (3, 3)
    assert resource.status.results.rows == len(world.rows) == 2
    assert timedelta(hours=1) < world.clock.now() - began < timedelta(hours=2)


async def test_what_was_labelled_before_the_deadline_is_kept(world: World) -> None:
    resource = world.apply("billing", "expired", activeDeadlineSeconds=90)
    world.respond = lambda text: EXPIRED if text.startswith("expired") else first_word(text)

    resource = await world.run_until_finished(resource)

    assert world.labels() == {"0": "billing", "1": None}
    assert is_true(resource.status, "Failed")
    assert resource.status.tickets.labeled == 1


async def test_what_would_have_been_asked_again_is_concluded_at_the_deadline(world: World) -> None:
    world.respond = lambda text: "dunno" if text.startswith("unknown") else EXPIRED
    resource = world.apply(
        "unknown", "expired", unknownLabel={"action": "Retry"}, activeDeadlineSeconds=90, backoffLimit=5
    )
    await world.look(resource)
    world.clock.advance(60)
    world.api.before = raising(Waiting("rate limit"), "create", times=100)
    await world.look(resource)
    assert status_of(world, resource).batches[1].state is BatchState.RELEASED

    resource = await world.run_until_finished(resource)

    assert {row.id: row.verdict for row in world.rows.values()} == {"0": Verdict.UNKNOWN, "1": Verdict.EXPIRED}
    assert (resource.status.tickets.unknown, resource.status.tickets.failed) == (1, 1)
    assert resource.status.conditions[0].reason == "DeadlineExceeded"


async def test_results_that_are_gone_at_the_deadline_count_as_failed(world: World) -> None:
    world.respond = lambda text: EXPIRED
    resource = world.apply("expired", activeDeadlineSeconds=90)
    await world.look(resource)
    world.clock.advance(60)
    world.api.before = raising(Waiting("rate limit"), "create", times=100)
    await world.look(resource)
    world.api.hidden.add("msgbatch_0001")

    resource = await world.run_until_finished(resource)

    assert (resource.status.tickets.failed, resource.status.tickets.in_flight) == (1, 0)


async def test_a_deadline_before_anything_was_bought_ends_the_run(world: World) -> None:
    resource = world.apply("billing", activeDeadlineSeconds=10)
    world.source.error = Waiting("not there yet")

    resource = await world.run_until_finished(resource)

    assert resource.status.conditions[0].reason == "DeadlineExceeded"
    assert world.api.calls["create"] == 0


async def test_a_released_range_is_abandoned_at_the_deadline(world: World) -> None:
    resource = world.apply("billing", "technical", "other", activeDeadlineSeconds=10, shards={"maxRequests": 2})
    world.api.before = raising(Waiting("rate limit"), "create", times=100)

    resource = await world.run_until_finished(resource)

    assert {row.verdict for row in world.rows.values()} == {Verdict.CANCELED}
    assert (len(world.rows), resource.status.tickets.failed) == (3, 3)
    assert "activeDeadlineSeconds" in world.rows["2"].reason


# --- adoption's corner ------------------------------------------------------------------------------------------------


async def test_a_candidate_whose_results_are_empty_for_now_proves_nothing_yet(world: World) -> None:
    reads = 0

    def empty_first(answers: Sequence[Answer]) -> Sequence[Answer]:
        nonlocal reads
        reads += 1
        return [] if reads < 20 else answers

    world.api.shorten = empty_first
    resource = world.apply("billing")
    world.api.after = raising(OutcomeUnknown("no answer"), "create")

    await world.run_until_finished(resource)

    assert world.api.calls["create"] == 1
    assert world.labels() == {"0": "billing"}


# --- deletion ---------------------------------------------------------------------------------------------------------


def finalizer(world: World) -> Finalizer:
    return Finalizer(world.services, world.reconciler.memory, timedelta(seconds=30))


async def test_deleting_a_running_resource_cancels_its_batches(world: World) -> None:
    resource = world.apply(*["billing"] * 4, shards={"maxRequests": 2})
    await world.look(resource)

    await finalizer(world).finalize(resource.meta, resource.status)

    assert all(held.canceling for held in world.api.held.values())
    assert "CancelFailed" not in world.events.reasons


async def test_deleting_a_resource_with_nothing_in_flight_asks_nothing(world: World) -> None:
    resource = world.apply("billing")

    await finalizer(world).finalize(resource.meta, resource.status)

    assert sum(world.api.calls.values()) == 0


async def test_a_resource_that_is_gone_needs_no_finalizer(world: World) -> None:
    resource = world.apply("billing")
    await world.look(resource)
    await world.ledger.remove(world.ledger.current(resource.meta).meta)

    await finalizer(world).finalize(resource.meta, resource.status)

    assert world.api.calls["cancel"] == 0


async def test_a_cancel_that_fails_is_tried_again(world: World) -> None:
    resource = world.apply("billing")
    await world.look(resource)
    world.api.before = raising(Waiting("away"), "cancel", times=3)

    await finalizer(world).finalize(resource.meta, resource.status)

    assert world.api.held["msgbatch_0001"].canceling
    assert "CancelFailed" not in world.events.reasons


@pytest.mark.parametrize("where", ["api", "ledger"])
async def test_a_finalizer_keeps_its_deadline_and_names_what_may_still_run(
    world: World, where: str, caplog: pytest.LogCaptureFixture
) -> None:
    resource = world.apply("billing")
    await world.look(resource)
    if where == "api":
        world.api.before = raising(Waiting("away"), "cancel", times=1000)
    else:
        world.ledger.before = raising(Waiting("away"), "load", times=1000)
    began = world.clock.now()

    await finalizer(world).finalize(resource.meta, resource.status)

    assert timedelta(seconds=30) <= world.clock.now() - began <= timedelta(seconds=32)
    named = "msgbatch_0001" if where == "api" else "unknown"
    assert world.events.told[-1] == (
        "Warning",
        "CancelFailed",
        f"deleted, but these batches may still run: {named}",
    )
    assert f"deleted, but these batches may still run: {named}" in caplog.text, "an event can be lost"


async def test_a_finalizer_names_the_tag_of_a_batch_whose_id_never_came(world: World) -> None:
    resource = world.apply("billing")
    world.api.after = raising(OutcomeUnknown("no answer"), "create")
    await world.look(resource)

    await finalizer(world).finalize(resource.meta, resource.status)

    assert "the one tagged t00000, whose id never came" in world.events.told[-1][2]


async def test_a_batch_that_was_bought_and_could_not_be_written_down_is_cancelled_with_its_resource(
    world: World,
) -> None:
    async def away_after_a_create(operation: str, *about: Any) -> None:
        if operation in ("save", "keep_record") and world.api.held:
            raise Waiting("away")

    resource = world.apply("billing")
    world.ledger.before = away_after_a_create
    await world.look(resource)

    await finalizer(world).finalize(resource.meta, resource.status)

    assert world.api.held["msgbatch_0001"].canceling
    assert "CancelFailed" not in world.events.reasons


@pytest.mark.parametrize("where", ["api", "ledger"])
async def test_an_error_that_nobody_knows_is_logged_by_the_finalizer_and_keeps_nothing_from_being_deleted(
    world: World, where: str, caplog: pytest.LogCaptureFixture
) -> None:
    resource = world.apply("billing")
    await world.look(resource)
    if where == "api":
        world.api.before = raising(RuntimeError("a bug"), "cancel", times=1000)
    else:
        world.ledger.before = raising(RuntimeError("a bug"), "load", times=1000)

    await finalizer(world).finalize(resource.meta, resource.status)

    assert "RuntimeError: a bug" in caplog.text
    assert world.events.told[-1][1] == "CancelFailed"


async def test_an_error_that_nobody_knows_is_tried_again_by_the_finalizer(world: World) -> None:
    resource = world.apply("billing")
    await world.look(resource)
    world.api.before = raising(RuntimeError("a bug"), "cancel", times=2)

    await finalizer(world).finalize(resource.meta, resource.status)

    assert world.api.held["msgbatch_0001"].canceling


async def test_a_resource_that_is_being_deleted_is_not_worked_on(world: World) -> None:
    resource = world.apply("billing")
    deleted = replace(resource, meta=replace(resource.meta, deletion_timestamp=world.clock.now()))

    assert await world.reconciler.reconcile(deleted) is None
    assert world.api.calls["create"] == 0


# --- specs that are none ----------------------------------------------------------------------------------------------


async def test_a_spec_that_is_none_ends_failed_with_what_is_wrong(world: World) -> None:
    meta = world.apply("billing").meta

    assert await refuse(world.services, meta, Status(), "spec.model: is missing") is None

    status = world.ledger.current(meta).status
    assert is_true(status, "Failed")
    assert is_true(status, "Finished")
    assert (status.phase, status.message) == ("Failed", "spec.model: is missing")
    assert isinstance(status.completion_time, datetime)
    assert world.events.told == [("Warning", "InvalidSpec", "spec.model: is missing")]


@pytest.mark.parametrize("error", [Conflict("x"), Waiting("away")])
async def test_a_refusal_that_cannot_be_written_is_tried_again(world: World, error: Exception) -> None:
    meta = world.apply("billing").meta
    world.ledger.before = raising(error, "save")

    assert await refuse(world.services, meta, Status(), "wrong") == 5
    assert world.events.told == []
    assert await refuse(world.services, meta, Status(), "wrong") is None


async def test_a_refused_resource_that_is_gone_is_left_alone(world: World) -> None:
    meta: Any = world.apply("billing").meta
    await world.ledger.remove(meta)

    assert await refuse(world.services, meta, Status(), "wrong") is None


async def test_a_run_that_has_begun_keeps_its_record_whatever_becomes_of_its_spec(world: World) -> None:
    resource = world.apply("billing")
    await world.look(resource)
    before = world.ledger.current(resource.meta)
    assert before.status.batches

    for _ in range(2):
        now = world.ledger.current(resource.meta)
        assert await refuse(world.services, now.meta, now.status, "spec.overlapPolicy: no such word") == 30

    status = status_of(world, resource)
    assert is_true(status, "Stalled")
    assert not is_true(status, "Finished")
    assert (status.batches, status.plan) == (before.status.batches, before.status.plan)
    assert [event[1] for event in world.events.told].count("InvalidSpec") == 1, "told once"
    assert (await world.run_until_finished(resource)).status.tickets.labeled == 1, "by a version that knows the word"
    assert world.paid() == {"0": 1}


# --- what is gone for good --------------------------------------------------------------------------------------------


async def test_a_batch_that_the_api_hides_for_an_hour_is_told_of_while_somebody_can_still_act(world: World) -> None:
    """As when the key was changed for one of another workspace; with the former one it goes on."""
    resource = world.apply("billing")
    await world.look(resource)
    world.api.hidden.update(world.api.held)
    for _ in range(70):
        world.clock.advance(60)
        await world.look(resource)
    stalled = status_of(world, resource)
    assert (is_true(stalled, "Stalled"), stalled.conditions[-1].reason) == (True, "BatchNotFound")
    assert "msgbatch_0001" in (stalled.message or "")
    world.api.hidden.clear()

    await world.run_until_finished(resource)

    assert world.labels() == {"0": "billing"}


async def test_a_batch_that_the_api_never_shows_again_ends_in_rows_and_is_not_bought_again(world: World) -> None:
    resource = world.apply("billing", "technical")
    await world.look(resource)
    world.api.hidden.update(world.api.held)

    resource = await world.run_until_finished(resource, max_looks=3000)

    assert {row.verdict for row in world.rows.values()} == {Verdict.MISSING}
    assert len(world.rows) == 2
    assert world.api.calls["create"] == 1
    assert resource.status.tickets.failed == 2
    assert "BatchLost" in world.events.reasons


async def test_an_intent_whose_only_candidate_never_shows_its_results_ends_in_rows(world: World) -> None:
    world.api.after = raising(OutcomeUnknown("no answer"), "create")
    world.api.shorten = lambda answers: []
    resource = world.apply("billing")

    resource = await world.run_until_finished(resource, max_looks=3000)

    assert [row.verdict for row in world.rows.values()] == [Verdict.MISSING]
    assert world.api.calls["create"] == 1


async def test_results_that_stay_404_end_in_rows(world: World) -> None:
    resource = world.apply("billing")
    world.api.before = raising(Waiting("no results", reason=Reason.NOT_FOUND), "results", times=10_000)

    resource = await world.run_until_finished(resource, max_looks=3000)

    assert [row.verdict for row in world.rows.values()] == [Verdict.MISSING]
    assert world.api.calls["create"] == 1


# --- what a suspension takes away -------------------------------------------------------------------------------------

OVERLOADED = Answer("", "errored", error_type="overloaded_error")


async def suspend_and_resume(world: World, resource: Resource) -> None:
    """What is running is cancelled and collected, and the run goes on."""
    world.ledger.touch(resource.meta, suspend=True)
    await world.look(resource)
    world.clock.advance(60)
    await world.look(resource)
    assert not is_in_flight(status_of(world, resource))
    world.ledger.touch(resource.meta, suspend=False)
    await world.look(resource)


@pytest.mark.parametrize("times", [1, 2, 5])
@pytest.mark.parametrize("limit", [0, 1, 2])
async def test_a_suspension_uses_up_no_attempt(world: World, times: int, limit: int) -> None:
    """After all suspensions each ticket fails as often as it may, and is then labelled."""
    failures = dict.fromkeys("01", limit)

    def respond(text: str) -> str | Answer:
        ticket = text.split()[1]
        if suspensions or failures[ticket] == 0:
            return "billing"
        failures[ticket] -= 1
        return OVERLOADED

    suspensions = times
    world.respond = respond
    resource = world.apply("billing 0", "billing 1", backoffLimit=limit)
    await world.look(resource)
    for _ in range(times):
        suspensions -= 1
        await suspend_and_resume(world, resource)

    finished = await world.run_until_finished(resource)

    assert world.labels() == {"0": "billing", "1": "billing"}
    assert max(record.attempt for record in finished.status.batches) == times + limit


async def test_an_attempt_more_than_the_limit_is_none_whatever_was_suspended(world: World) -> None:
    world.respond = lambda text: OVERLOADED
    resource = world.apply("billing", backoffLimit=1)
    await world.look(resource)
    for _ in range(3):
        await suspend_and_resume(world, resource)

    await world.run_until_finished(resource)

    assert world.rows["0"].verdict is Verdict.ERRORED
    assert world.api.calls["create"] == 3 + 2


def test_an_earlier_version_s_record_of_suspensions_is_read() -> None:
    """It did not say which attempts were spared: all that came before count."""
    record = BatchRecord.model_validate(
        {
            "shard": 0,
            "attempt": 2,
            "tag": "t",
            "state": "Submitted",
            "requests": 1,
            "intendedAt": "2026-11-22T20:00:00Z",
        }
    )

    assert not is_asked_again(of_error("overloaded_error"), record, 2)
    assert is_asked_again(of_error("overloaded_error"), record, 3)
