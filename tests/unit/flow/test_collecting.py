"""No result that was paid for is lost: collecting is repeated until sinks and ledger have it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from nightsort.api.batch_record import BatchState
from nightsort.domain.answer import Answer, Row, Verdict
from nightsort.domain.conditions import is_finished, is_true
from nightsort.domain.errors import Rejected, Stalled, Waiting
from nightsort.domain.reasons import Reason
from nightsort.domain.stored import Stored
from nightsort.flow.reconcile import SOON_SECONDS
from nightsort.testing.sinks import MemorySink
from tests.support.faults import raising
from tests.support.world import EXPIRED, World, first_word


def cut(world: World, *, times: int, keep: int = 0) -> None:
    """So many results streams end after `keep` answers."""
    reads = 0

    def shorten(answers: Sequence[Answer]) -> Sequence[Answer]:
        nonlocal reads
        reads += 1
        return answers[:keep] if reads <= times else answers

    world.api.shorten = shorten


async def test_results_that_are_cut_are_read_again(world: World) -> None:
    cut(world, times=2, keep=1)

    await world.run_until_finished(world.apply("billing", "technical"))

    assert world.labels() == {"0": "billing", "1": "technical"}
    assert world.api.calls["create"] == 1


async def test_while_results_are_incomplete_the_status_says_so(world: World) -> None:
    cut(world, times=1, keep=1)
    resource = world.apply("billing", "technical")
    await world.look(resource)
    world.clock.advance(60)

    assert await world.look(resource) == 2

    status = world.ledger.current(resource.meta).status
    assert status.conditions[0].reason == "ResultsIncomplete"
    assert "1 of 2 answers" in (status.message or "")
    assert world.rows == {}


async def test_results_that_break_off_are_read_again(world: World) -> None:
    resource = world.apply("billing", "technical")
    world.api.after = raising(Waiting("the results were cut"), "results", times=3)

    await world.run_until_finished(resource)

    assert world.labels() == {"0": "billing", "1": "technical"}
    assert all(times == 1 for times in world.sink.writes.values())


async def test_an_answer_that_never_comes_gets_a_row_that_says_so(world: World) -> None:
    world.api.shorten = lambda answers: [answer for answer in answers if not answer.custom_id.endswith("-1")]

    resource = await world.run_until_finished(world.apply("billing", "technical", ""))

    assert world.rows["1"].verdict is Verdict.MISSING
    assert "without an answer" in world.rows["1"].reason
    assert (world.labels()["0"], len(world.rows)) == ("billing", 3)
    assert world.api.calls["create"] == 1, "it may be paid for"
    assert (resource.status.tickets.labeled, resource.status.tickets.failed) == (1, 2)


async def test_when_the_last_of_many_short_reads_is_cut_further_it_is_not_the_one_that_counts(world: World) -> None:
    began, cuts = world.clock.now(), 0

    def cut_after_an_hour(answers: Sequence[Answer]) -> Sequence[Answer]:
        nonlocal cuts
        late = world.clock.now() - began > timedelta(hours=1, minutes=1)
        cuts += late
        return [] if late and cuts == 1 else [answer for answer in answers if not answer.custom_id.endswith("-1")]

    world.api.shorten = cut_after_an_hour

    await world.run_until_finished(world.apply("billing", "technical"))

    assert cuts > 1
    assert {name: row.verdict for name, row in world.rows.items()} == {"0": Verdict.LABELED, "1": Verdict.MISSING}


async def test_an_answer_to_a_retry_that_never_comes_gets_a_row_that_says_so(world: World) -> None:
    asked = 0

    def flaky(text: str) -> str | Answer:
        nonlocal asked
        asked += text.startswith("flaky")
        return EXPIRED if text.startswith("flaky") and asked <= 2 else first_word(text)

    world.respond = flaky
    world.api.shorten = lambda answers: [
        answer for answer in answers if answer.outcome == "expired" or not answer.custom_id.endswith("-1")
    ]

    await world.run_until_finished(world.apply("billing", "flaky 1", "flaky 2", unknownLabel={"action": "Fail"}))

    assert {row.id: row.verdict for row in world.rows.values()} == {
        "0": Verdict.LABELED,
        "1": Verdict.MISSING,
        "2": Verdict.UNKNOWN,
    }


async def test_a_ticket_without_an_answer_that_left_the_source_counts_as_failed(world: World) -> None:
    world.api.shorten = lambda answers: [answer for answer in answers if not answer.custom_id.endswith("-1")]
    resource = world.apply("billing", "technical")
    await world.look(resource)
    world.source.remove("1")

    resource = await world.run_until_finished(resource)

    assert (resource.status.tickets.labeled, resource.status.tickets.failed) == (1, 1)
    assert world.labels() == {"0": "billing"}


async def test_results_that_are_cut_while_a_retry_is_prepared_buy_only_what_is_to_be_asked_again(world: World) -> None:
    asked = 0

    def flaky(text: str) -> str | Answer:
        nonlocal asked
        asked += text.startswith("flaky")
        return EXPIRED if text.startswith("flaky") and asked == 1 else first_word(text).replace("flaky", "billing")

    world.respond = flaky
    reads = 0

    def whole_first(answers: Sequence[Answer]) -> Sequence[Answer]:
        nonlocal reads
        reads += 1
        return [] if 1 < reads < 9 else answers

    world.api.shorten = whole_first

    resource = await world.run_until_finished(world.apply("billing", "flaky", "technical"))

    assert world.labels() == {"0": "billing", "1": "billing", "2": "technical"}
    assert world.paid() == {"0": 1, "1": 1, "2": 1}
    assert [one.requests for one in resource.status.batches] == [3, 1]


async def test_repeated_and_foreign_lines_change_nothing(world: World) -> None:
    def twice_and_more(answers: Sequence[Answer]) -> Sequence[Answer]:
        foreign = Answer("somebody-elses-request", "succeeded", "other", "end_turn", input_tokens=10**9)
        strange = Answer("t00000", "succeeded", "other", "end_turn", input_tokens=10**9)
        return [foreign, *answers, strange, *answers]

    world.api.shorten = twice_and_more

    resource = await world.run_until_finished(world.apply("billing", "technical"))

    assert world.labels() == {"0": "billing", "1": "technical"}
    assert resource.status.tickets.labeled == 2
    assert resource.status.batches[0].usage.input_tokens < 10**6


async def test_the_first_of_two_answers_counts(world: World) -> None:
    def contradicted(answers: Sequence[Answer]) -> Sequence[Answer]:
        return [*answers, *(Answer(answer.custom_id, "succeeded", "other", "end_turn") for answer in answers)]

    world.api.shorten = contradicted

    await world.run_until_finished(world.apply("billing"))

    assert world.labels() == {"0": "billing"}


@pytest.mark.parametrize("days", [0.1, 2, 29])
async def test_a_page_in_the_place_of_results_is_waited_for_as_an_outage(world: World, days: float) -> None:
    world.api.shorten = lambda answers: []
    resource = world.apply("billing", "technical")
    await world.look(resource)
    for _ in range(20):
        world.clock.advance(days * 24 * 3600 / 20)
        await world.look(resource)
    status = world.ledger.current(resource.meta).status
    assert (status.conditions[0].reason, status.tickets.failed) == ("ResultsUnavailable", 0)
    world.api.shorten = lambda answers: answers

    await world.run_until_finished(resource)

    assert world.labels() == {"0": "billing", "1": "technical"}
    assert world.api.calls["create"] == 1


async def test_results_that_never_come_are_given_up_when_the_api_does_not_keep_them_any_more(world: World) -> None:
    world.api.shorten = lambda answers: []
    resource = world.apply("billing")
    await world.look(resource)
    world.clock.advance(timedelta(days=30).total_seconds())

    resource = await world.run_until_finished(resource)

    assert world.rows["0"].verdict is Verdict.MISSING
    assert world.api.calls["create"] == 1
    assert resource.status.tickets.failed == 1


async def test_a_404_on_the_own_batch_passes(world: World) -> None:
    resource = world.apply("billing")
    await world.look(resource)
    world.api.hidden.add("msgbatch_0001")
    for _ in range(5):
        world.clock.advance(60)
        assert await world.look(resource) is not None
    assert not is_finished(world.ledger.current(resource.meta).status)

    world.api.hidden.clear()
    await world.run_until_finished(resource)

    assert world.labels() == {"0": "billing"}
    assert world.api.calls["create"] == 1


async def test_a_404_while_a_retry_is_prepared_passes(world: World) -> None:
    asked = 0

    def flaky(text: str) -> str | Answer:
        nonlocal asked
        asked += 1
        return EXPIRED if asked == 1 else first_word(text)

    world.respond = flaky
    resource = world.apply("billing")
    await world.look(resource)
    world.clock.advance(60)

    async def hide(operation: str, *about: Any) -> None:
        if operation == "results":
            world.api.hidden.add("msgbatch_0001")

    world.api.after = hide
    await world.look(resource)
    assert world.ledger.current(resource.meta).status.conditions[0].reason == "BatchNotFound"

    world.api.after = raising(Waiting("never"), "nothing")
    world.api.hidden.clear()
    await world.run_until_finished(resource)

    assert world.labels() == {"0": "billing"}


@pytest.mark.parametrize("loss", ["the batch", "its results"])
async def test_tickets_to_be_asked_again_that_nobody_can_name_any_more_end_the_run_a_day_later(
    world: World, loss: str
) -> None:
    reads = 0

    def whole_once(answers: Sequence[Answer]) -> Sequence[Answer]:
        nonlocal reads
        reads += 1
        if reads == 1:
            return answers
        if loss == "the batch":
            world.api.hidden.add("msgbatch_0001")
        return [answer for answer in answers if answer.custom_id.endswith("-0")]

    world.respond = lambda text: EXPIRED if text.startswith("flaky") else first_word(text)
    world.api.shorten = whole_once
    began = world.clock.now()

    resource = await world.run_until_finished(world.apply("billing", "flaky"), max_looks=400)

    assert world.clock.now() - began > timedelta(days=1)
    assert (resource.status.tickets.labeled, resource.status.tickets.failed) == (1, 1)
    assert world.labels() == {"0": "billing"}
    assert world.api.calls["create"] == 1


@pytest.mark.parametrize("error", [Waiting("the database restarts"), Stalled("the table is gone")])
async def test_a_sink_that_is_away_gets_its_rows_when_it_is_back(world: World, error: Exception) -> None:
    resource = world.apply("billing", "technical")
    await world.look(resource)
    world.sink.error = error
    for _ in range(4):
        world.clock.advance(await world.look(resource) or 0)
    assert world.ledger.current(resource.meta).status.batches[0].state is BatchState.SUBMITTED
    world.sink.error = None

    await world.run_until_finished(resource)

    assert world.labels() == {"0": "billing", "1": "technical"}
    assert world.api.calls["create"] == 1


async def test_a_sink_that_breaks_off_half_way_ends_with_one_row_each(world: World) -> None:
    resource = world.apply(*["billing"] * 2_500)
    await world.look(resource)
    world.clock.advance(60)
    world.sink.fail_after = 2
    with suppress(ConnectionError):  # an accident, which ends no more than this look
        await world.look(resource)
    assert len(world.rows) == 2_000
    world.sink.fail_after = None
    world.restart()

    resource = await world.run_until_finished(resource)

    assert len(world.rows) == 2_500
    assert resource.status.tickets.labeled == 2_500
    assert [(one.name, one.tickets) for one in resource.status.categories] == [("billing", 2_500)]


async def test_when_the_second_sink_fails_the_first_is_written_again_and_counted_once(world: World) -> None:
    resource = world.apply("billing")
    second = MemorySink()
    world.connections.sinks_of["tickets"].append(second)
    await world.look(resource)
    world.clock.advance(60)
    second.error = Waiting("away")
    await world.look(resource)
    second.error = None

    resource = await world.run_until_finished(resource)

    assert world.sink.writes == {"0": 2}
    assert world.sink.rows == second.rows
    assert resource.status.tickets.labeled == 1


async def test_a_delivery_that_is_refused_after_the_purchase_stalls_and_goes_on_when_it_is_mended(world: World) -> None:
    resource = world.apply("billing")
    await world.look(resource)
    world.clock.advance(60)
    world.sink.error = Rejected("the results do not fit", reason=Reason.RESULTS_TOO_LARGE)
    await world.look(resource)
    status = world.ledger.current(resource.meta).status
    assert is_true(status, "Stalled")
    assert not is_finished(status)

    world.sink.error = None
    resource = await world.run_until_finished(resource)

    assert world.labels() == {"0": "billing"}


@pytest.mark.parametrize("operation", ["recent", "retrieve"])
async def test_a_look_at_the_account_that_is_refused_does_not_end_a_run_with_batches_in_flight(
    world: World, operation: str
) -> None:
    resource = world.apply("billing")
    await world.look(resource)
    world.clock.advance(60)
    world.api.listed_after = world.services.grace * 100
    world.api.before = raising(Rejected("the API refused the request", reason=Reason.BATCH_REFUSED), operation, times=3)
    await world.look(resource)
    assert not is_finished(world.ledger.current(resource.meta).status)

    await world.run_until_finished(resource)

    assert world.labels() == {"0": "billing"}


async def test_an_account_that_is_away_is_waited_for(world: World) -> None:
    resource = world.apply("billing")
    await world.look(resource)
    world.clock.advance(60)
    world.api.before = raising(Waiting("529"), "recent", times=4)

    await world.run_until_finished(resource)

    assert world.labels() == {"0": "billing"}


async def test_rows_are_not_written_by_a_process_that_was_overtaken_while_it_read(world: World) -> None:
    resource = world.apply("billing", "technical")
    await world.look(resource)
    world.clock.advance(60)

    async def overtaken(operation: str, *about: Any) -> None:
        if operation == "results":
            now = world.ledger.current(resource.meta)
            await world.ledger.save(now.meta, now.status.model_copy(update={"message": "another was here"}))

    world.api.after = overtaken
    assert await world.look(resource) == SOON_SECONDS
    assert world.rows == {}

    world.api.after = raising(Waiting("never"), "nothing")
    await world.run_until_finished(resource)
    assert world.labels() == {"0": "billing", "1": "technical"}


@pytest.mark.parametrize("spec", [{}, {"ttl_seconds_after_finished": 60}, {"max_cost_usd": "5"}])
async def test_who_writes_the_resource_during_every_collection_does_not_keep_it_from_its_end(
    world: World, spec: dict[str, Any]
) -> None:
    """Whether labels or a part of the spec: neither is the record."""
    resource = world.apply("billing", "technical", "billing", shards={"maxRequests": 1})
    await world.look(resource)
    world.clock.advance(60)

    async def restless(operation: str, *about: Any) -> None:
        if operation in ("results", "load"):
            world.ledger.touch(resource.meta, **spec)

    async def also_while_rows_are_written(rows: AsyncIterator[Sequence[Row]]) -> Stored:
        stored = await write(rows)
        world.ledger.touch(resource.meta, **spec)
        return stored

    write = world.sink.write
    world.api.after = world.ledger.before = restless
    world.sink.write = also_while_rows_are_written  # type: ignore[method-assign]
    await world.look(resource)

    assert world.api.calls["results"] == 3
    assert world.labels() == {"0": "billing", "1": "technical", "2": "billing"}
    assert is_true(world.ledger.current(resource.meta).status, "Complete")


async def test_a_resource_that_is_deleted_during_a_collection_is_left_to_its_finalizer(world: World) -> None:
    resource = world.apply("billing")
    await world.look(resource)
    world.clock.advance(60)

    async def deleted(operation: str, *about: Any) -> None:
        if operation == "results":
            kept = world.ledger.kept[resource.meta.key]
            kept.resource = replace(
                kept.resource, meta=replace(kept.resource.meta, deletion_timestamp=world.clock.now())
            )
            world.ledger.touch(resource.meta)

    world.api.after = deleted
    assert await world.look(resource) == SOON_SECONDS

    assert world.rows == {}
    assert await world.look(resource) is None


async def test_labels_whose_tickets_have_left_the_table_are_told_at_the_end(world: World) -> None:
    resource = world.apply(*["billing"] * 5, shards={"maxRequests": 2})
    world.sink.gone = {"0", "1", "4"}

    status = (await world.run_until_finished(resource)).status

    assert is_true(status, "Complete")
    assert status.results.unmatched == 3
    assert (status.message or "").endswith("; 3 labels found no row in table memory")
    kind, reason, told = world.events.told[-1]
    assert (kind, reason) == ("Warning", "RowsWithoutTicket")
    assert told.startswith("3 labels found no row in table memory: their tickets were deleted there, or have other ids")


async def test_labels_without_a_row_are_counted_once_however_often_they_are_collected(world: World) -> None:
    resource = world.apply("billing", "billing")
    world.sink.gone = {"0"}
    cut(world, times=2, keep=1)

    assert (await world.run_until_finished(resource)).status.results.unmatched == 1


async def test_a_ticket_whose_row_is_anothers_is_named_in_an_event(world: World) -> None:
    resource = world.apply("billing", "billing")
    world.sink.taken = {"1"}

    status = (await world.run_until_finished(resource)).status

    assert status.results.unmatched == 1
    (told,) = [message for _, reason, message in world.events.told if reason == "IdsCollide"]
    assert told == "the store keeps the label that stands there, and not those of ['1']"
