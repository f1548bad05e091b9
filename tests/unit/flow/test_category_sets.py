"""A CategorySet that a run names: read once, kept, and the same to the run's end whatever becomes of the set."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from nightsort.api.category_set import CategorySet, CategorySetSpec
from nightsort.api.resource import Resource
from nightsort.api.status import Status
from nightsort.domain.answer import Answer
from nightsort.domain.category_set import hash_of
from nightsort.domain.conditions import STALLED, is_finished, is_true
from nightsort.domain.dependence import Hashes
from nightsort.domain.errors import Stalled
from nightsort.domain.prompt import system_prompt
from nightsort.domain.reasons import Reason
from nightsort.domain.recovery import Kept
from nightsort.domain.ticket import Ticket
from nightsort.testing.category_sets import MemoryCategorySets
from nightsort.testing.sources import MemorySource
from tests.support.world import EXPIRED, PRIVATE, World

PETS = ("cat", "dog", "parrot")
REF = {"categorySetRef": {"name": "pets"}}


def set_of(*names: str, generation: int = 1, **more: Any) -> CategorySet:
    categories = [{"name": name, "description": f"all about a {name}"} for name in names]
    spec = CategorySetSpec.model_validate({"categories": categories, **more})
    return CategorySet("pets", generation, spec)


class Pets:
    """The set that stands in the cluster, which tests change and delete."""

    def __init__(self, world: World, *names: str, **more: Any) -> None:
        self.world, self.sets = world, MemoryCategorySets()
        world.use(category_sets=self.sets)
        if names:
            self.become(*names, **more)

    def become(self, *names: str, **more: Any) -> CategorySet:
        found = self.sets.kept["support", "pets"] = set_of(*names, **more)
        return found

    def vanish(self) -> None:
        self.sets.kept.clear()

    def restart(self) -> None:
        self.world.restart()
        self.world.use(category_sets=self.sets)


@pytest.fixture
def pets(world: World) -> Pets:
    return Pets(world, *PETS, instructions="Budgies are parrots.")


def apply(world: World, *bodies: str, **spec: Any) -> Resource:
    return world.apply(*bodies, **{**REF, **spec})


def status_of(world: World, resource: Resource) -> Status:
    return world.ledger.current(resource.meta).status


async def bought(world: World, resource: Resource) -> Status:
    """Looks until a batch is bought."""
    for _ in range(10):
        await world.look(resource)
        if world.api.held:
            return status_of(world, resource)
    raise AssertionError(status_of(world, resource).message)


async def test_a_run_takes_categories_and_instructions_of_its_set(world: World, pets: Pets) -> None:
    ended = await world.run_until_finished(apply(world, "cat", "dog", "cat"))

    assert world.labels() == {"0": "cat", "1": "dog", "2": "cat"}
    assert [(one.name, one.tickets) for one in ended.status.categories] == [("cat", 2), ("dog", 1)]
    found = set_of(*PETS, instructions="Budgies are parrots.").spec
    use = ended.status.category_set
    assert use is not None
    assert (use.name, use.hash, use.generation, use.categories) == ("pets", hash_of(found), 1, PETS)
    assert {row.category_set for row in world.rows.values()} == {hash_of(found)}
    assert pets.sets.reads == 1


def test_a_run_asks_as_one_that_writes_the_same_itself(world: World) -> None:
    found = set_of(*PETS, instructions="Budgies are parrots.").spec
    of_set = apply(world, "cat", prompt={"instructions": "Be brief."}).spec.with_set(found)
    categories = [{"name": name, "description": f"all about a {name}"} for name in PETS]
    prompt = {"instructions": "Budgies are parrots.\nBe brief."}
    own = world.apply("cat", categories=categories, prompt=prompt).spec

    assert system_prompt(of_set) == system_prompt(own)
    assert Hashes(of_set).of(b"text") == Hashes(own).of(b"text"), "reuse finds the rows wherever the words stand"


async def test_rows_without_a_set_have_no_hash(world: World) -> None:
    ended = await world.run_until_finished(world.apply("billing"))

    assert [row.category_set for row in world.rows.values()] == [None]
    assert ended.status.category_set is None
    assert "categorySet" not in ended.status.model_dump_json(by_alias=True, exclude_none=True)


@pytest.mark.parametrize("restart", [False, True], ids=["the same process", "a restart"])
@pytest.mark.parametrize("gone", [False, True], ids=["changed", "deleted"])
async def test_what_becomes_of_the_set_changes_nothing_in_a_run(
    world: World, pets: Pets, *, restart: bool, gone: bool
) -> None:
    resource = apply(world, "cat", "dog", shards={"maxRequests": 1})
    before = (await bought(world, resource)).category_set
    if gone:
        pets.vanish()
    else:
        pets.become("spider", "dog", generation=2)
    if restart:
        pets.restart()

    ended = await world.run_until_finished(resource)

    assert world.labels() == {"0": "cat", "1": "dog"}
    assert ended.status.category_set == before
    assert [(one.name, one.tickets) for one in ended.status.categories] == [("cat", 1), ("dog", 1)]


async def test_a_retry_is_asked_by_the_set_of_the_beginning(world: World, pets: Pets) -> None:
    answers: Iterator[str | Answer] = iter([EXPIRED, "parrot"])
    world.respond = lambda text: next(answers)
    resource = apply(world, "parrot")
    await bought(world, resource)
    pets.become("spider")
    pets.restart()

    await world.run_until_finished(resource)

    assert world.labels() == {"0": "parrot"}


async def test_the_next_run_takes_the_set_as_it_is_then(world: World, pets: Pets) -> None:
    await world.run_until_finished(apply(world, "cat", name="first"))
    pets.become("cat", "spider", generation=2)
    ended = await world.run_until_finished(apply(world, "spider", name="second"))

    assert world.labels("second") == {"0": "spider"}
    rows = [
        *world.connections.sinks_of["first"][0].rows.values(),
        *world.connections.sinks_of["second"][0].rows.values(),
    ]
    assert len({row.category_set for row in rows}) == 2
    assert ended.status.category_set is not None
    assert ended.status.category_set.generation == 2


async def test_a_set_that_is_not_there_yet_is_waited_for(world: World) -> None:
    pets = Pets(world)
    resource = apply(world, "cat")

    seconds = await world.look(resource)

    status = status_of(world, resource)
    assert status.message == "CategorySet pets does not exist; it may come later"
    assert status.waiting is not None
    assert not is_true(status, STALLED)
    assert not world.api.held
    for _ in range(40):
        assert seconds is not None
        await world.clock.sleep(seconds)
        seconds = await world.look(resource)
    assert is_true(status_of(world, resource), STALLED), "nobody waits in silence"
    pets.become("cat")
    ended = await world.run_until_finished(resource)
    assert world.labels() == {"0": "cat"}
    assert not is_true(ended.status, STALLED)


async def test_a_set_without_the_fallback_buys_nothing_and_goes_on_once_it_is_mended(world: World, pets: Pets) -> None:
    resource = apply(world, "cat", "what?", unknownLabel={"action": "Fallback", "category": "other"})
    await world.look(resource)

    status = status_of(world, resource)
    assert is_true(status, STALLED)
    assert status.message == "CategorySet pets: unknownLabel.category: 'other' is not one of the categories"
    assert not world.api.held
    pets.become("cat", "other")
    await world.run_until_finished(resource)
    assert world.labels() == {"0": "cat", "1": "other"}


async def test_a_copy_that_was_deleted_is_made_again_from_the_same_set(world: World, pets: Pets) -> None:
    resource = apply(world, "cat")
    await bought(world, resource)
    world.ledger.lose_long_ids(resource.meta)
    pets.restart()

    await world.run_until_finished(resource)

    assert world.labels() == {"0": "cat"}


async def test_a_run_whose_copy_and_set_are_gone_waits_for_either(world: World, pets: Pets) -> None:
    resource = apply(world, "cat")
    await bought(world, resource)
    world.ledger.lose_long_ids(resource.meta)
    pets.become("spider", generation=2)
    pets.restart()
    await world.look(resource)

    status = status_of(world, resource)
    assert is_true(status, STALLED)
    assert (status.message or "").startswith("the copy of CategorySet pets in ConfigMap tickets-ids-t")
    assert not world.rows
    pets.become(*PETS, instructions="Budgies are parrots.", generation=3)
    ended = await world.run_until_finished(resource)
    assert world.labels() == {"0": "cat"}
    assert ended.status.category_set is not None
    assert ended.status.category_set.generation == 1


async def test_a_deadline_ends_a_run_whose_categories_are_gone_before_more_is_bought(world: World, pets: Pets) -> None:
    resource = apply(world, "cat", "dog", shards={"maxRequests": 1}, activeDeadlineSeconds=3600)
    await bought(world, resource)
    world.ledger.lose_long_ids(resource.meta)
    pets.vanish()
    pets.restart()
    for _ in range(3):
        await world.look(resource)
        await world.clock.sleep(4000)

    stop = status_of(world, resource).stop
    assert stop is not None
    assert stop.reason == Reason.DEADLINE_EXCEEDED


async def test_a_wiped_status_gets_its_set_back(world: World, pets: Pets) -> None:
    resource = apply(world, "cat", "dog", shards={"maxRequests": 1})
    before = (await bought(world, resource)).category_set
    meta = world.ledger.current(resource.meta).meta
    await world.ledger.save(meta, Status())
    pets.become("spider")
    pets.restart()

    ended = await world.run_until_finished(resource)

    assert ended.status.category_set == before
    assert world.labels() == {"0": "cat", "1": "dog"}
    assert set(world.paid().values()) == {1}


async def test_a_status_that_has_lost_its_set_before_anything_was_bought_begins_anew(world: World, pets: Pets) -> None:
    async def refuse(operation: str, *about: object) -> None:
        if operation == "create":
            raise Stalled("no credit", reason=Reason.SPEND_LIMIT_REACHED)

    usual, world.api.before = world.api.before, refuse
    resource = apply(world, "cat")
    await world.look(resource)
    status = status_of(world, resource)
    assert status.plan is not None
    world.ledger.kept[resource.meta.key].copy = Kept()
    lost = status.model_copy(update={"category_set": None, "batches": (), "cursor": None})
    await world.ledger.save(world.ledger.current(resource.meta).meta, lost)
    world.api.before = usual
    pets.become("spider", "cat", generation=2)
    pets.restart()

    ended = await world.run_until_finished(resource)

    assert world.labels() == {"0": "cat"}
    assert ended.status.category_set is not None
    assert ended.status.category_set.generation == 2


def ticket(ticket_id: str, answer: str, truth: str = "") -> Ticket:
    return Ticket(ticket_id, {"body": f"{answer} {PRIVATE}", "category": truth}, "")


async def test_known_tickets_of_the_set_measure_a_run_that_names_none(world: World) -> None:
    pets = Pets(world, *PETS, truth={"configMap": {"name": "known-pets", "key": "known.csv"}})
    known = [ticket(f"k{number}", PETS[number % 3], PETS[number % 3].upper()) for number in range(40)]
    world.connections.sources["known-pets"] = MemorySource(known)
    resource = apply(world, "cat", evaluation={"minAccuracy": "0.80"}, shards={"maxRequests": 15})
    await bought(world, resource)
    pets.vanish()
    pets.restart()

    ended = await world.run_until_finished(resource)

    told = ended.status.evaluation
    assert told is not None
    assert (told.outcome, told.known, told.correct) == ("Passed", 40, 40)
    assert {one.name: one.support for one in told.categories} == {"cat": 14, "dog": 13, "parrot": 13}
    assert world.labels() == {"0": "cat"}


async def test_an_evaluation_without_known_tickets_anywhere_is_told(world: World, pets: Pets) -> None:
    resource = apply(world, "cat", evaluation={"sample": 3})
    await world.look(resource)

    status = status_of(world, resource)
    assert is_true(status, STALLED)
    assert (status.message or "").startswith("CategorySet pets: evaluation.truth: needs the column of the source")


async def test_a_suspended_run_is_estimated_with_the_set_of_now_and_bought_with_that_of_then(
    world: World, pets: Pets
) -> None:
    resource = apply(world, "cat", suspend=True)
    await world.look(resource)
    assert status_of(world, resource).forecast is not None
    assert status_of(world, resource).category_set is None
    pets.become("cat", "spider", generation=2)
    world.ledger.touch(resource.meta, suspend=False)

    ended = await world.run_until_finished(resource)

    assert ended.status.category_set is not None
    assert ended.status.category_set.generation == 2


def test_known_tickets_are_no_part_of_the_hash_of_a_set() -> None:
    truth = {"configMap": {"name": "known-pets", "key": "known.csv"}}
    assert hash_of(set_of("cat", truth=truth).spec) == hash_of(set_of("cat").spec)
    assert hash_of(set_of("cat", instructions="Purr.").spec) != hash_of(set_of("cat").spec)


async def test_nights_of_one_version_are_compared_with_each_other_alone(world: World, pets: Pets) -> None:
    usual, odd = ["cat"] * 30 + ["dog"] * 20, ["cat"] * 10 + ["dog"] * 40
    for number in range(5):
        await world.clock.sleep(86_400)
        await world.run_until_finished(apply(world, *usual, name=f"night-{number}"))
    await world.clock.sleep(86_400)
    same = await world.run_until_finished(apply(world, *odd, name="night-5"))
    pets.become(*PETS, generation=2)
    await world.clock.sleep(86_400)
    another = await world.run_until_finished(apply(world, *odd, name="night-6"))

    assert "differ from those of the 5 runs before" in (same.status.message or "")
    assert "differ" not in (another.status.message or "")
    assert is_finished(another.status)
