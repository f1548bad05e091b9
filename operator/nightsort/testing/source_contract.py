"""The contract of every Source. A test module names its fixture `make_source` and inherits from the class."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

import pytest

from nightsort.domain.errors import SourceChanged
from nightsort.domain.ticket import Ticket
from nightsort.ports import Source

# Makes a source with these tickets: fields by id.
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


def tickets(*ids: str) -> dict[str, dict[str, str]]:
    return {ticket_id: {"subject": "", "body": "x"} for ticket_id in ids}


CHANGED = {
    "a newer ticket stands in front": ("new", "a", "b", "c", "d", "e"),
    "one is gone": ("a", "c", "d", "e"),
    "one is another": ("a", "B", "c", "d", "e"),
    "two in front of the cursor have changed places": ("b", "a", "c", "d", "e"),
    "two around the cursor have changed places": ("d", "b", "c", "a", "e"),
    "it ends before the cursor": ("a", "b"),
    "it is empty": (),
}


class FileContract:
    """The contract of sources whose cursors are positions in one file. A test module names its fixture `make_file`."""

    @pytest.mark.parametrize("ids", CHANGED.values(), ids=CHANGED)
    async def test_a_file_that_was_changed_before_the_cursor_stalls_and_hands_nothing_out(
        self, make_file: MakeSource, ids: tuple[str, ...]
    ) -> None:
        third = (await read(make_file(tickets("a", "b", "c", "d", "e"))))[2].cursor
        changed = make_file(tickets(*ids))

        with pytest.raises(SourceChanged, match="Bring the file back as it was") as told:
            await read(changed, after=third)
        assert told.value.reason == "SourceChanged"

    @pytest.mark.parametrize("ids", CHANGED.values(), ids=CHANGED)
    async def test_a_range_whose_end_was_changed_stalls(self, make_file: MakeSource, ids: tuple[str, ...]) -> None:
        third = (await read(make_file(tickets("a", "b", "c", "d", "e"))))[2].cursor

        with pytest.raises(SourceChanged):
            await read(make_file(tickets(*ids)), through=third)

    async def test_what_is_added_behind_the_cursor_is_read(self, make_file: MakeSource) -> None:
        read_before = await read(make_file(tickets("a", "b")))
        first, second = (ticket.cursor for ticket in read_before)
        grown = make_file(tickets("a", "b", "c", "d"))

        assert [ticket.id for ticket in await read(grown, after=second)] == ["c", "d"]
        assert [ticket.id for ticket in await read(grown, after=first, through=second)] == ["b"]

    async def test_texts_may_change_while_the_ids_stay(self, make_file: MakeSource) -> None:
        second = (await read(make_file(tickets("a", "b", "c"))))[1].cursor
        edited = make_file({"a": {"subject": "!", "body": "longer"}, **tickets("b", "c")})

        assert [ticket.id for ticket in await read(edited, after=second)] == ["c"]

    async def test_the_cursor_of_an_older_version_goes_on(self, make_file: MakeSource) -> None:
        source = make_file(tickets("a", "b", "c", "d"))
        _, second, third, _ = (without_trail(ticket.cursor) for ticket in await read(source))

        assert [ticket.id for ticket in await read(source, after=second)] == ["c", "d"]
        assert [ticket.id for ticket in await read(source, after=second, through=third)] == ["c"]
        with pytest.raises(SourceChanged):
            await read(make_file(tickets("a")), after=second)

    async def test_tickets_to_be_asked_again_are_found_wherever_they_stand_by_now(self, make_file: MakeSource) -> None:
        moved = make_file(tickets("new", "c", "a"))

        assert {ticket.id for ticket in await moved.by_ids(["a", "b", "c"])} == {"a", "c"}


def without_trail(cursor: str) -> str:
    """The form of cursors before they had a trail: a position, or an object's name and line."""
    if cursor.startswith("["):
        number, name, _ = json.loads(cursor)
        return json.dumps([number, name])
    return cursor.partition(":")[0]
