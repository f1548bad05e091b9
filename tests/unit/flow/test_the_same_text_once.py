"""`dedupe: Exact`: tickets with the same text are asked about once, and each of them gets its row."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from nightsort.api.resource import Resource
from nightsort.domain.answer import Answer, Verdict
from nightsort.domain.conditions import FAILED, is_true
from nightsort.domain.reasons import Reason
from nightsort.domain.ticket import Ticket
from nightsort.flow.preflight import reuse
from nightsort.flow.tickets import duplicates
from nightsort.testing.sinks import MemorySink
from nightsort.testing.sources import MemoryQuery
from tests.support.world import EXPIRED, PRIVATE, World

TABLE = {"database": {"urlSecretRef": {"name": "db", "key": "url"}, "table": "labels", "mode": "Upsert"}}


def begin(world: World, *bodies: str, **spec: Any) -> Resource:
    return world.apply(*bodies, **({"dedupe": "Exact"} | spec))


def same_as(world: World) -> dict[str, str | None]:
    return {row.id: row.same_as for row in world.rows.values()}


async def run(world: World, *bodies: str, **spec: Any) -> Resource:
    return await world.run_until_finished(begin(world, *bodies, **spec))


async def test_the_same_text_is_bought_once_and_every_ticket_has_its_row(world: World) -> None:
    resource = await run(world, "billing a", "account", "billing a", "billing b", "billing a")

    assert world.paid() == {"0": 1, "1": 1, "3": 1}
    assert world.labels() == {"0": "billing", "1": "account", "2": "billing", "3": "billing", "4": "billing"}
    assert same_as(world) == {"0": None, "1": None, "2": "0", "3": None, "4": "0"}
    assert (world.rows["2"].input_tokens, world.rows["2"].batch_id) == (0, world.rows["0"].batch_id)
    counts = resource.status.tickets
    assert (counts.total, counts.labeled, counts.duplicates) == (5, 5, 2)
    assert {count.name: count.tickets for count in resource.status.categories} == {"billing": 4, "account": 1}
    assert set(world.sink.writes.values()) == {1}
    assert world.metrics.same.total() == 2
    told = [message for _, reason, message in world.events.told if reason == "TicketsDeduplicated"]
    assert told == ["2 further tickets with the same text as one of them get its row"]


async def test_without_dedupe_every_ticket_is_bought(world: World) -> None:
    resource = await run(world, "billing", "billing", dedupe="Off")

    assert world.paid() == {"0": 1, "1": 1}
    assert same_as(world) == {"0": None, "1": None}
    assert "duplicates" not in resource.status.model_dump_json(exclude_defaults=True)


async def test_texts_are_compared_as_they_are_sent(world: World) -> None:
    """What is cut away, or what the template does not name, makes no difference."""
    await run(world, "billing " + "x" * 100, "billing " + "x" * 200, prompt={"maxBodyChars": 50})

    assert world.paid() == {"0": 1}


async def test_duplicates_of_other_shards_are_found_and_shards_count_requests(world: World) -> None:
    resource = await run(world, "billing", "account", "billing", "other", "account", shards={"maxRequests": 1})

    assert [record.requests for record in resource.status.batches] == [1, 1, 1]
    assert world.paid() == {"0": 1, "1": 1, "3": 1}
    assert len(world.rows) == 5


async def test_a_retried_ticket_takes_its_duplicates_along(world: World) -> None:
    answers: Iterator[str | Answer] = iter([EXPIRED, "billing"])
    world.respond = lambda text: next(answers)
    resource = await run(world, "a", "a", "a")

    assert world.labels() == {"0": "billing", "1": "billing", "2": "billing"}
    assert same_as(world) == {"0": None, "1": "0", "2": "0"}
    assert (resource.status.tickets.labeled, resource.status.tickets.total) == (3, 3)


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        ("gibberish", Verdict.UNKNOWN),
        (Answer("", "succeeded", "", "refusal", input_tokens=5), Verdict.REFUSED),
        (EXPIRED, Verdict.EXPIRED),
    ],
)
async def test_a_verdict_without_a_label_is_that_of_all(world: World, answer: str | Answer, verdict: Verdict) -> None:
    world.respond = lambda text: answer
    resource = await run(world, "a", "a", backoffLimit=1)

    assert [row.verdict for row in world.rows.values()] == [verdict, verdict]
    assert resource.status.tickets.total == 2


async def test_a_run_that_is_ended_before_it_buys_has_a_row_for_every_ticket(world: World) -> None:
    resource = begin(world, "billing", "billing", "account", shards={"maxRequests": 1})
    while not world.api.bill:
        await world.look(resource)
    world.ledger.touch(resource.meta, active_deadline_seconds=0)
    ended = await world.run_until_finished(resource)

    assert len(world.rows) == 3
    assert world.rows["1"].verdict == world.rows["0"].verdict
    counts = ended.status.tickets
    assert counts.labeled + counts.unknown + counts.failed == counts.total == 3


async def test_tickets_without_a_text_are_each_unsendable(world: World) -> None:
    await run(world, "", "billing", "")

    assert [row.verdict for row in world.rows.values()].count(Verdict.UNSENDABLE) == 2
    assert same_as(world) == {"0": None, "1": None, "2": None}


def query_of(world: World, **bodies: str) -> MemoryQuery:
    tickets = [Ticket(name, {"subject": "", "body": f"{body} {PRIVATE}"}, "") for name, body in bodies.items()]
    query = MemoryQuery(tickets, lambda: (), limit=100, page=2)
    world.connections.sources["tickets"] = query
    return query


async def run_with(world: World, resource: Resource, change: Callable[[], None]) -> Resource:
    """The change comes right after the plan, before anything is sent."""
    changes = iter([change])

    async def after(operation: str, *about: Any) -> None:
        if world.ledger.current(resource.meta).status.plan is not None:
            for each in changes:
                each()

    world.ledger.after = after
    return await world.run_until_finished(resource)


def changed(query: MemoryQuery, place: int, body: str) -> None:
    ticket = query.kept[place]
    assert ticket is not None
    query.kept[place] = replace(ticket, fields={"body": body})


async def test_a_ticket_that_changes_before_it_is_sent_does_not_give_others_its_new_label(world: World) -> None:
    resource = begin(world)
    query = query_of(world, a="billing", b="billing", c="other")
    await run_with(world, resource, lambda: changed(query, 0, "account now"))

    assert world.labels() == {"a": "billing", "b": "billing", "c": "other"}
    assert world.paid() == {"a": 1, "c": 1}


async def test_a_ticket_that_leaves_before_it_is_sent_leaves_its_text_to_its_duplicates(world: World) -> None:
    resource = begin(world)
    query = query_of(world, a="billing", b="billing", c="other")
    await run_with(world, resource, lambda: query.remove("a"))

    assert world.labels()["b"] == "billing"
    assert world.paid() == {"a": 1, "c": 1}


async def test_a_text_that_no_ticket_has_any_more_is_not_bought(world: World) -> None:
    resource = begin(world)
    query = query_of(world, a="billing", b="billing", c="other")

    def change() -> None:
        changed(query, 0, "account now")
        query.remove("b")

    ended = await run_with(world, resource, change)

    assert world.paid() == {"c": 1}
    assert {row.id: row.verdict for row in world.rows.values()} == {"a": "Missing", "b": "Missing", "c": "Labeled"}
    assert world.rows["b"].reason == (
        "the text that it had in common with other tickets left the source before it could be sent"
    )
    assert (ended.status.tickets.failed, ended.status.tickets.total) == (2, 3)


async def test_which_ticket_stands_for_which_is_decided_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a restart nor tickets that come later change it."""
    monkeypatch.setattr(duplicates, "BLOCK_PAIRS", 2)
    resource = begin(world, shards={"maxRequests": 1})
    query = query_of(world, a="billing", b="billing", c="other", d="other", e="billing")

    def change() -> None:
        query.add(Ticket("z", {"body": f"billing {PRIVATE}"}, ""))
        world.restart()

    ended = await run_with(world, resource, change)

    assert world.paid() == {"a": 1, "c": 1}
    assert same_as(world) == {"a": None, "b": "a", "c": None, "d": "c", "e": "a"}
    assert ended.status.tickets.total == 5
    assert not any(world.ledger.kept[resource.meta.key].long_ids.values()), "nothing is kept of a run that has ended"


async def test_a_map_that_somebody_has_deleted_stalls_the_run_until_it_is_back(world: World) -> None:
    resource = begin(world, "billing", "billing")
    while not world.api.bill:
        await world.look(resource)
    kept = world.ledger.kept[resource.meta.key].long_ids
    before = dict(kept)
    world.ledger.lose_long_ids(resource.meta)
    for _ in range(5):
        world.clock.advance(3600)
        await world.look(resource)
    stalled = world.ledger.current(resource.meta).status
    kept.update(before)
    await world.run_until_finished(resource)

    assert any(condition.reason == Reason.IDS_MISSING for condition in stalled.conditions)
    assert len(world.rows) == 2


@pytest.mark.parametrize("call", ["keep_long_ids", "save"])
@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_crash_at_any_write_loses_no_ticket_and_buys_none_twice(world: World, call: str, when: str) -> None:
    answers: Iterator[str | Answer] = iter([EXPIRED, *["billing"] * 9])
    world.respond = lambda text: next(answers)
    resource = begin(world, "billing", "billing", "other", "billing", shards={"maxRequests": 1})
    ended = await world.run_killed_at_each(resource, call, when)
    assert world.paid() == {"0": 1, "2": 1}, "one of them expired first, which costs nothing"
    assert (ended.status.tickets.labeled, len(world.rows)) == (4, 4)


async def test_the_next_night_reuses_the_rows_of_duplicates(world: World) -> None:
    table = MemorySink()

    async def night(name: str, *bodies: str) -> Resource:
        resource = world.apply(*bodies, name=name, dedupe="Exact", reuse="Unchanged", results=TABLE)
        world.connections.sinks_of[name] = [table]
        return await world.run_until_finished(resource)

    await night("one", "billing", "billing", "other")
    second = await night("two", "billing", "billing", "other", "account", "account")

    counts = second.status.tickets
    assert (counts.reused, counts.labeled, counts.duplicates, counts.total) == (3, 2, 1, 5)
    assert world.paid() == {"0": 1, "2": 1, "3": 1}


async def test_the_forecast_of_a_suspended_run_counts_duplicates_and_pays_once(world: World) -> None:
    resource = begin(world, "billing", "billing", "other", suspend=True)
    await world.look(resource)

    forecast = world.ledger.current(resource.meta).status.forecast
    assert forecast is not None
    assert (forecast.tickets, forecast.requests, forecast.duplicates) == (3, 2, 1)
    assert forecast.remarks == "1 further ticket with the same text as one of them gets its row"


async def test_without_dedupe_the_forecast_says_what_it_would_save(world: World) -> None:
    resource = begin(world, "billing", "billing", "other", "billing", dedupe="Off", suspend=True)
    await world.look(resource)

    forecast = world.ledger.current(resource.meta).status.forecast
    assert forecast is not None
    assert forecast.batch_usd is not None
    half = f"{float(forecast.batch_usd) / 2:.6f}"
    assert forecast.remarks == (
        f"2 of 4 tickets have the same text as another one: dedupe: Exact would save about ${half}"
    )
    assert (forecast.requests, forecast.duplicates) == (4, 0)


async def test_more_tickets_than_can_be_compared_are_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reuse, "MOST_CHOSEN", 2)
    resource = await run(world, "billing", "billing", "other")

    assert is_true(resource.status, FAILED)
    assert not world.api.bill
    assert "dedupe compares at most 2 tickets of a run" in (resource.status.message or "")
