"""A process remembers nothing of resources that are gone, however their runs went."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from nightsort.domain.answer import Answer
from nightsort.domain.candidate import Totals
from nightsort.domain.errors import OutcomeUnknown, Waiting
from nightsort.flow.run.memory import Proofs
from nightsort.testing.batch_api import Held
from tests.support.faults import raising
from tests.support.world import World

LOST = OutcomeUnknown("no answer")
AWAY = Waiting("away")


def lose_the_answer(world: World) -> None:
    world.api.after = raising(LOST, "create")


def buy_nothing_beside_a_stranger(world: World) -> None:
    async def lose_the_call(operation: str, *about: object) -> None:
        if operation == "create":
            now = world.clock.now()
            answers = [Answer(f"theirs-t{number}", "succeeded", "billing", "end_turn") for number in range(2)]
            world.api.held["theirs"] = Held("theirs", "theirs", now, now + timedelta(seconds=60), answers)
            raise LOST

    world.api.before = lose_the_call


def write_no_id_down(world: World) -> None:
    async def away_after_a_create(operation: str, *about: object) -> None:
        if operation == "save" and world.api.held:
            raise AWAY

    world.ledger.before = away_after_a_create


def cut_the_results(world: World) -> None:
    world.api.shorten = lambda answers: answers[:1]


def hide_the_batch(world: World) -> None:
    world.api.hidden.add("msgbatch_0001")


FAULTS = (lose_the_answer, buy_nothing_beside_a_stranger, write_no_id_down, cut_the_results, hide_the_batch)


@pytest.mark.parametrize("fault", FAULTS)
async def test_nothing_is_remembered_of_a_resource_that_is_gone(world: World, fault: Callable[[World], None]) -> None:
    resource = world.apply("billing", "account")
    fault(world)
    for _ in range(5):
        await world.look(resource)
        world.clock.advance(60)
    assert world.reconciler.memory._runs

    world.reconciler.forget(resource.meta.uid)

    assert not world.reconciler.memory._runs


async def test_nothing_is_remembered_of_strangers_when_the_last_search_is_over(world: World) -> None:
    resource = world.apply("billing", "account")
    buy_nothing_beside_a_stranger(world)
    for _ in range(5):
        await world.look(resource)
        world.clock.advance(60)
    search = world.reconciler.memory.search
    assert search.totals != Totals()
    assert search.proofs != Proofs()

    world.reconciler.forget(resource.meta.uid)

    assert search.totals == Totals()
    assert search.proofs == Proofs()


async def test_what_is_known_of_strangers_is_kept_while_another_run_searches(world: World) -> None:
    gone, other = world.apply("billing", name="gone"), world.apply("billing", "account", name="other")
    await world.look(gone)
    buy_nothing_beside_a_stranger(world)
    for _ in range(3):
        await world.look(other)
        world.clock.advance(60)
    seen = world.reconciler.memory.search.totals
    assert seen != Totals()

    world.reconciler.forget(gone.meta.uid)

    assert world.reconciler.memory.search.totals is seen
