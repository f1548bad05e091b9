"""What every Source promises. A test module names its fixture `make_source` and inherits from the class."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from nightsort.domain.ticket import Ticket
from nightsort.ports import Source

# Makes a source that holds these tickets: fields by id.
MakeSource = Callable[[Mapping[str, Mapping[str, str]]], Source]

NAMED = {
    "a": {"subject": "Charged twice", "body": "Please refund"},
    "b": {"subject": "", "body": 'It\'s "broken";\n-- DROP TABLE tickets; 100% sure $body'},
    "ç🎟️": {"subject": "Grüße", "body": "😀 ünïcode"},
    "x" * 500: {"subject": "long id", "body": ""},
    "'; DROP TABLE tickets; --": {"subject": "%s %(id)s :id ?", "body": "{}"},
    '{"a",\\b}': {"subject": "array", "body": "literal"},
}


async def read(source: Source, after: str | None = None, through: str | None = None) -> list[Ticket]:
    return [ticket async for page in source.tickets(after, through) for ticket in page]


class SourceContract:
    async def test_every_ticket_is_read_once_with_its_fields(self, make_source: MakeSource) -> None:
        source = make_source(NAMED)
        await source.check()

        tickets = await read(source)

        assert len(tickets) == await source.count() == len(NAMED)
        assert {ticket.id: dict(ticket.fields) | NAMED[ticket.id] for ticket in tickets} == NAMED
        assert {ticket.id: {name: ticket.fields[name] for name in NAMED[ticket.id]} for ticket in tickets} == NAMED

    async def test_reading_goes_on_behind_any_cursor(self, make_source: MakeSource) -> None:
        tickets = await read(make_source(NAMED))

        for place, ticket in enumerate(tickets):
            assert await read(make_source(NAMED), after=ticket.cursor) == tickets[place + 1 :]

    async def test_reading_ends_with_the_ticket_of_the_last_cursor(self, make_source: MakeSource) -> None:
        source = make_source(NAMED)
        tickets = await read(source)

        assert await read(source, through=tickets[2].cursor) == tickets[:3]
        assert await read(source, after=tickets[0].cursor, through=tickets[3].cursor) == tickets[1:4]
        assert await read(source, after=tickets[3].cursor, through=tickets[3].cursor) == []

    async def test_tickets_are_found_again_by_their_ids(self, make_source: MakeSource) -> None:
        source = make_source(NAMED)
        tickets = await read(source)

        found = await source.by_ids([*NAMED, "gone"])

        assert sorted(found, key=lambda ticket: ticket.id) == sorted(tickets, key=lambda ticket: ticket.id)
        assert await source.by_ids([]) == type(await source.by_ids([]))()

    async def test_a_source_may_be_empty(self, make_source: MakeSource) -> None:
        source = make_source({})
        await source.check()

        assert (await source.count(), await read(source), list(await source.by_ids(["1"]))) == (0, [], [])
