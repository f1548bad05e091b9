"""Tickets from real databases."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from uuid import UUID

import pytest

from nightsort.adapters.sql.label_conditions import without
from nightsort.adapters.sql.policy import DatabasePolicy
from nightsort.adapters.sql.query_conditions import Labels
from nightsort.domain.errors import Interruption, Stalled, Waiting
from nightsort.ports import Source
from nightsort.testing.source_contract import MakeSource, SourceContract, read
from tests.contract.databases import (
    TestDatabase,
    database,
    only_mariadb,
    only_postgresql,
    only_servers,
    only_sqlite,
)
from tests.contract.ticket_tables import make_tickets, source_of
from tests.support.processes import free_ports
from tests.support.waiting import eventually

__all__ = ["database"]

LABELS = Labels("tickets", "id", "category")
TEXT_ID = {"postgresql": "varchar(600)", "mariadb": "VARCHAR(600) COLLATE utf8mb4_bin", "sqlite": "TEXT"}


async def refusal(source: Source) -> Interruption:
    with pytest.raises(Interruption) as caught:
        await source.check()
    assert caught.value.message.startswith("spec.source.database: ")
    assert caught.value.__cause__ is None
    return caught.value


class TestContract(SourceContract):
    @pytest.fixture(params=[1, 2, 1000])
    def make_source(self, database: TestDatabase, request: pytest.FixtureRequest) -> MakeSource:
        make_tickets(database, TEXT_ID[database.kind])

        def make(tickets: Mapping[str, Mapping[str, str]]) -> Source:
            database.run("DELETE FROM tickets")
            if tickets:
                database.insert("tickets", *({"id": each, **fields} for each, fields in tickets.items()))
            return source_of(database, page_rows=request.param)

        return make


# --- reading ----------------------------------------------------------------------------------------------------------


async def test_25000_tickets_are_read_in_pages_each_exactly_once_in_the_order_of_their_numbers(
    database: TestDatabase,
) -> None:
    make_tickets(database, "bigint PRIMARY KEY", *range(1, 25_001))
    source = source_of(database, page_rows=2000)
    await source.check()

    pages = [page async for page in source.tickets()]

    assert [ticket.id for page in pages for ticket in page] == [str(number) for number in range(1, 25_001)]
    assert max(len(page) for page in pages) == 2000
    assert [ticket.id for ticket in await read(source, after="24998")] == ["24999", "25000"]
    assert [ticket.id for ticket in await read(source, after="9", through="11")] == ["10", "11"]


@pytest.mark.parametrize("kind", ["bigint", "varchar(90)"])
async def test_a_query_may_leave_out_tickets_by_ids_that_are_quoted(database: TestDatabase, kind: str) -> None:
    database.run(f"CREATE TABLE tickets (id {kind} PRIMARY KEY, body varchar(90), category varchar(90))")
    database.insert("tickets", *({"id": str(number), "body": "a text"} for number in range(1, 5)))
    query = without("SELECT id, body FROM tickets WHERE category IS NULL ORDER BY id LIMIT 2", LABELS, ["1", "3"])
    assert query is not None
    source = source_of(database, query, fields=frozenset({"body"}))

    await source.check()

    assert sorted(ticket.id for ticket in await read(source)) == ["2", "4"]


async def test_several_columns_make_up_the_body(database: TestDatabase) -> None:
    database.run("CREATE TABLE tickets (id int PRIMARY KEY, subject text, body text, question text, answer text)")
    row = {"subject": "s", "body": "not asked for", "question": "Why?", "answer": "So."}
    database.insert("tickets", {"id": 1, **row}, {"id": 2, **row, "answer": None})
    source = source_of(database, "SELECT * FROM tickets", text=("question", "answer"))
    await source.check()

    one, two = await read(source)

    assert one.fields == {"subject": "s", "body": "Why?\n\nSo."}
    assert two.fields == {"subject": "s", "body": "Why?"}
    with pytest.raises(Stalled, match=r"no column '?comment'?; its columns are"):
        await source_of(database, "SELECT * FROM tickets", text=("question", "comment")).check()


async def test_large_whole_numbers_are_told_apart(database: TestDatabase) -> None:
    ids = [2**53, 2**53 + 1, 2**53 + 2, 2**63 - 1]
    make_tickets(database, "bigint", *ids)
    source = source_of(database, page_rows=1)

    assert [ticket.id for ticket in await read(source)] == [str(each) for each in ids]
    assert [ticket.id for ticket in await source.by_ids([str(2**53 + 1), "no number"])] == [str(2**53 + 1)]


@only_servers
async def test_uuids_are_ids(database: TestDatabase) -> None:
    ids = [UUID(int=number << 64 | 7) for number in (1, 2, 300, 2**60)]
    make_tickets(database, "uuid PRIMARY KEY", *(str(each) for each in ids))
    source = source_of(database, page_rows=1)
    await source.check()

    assert {ticket.id for ticket in await read(source)} == {str(each) for each in ids}
    assert len(await source.by_ids([str(ids[0]), str(ids[3])])) == 2


@only_servers
async def test_decimal_and_date_ids_are_compared_as_what_they_are(database: TestDatabase) -> None:
    make_tickets(database, "decimal(30, 2)", "9.50", "10.00", "12345678901234567890.01")
    assert [ticket.id for ticket in await read(source_of(database, page_rows=1))] == [
        "9.50",
        "10.00",
        "12345678901234567890.01",
    ]
    query = "SELECT CAST('2026-01-01 00:00:09' AS {0}) AS id UNION ALL SELECT CAST('2026-01-01 00:00:10' AS {0})"
    query = query.format("timestamp" if database.kind == "postgresql" else "datetime")
    source = source_of(database, query, fields=frozenset({"id"}), page_rows=1)
    assert [ticket.id for ticket in await read(source)] == ["2026-01-01 00:00:09", "2026-01-01 00:00:10"]


async def test_a_computed_id_is_compared_as_it_is_ordered(database: TestDatabase) -> None:
    make_tickets(database, "int PRIMARY KEY", 1, 2, 9, 10, 100)
    text = "CONCAT('T-', id)" if database.kind == "mariadb" else "'T-' || id"
    by_text = source_of(database, f"SELECT {text} AS id, body, subject FROM tickets", page_rows=1)
    by_number = source_of(database, "SELECT id * 2 AS id, body, subject FROM tickets", page_rows=1)

    assert sorted(ticket.id for ticket in await read(by_text)) == ["T-1", "T-10", "T-100", "T-2", "T-9"]
    assert [ticket.id for ticket in await read(by_number)] == ["2", "4", "18", "20", "200"]


@only_mariadb
async def test_text_ids_keep_the_order_of_their_collation(database: TestDatabase) -> None:
    make_tickets(database, "VARCHAR(50) COLLATE utf8mb4_german2_ci", "Zoe", "anna", "Älfi", "bert", "ß1")
    source = source_of(database, page_rows=1)
    await source.check()

    assert sorted(ticket.id for ticket in await read(source)) == sorted(["Zoe", "anna", "Älfi", "bert", "ß1"])


@only_postgresql
@pytest.mark.parametrize("id_type", ["bigint", "text"])
async def test_a_page_is_read_through_the_index(database: TestDatabase, id_type: str) -> None:
    make_tickets(database, f"{id_type} PRIMARY KEY", *(str(each) for each in range(5000)))
    database.run("VACUUM ANALYZE tickets", transaction=False)
    (before,) = database.rows("SELECT seq_scan, idx_scan FROM pg_stat_user_tables")
    source = source_of(database, page_rows=100)

    async for _ in source.tickets(after="4000", through="4900"):
        pass
    await source.by_ids(["17", "18"])

    # The server counts when a connection has ended. One look at any row tells the id's type.
    eventually(lambda: database.rows("SELECT idx_scan >= 10 FROM pg_stat_user_tables") == [(True,)])
    assert database.rows("SELECT seq_scan FROM pg_stat_user_tables")[0][0] - before[0] <= 1


async def test_values_become_text(database: TestDatabase) -> None:
    database.run(
        "CREATE TABLE t (id int, subject text, number decimal(10,2), day date, missing text, bytes BLOB)".replace(
            "BLOB", "bytea" if database.kind == "postgresql" else "BLOB"
        )
    )
    database.insert(
        "t", {"id": 1, "subject": "x", "number": 1.5, "day": "2026-11-22", "missing": None, "bytes": "Grüße".encode()}
    )
    source = source_of(database, "SELECT * FROM t", frozenset({"id", "number", "day", "missing", "bytes"}))
    await source.check()

    (ticket,) = await read(source)

    assert ticket.fields == {
        "id": "1",
        "number": "1.5" if database.kind == "sqlite" else "1.50",
        "day": "2026-11-22",
        "missing": "",
        "bytes": "Grüße",
    }


@only_postgresql
async def test_json_and_arrays_become_json(database: TestDatabase) -> None:
    query = """SELECT 1 AS id, '{"a": "ü"}'::jsonb AS subject, ARRAY['x', 'y'] AS body"""
    (ticket,) = await read(source_of(database, query))

    assert ticket.fields == {"subject": '{"a": "ü"}', "body": '["x", "y"]'}


async def test_bytes_that_are_no_text_stall_with_the_ticket_named(database: TestDatabase) -> None:
    value = {"postgresql": r"'\xff00'::bytea", "mariadb": "x'ff00'", "sqlite": "x'ff00'"}[database.kind]
    source = source_of(database, f"SELECT 17 AS id, 'a' AS subject, {value} AS body")

    with pytest.raises(Stalled, match="column 'body' of ticket '17' is not UTF-8") as caught:
        await read(source)
    assert caught.value.reason == "NotText"


async def test_long_tickets_make_small_pages(database: TestDatabase) -> None:
    database.run(
        "CREATE TABLE tickets (id int PRIMARY KEY, subject text, body "
        + ("LONGTEXT)" if database.kind == "mariadb" else "text)")
    )
    database.insert("tickets", *({"id": each, "subject": "", "body": "x" * 100_000} for each in range(400)))

    pages = [len(page) async for page in source_of(database).tickets()]

    assert sum(pages) == 400
    assert max(pages[1:]) <= 80


async def test_columns_can_have_any_name_and_the_template_further_fields(database: TestDatabase) -> None:
    names = ['Ticket "Id"', "50% `off`", "select", "Größe"]
    quoted = [database.quote(name) for name in names]
    escaped = [each.replace("%", "%%") if database.kind != "sqlite" else each for each in quoted]
    database.run(
        f"CREATE TABLE t ({', '.join(f'{each} varchar(50)' for each in escaped)})",
        "INSERT INTO t VALUES ('1', 'a', 'b', 'c')",
    )
    source = source_of(
        database,
        "SELECT * FROM t",
        frozenset({"subject", "body", "größe"}),
        id=names[0],
        subject=names[1],
        body=names[2],
    )
    await source.check()

    (ticket,) = await read(source, after="0")

    assert (ticket.id, ticket.fields) == ("1", {"subject": "a", "body": "b", "größe": "c"})


async def test_only_the_columns_that_the_template_names_must_be_there(database: TestDatabase) -> None:
    make_tickets(database, "int", 1)
    await source_of(database, "SELECT id, body FROM tickets", frozenset({"body"})).check()

    stopped = await refusal(source_of(database, "SELECT id, body FROM tickets", frozenset({"subject", "tier", "body"})))

    assert (type(stopped), stopped.reason) == (Stalled, "ColumnMissing")
    assert "no column 'subject', 'tier'; its columns are 'id', 'body'" in stopped.message


# --- the query --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query",
    [
        "SELECT id, subject, body FROM tickets ;\n ; ",
        "SELECT id, subject, body FROM tickets -- all of them",
        "SELECT id, subject, body FROM tickets; -- done",
        "SELECT id, subject, body FROM tickets; -- done\n /* really; */ ;\n-- 'yes'",
        "SELECT id, subject, body FROM tickets WHERE body <> '; -- x' ORDER BY id LIMIT 10; -- done",
        "SELECT id, subject, body FROM tickets WHERE body LIKE '%b1%' AND subject NOT LIKE ':id %s %(id)s ?' -- 100%",
        "WITH t AS (SELECT * FROM tickets) SELECT id, subject, body FROM t WHERE 7 % 4 = 3 ORDER BY id DESC",
        "SELECT id, subject, body FROM tickets WHERE subject <> ':x' AND subject <> '{}' /* {0} $body */",
    ],
)
async def test_a_query_means_what_it_says(database: TestDatabase, query: str) -> None:
    make_tickets(database, "int", 1)
    source = source_of(database, query)
    await source.check()

    assert [ticket.id for ticket in await read(source, after="0")] == ["1"]
    assert await source.count() == 1
    assert len(await source.by_ids(["1"])) == 1


@only_postgresql
async def test_postgresql_casts_and_operators_survive(database: TestDatabase) -> None:
    database.run(
        "CREATE TABLE tickets (id int, created timestamptz, note text, extra jsonb)",
        """INSERT INTO tickets VALUES (1, '2026-11-22', '50%%', '{"a": 1}')""",
    )
    query = "SELECT id FROM tickets WHERE note LIKE '50%' AND created::date > '2020-01-01'::date AND extra ? 'a'"

    assert [ticket.id for ticket in await read(source_of(database, query, frozenset()))] == ["1"]


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("SELEC id FROM tickets", "FROM"),
        ("SELECT id FROM no_such_table", "no_such_table"),
        ("SELECT no_such_column FROM tickets", "no_such_column"),
        ("SELECT id FROM tickets; SELECT 1", ""),
        ("SELECT id FROM tickets) AS t; DELETE FROM tickets; --", ""),
        ("DELETE FROM tickets", ""),
        ("", ""),
    ],
)
async def test_a_query_that_fails_stalls_with_the_databases_own_words(
    database: TestDatabase, query: str, shown: str
) -> None:
    make_tickets(database, "int", 1)

    stopped = await refusal(source_of(database, query))

    assert (type(stopped), stopped.reason) == (Stalled, "QueryFailed")
    assert shown in stopped.message
    assert database.url.rpartition("/")[2] not in stopped.message
    assert database.rows("SELECT COUNT(*) FROM tickets") == [(1,)]


@only_postgresql
async def test_a_query_cannot_write(database: TestDatabase) -> None:
    make_tickets(database, "int", 1)
    database.run(
        "CREATE FUNCTION harm() RETURNS int LANGUAGE sql AS $$ DELETE FROM tickets; SELECT 1 $$",
        "CREATE FUNCTION escape() RETURNS text LANGUAGE sql AS "
        "$$ SELECT set_config('transaction_read_only', 'off', true) $$",
    )

    for query in ("SELECT harm() AS id", "SELECT id FROM tickets FOR UPDATE"):
        assert (await refusal(source_of(database, query, frozenset()))).reason == "ReadOnly"
    await refusal(source_of(database, "SELECT escape() AS id, harm() AS harm", frozenset({"harm"})))
    assert database.rows("SELECT COUNT(*) FROM tickets") == [(1,)]


@only_mariadb
async def test_a_function_of_mariadb_cannot_write(database: TestDatabase) -> None:
    make_tickets(database, "int", 1)
    database.run("CREATE FUNCTION harm() RETURNS int BEGIN DELETE FROM tickets; RETURN 1; END")

    assert (await refusal(source_of(database, "SELECT harm() AS id", frozenset()))).reason == "ReadOnly"


@only_postgresql
async def test_a_value_that_cannot_be_converted_is_not_quoted(database: TestDatabase) -> None:
    make_tickets(database, "text", "1")

    stopped = await refusal(source_of(database, "SELECT CAST(subject AS int) AS id, subject, body FROM tickets"))

    assert (type(stopped), stopped.reason) == (Stalled, "ValueRefused")
    assert "s1" not in stopped.message


# --- ids --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ids", "reason", "shown"),
    [
        (["1", "2", None, None], "EmptyIds", "column 'id' is NULL or empty in 2 of 4 rows"),
        (["1", ""], "EmptyIds", "NULL or empty in 1 of 2 rows"),
        (["1", "2", "2", "3", "3", "3"], "DuplicateIds", "6 rows, 3 different ids; more than once: '2', '3'"),
        (["x" * 513], "LongIds", "an id of 513 characters, more than 512"),
    ],
)
async def test_ids_must_be_there_and_unique(
    database: TestDatabase, ids: list[str | None], reason: str, shown: str
) -> None:
    make_tickets(database, TEXT_ID[database.kind], *ids)

    stopped = await refusal(source_of(database))

    assert (type(stopped), stopped.reason) == (Stalled, reason)
    assert shown in stopped.message


async def test_an_id_with_a_nul_character_stalls_whenever_it_comes(database: TestDatabase) -> None:
    make_tickets(database, TEXT_ID[database.kind], "c")
    source = source_of(database)
    await source.check()
    if database.kind == "postgresql":
        return  # it has no such text
    database.insert("tickets", {"id": "a\0b", "subject": "", "body": ""})

    stopped = await refusal(source_of(database))

    assert (type(stopped), stopped.reason) == (Stalled, "NulInIds")
    assert "column 'id' has ids with a NUL character" in stopped.message
    with pytest.raises(Stalled, match="NUL"):
        await read(source)


@only_sqlite
async def test_a_column_that_mixes_numbers_and_text_is_no_id(database: TestDatabase) -> None:
    database.run("CREATE TABLE tickets (id, subject, body)", "INSERT INTO tickets VALUES (1, '', ''), ('2', '', '')")

    assert (await refusal(source_of(database))).reason == "IdType"


@only_postgresql
@pytest.mark.parametrize("id_type", ["json", "jsonb"])
@pytest.mark.parametrize("some_id", ['"a"', "17", "true", "[1, 2]", '{"$oid": "5f"}'])
async def test_json_is_no_id_and_its_text_is(database: TestDatabase, id_type: str, some_id: str) -> None:
    make_tickets(database, id_type, some_id)

    stopped = await refusal(source_of(database))

    assert (type(stopped), stopped.reason) == (Stalled, "IdType")
    assert "id #>> '{}' AS id" in stopped.message
    query = "SELECT id #>> '{}' AS id, subject, body FROM tickets"
    assert len(await read(source_of(database, query))) == 1


@only_postgresql
async def test_a_bool_or_a_list_is_no_id(database: TestDatabase) -> None:
    for some_id in ("true", "ARRAY[1, 2]", "ROW(1, 2)"):
        stopped = await refusal(source_of(database, f"SELECT {some_id} AS id, '' AS subject, '' AS body"))
        assert stopped.reason == "IdType", some_id


@only_postgresql
async def test_a_time_that_python_has_none_of_is_read_as_its_text(database: TestDatabase) -> None:
    query = """
        SELECT 1 AS id, 'infinity'::timestamp AS a, '-infinity'::timestamptz AS b, 'infinity'::date AS c,
               '0044-03-15 BC'::date AS d, '24:00:00'::time AS e, '10000-01-01'::timestamp AS f,
               '178000000 years'::interval AS g, '2026-01-01'::date AS h, ARRAY['infinity'::date] AS i
    """
    source = source_of(database, query, frozenset("abcdefghi"))
    await source.check()

    (ticket,) = await read(source)

    assert ticket.fields == {
        "a": "infinity",
        "b": "-infinity",
        "c": "infinity",
        "d": "0044-03-15 BC",
        "e": "24:00:00",
        "f": "10000-01-01 00:00:00",
        "g": "178000000 years",
        "h": "2026-01-01",
        "i": '["infinity"]',
    }


@only_postgresql
async def test_a_date_of_infinity_is_an_id_like_another(database: TestDatabase) -> None:
    make_tickets(database, "date", "2026-01-01", "infinity", "-infinity", "2026-01-02")
    source = source_of(database, page_rows=1)
    await source.check()

    ids = [ticket.id for ticket in await read(source)]

    assert ids == list((await source.snapshot()).ids or ()) == ["-infinity", "2026-01-01", "2026-01-02", "infinity"]
    assert len(await source.by_ids(["infinity", "2026-01-02"])) == 2


async def test_a_floating_point_number_is_no_id(database: TestDatabase) -> None:
    make_tickets(database, "double precision", 1.5)

    stopped = await refusal(source_of(database))

    assert (stopped.reason, "cast it" in stopped.message) == ("IdType", True)


@only_sqlite
async def test_a_table_that_fills_after_it_was_checked_is_read_whole(database: TestDatabase) -> None:
    make_tickets(database, "int")
    source = source_of(database, "SELECT id + 0 AS id, subject, body FROM tickets", page_rows=1)
    await source.check()
    database.insert("tickets", *({"id": each, "subject": "", "body": ""} for each in (1, 2, 3)))

    assert [ticket.id for ticket in await read(source)] == ["1", "2", "3"]


async def test_an_id_column_whose_type_changed_during_the_run_stalls(database: TestDatabase) -> None:
    make_tickets(database, "int", 1)

    with pytest.raises(Stalled, match="type of column 'id' has changed"):
        await read(source_of(database), after="T-17")


# --- reaching the database --------------------------------------------------------------------------------------------


@only_servers
async def test_a_wrong_password_stalls_and_is_not_shown(database: TestDatabase) -> None:
    user, address = database.url.partition("://")[2].split(":")[0], database.url.rpartition("@")[2]
    wrong = TestDatabase(database.kind, f"{database.kind}://{user}:hunter2@{address}")

    stopped = await refusal(source_of(wrong))

    assert (type(stopped), stopped.reason) == (Stalled, "DatabaseLoginRefused")
    assert not any(part in stopped.message for part in ("hunter2", user, address))


@only_servers
async def test_a_database_that_does_not_exist_stalls(database: TestDatabase) -> None:
    stopped = await refusal(source_of(TestDatabase(database.kind, database.url.rpartition("/")[0] + "/nowhere")))

    assert (type(stopped), stopped.reason) == (Stalled, "DatabaseMissing")


@only_sqlite
async def test_a_file_that_does_not_exist_stalls_and_is_not_made(database: TestDatabase) -> None:
    stopped = await refusal(source_of(TestDatabase("sqlite", database.url + ".not")))

    assert (type(stopped), stopped.reason) == (Stalled, "DatabaseMissing")


@pytest.mark.parametrize("scheme", ["postgresql", "mysql"])
@pytest.mark.parametrize("host", ["127.0.0.1", "no-such-host.invalid"])
async def test_a_server_that_is_not_there_is_waited_for(scheme: str, host: str) -> None:
    url = f"{scheme}://user:hunter2@{host}:{free_ports(1)[0]}/tickets"

    stopped = await refusal(source_of(TestDatabase(scheme, url)))

    assert (type(stopped), stopped.reason) == (Waiting, "DatabaseUnreachable")
    assert "hunter2" not in stopped.message


@only_servers
async def test_a_connection_that_the_server_ends_is_waited_for(database: TestDatabase) -> None:
    sleep = {"postgresql": "SELECT 1 AS id FROM pg_sleep(30)", "mariadb": "SELECT SLEEP(30) AS id"}[database.kind]
    source = source_of(database, sleep, frozenset())
    reading = asyncio.create_task(source.count())

    await asyncio.to_thread(end_sleepers, database)

    with pytest.raises(Waiting):
        await reading


def end_sleepers(database: TestDatabase) -> None:
    """Ends the connections that sleep, as soon as there is one."""
    if database.kind == "postgresql":
        end = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND wait_event = 'PgSleep'"
        )
        eventually(lambda: bool(database.rows(end)))
        return
    running = (
        "SELECT id FROM information_schema.processlist "
        "WHERE db = DATABASE() AND state = 'User sleep' AND id <> CONNECTION_ID()"
    )
    eventually(lambda: bool(database.rows(running)))
    database.run(f"KILL CONNECTION {database.rows(running)[0][0]}")


@only_servers
async def test_no_connection_stays_open(database: TestDatabase) -> None:
    make_tickets(database, "int", 1, 2, 3)
    source = source_of(database, page_rows=1)
    await source.check()
    await source.by_ids(["1"])
    async for _ in source.tickets():
        break

    count = {
        "postgresql": "SELECT COUNT(*) FROM pg_stat_activity WHERE application_name = 'nightsort'"
        " AND datname = current_database()",
        "mariadb": "SELECT COUNT(*) FROM information_schema.processlist"
        " WHERE db = DATABASE() AND id <> CONNECTION_ID()",
    }[database.kind]
    deadline = asyncio.get_running_loop().time() + 5
    while database.rows(count) != [(0,)]:  # a server takes a moment to notice that a client has left
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.02)


# --- the policy -------------------------------------------------------------------------------------------------------

SERVERS = DatabasePolicy(frozenset({"postgresql", "mysql"}), ("db.example.com", "*.svc", "127.0.0.1"))


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///tickets.db",
        "oracle://user:hunter2@db.example.com/x",
        "postgresql+asyncpg2://user:hunter2@elsewhere/x",
        "postgresql://user:hunter2@elsewhere/x",
        "postgresql://user:hunter2@db.example.com,elsewhere/x",
        "postgresql://user:hunter2@elsewhere,a.svc/x",
        "postgresql://user:hunter2@db.example.com/x?host=elsewhere",
        "postgresql://user:hunter2@db.example.com/x?hostaddr=10.0.0.1",
        "postgresql://user:hunter2@db.example.com/x?service=other",
        "postgresql://user:hunter2@db.example.com/host=elsewhere",
        "postgresql:///x",
        "mysql://user:hunter2@elsewhere/x",
        "mysql://user:hunter2@db.example.com/x?local_infile=1",
        "mysql://user:hunter2@db.example.com/x?unix_socket=/tmp/s",
        "mysql://user:hunter2@db.example.com/x?read_default_file=/etc/passwd",
        "mysql://user:hunter2@evil@elsewhere/x",
        "hunter2",
        "",
    ],
)
def test_a_url_outside_the_policy_is_refused_before_any_connection_and_shown_by_its_host_alone(url: str) -> None:
    with pytest.raises(Stalled) as caught:
        source_of(TestDatabase("", url), policy=SERVERS)

    assert caught.value.reason in {"DatabaseNotAllowed", "InvalidDatabaseUrl"}
    assert not any(part in caught.value.message for part in ("hunter2", "evil"))


@pytest.mark.parametrize(
    "url",
    [
        "postgres://u:p@DB.example.com:5432/x?sslmode=require&channel_binding=prefer",
        "postgresql+psycopg://u:p@tickets.support.svc/x",
        "mariadb://u:p@a.svc/x?charset=utf8mb4",
        "mysql+pymysql://u:p%40%2F@127.0.0.1:3306/x",
        "postgresql://u:p@db.example.com,a.svc/x",
    ],
)
def test_a_url_within_the_policy_is_taken(url: str) -> None:
    source_of(TestDatabase("", url), policy=SERVERS)
