"""Nothing waits in silence: what is waited for, since when, how often it was tried, and who ends it."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest

from nightsort.api.resource import Resource
from nightsort.api.status import Status
from nightsort.api.waiting import Ends, Wait
from nightsort.domain.conditions import STALLED, is_true
from nightsort.domain.errors import Stalled, Waiting
from nightsort.domain.reasons import Reason
from tests.support.faults import raising
from tests.support.world import PRIVATE, World

AWAY = Waiting(
    "the database at db.example:5432 cannot be reached (Connection refused)", reason=Reason.DATABASE_UNREACHABLE
)


async def look(world: World, resource: Resource) -> Status:
    """One pass, and the pause behind it."""
    await world.clock.sleep(await world.look(resource) or 0.0)
    return world.ledger.current(resource.meta).status


def events(world: World) -> list[tuple[str, str]]:
    return [(kind, reason) for kind, reason, _ in world.events.told]


async def test_a_wait_says_since_when_and_counts_its_tries_at_each_doubling(world: World) -> None:
    resource = world.apply("billing")
    world.source.error = AWAY
    since = world.clock.now().replace(microsecond=0)

    tries = []
    for _ in range(9):
        status = await look(world, resource)
        assert status.waiting is not None
        assert (status.waiting.reason, status.waiting.ends) == ("DatabaseUnreachable", Ends.BY_ITSELF)
        assert status.waiting.since == since
        tries.append(status.waiting.tries)

    assert tries == [1, 2, 2, 4, 4, 4, 4, 8, 8]


async def test_a_wait_keeps_its_beginning_where_a_pass_is_shown_an_older_version(world: World) -> None:
    resource = world.apply("billing", "billing", shards={"maxRequests": 1})
    older = world.ledger.current(resource.meta)
    while not world.api.held:
        older = world.ledger.current(resource.meta)
        await look(world, resource)
    world.connections.error = AWAY
    since = (await look(world, resource)).waiting
    await look(world, resource)

    await world.reconciler.reconcile(older)

    now = world.ledger.current(resource.meta).status.waiting
    assert since is not None
    assert now is not None
    assert (now.reason, now.since) == (since.reason, since.since)


async def test_its_beginning_and_its_end_are_told_once_each(world: World) -> None:
    resource = world.apply("billing")
    world.source.error = AWAY
    for _ in range(4):
        await look(world, resource)
    assert events(world) == [("Normal", "DatabaseUnreachable")]

    world.source.error = None
    status = (await world.run_until_finished(resource)).status

    assert status.waiting is None
    assert events(world).count(("Normal", "WaitOver")) == 1
    [over] = [message for _, reason, message in world.events.told if reason == "WaitOver"]
    assert over.startswith("DatabaseUnreachable is over, after ")
    assert over.endswith(" and 4 tries or more")
    assert [reason for _, reason in events(world)].count("DatabaseUnreachable") == 1


async def test_what_is_over_at_the_next_look_is_told_in_no_event(world: World) -> None:
    resource = world.apply("billing")
    world.source.error = AWAY
    await look(world, resource)
    world.source.error = None

    await world.run_until_finished(resource)

    assert not {"DatabaseUnreachable", "WaitOver"} & {reason for _, reason in events(world)}


async def test_what_should_have_passed_is_stalled_when_the_patience_is_over_and_goes_on_by_itself(world: World) -> None:
    resource = world.apply("billing")
    world.source.error = AWAY
    began = world.clock.now()
    status = await look(world, resource)
    while not is_true(status, STALLED):
        status = await look(world, resource)

    assert timedelta(minutes=15) <= world.clock.now() - began
    assert status.waiting is not None
    assert status.waiting.ends is Ends.BY_ITSELF
    assert status.message is not None
    assert status.message.startswith(AWAY.message)
    assert status.message.endswith("and it goes on by itself when that is over")
    before = len(world.events.told)
    for _ in range(5):
        await look(world, resource)
    assert len(world.events.told) == before, "it is told once"

    world.source.error = None
    assert (await world.run_until_finished(resource)).status.tickets.labeled == 1


async def test_other_reasons_in_between_do_not_begin_the_patience_anew(world: World) -> None:
    resource = world.apply("billing")
    since = world.clock.now().replace(microsecond=0)
    for round in range(30):
        world.source.error = AWAY if round % 2 else Waiting("it restarts", reason=Reason.DATABASE_INTERRUPTED)
        status = await look(world, resource)

    assert is_true(status, STALLED)
    assert status.waiting is not None
    assert status.waiting.since == since


async def test_a_restart_goes_on_with_the_wait(world: World) -> None:
    resource = world.apply("billing")
    world.source.error = AWAY
    for _ in range(5):
        before = (await look(world, resource)).waiting
    world.restart()
    for _ in range(3):
        after = (await look(world, resource)).waiting

    assert before is not None
    assert after is not None
    assert after.since == before.since
    assert after.tries >= before.tries
    assert [reason for _, reason in events(world)].count("DatabaseUnreachable") == 1


async def test_what_a_person_has_to_mend_says_so_and_its_end_is_told(world: World) -> None:
    resource = world.apply("billing")
    world.source.error = Stalled("no such table", reason=Reason.TABLE_MISSING)
    status = await look(world, resource)
    assert status.waiting is not None
    assert status.waiting.ends is Ends.BY_YOU

    world.source.error = None
    await world.run_until_finished(resource)

    assert events(world)[:2] == [("Warning", "TableMissing"), ("Normal", "WaitOver")]


async def test_a_turn_that_is_waited_for_never_stalls(world: World) -> None:
    resource = world.apply("billing")
    began = world.clock.now().replace(microsecond=0)
    world.source.error = Waiting("behind older", reason=Reason.OVERLAP, every=60.0)
    for _ in range(100):
        status = await look(world, resource)

    assert status.waiting == Wait(reason="Overlap", ends=Ends.BY_ITSELF, since=began, tries=0)
    assert not is_true(status, STALLED)
    assert events(world) == [("Normal", "Overlap")]


async def test_a_failure_after_a_turn_or_a_persons_matter_is_the_first_of_its_wait(world: World) -> None:
    resource = world.apply("billing")
    for earlier in (
        Waiting("behind older", reason=Reason.OVERLAP, every=60.0),
        Stalled("no such table", reason=Reason.TABLE_MISSING),
    ):
        world.source.error = earlier
        for _ in range(20):
            await look(world, resource)
        world.source.error = AWAY
        since = world.clock.now().replace(microsecond=0)
        waits = [(await look(world, resource)).waiting for _ in range(3)]
        assert [(wait.since, wait.tries) for wait in waits if wait is not None] == [(since, 1), (since, 2), (since, 2)]

    assert events(world).count(("Normal", "DatabaseUnreachable")) == 2


async def test_a_failure_after_a_long_turn_is_tried_again_soon(world: World) -> None:
    resource = world.apply("billing")
    world.source.error = Waiting("behind older", reason=Reason.OVERLAP, every=60.0)
    for _ in range(20):
        await world.look(resource)
    world.source.error = AWAY

    assert (await world.look(resource) or 0.0) <= 3.0


async def test_an_end_that_could_not_be_written_is_told_once(world: World) -> None:
    world.api.duration = timedelta(hours=2)
    resource = world.apply("billing")
    while not world.ledger.current(resource.meta).status.batches:
        await look(world, resource)
    world.api.before = raising(AWAY, "recent", times=3)
    for _ in range(3):
        waits = (await look(world, resource)).waiting
    assert waits is not None
    world.ledger.before = raising(AWAY, "save", times=2)
    assert (await look(world, resource)).waiting == waits

    await world.run_until_finished(resource)

    assert [reason for _, reason in events(world)].count("WaitOver") == 1


async def test_a_suspension_does_not_claim_that_a_wait_is_over(world: World) -> None:
    resource = world.apply("billing")
    world.source.error = AWAY
    for _ in range(3):
        await look(world, resource)
    world.ledger.touch(resource.meta, suspend=True)

    status = await look(world, resource)

    assert status.waiting is None
    assert "WaitOver" not in {reason for _, reason in events(world)}


# --- the log ----------------------------------------------------------------------------------------------------------


async def test_the_log_tells_the_life_of_a_run_one_line_a_transition(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "nightsort.runs")
    world.api.duration = timedelta(minutes=20)
    resource = world.apply("billing", "technical")
    world.source.error = AWAY
    for _ in range(3):
        await look(world, resource)
    world.source.error = None

    await world.run_until_finished(resource)

    lines = [record.getMessage().removeprefix(f"{resource.meta.key}: ") for record in caplog.records]
    kinds = [line.split(":")[0].split(" ")[0] for line in lines]
    assert [kind for kind in kinds if kind != "polled"] == [
        "waiting",
        "no",
        "planned",
        "submitting",
        "submitted",
        "collected",
        "finished",
    ]
    assert 3 <= kinds.count("polled") <= 5, "after one minute, two, four and eight"
    assert "waiting: DatabaseUnreachable: the database at db.example:5432 cannot be reached" in lines[0]
    assert lines[-1].startswith("finished as Complete (Complete), after ")
    assert "2 labeled" in next(line for line in lines if line.startswith("collected"))
    assert PRIVATE not in caplog.text
