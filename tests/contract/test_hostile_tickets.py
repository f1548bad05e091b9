"""Tickets in a database that are longer than memory should hold."""

from __future__ import annotations

import pytest

from nightsort.adapters.sql import pages as database_pages
from nightsort.adapters.sql.source import DatabaseSource
from nightsort.api.columns import TicketColumns
from nightsort.domain.errors import Stalled
from tests.contract.databases import ANY_HOST, TestDatabase, database
from tests.support.memory import memory_below

__all__ = ["database"]

MEGABYTE = 1_000_000


def source_over(database: TestDatabase, *bodies: int) -> DatabaseSource:
    """A source whose tickets 0, 1, 2 … have bodies of so many characters."""
    text = "LONGTEXT" if database.kind == "mariadb" else "text"
    database.run(f"CREATE TABLE tickets (id bigint PRIMARY KEY, subject varchar(100), body {text})")
    for number, size in enumerate(bodies):
        # Made within the server, which need not be told so much.
        body = f"replace(hex(zeroblob({size} / 2)), '0', 'x')" if database.kind == "sqlite" else f"repeat('x', {size})"
        database.run(f"INSERT INTO tickets VALUES ({number}, 'Help', {body})")
    query = "SELECT id, subject, body FROM tickets"
    return DatabaseSource(database.url, query, TicketColumns(), frozenset({"subject", "body"}), ANY_HOST)


async def read(source: DatabaseSource) -> tuple[list[str], list[int]]:
    """The ids, and the sizes of the pages."""
    ids: list[str] = []
    sizes: list[int] = []
    async for page in source.tickets():
        sizes.append(len(page))
        ids += [ticket.id for ticket in page]
    return ids, sizes


async def test_a_page_ends_where_it_is_full_and_no_ticket_is_passed_over(
    database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_pages, "PAGE_BYTES", MEGABYTE)
    source = source_over(database, *[10] * 20, *[MEGABYTE * 3 // 4] * 20, *[10] * 20)
    await source.check()

    with memory_below(12 * MEGABYTE):
        ids, sizes = await read(source)

    assert ids == [str(number) for number in range(60)]
    assert sizes[:3] == [22, 2, 2], "up to and with the ticket that makes it full"


async def test_a_ticket_that_is_longer_than_a_page_is_a_page_of_its_own(
    database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_pages, "PAGE_BYTES", 1000)
    source = source_over(database, 5000, 5000, 10, 10)

    assert await read(source) == (["0", "1", "2", "3"], [1, 1, 2])


# MariaDB itself refuses texts beyond its max_allowed_packet, 16 MB.
@pytest.mark.parametrize("database", ["postgresql", "sqlite"], indirect=True)
async def test_a_ticket_of_a_hundred_megabytes_stalls_the_run_in_little_memory(database: TestDatabase) -> None:
    source = source_over(database, 10, 100 * MEGABYTE)
    await source.check()

    with memory_below(10 * MEGABYTE), pytest.raises(Stalled) as told:
        await read(source)

    assert told.value.reason == "TicketTooLarge"
    assert told.value.message.startswith("spec.source.database: ticket '1' has 100,000,0")
    assert "cut its text in the query" in told.value.message
    assert "xxx" not in told.value.message
