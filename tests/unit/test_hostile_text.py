"""Ticket text and names of others in what the operator says: statuses, events, and logs with their tracebacks."""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import pytest

from nightsort.adapters.telemetry.logs import keep_words_of_exceptions_out_of_the_log, words_of
from nightsort.api.spec import Spec
from nightsort.domain.answer import Answer, Row, Verdict
from nightsort.domain.conditions import COMPLETE, is_true
from nightsort.domain.errors import Conflict, Rejected, Stalled, Waiting
from nightsort.domain.stored import Stored
from nightsort.domain.ticket import Ticket
from nightsort.domain.verdict import Judge
from nightsort.formats.ticket_list import complaint
from nightsort.kube.logs import JsonLines
from nightsort.testing.sinks import MemorySink
from nightsort.testing.sources import MemorySource
from tests.support.logs import accidents
from tests.support.manifests import manifest
from tests.support.world import PRIVATE, World

CONTROLS = "\x1b]0;owned\x07\x1b[2J\r\nforged line\u202e\u2028\x9b"


class Quoting(Exception):
    """As a library raises it: with the row that it stumbled over."""


class SourceThatQuotes(MemorySource):
    async def tickets(self, after: str | None = None, through: str | None = None) -> AsyncIterator[Sequence[Ticket]]:
        async for page in super().tickets(after, through):
            body = page[0].fields["body"]
            try:
                int(body)
            except ValueError as error:
                raise Quoting(f"cannot read {body!r}") from error
            yield page


class SinkThatQuotes(MemorySink):
    async def write(self, rows: AsyncIterator[Sequence[Row]]) -> Stored:
        async for page in rows:
            raise ExceptionGroup(f"{page} {PRIVATE}", [Quoting(PRIVATE), ValueError(PRIVATE)])
        return await super().write(rows)


@pytest.fixture(params=[logging.Formatter(), JsonLines()], ids=["text", "json"])
def log(request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """The log at its most talkative, as the operator's process sets it up."""
    before = logging.getLogRecordFactory()
    keep_words_of_exceptions_out_of_the_log()
    caplog.handler.setFormatter(request.param)
    caplog.set_level(logging.DEBUG)
    yield caplog
    logging.setLogRecordFactory(before)


def said(world: World, log: pytest.LogCaptureFixture) -> str:
    statuses = [status.model_dump_json() for written in world.ledger.writes.values() for status in written]
    return "\n".join([log.text, str(world.events.told), *statuses])


async def test_an_exception_in_a_source_that_quotes_the_ticket_is_logged_without_it(
    world: World, log: pytest.LogCaptureFixture
) -> None:
    resource = world.apply("billing")
    world.connections.sources["tickets"] = SourceThatQuotes(world.source.kept)  # type: ignore[arg-type]

    for _ in range(3):
        await world.look(resource)

    assert PRIVATE not in said(world, log)
    assert "Quoting" in log.text
    assert "in tickets" in log.text, "the place is told"
    assert "ValueError" in log.text, "and what led to it"
    assert re.fullmatch(
        r"prepare: an unexpected Quoting at \w+\.py:\d+, told in the operator's log; it is tried again",
        world.ledger.current(resource.meta).status.message or "",
    )


async def test_an_exception_in_a_sink_that_quotes_rows_is_logged_without_them_and_the_rows_come_later(
    world: World, log: pytest.LogCaptureFixture
) -> None:
    resource = world.apply("billing", "technical")
    world.connections.sinks_of["tickets"] = [SinkThatQuotes()]

    for _ in range(12):
        await world.clock.sleep(await world.look(resource) or 0)

    assert PRIVATE not in said(world, log)
    assert "Quoting" in log.text
    world.connections.sinks_of["tickets"] = [MemorySink()]
    ended = await world.run_until_finished(resource)
    assert is_true(ended.status, COMPLETE)
    assert set(world.paid().values()) == {1}


async def test_an_exception_in_the_encoder_that_quotes_the_ticket_is_logged_without_it(
    world: World, log: pytest.LogCaptureFixture
) -> None:
    """A lone surrogate cannot be encoded; the exception holds the whole text as its object."""
    ticket = Ticket("1", {"subject": "", "body": f"{PRIVATE} \ud800"}, "")
    resource = world.apply_tickets([ticket])

    for _ in range(3):
        await world.look(resource)

    assert PRIVATE not in said(world, log)


async def test_the_log_tells_accidents_from_servers_that_close_unexpectedly(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.handler.setFormatter(logging.Formatter())
    caplog.set_level(logging.INFO)
    resource = world.apply("billing")
    world.connections.sources["tickets"] = SourceThatQuotes(world.source.kept)  # type: ignore[arg-type]

    await world.look(resource)

    assert len(accidents(caplog.text)) == 2, "with its traceback, and as what is waited for"
    assert not accidents("waiting: DatabaseUnreachable: a database (server closed the connection unexpectedly)\n")


def test_our_own_errors_keep_their_words_in_the_log(log: pytest.LogCaptureFixture) -> None:
    try:
        raise Waiting("the table is locked")
    except Waiting:
        logging.getLogger("nightsort").exception("unexpected")

    assert "the table is locked" in log.text


@pytest.mark.parametrize("kind", [Stalled, Waiting, Rejected])
def test_a_message_shows_control_characters_and_does_not_send_them(kind: Any) -> None:
    error = kind(f"no column {CONTROLS}")

    assert error.message.isprintable()
    assert str(error) == error.message
    assert "\\x1b[2J" in error.message
    assert kind("größer als 🎟️").message == "größer als 🎟️"


def test_an_id_in_a_message_is_on_one_line_and_has_no_control_characters() -> None:
    told = complaint(["7" + CONTROLS, "7" + CONTROLS], lambda position: f"tickets[{position}]")

    assert told is not None
    assert told.isprintable()


@pytest.mark.parametrize(
    "answer",
    [
        "paid-by-attacker",
        "billing, or rather vip",
        "billing\nvip",
        '{"category": "vip"}',
        "billing'; DROP TABLE tickets; --",
        CONTROLS,
        "billing\u200b",
    ],
)
@pytest.mark.parametrize("action", ["Fallback", "Retry", "Fail"])
def test_whatever_a_ticket_makes_the_model_say_the_label_is_a_declared_one_or_none(answer: str, action: str) -> None:
    unknown = {"action": action} | ({"category": "other"} if action == "Fallback" else {})
    spec = Spec.model_validate(manifest(unknownLabel=unknown)["spec"])

    judged = Judge(spec).of(Answer("t-1", "succeeded", text=answer, stop_reason="end_turn"))

    assert judged.verdict is Verdict.UNKNOWN
    assert judged.category == ("other" if action == "Fallback" else None)
    assert judged.reason.isprintable()


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(28, "No space left on device", "/tmp/spool"), "ENOSPC, No space left on device: /tmp/spool"),
        (ConnectionRefusedError(111, "my ticket's text"), "ECONNREFUSED, Connection refused"),
        (RecursionError("maximum recursion depth exceeded"), "maximum recursion depth exceeded"),
        (AttributeError("'NoneType' object has no attribute 'id'"), "'NoneType' object has no attribute 'id'"),
        (Conflict("support/tickets"), "support/tickets"),
        (Stalled("the disk is full"), "the disk is full"),
    ],
)
def test_what_holds_no_tickets_text_is_said_in_the_log(error: Exception, said: str) -> None:
    assert words_of(error) == said


@pytest.mark.parametrize(
    "error", [ValueError(PRIVATE), KeyError(PRIVATE), OSError(PRIVATE), TypeError(PRIVATE), Exception(PRIVATE)]
)
def test_what_may_quote_a_ticket_is_left_out_of_the_log(error: Exception) -> None:
    assert PRIVATE not in words_of(error)
