"""How long a resource stays away after something was in the way."""

from __future__ import annotations

from typing import Any

from nightsort.domain.errors import Waiting
from nightsort.domain.reasons import Reason
from tests.support.world import World


async def test_a_look_that_got_on_and_was_then_interrupted_begins_to_back_off_anew(world: World) -> None:
    resource = world.apply(*["billing"] * 6, shards={"maxRequests": 1}, pollIntervalSeconds=3600)
    asked: set[str] = set()

    async def not_at_first(operation: str, *about: Any) -> None:
        if operation == "retrieve" and about[0] not in asked:
            asked.add(about[0])
            raise Waiting("the API is away")

    world.api.before = not_at_first
    pauses = []
    while world.api.calls["create"] < 6:
        pauses.append(await world.look(resource))
        await world.clock.sleep(pauses[-1] or 0.0)

    assert len(asked) >= 4, "it was interrupted that often"
    assert max(pause or 0.0 for pause in pauses) <= 4.0


async def test_what_may_pass_or_not_is_waited_for_some_times_and_goes_on_by_itself_afterwards(world: World) -> None:
    resource = world.apply("billing")
    world.sink.error = Waiting("tenant not found", reason=Reason.DATABASE_REFUSED, tries=3)

    reasons = []
    for _ in range(5):
        await world.clock.sleep(await world.look(resource) or 0.0)
        (ready,) = [each for each in world.ledger.current(resource.meta).status.conditions if each.type == "Ready"]
        stalled = any(each.type == "Stalled" for each in world.ledger.current(resource.meta).status.conditions)
        reasons.append((ready.reason, stalled))
    world.sink.error = None
    status = (await world.run_until_finished(resource)).status

    assert reasons == [("DatabaseRefused", False)] * 3 + [("DatabaseRefused", True)] * 2
    assert status.tickets.labeled == 1
