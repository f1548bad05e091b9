"""Everything that could keep results from being delivered is looked at before anything is bought."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from nightsort.api.resource import Resource
from nightsort.domain.batch import ModelFacts
from nightsort.domain.conditions import COMPLETE, is_true
from nightsort.domain.cost import answer_tokens
from nightsort.domain.errors import Rejected, Stalled, Waiting
from nightsort.domain.prompt import system_prompt
from nightsort.domain.reasons import Reason
from nightsort.domain.ticket import Ticket
from nightsort.flow.preflight.repeats import UNKNOWN_AGAIN
from nightsort.testing.batch_api import MODEL, MODELS, tokens
from tests.support.world import World


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        ("claude-nothing", "UnknownModel"),
        ("retired", "ModelRetired"),
        ("talks-only", "ModelWithoutBatches"),
    ],
)
async def test_a_model_that_cannot_be_used_is_failed_and_nothing_is_bought(
    world: World, model: str, reason: str
) -> None:
    world.api.models = MODELS | {
        "retired": ModelFacts("retired", retired=True),
        "talks-only": ModelFacts("talks-only", batch=False),
    }

    resource = await world.run_until_finished(world.apply("billing", model=model))

    assert is_true(resource.status, "Failed")
    assert resource.status.conditions[0].reason == reason
    assert model in (resource.status.message or "")
    assert world.events.told[-1][:2] == ("Warning", reason)
    assert world.api.calls["create"] == 0
    assert not world.sink.finished


async def test_an_unknown_model_is_answered_with_those_that_there_are_and_their_prices(world: World) -> None:
    others = ("claude-sonnet-5-5", "claude-opus-5-5", "claude-of-tomorrow", "claude-haiku-4-5")
    world.api.models = MODELS | {name: ModelFacts(name) for name in others} | {
        "claude-haiku-3": ModelFacts("claude-haiku-3", retired=True)
    }  # fmt: skip

    resource = await world.run_until_finished(world.apply("billing", model="claude-sonet-5.5"))

    message = resource.status.message or ""
    assert "no model 'claude-sonet-5.5'. There are claude-sonnet-5-5 (2 / 10), " in message, "the likeliest is first"
    assert "claude-of-tomorrow (price unknown)" in message
    assert "claude-haiku-3" not in message, "nobody can take a retired one"
    assert "a batch pays half" in message


async def test_where_the_catalogue_cannot_be_read_the_price_table_is_named(world: World) -> None:
    async def fail(operation: str, *_: object) -> None:
        if operation == "catalogue":
            raise Waiting("the API answered with an error (500)", reason=Reason.API_UNAVAILABLE)

    world.api.before = fail

    resource = await world.run_until_finished(world.apply("billing", model="claude-haiku-55"))

    assert "There are claude-haiku-5-5 (0.10 / 0.50), " in (resource.status.message or "")


@pytest.mark.parametrize(
    "break_it",
    [
        lambda world: setattr(
            world.source, "error", Waiting("the ConfigMap tickets is missing", reason=Reason.SOURCE_MISSING)
        ),
        lambda world: setattr(
            world.source, "error", Stalled("the column body is missing", reason=Reason.SOURCE_MISSING)
        ),
        lambda world: setattr(world.sink, "error", Stalled("the table is missing", reason=Reason.SOURCE_MISSING)),
        lambda world: setattr(
            world.connections, "error", Stalled("the Secret is missing", reason=Reason.SOURCE_MISSING)
        ),
    ],
    ids=["source missing", "source wrong", "sink wrong", "secret missing"],
)
async def test_what_is_in_the_way_is_waited_for_and_nothing_is_bought(
    world: World, break_it: Callable[[World], None]
) -> None:
    resource = world.apply("billing")
    break_it(world)
    for _ in range(5):
        world.clock.advance(await world.look(resource) or 0)
    stuck = world.ledger.current(resource.meta).status
    assert (stuck.phase, stuck.plan) in (("Working", None), ("Pending", None), ("Stalled", None))
    assert "missing" in (stuck.message or "")
    assert stuck.conditions[0].reason == "SourceMissing"
    assert world.api.calls["create"] == 0

    world.source.error = world.sink.error = world.connections.error = None

    assert is_true((await world.run_until_finished(resource)).status, "Complete")


async def test_what_is_in_the_way_is_told_once(world: World) -> None:
    resource = world.apply("billing")
    world.sink.error = Stalled("the table is missing", reason=Reason.TABLE_MISSING)

    assert [await world.look(resource) for _ in range(5)] == [30, 60, 120, 240, 240]

    assert world.events.told == [("Warning", "TableMissing", "the table is missing")]
    assert len(world.writes(resource)) == 1


async def test_waiting_backs_off_and_is_no_alarm(world: World) -> None:
    resource = world.apply("billing")
    world.source.error = Waiting("not there yet")

    assert [await world.look(resource) for _ in range(9)] == [2, 4, 8, 16, 32, 64, 128, 256, 300]
    assert world.events.told == [("Normal", "Waiting", "not there yet")]


async def test_after_a_success_the_backoff_starts_anew(world: World) -> None:
    resource = world.apply("billing")
    world.source.error = Waiting("not there yet")
    await world.look(resource)
    await world.look(resource)
    world.source.error = None
    await world.look(resource)
    world.clock.advance(60)
    world.sink.error = Waiting("the database restarts")

    assert await world.look(resource) == 2


async def test_a_spec_that_can_never_work_is_failed(world: World) -> None:
    resource = world.apply("billing")
    world.sink.error = Rejected("the results would not fit: use a database", reason=Reason.RESULTS_TOO_LARGE)

    resource = await world.run_until_finished(resource)

    assert is_true(resource.status, "Failed")
    assert resource.status.message == "the results would not fit: use a database"
    assert world.api.calls["create"] == 0


async def test_a_template_that_is_none_is_failed(world: World) -> None:
    resource = await world.run_until_finished(world.apply("billing", prompt={"template": "costs $5"}))

    assert resource.status.conditions[0].reason == "InvalidTemplate"


async def test_the_sinks_are_asked_whether_so_many_tickets_fit(world: World) -> None:
    await world.run_until_finished(world.apply("a", "b", "c"))

    assert [rehearsal.tickets for rehearsal in world.sink.checked] == [3]


async def test_a_database_rehearses_with_the_categories_and_the_first_ids(world: World) -> None:
    database = {"database": {"urlSecretRef": {"name": "db", "key": "url"}, "table": "tickets"}}
    resource = world.apply("a", "b", "c", results=database)
    world.sink.tries_ids = True

    await world.run_until_finished(resource)

    [rehearsal] = world.sink.checked
    assert rehearsal.ids == ("0", "1", "2")
    assert rehearsal.categories == ("billing", "technical", "account", "feedback", "other")
    assert rehearsal.model == MODEL


async def test_a_run_that_costs_too_much_stalls_and_goes_on_when_the_limit_is_raised(world: World) -> None:
    resource = world.apply(*["billing"] * 100, maxCostUSD="0.000001")
    await world.look(resource)
    stalled = world.ledger.current(resource.meta).status
    assert is_true(stalled, "Stalled")
    assert stalled.conditions[0].reason == "CostLimitExceeded"
    assert "above maxCostUSD 0.000001" in (stalled.message or "")
    assert world.api.calls["create"] == 0

    world.ledger.touch(resource.meta, max_cost_usd="5.00")

    assert is_true((await world.run_until_finished(resource)).status, "Complete")


async def test_a_limit_cannot_be_held_without_a_price(world: World) -> None:
    world.api.models = MODELS | {"claude-next": replace(MODELS[MODEL], id="claude-next")}
    resource = world.apply("billing", model="claude-next", maxCostUSD="5.00")

    await world.look(resource)

    status = world.ledger.current(resource.meta).status
    assert status.conditions[0].reason == "PriceUnknown"
    assert world.api.calls["create"] == 0


async def test_a_limit_that_is_kept_is_no_obstacle(world: World) -> None:
    resource = await world.run_until_finished(world.apply("billing", maxCostUSD="5.00"))

    assert is_true(resource.status, "Complete")


@pytest.mark.parametrize("tickets", [1, 2, 300])
async def test_the_estimate_counts_the_prompt_and_the_answers_and_the_text(world: World, tickets: int) -> None:
    resource = world.apply(*["billing " + "x" * 200 * (number % 5) for number in range(tickets)])
    await world.look(resource)

    texts = [ticket.fields["body"] for ticket in world.source.kept if ticket]
    system, answer = tokens(system_prompt(resource.spec)), answer_tokens(resource.spec, MODELS[MODEL])
    expected = sum(system + tokens(text) + 5 * answer for text in texts) / 1e6 / 2
    estimated = world.ledger.current(resource.meta).status.cost.estimated_usd
    assert float(estimated or 0) == pytest.approx(expected, rel=0.05, abs=0.0001)


async def test_tickets_without_text_are_estimated_at_nothing(world: World) -> None:
    resource = await world.run_until_finished(world.apply("", ""))

    assert resource.status.cost.estimated_usd == "0.0000"


async def test_duplicate_ids_are_failed_and_nothing_is_bought(world: World) -> None:
    twins = [Ticket("7", {"body": "billing"}, ""), Ticket("8", {"body": "billing"}, "")]

    resource = await world.run_until_finished(world.apply_tickets([*twins, twins[0]]))

    assert is_true(resource.status, "Failed")
    assert resource.status.conditions[0].reason == "DuplicateTicket"
    assert "'7'" in (resource.status.message or "")
    assert world.api.calls["create"] == 0


async def test_a_younger_resource_waits_for_an_older_one_on_the_same_source(world: World) -> None:
    older = world.apply("billing", name="older", overlapPolicy="Wait")
    world.clock.advance(5)
    younger = world.apply("billing", name="younger", overlapPolicy="Wait")
    await world.look(older)

    assert await world.look(younger) == 60

    status = world.ledger.current(younger.meta).status
    assert status.conditions[0].reason == "Overlap"
    assert "older goes first" in (status.message or "")
    assert world.api.calls["create"] == 1
    await world.run_all(older, younger)
    assert world.labels("younger") == {"0": "billing"}


async def test_resources_that_allow_overlap_run_beside_each_other(world: World) -> None:
    older, younger = world.apply("billing", name="older"), world.apply("billing", name="younger")

    await world.look(older)
    await world.look(younger)

    assert world.api.calls["create"] == 2


async def test_a_crash_after_preparing_prepares_no_second_time(world: World) -> None:
    resource = world.apply("billing")
    await world.look(resource)
    world.restart()

    await world.run_until_finished(resource)

    assert world.api.calls["model"] == 1


async def test_one_that_has_begun_goes_before_one_of_the_same_second_whose_name_sorts_first(world: World) -> None:
    """Kubernetes keeps seconds: who is older cannot be told, and the first one may have been alone when it asked."""
    twins = sorted((world.apply("billing", name=name, overlapPolicy="Wait") for name in "ab"), key=uid_of)
    world.connections.sources["a"] = world.connections.sources["b"]
    first, later = twins[1], twins[0]
    await world.ledger.remove(later.meta)
    await world.look(first)
    world.ledger.add(later)

    await world.look(later)

    assert world.ledger.current(later.meta).status.conditions[0].reason == "Overlap"
    assert world.api.calls["create"] == 1


async def test_who_appears_while_another_prepares_is_seen_before_that_one_begins(world: World) -> None:
    later, first = sorted((world.apply("billing", name=name, overlapPolicy="Wait") for name in "ab"), key=uid_of)
    await world.ledger.remove(later.meta)

    async def appear(operation: str, *about: Any) -> None:
        if operation == "model":
            world.ledger.add(later)

    world.api.before = appear
    await world.look(first)

    status = world.ledger.current(first.meta).status
    assert (status.plan, status.conditions[0].reason) == (None, "Overlap")


def uid_of(resource: Resource) -> str:
    return resource.meta.uid


async def test_more_batches_than_a_status_takes_are_refused_before_anything_is_bought(world: World) -> None:
    resource = await world.run_until_finished(world.apply(*["billing"] * 481, shards={"maxRequests": 1}))

    assert (resource.status.phase, resource.status.conditions[0].reason) == ("Failed", "TooManyBatches")
    assert "481 tickets would be 481 batches, more than 480" in (resource.status.message or "")
    assert world.api.calls["create"] == 0


@pytest.mark.parametrize("bodies", [(), ("billing",)], ids=["no tickets", "a ticket"])
async def test_a_file_of_no_bytes_is_told_in_an_event_and_to_the_end(world: World, bodies: tuple[str, ...]) -> None:
    resource = world.apply(*bodies)
    world.source.remarks = ("object t-2.jsonl: the file is empty (0 bytes)",)

    ended = await world.run_until_finished(resource)

    assert is_true(ended.status, COMPLETE)
    assert (ended.status.message or "").endswith("; object t-2.jsonl: the file is empty (0 bytes)")
    told = [(kind, reason) for kind, reason, _ in world.events.told if reason == "EmptyFile"]
    assert told == [("Warning", "EmptyFile")]


async def test_what_was_found_out_about_a_file_is_told_before_its_tickets_are_sent(world: World) -> None:
    resource = world.apply("billing")
    world.source.description = "id: 'Ticket ID'; semicolons separate its columns"  # type: ignore[attr-defined]

    await world.run_until_finished(resource)

    told = [status.message or "" for status in world.writes(resource)]
    assert any("semicolons separate its columns" in message for message in told)
    [event] = [event for event in world.events.told if event[1] == "FileRead"]
    assert event == ("Normal", "FileRead", "id: 'Ticket ID'; semicolons separate its columns")


async def test_what_a_source_remarks_is_bounded_and_shows_no_control_characters(world: World) -> None:
    resource = world.apply()
    world.source.remarks = ("\x1b[2J" + "x" * 5000,)

    ended = await world.run_until_finished(resource)

    assert ended.status.plan is not None
    assert ended.status.plan.remark is not None
    assert ended.status.plan.remark.startswith("\\x1b[2J")
    assert len(ended.status.plan.remark) == 1000


# --- what the next run would buy again --------------------------------------------------------------------------------

SECRET = {"name": "db", "key": "url"}
NIGHTLY: dict[str, Any] = {
    "source": {"database": {"urlSecretRef": SECRET, "query": "SELECT * FROM tickets WHERE category IS NULL"}},
    "results": {"database": {"urlSecretRef": SECRET, "table": "tickets"}},
}


@pytest.mark.parametrize("rule", [None, {"action": "Fail"}, {"action": "Retry"}])
async def test_pre_flight_warns_of_a_query_that_finds_unknown_tickets_again(
    world: World, rule: dict[str, str] | None
) -> None:
    resource = world.apply("billing", "flaky", unknownLabel=rule, backoffLimit=0, **NIGHTLY)

    resource = await world.run_until_finished(resource)

    warnings = [(reason, message) for kind, reason, message in world.events.told if kind == "Warning"]
    assert warnings == [("UnknownBoughtAgain", UNKNOWN_AGAIN)]
    submitting = next(status for status in world.writes(resource) if status.plan is not None)
    assert submitting.conditions[0].message == f"2 tickets to submit; {UNKNOWN_AGAIN}"
    assert is_true(resource.status, "Complete"), "nothing is refused"
    message = resource.status.message or ""
    assert message.endswith("; the next run with this query buys 1 ticket without a category again")


async def test_a_fallback_leaves_no_unknown_ticket_to_be_bought_again(world: World) -> None:
    rule = {"action": "Fallback", "category": "other"}
    resource = await world.run_until_finished(world.apply("billing", "flaky", unknownLabel=rule, **NIGHTLY))

    assert {kind for kind, *_ in world.events.told} == {"Normal"}
    assert (resource.status.message or "").startswith("2 tickets: 1 labeled, 1 unknown (now other); cost $")
    assert "again" not in (resource.status.message or "")
    assert world.labels() == {"0": "billing", "1": "other"}


async def test_a_query_that_finds_every_ticket_is_no_reason_to_warn(world: World) -> None:
    every = {"database": {"urlSecretRef": SECRET, "query": "SELECT * FROM tickets"}}
    resource = await world.run_until_finished(world.apply("billing", "flaky", **NIGHTLY | {"source": every}))

    assert {kind for kind, *_ in world.events.told} == {"Normal"}
    assert "again" not in (resource.status.message or "")


async def test_the_sinks_may_ask_for_the_ids_of_all_tickets(world: World) -> None:
    resource = world.apply(*["billing"] * 450, results={"database": {"urlSecretRef": SECRET, "table": "tickets"}})
    world.sink.tries_ids = True

    await world.look(resource)

    [rehearsal] = world.sink.checked
    assert rehearsal.all_ids is not None
    ids = [ticket_id async for page in rehearsal.all_ids() for ticket_id in page]
    assert sorted(ids) == sorted(map(str, range(450)))
    assert rehearsal.ids == tuple(ids[:200])
