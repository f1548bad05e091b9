"""A resource from its source to its sinks, when all goes well."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from nightsort.api.batch_record import BatchState
from nightsort.domain.answer import Answer, Verdict
from nightsort.domain.conditions import is_true
from nightsort.domain.ticket import Ticket
from nightsort.testing.clock import NIGHT
from nightsort.testing.sinks import MemorySink
from tests.support.world import PRIVATE, World


async def test_a_resource_ends_complete_with_one_row_per_ticket(world: World) -> None:
    resource = await world.run_until_finished(world.apply("billing", "technical", "billing"))

    assert world.labels() == {"0": "billing", "1": "technical", "2": "billing"}
    assert set(world.sink.writes.values()) == {1}
    assert {row.verdict for row in world.rows.values()} == {Verdict.LABELED}
    assert is_true(resource.status, "Complete")
    assert is_true(resource.status, "Finished")
    assert resource.status.phase == "Complete"
    assert [(one.name, one.tickets) for one in resource.status.categories] == [("billing", 2), ("technical", 1)]
    assert resource.status.results.table == "memory"
    assert resource.status.results.rows == 3


async def test_a_row_says_who_answered_and_what_it_took(world: World) -> None:
    resource = await world.run_until_finished(world.apply("billing"))

    row = world.rows["0"]
    (batch,) = resource.status.batches
    assert (row.model, row.batch_id) == ("claude-haiku-4-5", batch.id)
    assert row.classified_at == NIGHT + timedelta(seconds=60)
    assert row.input_tokens > 0
    assert row.output_tokens > 0


async def test_the_money_stands_in_the_status_and_in_the_last_event(world: World) -> None:
    world.respond = lambda text: Answer("", "succeeded", "billing", "end_turn", input_tokens=1_000, output_tokens=100)

    resource = await world.run_until_finished(world.apply("a", "b"))

    cost = resource.status.cost
    assert (cost.actual_usd, cost.standard_usd, cost.saved_usd) == ("0.001500", "0.003000", "0.001500")
    assert cost.estimated_usd is not None
    kind, reason, message = world.events.told[-1]
    assert (kind, reason) == ("Normal", "Complete")
    money = "cost $0.001500, at the standard price $0.003000, saved $0.001500"
    more = round(100 * (Decimal("0.001500") / Decimal(cost.estimated_usd) - 1))
    assert message == f"2 tickets: 2 labeled; {money}, {more} % more than estimated"


async def test_a_model_without_a_price_runs_without_a_figure(world: World) -> None:
    models = dict(world.api.models)
    models["claude-next"] = next(iter(models.values()))
    world.api.models = models

    resource = await world.run_until_finished(world.apply("billing", model="claude-next"))

    assert is_true(resource.status, "Complete")
    assert resource.status.cost.actual_usd is None
    assert resource.status.message == "1 ticket: 1 labeled"


async def test_the_story_is_told_in_events(world: World) -> None:
    await world.run_until_finished(world.apply("billing"))

    assert world.events.reasons == ["Submitted", "Complete"]


async def test_a_whole_life_is_written_in_at_most_six_statuses(world: World) -> None:
    resource = await world.run_until_finished(world.apply("billing", pollIntervalSeconds=5))

    assert len(world.writes(resource)) <= 6


async def test_looks_that_see_nothing_new_write_nothing(world: World) -> None:
    resource = world.apply("billing")
    await world.look(resource)
    written = len(world.writes(resource))

    for _ in range(5):
        await world.look(resource)
        world.clock.advance(10)

    assert len(world.writes(resource)) == written


async def test_a_finished_resource_is_never_looked_at_again(world: World) -> None:
    resource = await world.run_until_finished(world.apply("billing"))
    calls = world.api.calls.copy()

    assert await world.look(resource) is None
    assert world.api.calls == calls


async def test_zero_tickets_are_complete_and_nothing_is_bought(world: World) -> None:
    resource = await world.run_until_finished(world.apply())

    assert is_true(resource.status, "Complete")
    assert resource.status.message == "the source has no tickets; nothing was bought"
    assert resource.status.cost.estimated_usd == "0.0000"
    assert world.api.calls["create"] == 0
    assert world.rows == {}
    assert len(world.sink.finished) == 1


async def test_more_tickets_than_fit_travel_in_several_shards(world: World) -> None:
    resource = await world.run_until_finished(world.apply(*["billing"] * 7, shards={"maxRequests": 3}))

    assert [(one.shard, one.requests) for one in resource.status.batches] == [(0, 3), (1, 3), (2, 1)]
    assert world.labels() == {str(number): "billing" for number in range(7)}
    assert set(world.paid().values()) == {1}


async def test_the_last_shard_may_be_full(world: World) -> None:
    resource = await world.run_until_finished(world.apply(*["billing"] * 6, shards={"maxRequests": 3}))

    assert [one.requests for one in resource.status.batches] == [3, 3]


async def test_a_shard_stays_below_its_bytes(world: World) -> None:
    resource = world.apply(
        *["billing " + "x" * 60_000] * 3, prompt={"maxBodyChars": 100_000}, shards={"maxBytes": 100_000}
    )

    resource = await world.run_until_finished(resource)

    assert [one.requests for one in resource.status.batches] == [1, 1, 1]
    assert len(world.rows) == 3


async def test_a_ticket_larger_than_a_shard_gets_an_unsendable_row(world: World) -> None:
    bodies = ["billing", "x" * 100_000, "technical"]

    await world.run_until_finished(
        world.apply(*bodies, prompt={"maxBodyChars": 100_000}, shards={"maxBytes": 100_000, "maxRequests": 1})
    )

    assert world.labels() == {"0": "billing", "1": None, "2": "technical"}
    assert world.rows["1"].verdict is Verdict.UNSENDABLE
    assert "shards.maxBytes" in world.rows["1"].reason


async def test_an_empty_ticket_gets_an_unsendable_row(world: World) -> None:
    resource = await world.run_until_finished(world.apply("billing", "", "billing"))

    assert world.labels() == {"0": "billing", "1": None, "2": "billing"}
    assert world.rows["1"].verdict is Verdict.UNSENDABLE
    assert (resource.status.tickets.labeled, resource.status.tickets.failed) == (2, 1)
    assert world.paid() == {"0": 1, "2": 1}


async def test_tickets_that_are_all_empty_end_failed_with_their_rows_and_nothing_bought(world: World) -> None:
    resource = await world.run_until_finished(world.apply("", "", ""))

    assert is_true(resource.status, "Failed")
    assert resource.status.conditions[-1].reason == "NoTicketLabeled"
    assert len(world.rows) == 3
    assert world.api.calls["create"] == 0


async def test_ids_that_do_not_fit_make_the_round_trip(world: World) -> None:
    ids = ["short", "with space", "🙂", "x" * 500, "ü" * 200, "🙂" * 128]
    tickets = [Ticket(ticket_id, {"body": "billing"}, "") for ticket_id in ids]

    resource = await world.run_until_finished(world.apply_tickets(tickets, shards={"maxRequests": 4}))

    assert world.labels() == dict.fromkeys(ids, "billing")
    assert [one.long_ids for one in resource.status.batches] == [1, 2]


async def test_rows_go_to_every_sink(world: World) -> None:
    resource = world.apply("billing", "")
    second = MemorySink()
    world.connections.sinks_of["tickets"].append(second)

    await world.run_until_finished(resource)

    assert second.rows == world.rows
    assert second.finished == world.sink.finished


async def test_the_sinks_are_told_the_summary(world: World) -> None:
    await world.run_until_finished(world.apply("billing", "other", "shipping"))

    (summary,) = world.sink.finished
    assert (summary.resource, summary.model, summary.tickets) == ("tickets", "claude-haiku-4-5", 3)
    assert summary.categories == {"billing": 1, "other": 1}
    assert summary.verdicts == {"labeled": 2, "unknown": 1, "failed": 0}
    assert summary.actual_usd is not None


async def test_many_tickets_are_read_and_written_in_chunks(world: World) -> None:
    await world.run_until_finished(world.apply(*["billing"] * 2_500))

    assert len(world.rows) == 2_500
    assert set(world.sink.writes.values()) == {1}


async def test_thinking_is_disabled_where_the_model_can(world: World) -> None:
    resource = await world.run_until_finished(world.apply("billing"))

    assert resource.status.plan is not None
    assert resource.status.plan.disable_thinking


async def test_one_list_call_in_an_interval_serves_all_resources(world: World) -> None:
    resources = [world.apply("billing", name=f"tickets-{number}") for number in range(5)]
    for resource in resources:
        await world.look(resource)
    calls = world.api.calls.copy()
    world.clock.advance(60)

    for resource in resources:
        await world.look(resource)

    assert world.api.calls["recent"] - calls["recent"] == 1
    assert world.api.calls["retrieve"] == calls["retrieve"]


async def test_a_batch_that_the_list_does_not_show_is_asked_for_by_its_id(world: World) -> None:
    resource = world.apply("billing")
    world.api.listed_after = timedelta(days=1)

    await world.run_until_finished(resource)

    assert world.labels() == {"0": "billing"}


async def test_ticket_text_is_in_the_request_and_nowhere_else(world: World) -> None:
    seen: list[str] = []

    def respond(text: str) -> str:
        seen.append(text)
        return "billing"

    world.respond = respond

    resource = await world.run_until_finished(world.apply("a", "b"))

    assert all(PRIVATE in text for text in seen)
    assert PRIVATE not in str(resource.status)
    assert PRIVATE not in str(world.events.told)
    assert PRIVATE not in str(world.rows)


async def test_every_batch_ends_collected(world: World) -> None:
    resource = await world.run_until_finished(world.apply(*["billing"] * 4, shards={"maxRequests": 2}))

    assert {one.state for one in resource.status.batches} == {BatchState.COLLECTED}
    assert all(one.submitted_at and one.ended_at for one in resource.status.batches)


async def test_tickets_that_were_cut_are_counted_and_told(world: World) -> None:
    long = "billing " + "x" * 3_000
    bodies = (long, "billing", f"<p>technical</p><p>{'&amp;' * 1_500}</p>", long)
    tickets = [Ticket(str(number), {"body": body}, "") for number, body in enumerate(bodies)]
    resource = world.apply_tickets(tickets, shards={"maxRequests": 3})

    ended = await world.run_until_finished(resource)

    assert ended.status.tickets.cut == 2
    assert [record.cut for record in ended.status.batches] == [1, 1]
    assert "; 2 tickets cut to 2,000 characters" in (ended.status.message or "")
    submitted = [message for _, reason, message in world.events.told if reason == "Submitted"]
    assert [", 1 of them cut to 2,000 characters" in message for message in submitted] == [True, True]


async def test_a_ticket_that_is_cut_and_asked_again_is_counted_once(world: World) -> None:
    answers = iter(["gibberish", "billing"])
    world.respond = lambda text: next(answers)

    ended = await world.run_until_finished(world.apply("x" * 3_000, unknownLabel={"action": "Retry"}))

    assert [record.cut for record in ended.status.batches] == [1, 1]
    assert ended.status.tickets.cut == 1
