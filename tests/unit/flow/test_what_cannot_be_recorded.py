"""What cannot be recorded is not bought: a spec that leaves no room, and a store that drops fields without a word."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from nightsort.api.batch_record import BatchState
from nightsort.api.status import Status
from nightsort.domain.conditions import COMPLETE, FAILED, STALLED, is_true
from nightsort.domain.specimen import dropped, full_status, in_words
from tests.support.world import World

LARGE = "x" * 1_400_000


async def test_a_spec_that_leaves_no_room_for_the_record_is_refused_before_anything_is_bought(world: World) -> None:
    resource = world.apply("billing")
    huge = resource.spec.model_copy(update={"model": LARGE})
    resource = world.ledger.add(replace(resource, spec=huge))

    resource = await world.run_until_finished(resource)

    assert is_true(resource.status, FAILED)
    assert resource.status.conditions[0].reason == "SpecTooLarge"
    assert "name a ConfigMap, a database or a bucket" in (resource.status.message or "")
    assert LARGE[:100] not in (resource.status.message or "")
    assert world.api.calls.total() == 0


async def test_without_a_limit_as_in_local_mode_a_large_spec_is_no_reason(world: World) -> None:
    world.use(stored_bytes=None)
    resource = world.apply("billing", prompt={"instructions": "y" * 4_000})

    assert is_true((await world.run_until_finished(resource)).status, COMPLETE)


async def test_where_the_store_drops_fields_nothing_is_bought_until_it_keeps_them(world: World) -> None:
    resource = world.apply("billing", "technical")
    world.ledger.unknown = ("labeled", "turn")

    for _ in range(5):
        world.clock.advance(await world.look(resource) or 0)

    status = world.ledger.current(resource.meta).status
    assert is_true(status, STALLED)
    assert status.conditions[0].reason == "CrdOutdated"
    assert world.api.calls["create"] == 0
    assert world.events.reasons == ["CrdOutdated"]

    world.ledger.unknown = ()
    resource = await world.run_until_finished(resource)
    assert is_true(resource.status, COMPLETE)
    assert resource.status.tickets.labeled == 2


@pytest.mark.parametrize("phase", ["plan", "intent"])
async def test_a_write_that_came_back_with_less_is_followed_by_no_purchase(world: World, phase: str) -> None:
    """The CRD is replaced between the try and the write: what came back tells."""
    resource = world.apply("billing", "technical")

    async def replace_the_crd(operation: str, *about: Any) -> None:
        if operation != "save":
            return
        status: Status = about[1]
        intended = any(record.state is BatchState.INTENDED for record in status.batches)
        if intended if phase == "intent" else status.plan is not None:
            world.ledger.unknown = ("turn", "labeled")

    world.ledger.before = replace_the_crd
    for _ in range(3):
        await world.look(resource)

    assert world.api.calls["create"] == 0
    status = world.ledger.current(resource.meta).status
    assert status.conditions[0].reason == "CrdOutdated"
    assert not [record for record in status.batches if record.state is BatchState.INTENDED]
    assert (status.plan is None) == (phase == "plan")


async def test_what_ended_is_not_collected_into_a_record_that_would_not_keep_it(world: World) -> None:
    resource = world.apply("billing", "technical")
    await world.look(resource)
    world.ledger.unknown = ("labeled",)
    world.clock.advance(600)
    await world.look(resource)
    assert world.ledger.current(resource.meta).status.conditions[0].reason == "CrdOutdated"

    world.ledger.unknown = ()
    resource = await world.run_until_finished(resource)

    assert is_true(resource.status, COMPLETE)
    assert resource.status.tickets.labeled == 2
    assert world.api.calls["create"] == 1


def test_the_status_that_is_tried_has_every_field() -> None:
    """Also those that a later version adds: it is made of the models."""
    tried = full_status()
    schema = Status.model_json_schema()

    def demand(part: Any, value: Any) -> None:
        part = schema["$defs"][part["$ref"].split("/")[-1]] if "$ref" in part else part
        part = next((demanded for demanded in part.get("anyOf", ()) if demanded.get("type") != "null"), part)
        part = schema["$defs"][part["$ref"].split("/")[-1]] if "$ref" in part else part
        for name, inner in part.get("properties", {}).items():
            assert name in value, name
            demand(inner, value[name])
        if part.get("type") == "array":
            assert value
            demand(part["items"], value[0])

    demand(schema, tried)
    assert Status.model_validate(tried).batches[0].seen is not None


def test_what_came_back_with_less_is_told_by_its_fields() -> None:
    sent = {"plan": {"tickets": 1}, "batches": [{"tag": "a", "usage": {"x": 1}}, {"tag": "b", "usage": {"x": 1}}]}

    assert dropped(sent, sent) == []
    assert dropped(sent, {**sent, "more": 1}) == []
    assert dropped(sent, None) == ["plan", "batches"]
    assert dropped(sent, {**sent, "batches": []}) == ["batches"]
    assert dropped(sent, {**sent, "batches": [{"tag": "a"}, {"tag": "b", "usage": {}}]}) == [
        "batches.usage",
        "batches.usage.x",
    ]
    assert in_words([str(number) for number in range(7)]).endswith("status.4 and 2 more")
