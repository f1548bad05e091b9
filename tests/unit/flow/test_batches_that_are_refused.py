"""A batch that the API refuses for what some of its requests carry: these are found, and the others are bought."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, BinaryIO

import pytest

from nightsort.adapters.anthropic.errors import Failure, refused_create
from nightsort.api.batch_record import BatchRecord, BatchState
from nightsort.domain import custom_id
from nightsort.domain.answer import Answer, Verdict
from nightsort.domain.conditions import is_true
from nightsort.domain.errors import OutcomeUnknown, RefusedBatch, Rejected, Stalled, Waiting
from nightsort.domain.recovery import Kept
from nightsort.flow.submission.halve import MOST_WITHOUT_A_SALE
from tests.support.faults import raising
from tests.support.world import World, first_word

INVALID = "invalid_request_error"
Refuse = Callable[[list[str], str], None]


class Again:
    def __init__(self, sent: bytes) -> None:
        self._sent = sent

    def read(self, size: int = -1) -> bytes:
        return self._sent


def refusing(world: World, refuse: Refuse) -> list[int]:
    """Lets `refuse` see the ids of each create, and its tag; how many requests each create had."""
    create, sizes = world.api.create, list[int]()

    async def guarded(body: BinaryIO, size: int, tag: str) -> Any:
        sent = body.read()
        names = [request["custom_id"] for request in json.loads(sent)["requests"]]
        sizes.append(len(names))
        refuse([custom_id.decode(name, tag, {}) or name for name in names], tag)
        return await create(Again(sent), size, tag)  # type: ignore[arg-type]

    world.api.create = guarded  # type: ignore[method-assign]
    return sizes


def any_of(*bad: str, text: str = "", status: int = 400) -> Refuse:
    def refuse(ids: list[str], tag: str) -> None:
        if set(bad) & set(ids):
            raise refused_create(Failure(status, INVALID, text=text), tag)

    return refuse


def larger_than(most: int) -> Refuse:
    def refuse(ids: list[str], tag: str) -> None:
        if len(ids) > most:
            raise refused_create(Failure(413, "request_too_large"), tag)

    return refuse


def naming_the_index(*bad: str) -> Refuse:
    def refuse(ids: list[str], tag: str) -> None:
        for index, one in enumerate(ids):
            if one in bad:
                raise refused_create(Failure(400, INVALID, text=f"requests.{index}.custom_id: is not taken"), tag)

    return refuse


def naming_the_id(*bad: str) -> Refuse:
    def refuse(ids: list[str], tag: str) -> None:
        for one in ids:
            if one in bad:
                text = f"the custom_id `{custom_id.encode(tag, one)}` is not taken"
                raise refused_create(Failure(400, INVALID, text=text), tag)

    return refuse


def unsendable(world: World) -> set[str]:
    return {row.id for row in world.rows.values() if row.verdict is Verdict.UNSENDABLE}


def labeled_but(world: World, tickets: int, *bad: str) -> bool:
    paid = {str(n): 1 for n in range(tickets) if str(n) not in bad}
    return world.paid() == paid and {one for one, label in world.labels().items() if label} == set(paid)


@pytest.mark.parametrize("bad", [("0",), ("7",), ("15",), ("3", "4"), ("0", "15"), ("1", "6", "11")])
@pytest.mark.parametrize("refuse", [any_of, naming_the_index, naming_the_id])
async def test_the_requests_that_are_refused_are_found_and_the_others_are_bought_once(
    world: World, refuse: Callable[..., Refuse], bad: tuple[str, ...]
) -> None:
    refusing(world, refuse(*bad))

    resource = await world.run_until_finished(world.apply(*["billing"] * 16))

    assert is_true(resource.status, "Complete")
    assert unsendable(world) == set(bad)
    assert labeled_but(world, 16, *bad)
    assert all("400" in world.rows[one].reason for one in bad)
    assert resource.status.tickets.failed == len(bad)
    tags = [record.tag for record in resource.status.batches if record.id]
    assert len(tags) == len(set(tags)), "each part is an intent of its own"


async def test_the_event_names_the_request_that_the_api_names(world: World) -> None:
    refusing(world, naming_the_index("5"))

    await world.run_until_finished(world.apply(*["billing"] * 8))

    told = [message for _, reason, message in world.events.told if reason == "BatchSplit"]
    assert "names request 5, ticket '5'" in told[0]
    assert any(reason == "TicketRefused" and "'5'" in message for _, reason, message in world.events.told)


async def test_a_named_request_is_found_with_few_creates(world: World) -> None:
    sizes = refusing(world, naming_the_index("700"))

    await world.run_until_finished(world.apply(*["billing"] * 1000))

    assert len(sizes) <= 5
    assert labeled_but(world, 1000, "700")


async def test_a_batch_that_is_too_large_is_sent_in_parts_and_nobody_is_left_out(world: World) -> None:
    refusing(world, larger_than(3))

    resource = await world.run_until_finished(world.apply(*["billing"] * 11))

    assert resource.status.tickets.labeled == 11
    assert labeled_but(world, 11)


async def test_a_refusal_that_only_the_copy_has_is_taken_from_there_and_the_others_are_bought(world: World) -> None:
    """The copy is written first. A process that goes on without it could keep no further copy, and buy nothing."""
    sizes = refusing(world, any_of("0"))
    resource, failed = world.apply(*["billing"] * 3, shards={"maxRequests": 1}), list[str]()

    async def unreachable(operation: str, *about: Any) -> None:
        settled = operation == "save" and any(not one.requests for one in about[1].batches)
        if settled and not failed:
            failed.append(operation)
            raise Waiting("the store cannot be reached")

    world.ledger.before = unreachable
    resource = await world.run_until_finished(resource)

    assert failed
    assert sizes == [1, 1, 1], "nothing is sent again to find out what became of it"
    assert unsendable(world) == {"0"}
    assert labeled_but(world, 3, "0")
    assert resource.status.tickets.failed == 1
    assert [one.turn for one in resource.status.batches] == [1, 3, 4], "one intent is let go, and no more"


async def test_a_refusal_that_another_process_has_copied_is_taken_from_there(world: World) -> None:
    """It was paused before it could write the record, which has had a further intent since."""
    resource, copied = world.apply(*["billing"] * 3, shards={"maxRequests": 1}), list[BatchRecord]()
    world.api.before = raising(OutcomeUnknown("no answer"), "create")

    async def meanwhile(operation: str, *about: Any) -> None:
        if operation == "save" and len(about[1].batches) == 2 and not copied:
            refused = (
                about[1]
                .batches[0]
                .model_copy(update={"state": BatchState.COLLECTED, "requests": 0, "failed": 1, "seen": None})
            )
            copied.append(refused)
            world.ledger.kept[resource.meta.key].copy = Kept(about[1].model_copy(update={"batches": (refused,)}))

    world.ledger.before = meanwhile
    resource = await world.run_until_finished(resource)

    assert copied
    assert world.api.calls["create"] == 3
    assert labeled_but(world, 3, "0")
    assert resource.status.tickets.failed == 1
    assert len(world.writes(resource)) < 20, "no intent after the other is written and let go"


async def test_a_run_whose_only_ticket_is_refused_ends_with_its_row(world: World) -> None:
    refusing(world, any_of("0"))

    resource = await world.run_until_finished(world.apply("billing"))

    assert unsendable(world) == {"0"}
    assert resource.status.conditions[0].reason == "NoTicketLabeled"


async def test_when_everything_is_refused_it_comes_to_an_end_soon_and_says_why(world: World) -> None:
    sizes = refusing(world, any_of(*(str(n) for n in range(500))))

    resource = await world.run_until_finished(world.apply(*["billing"] * 500))

    assert resource.status.conditions[0].reason == "BatchRefused"
    assert len(sizes) == MOST_WITHOUT_A_SALE + 1
    assert world.paid() == {}
    assert len(world.rows) == 500


@pytest.mark.parametrize(
    "text",
    [
        "model: claude-x is not supported in batches",
        "max_tokens: must be at least 1",
        "This organization has been disabled",
        "requests.0.params.model: not found",
        "temperature is not supported",
    ],
)
async def test_what_concerns_all_requests_is_not_halved(world: World, text: str) -> None:
    sizes = refusing(world, any_of("0", text=text))

    resource = await world.run_until_finished(world.apply(*["billing"] * 8))

    assert resource.status.conditions[0].reason == "BatchRefused"
    assert sizes == [8]


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (Failure(400, INVALID, text="Your credit balance is too low"), Stalled),
        (Failure(400, INVALID, text="You have reached your specified API usage limits"), Stalled),
        (Failure(400, INVALID, code="organization_on_hold"), Stalled),
        (Failure(401, "authentication_error"), Stalled),
        (Failure(400, INVALID, code="request_body_timeout"), Waiting),
        (Failure(400, "billing_error", text="no"), Rejected),
        (Failure(429, "rate_limit_error"), Waiting),
    ],
)
def test_accounts_limits_and_keys_are_none_of_it(failure: Failure, kind: type[Exception]) -> None:
    refusal = refused_create(failure, "abcdef")

    assert isinstance(refusal, kind)
    assert not isinstance(refusal, RefusedBatch)


@pytest.mark.parametrize(
    ("text", "index", "name"),
    [
        ("requests.12.custom_id: String should match pattern", 12, None),
        ("requests[3].params.messages.0.content: empty", 3, None),
        ("request 7: messages.0.content is empty", 7, None),
        ("invalid item at index 42", 42, None),
        ("Duplicate custom_id found: abcdef-T7", None, "abcdef-T7"),
        ("requests: Too many", None, None),
        ("", None, None),
    ],
)
def test_what_a_message_names_is_read_from_it(text: str, index: int | None, name: str | None) -> None:
    refusal = refused_create(Failure(400, INVALID, text=text), "abcdef")

    assert isinstance(refusal, RefusedBatch)
    assert (refusal.index, refusal.custom_id) == (index, name)
    assert text == "" or text not in refusal.message


async def test_a_process_that_ends_in_the_middle_goes_on_with_the_parts(world: World) -> None:
    refusing(world, any_of("5"))
    resource = world.apply(*["billing"] * 16)
    seconds = await world.look(resource)
    for _ in range(200):
        if seconds is None:
            break
        world.restart()
        world.clock.advance(seconds)
        seconds = await world.look(resource)

    assert unsendable(world) == {"5"}
    assert labeled_but(world, 16, "5")


async def test_tickets_without_a_text_among_them_keep_their_own_rows(world: World) -> None:
    refusing(world, any_of("3"))

    await world.run_until_finished(world.apply("billing", "", "billing", "billing", "", "billing"))

    assert unsendable(world) == {"1", "3", "4"}
    assert {one for one, label in world.labels().items() if label} == {"0", "2", "5"}


async def test_a_stop_in_the_middle_gives_every_ticket_its_row(world: World) -> None:
    sizes = refusing(world, any_of("5"))
    resource = world.apply(*["billing"] * 16)
    world.use(enqueued_requests=1)
    world.restart()
    await world.look(resource)
    assert len(sizes) < 12
    world.ledger.touch(resource.meta, active_deadline_seconds=0)

    await world.run_until_finished(resource)

    assert set(world.rows) == {str(n) for n in range(16)}


async def test_retries_that_are_refused_together_are_sent_apart_and_at_last_keep_what_they_had(world: World) -> None:
    overloaded = Answer("", "errored", error_type="overloaded_error")
    asked: set[str] = set()

    def respond(text: str) -> str | Answer:
        again = text in asked
        asked.add(text)
        return first_word(text) if again or "first" not in text else overloaded

    world.respond = respond
    retries = 0

    def refuse(ids: list[str], tag: str) -> None:
        nonlocal retries
        if set(ids) <= {"0", "2", "4"} and "2" in ids:
            retries += 1
            raise refused_create(Failure(400, INVALID), tag)

    refusing(world, refuse)
    bodies = ["billing first 0", "billing 1", "billing first 2", "billing 3", "billing first 4", "billing 5"]

    resource = await world.run_until_finished(world.apply(*bodies, shards={"maxRequests": 3}))

    assert retries >= 1
    assert is_true(resource.status, "Complete")
    assert world.labels()["0"] in ("billing", None)
    assert world.rows["2"].verdict is Verdict.ERRORED
    assert world.labels()["4"] == "billing"
    assert resource.status.tickets.total == 6
    assert not [record for record in resource.status.batches if record.state is not BatchState.COLLECTED]
