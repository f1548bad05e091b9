"""A ticket is never paid for twice and never lost, whatever is lost and whenever the process ends."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from nightsort.api.batch_record import BatchState
from nightsort.api.resource import Resource
from nightsort.domain.answer import Answer
from nightsort.domain.conditions import is_true
from nightsort.domain.errors import OutcomeUnknown, Rejected, Stalled, Waiting
from nightsort.domain.reasons import Reason
from nightsort.domain.record import in_state
from nightsort.domain.ticket import Ticket
from nightsort.testing.ledger import nothing
from tests.support.faults import Hook, WrongClock, all_paid_once, raising
from tests.support.world import EXPIRED, Killed, World, first_word


async def killed_while_looking(world: World, resource: Resource) -> None:
    with pytest.raises(Killed):
        await world.run_until_finished(resource)
    world.ledger.before = world.ledger.after = world.api.before = world.api.after = raising(Killed(), "nothing")
    world.restart()


async def test_a_lost_create_response_does_not_buy_the_batch_twice(world: World) -> None:
    resource = world.apply("billing", "technical")
    world.api.after = raising(OutcomeUnknown("no answer"), "create")

    resource = await world.run_until_finished(resource)

    assert world.api.calls["create"] == 1
    assert world.labels() == {"0": "billing", "1": "technical"}
    assert all_paid_once(world, 2)
    assert ("Warning", "CreateUnanswered", "the answer to a create call of 2 requests was lost") in world.events.told


async def test_while_a_batch_is_looked_for_the_status_says_so(world: World) -> None:
    resource = world.apply("billing")
    world.api.after = raising(OutcomeUnknown("no answer"), "create")

    await world.look(resource)

    status = world.ledger.current(resource.meta).status
    assert status.conditions[0].reason == "Adopting"
    assert status.tickets.in_flight == 1


async def test_a_batch_is_adopted_by_its_tag_once_it_has_ended(world: World) -> None:
    resource = world.apply("billing")
    world.api.after = raising(OutcomeUnknown("no answer"), "create")
    await world.look(resource)
    world.clock.advance(59)
    await world.look(resource)
    assert world.ledger.current(resource.meta).status.batches[0].state is BatchState.INTENDED
    world.clock.advance(1)

    await world.look(resource)

    assert world.ledger.current(resource.meta).status.batches[0].id == "msgbatch_0001"
    assert world.labels() == {"0": "billing"}


async def test_two_resources_of_equal_counts_in_the_same_second_each_get_their_own(world: World) -> None:
    one = world.apply("billing", "billing", name="one")
    other = world.apply("technical", "technical", name="other")
    world.api.after = raising(OutcomeUnknown("no answer"), "create", times=2)

    await world.run_all(one, other)

    assert world.api.calls["create"] == 2
    assert world.labels("one") == {"0": "billing", "1": "billing"}
    assert world.labels("other") == {"0": "technical", "1": "technical"}


async def test_a_batch_that_another_record_owns_is_not_even_looked_into(world: World) -> None:
    one, other = world.apply("billing", name="one"), world.apply("technical", name="other")
    await world.look(one)
    world.api.after = raising(OutcomeUnknown("no answer"), "create")
    read: list[str] = []

    async def results_read(operation: str, *about: Any) -> None:
        if operation == "results":
            read.append(about[0].id)

    await world.look(other)
    world.clock.advance(60)
    world.api.before = results_read
    await world.look(other)

    assert set(read) == {"msgbatch_0002"}


async def test_what_was_never_accepted_is_bought_once_after_the_grace(world: World) -> None:
    resource = world.apply("billing")
    world.api.before = raising(OutcomeUnknown("no answer"), "create")
    began = world.clock.now()
    await world.look(resource)

    while world.clock.now() < began + world.services.grace:
        assert world.api.held == {}
        world.clock.advance(await world.look(resource) or 0)
    resource = await world.run_until_finished(resource)

    assert all_paid_once(world, 1)
    assert "Released" in world.events.reasons
    assert world.labels() == {"0": "billing"}


async def test_a_batch_that_the_list_shows_late_is_adopted_and_not_bought_again(world: World) -> None:
    resource = world.apply("billing")
    world.api.listed_after = timedelta(minutes=9)
    world.api.after = raising(OutcomeUnknown("no answer"), "create")

    await world.run_until_finished(resource)

    assert world.api.calls["create"] == 1


async def test_a_list_from_before_the_create_is_no_proof_that_nothing_was_bought(world: World) -> None:
    """With long intervals the last list may be older than the intent when its grace is over."""
    other = world.apply("billing", "billing", name="other", pollIntervalSeconds=3600)
    await world.look(other)
    world.clock.advance(1)
    await world.look(other)  # lists
    resource = world.apply("technical", pollIntervalSeconds=3600)
    world.api.after = raising(OutcomeUnknown("no answer"), "create")
    await world.look(resource)
    world.clock.advance(601)

    await world.look(resource)

    assert world.api.calls["create"] == 2
    await world.run_all(resource, other)
    assert world.labels() == {"0": "technical"}
    assert world.api.calls["create"] == 2


async def test_a_foreign_batch_of_the_same_size_is_not_adopted(world: World) -> None:
    resource = world.apply("billing")
    world.api.before = raising(OutcomeUnknown("no answer"), "create")
    foreign = world.apply("technical", name="foreign")
    await world.look(resource)
    world.api.before = raising(Killed(), "nothing")
    await world.look(foreign)
    world.ledger.kept.pop(foreign.meta.key)

    await world.run_until_finished(resource)

    assert world.labels() == {"0": "billing"}
    assert world.api.calls["create"] == 3
    assert "Released" in world.events.reasons


@pytest.mark.parametrize("error", [Waiting("away"), OutcomeUnknown("cut")], ids=["away", "cut"])
async def test_results_that_cannot_be_read_now_prove_nothing_yet(world: World, error: Exception) -> None:
    resource = world.apply("billing")
    world.api.after = raising(OutcomeUnknown("no answer"), "create")
    world.api.before = raising(error, "results", times=15)

    await world.run_until_finished(resource)

    assert world.api.calls["create"] == 1
    assert world.labels() == {"0": "billing"}


async def test_results_that_are_cut_down_to_a_stray_line_prove_nothing_yet(world: World) -> None:
    """However often: the tag of that line is another's, and taking it for the batch's would buy the tickets again."""
    resource = world.apply("billing", "technical")
    world.api.after = raising(OutcomeUnknown("no answer"), "create")
    whole_again = world.clock.now() + 3 * world.services.grace
    stray = Answer("alien1-1", "succeeded", "billing", "end_turn")
    world.api.shorten = lambda answers: answers if world.clock.now() > whole_again else [stray]

    await world.run_until_finished(resource)

    assert world.api.calls["create"] == 1
    assert world.labels() == {"0": "billing", "1": "technical"}
    assert all_paid_once(world, 2)


# --- the process ends -------------------------------------------------------------------------------------------------

SAVES = 4  # plan, intent, id, and what was collected with the outcome


async def test_a_run_of_one_batch_writes_its_status_as_often_as_it_is_killed_there_below(world: World) -> None:
    resource = await world.run_until_finished(world.apply("billing", "technical"))

    assert len(world.writes(resource)) == SAVES


@pytest.mark.parametrize("save", range(SAVES))
@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_process_that_ends_at_a_status_write_loses_nothing(world: World, save: int, when: str) -> None:
    resource = world.apply("billing", "technical")
    setattr(world.ledger, when, raising(Killed(), "save", skip=save))
    await killed_while_looking(world, resource)

    resource = await world.run_until_finished(resource)

    assert world.labels() == {"0": "billing", "1": "technical"}
    assert all_paid_once(world, 2)
    assert is_true(resource.status, "Complete")


@pytest.mark.parametrize("operation", ["create", "recent", "results", "model", "count_tokens"])
@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_process_that_ends_at_a_call_of_the_api_loses_nothing(world: World, operation: str, when: str) -> None:
    resource = world.apply("billing", "technical")
    setattr(world.api, when, raising(Killed(), operation))
    await killed_while_looking(world, resource)

    resource = await world.run_until_finished(resource)

    assert world.labels() == {"0": "billing", "1": "technical"}
    assert all_paid_once(world, 2)
    assert is_true(resource.status, "Complete")


@pytest.mark.parametrize("save", range(SAVES + 3))
async def test_a_process_that_ends_during_a_retry_loses_nothing(world: World, save: int) -> None:
    asked = 0

    def flaky(text: str) -> str | Answer:
        nonlocal asked
        asked += text.startswith("flaky")
        return EXPIRED if text.startswith("flaky") and asked == 1 else first_word(text).replace("flaky", "billing")

    world.respond = flaky
    resource = world.apply("flaky", "technical")
    world.ledger.before = raising(Killed(), "save", skip=save)
    await killed_while_looking(world, resource)

    await world.run_until_finished(resource)

    assert world.labels() == {"0": "billing", "1": "technical"}
    assert all_paid_once(world, 2)


async def test_the_intent_is_durable_before_anything_is_bought(world: World) -> None:
    resource = world.apply("billing")
    states: list[BatchState] = []

    async def at_create(operation: str, *about: Any) -> None:
        if operation == "create":
            states.extend(one.state for one in world.ledger.current(resource.meta).status.batches)

    world.api.before = at_create
    await world.look(resource)

    assert states == [BatchState.INTENDED]


async def test_ids_that_do_not_fit_survive_the_end_of_the_process(world: World) -> None:
    resource = world.apply_tickets([Ticket("x" * 500, {"body": "billing"}, "")])
    world.api.after = raising(Killed(), "create")
    await killed_while_looking(world, resource)

    await world.run_until_finished(resource)

    assert world.labels() == {"x" * 500: "billing"}
    assert world.api.calls["create"] == 1


# --- somebody else writes, or the store is away -----------------------------------------------------------------------


def touching(world: World, resource: Resource, operation: str, times: int = 1) -> Hook:
    """Somebody labels the resource when the operation happens."""
    done = 0

    async def hook(happening: str, *about: Any) -> None:
        nonlocal done
        if happening == operation and done < times:
            done += 1
            world.ledger.touch(resource.meta)

    return hook


@pytest.mark.parametrize("times", [1, 2, 4])
async def test_a_conflict_while_a_batch_is_bought_does_not_lose_its_id(world: World, times: int) -> None:
    resource = world.apply("billing")
    world.api.after = touching(world, resource, "create")
    world.ledger.after = touching(world, resource, "load", times - 1)

    await world.look(resource)

    assert world.ledger.current(resource.meta).status.batches[0].id == "msgbatch_0001"
    await world.run_until_finished(resource)
    assert all_paid_once(world, 1)


async def test_a_conflict_that_does_not_end_is_settled_at_the_next_look(world: World) -> None:
    resource = world.apply("billing")
    world.api.after = touching(world, resource, "create")
    world.ledger.after = touching(world, resource, "load", 100)

    assert await world.look(resource) == 1
    world.ledger.after = nothing
    assert world.ledger.current(resource.meta).status.batches[0].id is None
    await world.look(resource)

    assert world.ledger.current(resource.meta).status.batches[0].id == "msgbatch_0001"
    assert world.api.calls["results"] == 0, "the process remembers what it bought"


async def test_who_writes_labels_all_the_time_holds_up_no_purchase(world: World) -> None:
    resource = world.apply("billing")
    stale = world.ledger.current(resource.meta)
    world.ledger.touch(resource.meta)
    world.ledger.before = touching(world, resource, "save", times=3)

    await world.reconciler.reconcile(stale)

    assert world.ledger.current(resource.meta).status.batches[0].id == "msgbatch_0001"
    await world.run_until_finished(resource)
    assert all_paid_once(world, 1)


@pytest.mark.parametrize("change", [{"suspend": True}, {"active_deadline_seconds": 0}, {"max_cost_usd": "0.000001"}])
async def test_a_change_of_the_spec_before_the_intent_buys_nothing_and_looks_again(
    world: World, change: dict[str, Any]
) -> None:
    resource = world.apply("billing")
    stale = world.ledger.current(resource.meta)
    world.ledger.touch(resource.meta, **change)

    assert await world.reconciler.reconcile(stale) == 1
    await world.look(resource)

    assert world.api.calls["create"] == 0


async def test_a_record_that_another_process_wrote_before_the_intent_buys_nothing_and_looks_again(
    world: World,
) -> None:
    resource = world.apply("billing")
    stale = world.ledger.current(resource.meta)
    await world.ledger.save(stale.meta, stale.status.model_copy(update={"message": "another was here"}))

    assert await world.reconciler.reconcile(stale) == 1

    assert world.api.calls["create"] == 0
    await world.run_until_finished(resource)
    assert all_paid_once(world, 1)


async def test_a_store_that_is_away_after_a_create_gets_the_id_when_it_is_back(world: World) -> None:
    resource = world.apply("billing")
    world.ledger.before = raising(Waiting("the API server is away"), "save", skip=2, times=3)

    resource = await world.run_until_finished(resource)

    assert world.api.calls["create"] == 1
    assert world.labels() == {"0": "billing"}


@pytest.mark.parametrize("save", range(SAVES))
@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_store_that_fails_at_any_write_delays_and_loses_nothing(world: World, save: int, when: str) -> None:
    resource = world.apply("billing", "technical")
    setattr(world.ledger, when, raising(Waiting("the API server is away"), "save", skip=save))

    await world.run_until_finished(resource)

    assert world.labels() == {"0": "billing", "1": "technical"}
    assert all_paid_once(world, 2)


async def test_a_resource_that_is_gone_is_left_alone(world: World) -> None:
    resource = world.apply("billing")
    before = world.ledger.current(resource.meta)
    world.ledger.kept.pop(resource.meta.key)

    assert await world.reconciler.reconcile(before) is None


async def test_a_resource_that_is_gone_when_its_batch_is_confirmed_is_left_alone(world: World) -> None:
    resource = world.apply("billing")
    current = world.ledger.current(resource.meta)

    async def gone(operation: str, *about: Any) -> None:
        if operation == "create":
            world.ledger.touch(resource.meta)
        if operation == "load":
            world.ledger.kept.pop(resource.meta.key)

    world.api.after = world.ledger.before = gone

    assert await world.reconciler.reconcile(current) is None


# --- surely not accepted ----------------------------------------------------------------------------------------------


async def test_a_rate_limit_is_waited_for_and_the_batch_sent_again(world: World) -> None:
    resource = world.apply("billing")
    world.api.before = raising(Waiting("rate limit", reason=Reason.RATE_LIMITED, retry_after=120), "create")

    assert await world.look(resource) == 120

    status = world.ledger.current(resource.meta).status
    assert [one.state for one in status.batches] == [BatchState.RELEASED]
    assert status.conditions[0].reason == "RateLimited"
    await world.run_until_finished(resource)
    assert world.labels() == {"0": "billing"}
    assert world.api.calls["recent"] > 0
    assert all_paid_once(world, 1)


async def test_a_batch_that_was_refused_for_now_is_sent_under_another_tag(world: World) -> None:
    resource = world.apply("billing")
    tags: list[str] = []

    async def note(operation: str, *about: Any) -> None:
        if operation == "create":
            tags.append(about[0])
            if len(tags) < 3:
                raise Waiting("overloaded")

    world.api.before = note
    await world.run_until_finished(resource)

    assert len(set(tags)) == 3


async def test_refused_credentials_stall_until_they_are_right(world: World) -> None:
    resource = world.apply("billing")
    world.api.before = raising(Stalled("the API refused the key", reason=Reason.CREDENTIALS_REFUSED), "create", times=3)
    await world.look(resource)
    assert is_true(world.ledger.current(resource.meta).status, "Stalled")

    resource = await world.run_until_finished(resource)

    assert is_true(resource.status, "Complete")
    assert all_paid_once(world, 1)


async def test_a_credential_that_is_gone_when_a_batch_is_bought_leaves_no_unclear_intent(world: World) -> None:
    resource = world.apply("billing")
    stalled = Stalled("the Secret is missing", reason=Reason.SECRET_MISSING)

    async def gone(operation: str, *about: Any) -> None:
        if operation == "save" and about[1].plan is not None:
            world.connections.error = stalled

    world.ledger.after = gone
    await world.look(resource)
    intents = world.ledger.current(resource.meta).status.batches
    world.ledger.after = raising(Killed(), "nothing")
    world.connections.error = None

    await world.run_until_finished(resource)

    assert intents == ()
    assert all_paid_once(world, 1)


async def test_a_refused_batch_is_failed_but_what_was_bought_is_collected(world: World) -> None:
    resource = world.apply(*["billing"] * 6, shards={"maxRequests": 2})
    world.api.before = raising(Rejected("the API refused the batch", reason=Reason.BATCH_REFUSED), "create", skip=1)

    resource = await world.run_until_finished(resource)

    assert is_true(resource.status, "Failed")
    assert resource.status.conditions[0].reason == "BatchRefused"
    assert world.api.calls["create"] == 2
    assert world.labels() == {"0": "billing", "1": "billing", "2": None, "3": None, "4": None, "5": None}
    assert "not sent: the API refused the batch" in world.rows["5"].reason
    assert set(world.sink.writes.values()) == {1}


async def test_a_released_range_that_has_grown_is_sent_in_parts(world: World) -> None:
    resource = world.apply(
        "billing 1", "billing 2", "technical", prompt={"maxBodyChars": 100_000}, shards={"maxBytes": 100_000}
    )
    world.api.before = raising(Waiting("rate limit"), "create")
    await world.look(resource)
    for number, ticket in enumerate(world.source.kept):
        world.source.kept[number] = Ticket(
            str(number), {"body": "billing " + "x" * 60_000}, ticket.cursor if ticket else ""
        )

    resource = await world.run_until_finished(resource)

    assert world.labels() == {"0": "billing", "1": "billing", "2": "billing"}
    assert all_paid_once(world, 3)


async def test_a_released_range_that_is_empty_by_now_is_no_batch(world: World) -> None:
    resource = world.apply("billing")
    world.api.before = raising(Waiting("rate limit"), "create")
    await world.look(resource)
    world.source.remove("0")

    resource = await world.run_until_finished(resource)

    assert resource.status.batches == ()
    assert is_true(resource.status, "Complete")


async def test_ids_too_long_for_the_store_are_failed_and_nothing_is_bought(world: World) -> None:
    world.ledger.most_long_ids = 1
    tickets = [Ticket("x" * 500 + str(number), {"body": "billing"}, "") for number in range(2)]

    resource = await world.run_until_finished(world.apply_tickets(tickets))

    assert resource.status.conditions[0].reason == "IdsTooLong"
    assert world.api.calls["create"] == 0


async def test_a_process_that_was_paused_on_the_way_to_the_api_buys_nothing_any_more(world: World) -> None:
    """The grace is over by then, so that another process has perhaps sent the tickets again."""

    async def paused(operation: str, *about: Any) -> None:
        if operation == "create" and world.api.calls["create"] == 1:
            world.clock.advance(world.services.grace.total_seconds() + 1)

    world.api.before = paused
    resource = world.apply("billing")
    await world.look(resource)
    assert world.api.held == {}

    await world.run_until_finished(resource)
    assert world.labels() == {"0": "billing"}
    assert len(world.api.held) == 1


@pytest.mark.parametrize("grace", [1, 5, 60, 600])
async def test_an_intent_is_too_old_to_be_bought_under_long_before_it_may_be_released(world: World, grace: int) -> None:
    world.use(grace=timedelta(seconds=grace))

    async def late(operation: str, *about: Any) -> None:
        if operation == "save" and in_state(about[1], BatchState.INTENDED):
            world.clock.advance(grace / 2 + 0.1)

    world.ledger.after = late
    await world.look(world.apply("billing"))

    assert world.api.held == {}


async def test_one_stray_line_does_not_make_an_own_batch_a_strangers(world: World) -> None:
    reads = 0

    def stray_at_first(delivered: Sequence[Answer]) -> Sequence[Answer]:
        nonlocal reads
        reads += 1
        return [Answer("alien1-1", "succeeded", "billing")] if reads == 1 else delivered

    world.api.after = raising(OutcomeUnknown("no answer"), "create")
    world.api.shorten = stray_at_first

    await world.run_until_finished(world.apply("billing"))

    assert reads > 1
    assert world.labels() == {"0": "billing"}
    assert len(world.api.held) == 1


# --- clocks -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("minutes", [-55, -3, 3, 55])
async def test_a_clock_that_is_wrong_does_not_make_a_lost_answer_a_second_purchase(world: World, minutes: int) -> None:
    world.use(clock=WrongClock(world.clock, timedelta(minutes=minutes)))
    resource = world.apply("billing", "technical")
    world.api.after = raising(OutcomeUnknown("no answer"), "create")

    await world.run_until_finished(resource)

    assert all_paid_once(world, 2)


async def test_what_was_seen_by_a_clock_that_was_set_back_proves_nothing(world: World) -> None:
    """The list that was read before the purchase bears a time behind it."""
    clock = WrongClock(world.clock, timedelta(minutes=40))
    world.use(clock=clock)
    world.api.duration = timedelta(minutes=2)
    first = world.apply("billing", name="first")
    await world.look(first)
    await world.look(first)
    clock.ahead = timedelta(minutes=20)
    resource = world.apply("billing", "technical")
    world.api.after = raising(OutcomeUnknown("no answer"), "create")

    await world.run_until_finished(resource)

    assert world.api.calls["create"] == 2


# --- what somebody has taken away -------------------------------------------------------------------------------------


def long_tickets() -> list[Ticket]:
    return [Ticket("x" * 100 + str(number), {"body": "billing"}, "") for number in range(3)]


async def test_long_ids_whose_config_map_is_gone_are_made_again_from_the_source(world: World) -> None:
    resource = world.apply_tickets(long_tickets())
    await world.look(resource)
    world.ledger.lose_long_ids(resource.meta)

    await world.run_until_finished(resource)

    assert set(world.labels().values()) == {"billing"}
    assert len(world.rows) == 3


async def test_long_ids_that_nobody_knows_any_more_stall_and_keep_the_answers(world: World) -> None:
    resource = world.apply_tickets(long_tickets())
    await world.look(resource)
    kept = world.ledger.lose_long_ids(resource.meta)
    gone = world.source.kept.pop()
    assert gone is not None
    for _ in range(20):
        world.clock.advance(600)
        await world.look(resource)
    status = world.ledger.current(resource.meta).status
    assert (status.conditions[-1].reason, world.rows) == ("IdsMissing", {})
    assert f"ConfigMap tickets-ids-{status.batches[0].tag}" in (status.message or "")

    await world.ledger.keep_long_ids(resource.meta, status.batches[0].tag, kept)
    await world.run_until_finished(resource)

    assert world.labels()[gone.id] == "billing"
