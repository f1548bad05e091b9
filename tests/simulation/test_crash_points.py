"""One life, once for each of its calls: the process is killed before or after it, or the answer is lost."""

from __future__ import annotations

import json

import pytest

from nightsort.api.categories import UnknownLabel
from nightsort.api.evaluation import Evaluation, Truth
from nightsort.api.examples import ExamplesFrom
from nightsort.api.review import Review
from nightsort.api.source import ConfigMapSource
from nightsort.api.spec import Shards
from nightsort.domain.answer import Answer
from nightsort.domain.conditions import is_finished
from nightsort.domain.ticket import Ticket
from nightsort.testing.batch_api import SECOND_MODEL
from tests.simulation.account import text_of, ticket_of
from tests.simulation.chaos import Fault, Script
from tests.simulation.scenario import FIELDS, LONG, SHOWN, TABLE, TRUTH, Deed, Plan, Scenario, named_alike, spec_of
from tests.simulation.world import World

KILLS = (Fault.KILL_BEFORE, Fault.KILL_AFTER)
FAULTS = (*KILLS, Fault.AFTER)
TICKETS = (*(Ticket(name, {"body": text_of(name)}, "") for name in ("1", "2", LONG, "3")), Ticket("empty", {}, ""))


def life(script: Script) -> World:
    """Two shards, a ticket that has to be asked again, one with a long id, one that cannot be sent."""
    spec = spec_of("tickets", shards=Shards(max_requests=3), unknown_label=UnknownLabel(action="Retry"))
    world = World(7, Scenario([Plan("run", 0.0, spec)], {"tickets": TICKETS}, sinks=2), script)
    account = world.accounts["first"]
    asked: set[str] = set()

    def respond(text: str) -> str | Answer:
        fails = text_of("2") in text and text not in asked
        asked.add(text)
        return Answer("", "errored", error_type="overloaded_error") if fails else "billing"

    account._respond = respond
    world.live()
    return world


def calls() -> int:
    script = Script()
    world = life(script)
    assert world.oracle.broken is None, world.oracle.broken
    assert sum(len(bought) for bought in world.oracle.purchases["uid-run"].values()) == 5
    return script.calls


@pytest.mark.parametrize("fault", FAULTS)
def test_a_life_survives_the_end_of_the_process_at_every_call(fault: Fault) -> None:
    for number in range(1, calls() + 1):
        world = life(Script(number, fault))
        assert world.oracle.broken is None, f"call {number}: {world.oracle.broken}\n{world.story()}"
        resource = world.truth.now(world.created[0])
        assert resource is not None
        assert is_finished(resource.status)
        assert resource.status.tickets.labeled == 4


KNOWN = [Ticket(f"k{number}", {"body": text_of(f"k{number}"), TRUTH: "billing"}, "") for number in range(8)]


def held_life(script: Script) -> World:
    """Eight known tickets in two shards, one asked again, half of the answers wrong; a person releases the run."""
    rule = Evaluation(truth=Truth(column=TRUTH), sample=8, min_accuracy="0.5")
    spec = spec_of("tickets", shards=Shards(max_requests=6), poll_interval_seconds=600, evaluation=rule)
    tickets = [*TICKETS[:2], *KNOWN, TICKETS[3]]
    plan = Plan("run", 0.0, spec, [Deed(7_000.0, "release")])
    world = World(7, Scenario([plan], {"tickets": tickets}, sinks=1), script)
    asked: set[str] = set()

    def respond(text: str) -> str | Answer:
        fails = text_of("k1") in text and text not in asked
        asked.add(text)
        if fails:
            return Answer("", "errored", error_type="overloaded_error")
        return "account" if any(text_of(f"k{number}") in text for number in range(4, 8)) else "billing"

    world.accounts["first"]._respond = respond
    world.accounts["first"].longest = 60.0
    world.live()
    return world


@pytest.mark.parametrize("fault", FAULTS)
def test_a_run_is_held_and_released_whenever_the_process_ends(fault: Fault) -> None:
    script = Script()
    assert held_life(script).oracle.broken is None
    assert script.calls > 60
    for number in range(1, script.calls + 1):
        world = held_life(Script(number, fault))
        assert world.oracle.broken is None, f"call {number}: {world.oracle.broken}\n{world.story()}"
        resource = world.truth.now(world.created[0])
        assert resource is not None
        told = resource.status.evaluation
        assert told is not None
        assert (told.known, told.correct, told.outcome, told.released) == (8, 4, "Failed", True)
        assert resource.status.tickets.labeled == 3
        paid = [len(bought) for bought in world.oracle.purchases["uid-run"].values()]
        assert sum(paid) == 8 + 1 + 3, "one known ticket was asked again"


def race(script: Script) -> World:
    """Two that want one name for their results: the one that has it is deleted after a while, and the other goes on."""
    plans = [named_alike(Plan(name, 0.0, spec_of(name))) for name in ("first", "second")]
    tickets = {name: [Ticket("1", {"body": text_of("1")}, "")] for name in ("first", "second")}
    world = World(30, Scenario(plans, tickets, sinks=1, named=True), script)
    world.live()
    return world


@pytest.mark.parametrize("fault", FAULTS)
def test_who_waits_for_a_name_is_billed_when_it_is_free_whenever_the_process_ends(fault: Fault) -> None:
    script = Script()
    assert race(script).oracle.broken is None
    assert script.calls > 30
    for number in range(1, script.calls + 1):
        world = race(Script(number, fault))
        assert world.oracle.broken is None, f"call {number}: {world.oracle.broken}\n{world.story()}"
        [left] = [resource for meta in world.created if (resource := world.truth.now(meta)) is not None]
        assert is_finished(left.status)
        assert len(world.oracle.purchases[left.meta.uid]) == 1


def probed_life(script: Script) -> World:
    """A schema that one ticket tries before the two others are bought."""
    spec = spec_of("tickets", shards=Shards(max_requests=3), fields=FIELDS)
    world = World(7, Scenario([Plan("run", 0.0, spec)], {"tickets": TICKETS[:3]}, sinks=1, structured=True), script)
    world.accounts["first"]._respond = lambda text: json.dumps({"category": "billing", "urgency": "HIGH"})
    world.live()
    return world


def cached_life(script: Script) -> World:
    """Nine tickets with a long prompt, of which one and then two go ahead."""
    spec = spec_of("tickets", shards=Shards(max_requests=6))
    tickets = [Ticket(str(number), {"body": text_of(str(number))}, "") for number in range(9)]
    world = World(7, Scenario([Plan("run", 0.0, spec)], {"tickets": tickets}, sinks=1, cached=1.0), script)
    world.accounts["first"].longest = 60.0
    world.accounts["first"]._respond = lambda text: "billing"
    world.live()
    return world


def test_one_ticket_goes_ahead_for_the_prompts_cache_though_the_process_ends_at_any_call() -> None:
    script = Script()
    world = cached_life(script)
    assert world.oracle.broken is None, world.oracle.broken
    assert [len(held.answers) for held in world.accounts["first"].held.values()] == [1, 2, 6]
    for number in range(1, script.calls + 1):
        world = cached_life(Script(number, FAULTS[number % len(FAULTS)]))
        assert world.oracle.broken is None, f"call {number}: {world.oracle.broken}\n{world.story()}"
        sizes = sorted(len(held.answers) for held in world.accounts["first"].held.values())
        assert sum(sizes) == 9, f"call {number}: {sizes}"


def calls_of_a_probed_life() -> int:
    script = Script()
    world = probed_life(script)
    assert world.oracle.broken is None, world.oracle.broken
    bought = [len(held.answers) for held in world.accounts["first"].held.values()]
    assert bought == [1, 2]
    return script.calls


def test_a_schema_is_tried_by_one_ticket_though_the_process_ends_at_any_call() -> None:
    for number in range(1, calls_of_a_probed_life() + 1):
        world = probed_life(Script(number, FAULTS[number % len(FAULTS)]))
        assert world.oracle.broken is None, f"call {number}: {world.oracle.broken}\n{world.story()}"
        resource = world.truth.now(world.created[0])
        assert resource is not None
        assert is_finished(resource.status)
        assert resource.status.fields[0].values[0].tickets == 3


TWINS = (*TICKETS[:4], Ticket("twin of 2", TICKETS[1].fields, ""), Ticket("twin of 1", TICKETS[0].fields, ""))


def twins_life(script: Script) -> World:
    """Two shards; a ticket that has to be asked again has a duplicate, and so has one that need not."""
    rule = UnknownLabel(action="Retry")
    spec = spec_of("tickets", shards=Shards(max_requests=3), unknown_label=rule, dedupe="Exact")
    world = World(7, Scenario([Plan("run", 0.0, spec)], {"tickets": TWINS}, sinks=1, twins=True), script)
    asked: set[str] = set()

    def respond(text: str) -> str | Answer:
        fails = text_of("2") in text and text not in asked
        asked.add(text)
        return Answer("", "errored", error_type="overloaded_error") if fails else "billing"

    world.accounts["first"]._respond = respond
    world.accounts["first"].longest = 60.0
    world.live()
    return world


def reviewed_life(script: Script) -> World:
    """Three tickets in two shards, all of which a second model reads: it agrees, disagrees, and gives no answer.

    The second one, which gets its label, has a duplicate.
    """
    review = Review(model=SECOND_MODEL, of=("Sample",), sample="100%", on_disagreement="Replace")
    spec = spec_of("tickets", shards=Shards(max_requests=2), review=review, dedupe="Exact")
    tickets = [Ticket(str(number), {"body": text_of(str(number))}, "") for number in range(3)]
    tickets.append(Ticket("twin of 1", tickets[1].fields, ""))
    world = World(7, Scenario([Plan("run", 0.0, spec)], {"tickets": tickets}, sinks=1, twins=True), script)

    def second(text: str) -> str | Answer:
        said: dict[str, str | Answer] = {"0": "billing", "1": "account", "2": Answer("", "expired")}
        return said[ticket_of(text)]

    account = world.accounts["first"]
    account._respond, account.others[SECOND_MODEL] = (lambda text: "billing"), second
    account.longest = 60.0
    world.live()
    return world


def calls_of_a_twins_life() -> int:
    script = Script()
    world = twins_life(script)
    assert world.oracle.broken is None, world.oracle.broken
    assert sum(len(bought) for bought in world.oracle.purchases["uid-run"].values()) == 4 + 1
    return script.calls


def test_duplicates_have_their_rows_though_the_process_ends_at_any_call() -> None:
    for number in range(1, calls_of_a_twins_life() + 1, 2):  # every second one: the fault differs at each
        world = twins_life(Script(number, FAULTS[number % len(FAULTS)]))
        assert world.oracle.broken is None, f"call {number}: {world.oracle.broken}\n{world.story()}"
        resource = world.truth.now(world.created[0])
        assert resource is not None
        assert is_finished(resource.status)
        counts = resource.status.tickets
        assert (counts.labeled, counts.duplicates, counts.total) == (6, 2, 6)
        assert sum(len(bought) for bought in world.oracle.purchases["uid-run"].values()) == 4 + 1


def calls_of_a_reviewed_life() -> int:
    script = Script()
    assert reviewed_life(script).oracle.broken is None
    assert script.calls > 40
    return script.calls


def test_a_second_model_reads_each_ticket_once_though_the_process_ends_at_any_call() -> None:
    for number in range(1, calls_of_a_reviewed_life() + 1):
        world = reviewed_life(Script(number, FAULTS[number % len(FAULTS)]))
        assert world.oracle.broken is None, f"call {number}: {world.oracle.broken}\n{world.story()}"
        resource = world.truth.now(world.created[0])
        assert resource is not None
        told = resource.status.review
        assert told is not None
        assert (told.read, told.agreed, told.replaced, told.unread) == (2, 1, 1, 1)
        assert {one.name: one.tickets for one in resource.status.categories} == {"account": 2, "billing": 2}
        assert (resource.status.tickets.labeled, resource.status.tickets.duplicates) == (4, 1)
        paid = [len(bought) for bought in world.oracle.purchases["uid-run"].values()]
        assert paid == [2, 2, 2], "each model was asked once about each ticket"


MOVES = ("", "pool grows", "pool hides", "pool alters", "pool shrinks")
POOL = [
    Ticket(name, {"body": f"{SHOWN} {words} v0", TRUTH: "billing"}, "")
    for name, words in (("p0", "0 1"), ("p1", "1 2"), ("1", "1 0"), ("p3", "nothing"))
]


def shown_life(script: Script, what: str = "") -> World:
    """Two nights over three tickets that are sent with examples of a pool; `what` happens to it at a crash.

    A second model reads all of them after the first one, which has to ask again about one. The second night leaves
    out whatever would be asked in the same words.
    """
    pool = ExamplesFrom(config_map=ConfigMapSource(name="pool", key="pool.csv"), column=TRUTH, k=2)
    spec = spec_of(
        "tickets-0",
        shards=Shards(max_requests=2),
        review=Review(model=SECOND_MODEL, of=("Sample",), sample="100%", on_disagreement="Replace"),
        reuse="Unchanged",
        results=TABLE,
        poll_interval_seconds=600,
    )
    spec = spec.model_copy(update={"prompt": spec.prompt.model_copy(update={"examples_from": pool})})
    tickets = [Ticket(str(number), {"body": text_of(str(number))}, "") for number in range(3)]
    plans = [Plan("monday", 0.0, spec), Plan("tuesday", 20_000.0, spec)]
    world = World(7, Scenario(plans, {"tickets-0": tickets}, sinks=1, nights=True, pool=POOL), script)
    asked: set[str] = set()

    def first(text: str) -> str | Answer:
        fails = ticket_of(text) == "1" and "1" not in asked
        asked.add(ticket_of(text))
        return Answer("", "errored", error_type="overloaded_error") if fails else "billing"

    account = world.accounts["first"]
    account._respond, account.others[SECOND_MODEL] = first, lambda text: "account"
    account.longest = 60.0
    if what:
        world.at_death = lambda world: world.pools.move(what)
    world.live()
    return world


@pytest.mark.parametrize("what", MOVES)
def test_each_ticket_is_shown_with_the_same_examples_though_the_process_ends_and_the_pool_changes(what: str) -> None:
    """Rows that are added, and a pool that is away for a while, stop nobody; others wait for a person's word."""
    script = Script()
    world = shown_life(script)
    assert world.oracle.broken is None, world.oracle.broken
    assert script.calls > 200
    for number in range(1 + MOVES.index(what) % 3, script.calls + 1, 3):
        world = shown_life(Script(number, KILLS[number // 3 % len(KILLS)]), what)
        assert world.oracle.broken is None, f"call {number}: {world.oracle.broken}\n{world.story()}"
        nights = [resource for meta in world.created if (resource := world.truth.now(meta)) is not None]
        stopped = [night.meta.name for night in nights if night.status.stop]
        assert what in ("pool alters", "pool shrinks") or not stopped, f"call {number}: {stopped} was cancelled"
        assert len(nights) == 2
        for night in nights:
            counts = night.status.tickets
            assert is_finished(night.status)
            assert night.status.stop or counts.labeled + counts.reused == 3, f"call {number}: {night.meta.name}"
        if not what:
            paid = {uid: sorted(map(len, bought.values())) for uid, bought in world.oracle.purchases.items() if bought}
            assert paid == {"uid-monday": [2, 2, 3]}, f"call {number}: {paid}"
