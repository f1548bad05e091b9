"""A store that drops fields of a record in flight, or takes no larger one: nothing is bought twice, nothing is lost."""

from __future__ import annotations

from typing import Any

import pytest

from nightsort.api.batch_record import BatchState
from nightsort.api.resource import Resource
from nightsort.api.status import Status
from nightsort.domain.answer import Answer
from nightsort.domain.conditions import COMPLETE, STALLED, is_true
from nightsort.domain.errors import Stalled, Waiting
from nightsort.domain.reasons import Reason
from nightsort.testing.ledger import nothing, serialized
from tests.support.faults import all_paid_once
from tests.support.world import EXPIRED, World, first_word

FIELDS = [
    ("id",),
    ("id", "submittedAt", "seen"),
    ("labeled", "unknown", "usage"),
    ("retryable",),
    ("turn", "idsDigest"),
    (".cursor", ".sourceExhausted"),
    (".categories", ".results"),
]
RESTARTED = pytest.mark.parametrize("restarted", [False, True], ids=["the same process", "another process"])


def status_of(world: World, resource: Resource) -> Status:
    return world.ledger.current(resource.meta).status


async def looks(world: World, resource: Resource, times: int = 3) -> None:
    for _ in range(times):
        world.clock.advance(await world.look(resource) or 0)


# --- a CRD that is rolled back while batches run ----------------------------------------------------------------------


@RESTARTED
@pytest.mark.parametrize("touched", [False, True], ids=["left alone", "written by others"])
@pytest.mark.parametrize("fields", FIELDS, ids=" ".join)
async def test_a_crd_that_is_rolled_back_in_flight_loses_nothing(
    world: World, fields: tuple[str, ...], touched: bool, restarted: bool
) -> None:
    """What the API server drops is gone for good as soon as anybody writes the resource; the copy has it."""
    resource = world.apply(*["billing"] * 6, shards={"maxRequests": 2})
    await world.look(resource)
    world.ledger.unknown = fields
    if touched:
        world.ledger.touch(resource.meta)
    if restarted:
        world.restart()
    world.clock.advance(120)
    await looks(world, resource)

    told = status_of(world, resource)
    assert is_true(told, STALLED)
    assert told.conditions[0].reason == "CrdOutdated"
    world.ledger.unknown = ()
    if restarted:
        world.restart()
    resource = await world.run_until_finished(resource)

    assert is_true(resource.status, COMPLETE)
    assert world.api.calls["create"] == 3
    assert all_paid_once(world, 6)
    assert world.labels() == dict.fromkeys("012345", "billing")
    assert resource.status.tickets.labeled == 6
    assert [count.tickets for count in resource.status.categories] == [6]


async def test_an_id_that_was_dropped_before_any_copy_had_it_is_found_again_by_the_tag(world: World) -> None:
    """The process ends between the write of the id, which the store cuts, and that of the copy."""
    resource = world.apply("billing", "account")

    async def cut(operation: str, *about: Any) -> None:
        if operation == "save" and any(record.id for record in about[1].batches):
            world.ledger.unknown = ("id",)
        if operation == "keep_record" and world.ledger.unknown:
            raise Waiting("the process is about to end")

    world.ledger.before = cut
    await world.look(resource)
    world.ledger.touch(resource.meta)
    world.ledger.before, world.ledger.unknown = nothing, ()
    world.restart()
    assert [(record.state, record.id) for record in status_of(world, resource).batches] == [("Submitted", None)]

    resource = await world.run_until_finished(resource)

    assert is_true(resource.status, COMPLETE)
    assert world.api.calls["create"] == 1
    assert world.labels() == {"0": "billing", "1": "account"}


@RESTARTED
@pytest.mark.parametrize("fields", FIELDS, ids=" ".join)
async def test_what_was_collected_is_known_after_the_crd_was_rolled_back(
    world: World, fields: tuple[str, ...], restarted: bool
) -> None:
    """A batch of two is collected and has left a ticket to be asked again, the other is in flight."""
    first = True

    def respond(text: str) -> str | Answer:
        nonlocal first
        expired, first = first, False
        return EXPIRED if expired else first_word(text)

    world.respond = respond
    resource = world.apply(*["billing"] * 4, shards={"maxRequests": 2})
    await world.look(resource)
    while not [each for each in status_of(world, resource).batches if each.state is BatchState.COLLECTED]:
        world.clock.advance(1)
        await world.look(resource)
    world.ledger.unknown = fields
    world.ledger.touch(resource.meta)
    if restarted:
        world.restart()
    await looks(world, resource)
    world.ledger.unknown = ()
    resource = await world.run_until_finished(resource)

    assert is_true(resource.status, COMPLETE)
    assert world.labels() == dict.fromkeys("0123", "billing")
    assert resource.status.tickets.labeled == 4
    assert resource.status.tickets.total == 4
    assert all_paid_once(world, 4)
    assert resource.status.batches[0].usage.input_tokens > 0


async def test_under_a_crd_that_is_rolled_back_nothing_is_written_over_and_over(world: World) -> None:
    resource = world.apply(*["billing"] * 6, shards={"maxRequests": 2})
    await world.look(resource)
    world.ledger.unknown = ("id", "turn")
    await looks(world, resource, 3)
    written, kept = world.ledger.calls["save"], world.ledger.calls["keep_record"]

    await looks(world, resource, 5)

    assert world.ledger.calls["save"] == written
    assert world.ledger.calls["keep_record"] == kept
    assert world.events.reasons.count("CrdOutdated") == 1


async def test_under_a_crd_that_is_rolled_back_a_suspended_run_is_cancelled(world: World) -> None:
    world.api.duration *= 100
    resource = world.apply(*["billing"] * 4, shards={"maxRequests": 2})
    await world.look(resource)
    world.ledger.unknown = ("id",)
    world.ledger.touch(resource.meta, suspend=True)
    world.restart()

    await looks(world, resource)

    assert world.api.calls["cancel"] == 2


# --- a status that is too large ---------------------------------------------------------------------------------------


@RESTARTED
async def test_a_status_that_is_refused_as_too_large_after_a_purchase_is_told_and_the_run_goes_on(
    world: World, restarted: bool
) -> None:
    """The rows of what is paid come all the same, nothing more is bought, and with room again the run ends."""
    resource = world.apply(*["billing"] * 6, shards={"maxRequests": 2})

    async def fill(operation: str, *about: object) -> None:
        if operation == "create":
            world.ledger.most_bytes = len(serialized(status_of(world, resource)))

    world.api.before = fill
    await world.look(resource)
    assert world.api.calls["create"] == 1
    if restarted:
        world.restart()
    for _ in range(10):
        world.clock.advance(await world.look(resource) or 0)

    assert world.api.calls["create"] == 1
    assert world.labels() == dict.fromkeys("01", "billing")
    assert world.events.reasons.count("RecordTooLarge") == 1 + restarted
    assert world.metrics.refused["TooLarge"] > 0
    world.ledger.most_bytes, world.api.before = None, nothing
    resource = await world.run_until_finished(resource)

    assert is_true(resource.status, COMPLETE)
    assert all_paid_once(world, 6)
    assert world.labels() == dict.fromkeys("012345", "billing")


async def test_where_a_status_is_refused_as_too_large_what_is_over_makes_room_and_the_run_ends(world: World) -> None:
    resource = world.apply(*["billing"] * 12, shards={"maxRequests": 1})

    async def count(operation: str, *about: object) -> None:
        if operation == "save" and len(status_of(world, resource).batches) >= 8:
            world.ledger.most_bytes = world.ledger.most_bytes or len(serialized(status_of(world, resource)))

    world.ledger.before = count
    world.api.duration *= 0.001
    resource = await world.run_until_finished(resource)

    assert is_true(resource.status, COMPLETE)
    assert world.labels() == {str(number): "billing" for number in range(12)}
    assert all_paid_once(world, 12)


async def test_the_status_says_in_few_words_that_the_record_has_no_room(world: World) -> None:
    resource = world.apply(*["billing"] * 2)

    async def fill(operation: str, *about: Any) -> None:
        if operation == "save" and any(each.state is not BatchState.INTENDED for each in about[1].batches):
            raise Stalled("cannot write the status: it is too large", reason=Reason.TOO_LARGE)

    world.ledger.before = fill
    await looks(world, resource, 6)

    told = status_of(world, resource)
    assert is_true(told, STALLED)
    assert told.conditions[0].reason == "RecordTooLarge"
    assert "remove annotations" in (told.message or "")
    assert world.events.reasons.count("RecordTooLarge") == 1
    assert world.labels() == dict.fromkeys("01", "billing")
    world.ledger.before = nothing
    resource = await world.run_until_finished(resource)
    assert is_true(resource.status, COMPLETE)
    assert all_paid_once(world, 2)
