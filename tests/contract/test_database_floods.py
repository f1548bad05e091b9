"""Whatever a database sends, no more of it is held than was asked for, and it is cut off where it goes on."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable, Iterator, Sequence
from sys import getsizeof
from tempfile import TemporaryDirectory

import pymysql
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightsort.adapters.sql import causes, errors, pages, refusals, rows, snapshot
from nightsort.adapters.sql.database import Database
from nightsort.adapters.sql.rows import ANSWER_BYTES, TooMuch, bounded
from nightsort.adapters.sql.session import Session
from nightsort.adapters.sql.source import DatabaseSource
from nightsort.domain.errors import Interruption, Stalled, Waiting
from nightsort.domain.ticket import Ticket
from nightsort.testing.source_contract import read
from tests.contract.databases import (
    ANY_HOST,
    TestDatabase,
    database,
    only_mariadb,
    only_postgresql,
    only_servers,
    only_sqlite,
)
from tests.contract.ticket_tables import make_tickets, source_of
from tests.servers import between
from tests.servers.between import before, flooding
from tests.servers.refusers import Talk, message, startup
from tests.support.waiting import eventually

__all__ = ["database"]

MEGABYTE = 1_000_000
SECRET = "hunter2"
OVERSHOT = 100 * MEGABYTE
"""What may come in between two looks at a connection, on a busy machine, and stand in buffers on the way."""


def opened(url: str) -> Database:
    return Database(url, ANY_HOST, "spec.source.database", "SELECT")


def stopped(url: str, statement: str, most: int) -> Stalled:
    with pytest.raises(Stalled) as told, opened(url).reading() as session:
        session.rows(statement, most)
    assert told.value.reason == "AnswerTooLarge"
    assert told.value.message.startswith("spec.source.database: the database has sent ")
    return told.value


# --- rows -------------------------------------------------------------------------------------------------------------

MANY = {
    "postgresql": "SELECT g, repeat('x', 1000) FROM generate_series(1, 10000000) AS g",
    "mariadb": "SELECT seq, REPEAT('x', 1000) FROM seq_1_to_10000000",
    "sqlite": "WITH RECURSIVE s(g) AS (SELECT 1 UNION ALL SELECT g + 1 FROM s) SELECT g, hex(zeroblob(500)) FROM s",
}


def test_more_rows_than_were_asked_for_are_refused_and_not_read_to_their_end(database: TestDatabase) -> None:
    refusal = stopped(database.url, MANY[database.kind], 100)
    assert "more than the 100 rows that it was asked for" in refusal.message


@only_servers
def test_a_server_that_goes_on_sending_rows_is_cut_off(database: TestDatabase) -> None:
    with before(database.url) as (url, seen):
        stopped(url, MANY[database.kind], 100)
        eventually(lambda: seen.ended == 1)
    assert seen.taken < OVERSHOT


def test_rows_that_together_are_longer_than_memory_is_for_them_are_refused(database: TestDatabase) -> None:
    refusal = stopped(database.url, MANY[database.kind], MEGABYTE)
    assert f"more than {ANSWER_BYTES:,} bytes" in refusal.message


CELL = {
    "postgresql": "SELECT repeat('x', 500000000)",
    "mariadb": f"SELECT {', '.join(['REPEAT(0x78, 15000000)'] * 20)}",
}


@only_servers
def test_a_cell_that_is_longer_than_memory_is_not_read_to_its_end(database: TestDatabase) -> None:
    if database.kind == "mariadb":
        database.run("SET GLOBAL max_allowed_packet = 1073741824")
    with before(database.url) as (url, seen):
        refusal = stopped(url, CELL[database.kind], 1)
        eventually(lambda: seen.ended == 1)

    assert f"more than {ANSWER_BYTES:,} bytes" in refusal.message
    assert seen.taken < OVERSHOT


@only_servers
def test_a_statement_that_has_no_rows_to_give_is_given_none(database: TestDatabase) -> None:
    with before(database.url) as (url, seen):
        with pytest.raises(Stalled, match="more than the 0 rows"), opened(url).writing() as session:
            session.run(MANY[database.kind] if database.kind == "mariadb" else "SELECT 1")
        eventually(lambda: seen.ended == 1)
    assert seen.taken < OVERSHOT


@only_servers
def test_names_of_columns_are_read_without_the_rows(database: TestDatabase) -> None:
    with opened(database.url).reading() as session:
        assert list(session.columns("SELECT 1 AS one, 'x' AS two LIMIT 0")) == ["one", "two"]
    with pytest.raises(Stalled, match="more than the 0 rows"), opened(database.url).reading() as session:
        session.columns("SELECT 1 AS one")


# --- a LIMIT that is not kept -----------------------------------------------------------------------------------------


@only_servers
async def test_a_page_of_more_rows_than_its_limit_stalls_the_run_by_name(database: TestDatabase) -> None:
    make_tickets(database, "bigint PRIMARY KEY", *range(1, 1001))
    if database.kind == "mariadb":
        asked, got = b"LIMIT 200", b"LIMIT 999"
    else:  # a parameter of two bytes
        asked, got = struct.pack("!IH", 2, 200), struct.pack("!IH", 2, 999)

    with before(database.url, rewrite=(asked, got)) as (url, _), pytest.raises(Stalled) as told:
        await read(source_of(TestDatabase(database.kind, url), page_rows=5000))

    assert told.value.reason == "AnswerTooLarge"
    assert "more than the 200 rows that it was asked for" in told.value.message
    assert SECRET not in told.value.message


async def test_tickets_that_together_are_long_are_measured_by_the_database(
    database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is as long as a usual one may be; none is lost, and none comes twice."""
    monkeypatch.setattr(pages, "QUICK_BYTES", 20_000)
    make_tickets(database, "bigint PRIMARY KEY", *range(1, 301))
    database.run(f"UPDATE tickets SET body = '{'é' * 200}'")
    source = source_of(database, page_rows=100)

    assert [ticket.id for ticket in await read(source)] == [str(number) for number in range(1, 301)]
    assert [ticket.id for ticket in await source.by_ids(["7", "300", "7000"])] == ["7", "300"]


async def test_ids_that_together_are_long_are_not_kept_but_the_last_one(
    database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot, "KEPT_BYTES", 5_000)
    make_tickets(database, "bigint PRIMARY KEY", *range(1, 301))
    chosen = await source_of(database).snapshot()
    assert (chosen.ids, chosen.last) == (None, "300")


# --- logins and protocols ---------------------------------------------------------------------------------------------


def postgresql_lets_in(talk: Talk) -> None:
    startup(talk)
    talk.wfile.write(message(b"R", struct.pack("!I", 0)))


LOGINS = {
    "mysql": (lambda talk: None, b"\xff\xff\xff\x00" + bytes(0xFFFFFF)),
    "postgresql": (postgresql_lets_in, message(b"S", b"name\0" + b"x" * 20_000 + b"\0")),
}


@pytest.mark.parametrize("scheme", LOGINS)
def test_a_greeting_without_an_end_is_cut_off(scheme: str) -> None:
    first, piece = LOGINS[scheme]
    with flooding(first, piece, 10 * OVERSHOT) as (address, seen):
        with pytest.raises(Waiting) as told, opened(f"{scheme}://u:{SECRET}@{address}/x").reading():
            raise AssertionError("let in")
        eventually(lambda: seen.ended == seen.begun)

    # PyMySQL may notice by itself that the second packet has the number of the first.
    assert told.value.reason in ("DatabaseRefused", "DatabaseUnreachable")
    assert seen.taken < OVERSHOT


@only_mariadb
def test_an_answer_that_is_no_packet_of_the_protocol_is_told(database: TestDatabase) -> None:
    with (
        before(database.url, "marked", between.garble) as (url, _),
        pytest.raises(Interruption, match="does not speak"),
        opened(url).reading() as session,
    ):
        session.rows("SELECT 1 AS marked", 1)


STATEMENTS: dict[str, Callable[[Session], object]] = {
    "rows": lambda session: session.rows("SELECT 1 AS marked", 1),
    "a statement without rows": lambda session: session.run("SET @marked = 1"),
    "names of columns": lambda session: session.columns("SELECT 1 AS marked LIMIT 0"),
    "a question that may be refused": lambda session: session.asked("SELECT 1 AS marked"),
    "many rows": lambda session: session.run_many("INSERT INTO marked VALUES (%s)", [(1,), (2,)]),
}


@only_mariadb
@pytest.mark.parametrize("statement", STATEMENTS.values(), ids=STATEMENTS)
def test_no_statement_lets_a_foreign_packet_out_as_an_error_of_the_driver(
    database: TestDatabase, statement: Callable[[Session], object]
) -> None:
    """The answers behind it are good ones, so that the end of the transaction shows no other error."""
    with (
        before(database.url, "marked", between.garble_once()) as (url, _),
        pytest.raises(Interruption, match="does not speak"),
        opened(url).writing() as session,
    ):
        statement(session)


@only_mariadb
def test_nor_does_a_commit(database: TestDatabase) -> None:
    with before(database.url, "\x03COMMIT", between.garble_once()) as (url, _):
        there = opened(url)
        with pytest.raises(Interruption, match="does not speak"), there.writing() as session:
            session.value("SELECT 1")


@only_servers
def test_an_error_in_the_midst_of_rows_is_told_as_what_it_is(database: TestDatabase) -> None:
    broken = {
        "postgresql": "SELECT 1 / (200 - g) FROM generate_series(1, 1000) AS g",
        "mariadb": "SELECT seq, IF(seq < 900, 1, (SELECT 1 UNION SELECT 2)) FROM seq_1_to_1000",
    }
    with pytest.raises(Interruption) as told, opened(database.url).reading() as session:
        session.rows(broken[database.kind], 1000)
    assert told.value.reason in ("ValueRefused", "QueryFailed")


def test_after_a_refused_question_the_transaction_goes_on(database: TestDatabase) -> None:
    with opened(database.url).writing() as session:
        assert session.asked("SELECT nothing FROM nowhere") is None
        assert session.asked("SELECT 7") == 7


def test_of_an_error_without_an_end_the_beginning_is_looked_at() -> None:
    endless = pymysql.err.OperationalError(1105, "so " + "x" * MEGABYTE + " column `name`")
    for words in (errors.diagnosed(endless, "mysql", "night").words, refusals.of_mysql(endless)[1]):
        assert words.startswith("so xxx")
        assert len(words) == causes.MOST_WORDS_CHARS
    _, told = refusals.of_postgresql("FATAL:  " + "y" * MEGABYTE, None)
    assert len(told) < causes.MOST_WORDS_CHARS


# --- values that grow -------------------------------------------------------------------------------------------------


@only_postgresql
async def test_json_of_any_depth_and_length_is_a_text(database: TestDatabase) -> None:
    database.run(
        "CREATE TABLE tickets (id int, subject text, body json)",
        f"INSERT INTO tickets VALUES (1, 's', '{'[' * 3000}{']' * 3000}'), (2, 's', '{{\"a\":  [1, \"é\"]}}'), "
        f"(3, 's', '\"x\"'), (4, 's', 'null'), (5, 's', '1e2'), (6, 's', '{'9' * 6000}')",
    )
    bodies = [ticket.fields["body"] for ticket in await read(source_of(database))]
    assert bodies == ["[" * 3000 + "]" * 3000, '{"a": [1, "é"]}', "x", "", "100.0", "9" * 6000]


@only_postgresql
async def test_a_list_that_would_grow_is_a_text(database: TestDatabase) -> None:
    many = 2 * MEGABYTE
    query = f"SELECT 1 AS id, '[1,2]'::jsonb AS subject, array_fill(1, ARRAY[{many}]) AS body"
    source = source_of(database, f"{query} UNION ALL SELECT 2, '[3]', '{{{{1,2}},{{3,4}}}}'")
    long, short = await read(source)
    assert long.fields == {"subject": "[1, 2]", "body": "{" + ",".join("1" * many) + "}"}
    assert short.fields == {"subject": "[3]", "body": "[[1, 2], [3, 4]]"}


@only_postgresql
@pytest.mark.parametrize(("number", "value"), [(23, "many"), (1007, "{a,b}"), (1231, "{" * 3000), (701, "x")])
def test_a_value_that_is_not_of_the_type_it_is_said_to_be_is_told(
    database: TestDatabase, number: int, value: str
) -> None:
    """The server says in its description of the row that a text is of another type."""
    asked = struct.pack("!IhihH", 25, -1, -1, 0, 0)[:6], struct.pack("!Ih", number, -1)
    with before(database.url, answers=asked) as (url, _), pytest.raises(Interruption) as told:  # noqa: SIM117
        with opened(url).reading() as session:
            session.rows(f"SELECT '{value}'::text", 1)
    assert told.value.reason in ("DatabaseRefused", "ValueRefused")


@only_sqlite
def test_a_text_that_is_cut_in_the_statement_is_not_read_whole(database: TestDatabase) -> None:
    with opened(database.url).reading() as session:
        size = 300 * MEGABYTE
        cut = f"SELECT CASE WHEN LENGTH(z) < 100 THEN z END FROM (SELECT zeroblob({size}) AS z)"
        assert session.rows(cut, 1) == [(None,)]


# --- whatever comes ---------------------------------------------------------------------------------------------------

CELLS = st.one_of(
    st.none(),
    st.integers(),
    st.text(max_size=20),
    st.integers(0, 3000).map(lambda size: "é" * size),
    st.integers(0, 3000).map(lambda size: "🎟" * size),
    st.integers(0, 3000).map(bytes),
    st.lists(st.integers(), max_size=50),
)


@settings(deadline=None)
@given(st.lists(st.tuples(CELLS, CELLS), max_size=40), st.integers(0, 45), st.integers(0, 60_000))
def test_all_rows_come_or_a_refusal_and_no_more_is_held_than_may_be(
    found: list[tuple[object, object]], most: int, room: int
) -> None:
    read_rows: list[tuple[object, object]] = []

    def sent() -> Iterator[tuple[object, object]]:
        for row in found:
            read_rows.append(row)
            yield row

    sizes = [sum(map(getsizeof, row)) for row in found]
    fits = len(found) <= most and sum(sizes) <= room
    try:
        kept = bounded(sent(), most, room)
    except TooMuch:
        assert not fits
        assert len(read_rows) <= most + 1
        assert sum(sizes[: len(read_rows) - 1]) <= room, "one row more than fits was read, and no other"
    else:
        assert fits
        assert kept == found
    assert rows.value_of(found) == (found[0][0] if found else None)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.one_of(st.integers(0, 300), st.integers(0, 3000)), max_size=25), st.integers(1, 9))
def test_whatever_the_sizes_of_tickets_all_of_them_come_in_pages_that_fit(sizes: list[int], page_rows: int) -> None:
    with pytest.MonkeyPatch.context() as patch, TemporaryDirectory() as folder:
        patch.setattr(pages, "PAGE_BYTES", 1000)
        patch.setattr(pages, "QUICK_BYTES", 3000)
        patch.setattr(pages, "MOST_TICKET_BYTES", 2000)
        database = TestDatabase("sqlite", f"sqlite:///{folder}/tickets.db")
        make_tickets(database, "int PRIMARY KEY")
        tickets = [{"id": place, "subject": "s", "body": "é" * size} for place, size in enumerate(sizes)]
        if tickets:
            database.insert("tickets", *tickets)
        try:
            found = asyncio.run(pages_of(source_of(database, page_rows=page_rows)))
        except Stalled:
            assert max(sizes) > 1990, "a ticket of more than 2,000 characters"
            return

    assert [ticket.id for page in found for ticket in page] == [str(place) for place in range(len(sizes))]
    assert all(sum(len(ticket.fields["body"]) for ticket in page) <= 3000 for page in found)


async def pages_of(source: DatabaseSource) -> list[Sequence[Ticket]]:
    return [page async for page in source.tickets()]
