"""What databases, and what stands before them, say at the door; and who moves next then."""

from __future__ import annotations

import pytest

from nightsort.domain.errors import Interruption, Stalled, Waiting
from nightsort.domain.stored import Rehearsal
from tests.contract.databases import TestDatabase, database, only_mariadb, only_postgresql
from tests.contract.tables import a_user_with, refusal, sink_of
from tests.servers import refusers
from tests.servers.refusers import Conversation, answering

__all__ = ["database"]

SECRET = "hunter2-and-more"


async def refused(conversation: Conversation, scheme: str, query: str = "") -> Interruption:
    with answering(conversation) as address:
        url = f"{scheme}://somebody:{SECRET}@{address}/night{query}"
        with pytest.raises(Interruption) as caught:
            await sink_of(TestDatabase(scheme, url)).check(Rehearsal(1))
    message = caught.value.message
    assert message.count(f" at {address}") <= 1, "we name host and port once"
    quoted = message.replace(f" at {address}", "")
    assert not any(part in quoted for part in (SECRET, "somebody", address, "127.0.0.1"))
    assert len(message) < 700
    assert "\n" not in message
    return caught.value


# --- PostgreSQL and its proxies ---------------------------------------------------------------------------------------

FOR_A_PERSON = [
    ("28P01", 'password authentication failed for user "somebody"', "DatabaseLoginRefused"),
    ("28000", 'role "somebody" is not permitted to log in', "DatabaseLoginRefused"),
    ("28000", "no pg_hba.conf entry for host, user, database", "DatabaseLoginRefused"),
    ("28000", "This RDS proxy has no credentials for the role somebody. Check them", "DatabaseLoginRefused"),
    ("28000", "SSL connection is required. Please specify SSL options and retry.", "DatabaseLoginRefused"),
    ("28000", 'no pg_hba.conf entry for host "10.0.0.7", user "somebody", no encryption', "DatabaseLoginRefused"),
    ("3D000", 'database "night" does not exist', "DatabaseMissing"),
    ("42501", 'permission denied for database "night"', "DatabaseMissing"),
    ("08P01", "no such database: night", "DatabaseMissing"),
]
PASSING = [
    ("53300", 'too many connections for role "somebody"'),
    ("53300", "sorry, too many clients already"),
    ("57014", "canceling authentication due to timeout"),
    ("57P03", "the database system is starting up"),
    ("08P01", "server login has been failing, try again later (server_login_retry)"),
    ("08P01", "no more connections allowed (max_client_conn)"),
    ("08P01", "query_wait_timeout"),
    ("08P01", "client_login_timeout (server down)"),
]
UNKNOWN = [
    ("XX000", "Tenant or user not found"),
    ("08P01", "Endpoint ID is not specified. Either please upgrade the postgres client library (libpq)"),
    ("XX000", "Your account or project has exceeded the compute time quota. Upgrade your plan"),
    ("53400", "project quota exceeded"),
    ("08P01", "unsupported startup parameter: options"),
    ("55000", "the branch is not accepting connections"),
    ("08006", "the backend said goodbye"),
]


@pytest.mark.parametrize("severity", ["FATAL", "ERROR", "ФАТАЛЬНО"])
@pytest.mark.parametrize(("code", "words", "reason"), FOR_A_PERSON)
async def test_what_a_person_has_to_mend_stalls_at_once(code: str, words: str, reason: str, severity: str) -> None:
    stopped = await refused(refusers.postgresql_that_refuses(code, words, severity), "postgresql")

    assert (type(stopped), stopped.reason) == (Stalled, reason)
    assert words.replace("somebody", "…").replace("night", "…")[:40] in stopped.message


@pytest.mark.parametrize(("code", "words"), PASSING)
async def test_what_passes_is_waited_for(code: str, words: str) -> None:
    stopped = await refused(refusers.postgresql_that_refuses(code, words), "postgresql")

    assert isinstance(stopped, Waiting)
    assert stopped.reason == "DatabaseInterrupted"
    assert words[:12] in stopped.message
    assert stopped.after(100) is stopped


@pytest.mark.parametrize("severity", ["FATAL", "SCHWERWIEGEND"])
@pytest.mark.parametrize(("code", "words"), UNKNOWN)
async def test_what_nobody_knows_is_waited_for_some_times_and_then_is_a_persons_matter(
    code: str, words: str, severity: str
) -> None:
    stopped = await refused(refusers.postgresql_that_refuses(code, words, severity), "postgresql")

    assert isinstance(stopped, Waiting)
    assert stopped.reason == "DatabaseRefused"
    assert words[:30] in stopped.message
    assert (type(stopped.after(6)), type(stopped.after(7))) == (Waiting, Stalled)
    assert stopped.after(7).reason == "DatabaseRefused"


async def test_the_code_decides_in_whatever_language_the_server_speaks() -> None:
    refuse = refusers.postgresql_that_refuses("28P01", "проверка подлинности не пройдена", "ВАЖНО")

    assert (await refused(refuse, "postgresql")).reason == "DatabaseLoginRefused"


async def test_statement_pooling_is_said_and_not_unreachable() -> None:
    words = "transaction blocks not allowed in statement pooling mode"
    stopped = await refused(refusers.postgresql_that_lets_in_and_refuses("08P01", words), "postgresql")

    assert stopped.reason == "DatabaseRefused"
    assert words in stopped.message


@pytest.mark.parametrize("words", ["SSL connection is required", "requires TLS connections", "no encryption"])
async def test_tls_that_the_server_demands_is_named(words: str) -> None:
    stopped = await refused(refusers.postgresql_that_refuses("28000", words), "postgresql")

    assert "demands TLS" in stopped.message
    assert "?sslmode=require" in stopped.message


async def test_tls_that_the_server_does_not_have_is_a_persons_matter() -> None:
    refuse = refusers.postgresql_that_refuses("28000", "x")

    stopped = await refused(refuse, "postgresql", "?sslmode=require")

    assert (type(stopped), stopped.reason) == (Stalled, "DatabaseLoginRefused")
    assert "server does not support SSL" in stopped.message


async def test_a_sentence_is_bounded_and_has_one_line() -> None:
    stopped = await refused(refusers.postgresql_that_refuses("XX000", f"no {SECRET}\nmore {'x' * 5000}"), "postgresql")

    assert "(no …)" in stopped.message
    assert len((await refused(refusers.postgresql_that_refuses("XX000", "x" * 5000), "postgresql")).message) < 500


# --- MySQL and its proxies --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "words", "kind", "reason"),
    [
        (1045, "Access denied for user 'somebody'@'10.0.0.7' (using password: YES)", Stalled, "DatabaseLoginRefused"),
        (1049, "Unknown database 'night'", Stalled, "DatabaseMissing"),
        (1044, "Access denied for user 'somebody'@'%' to database 'night'", Stalled, "DatabaseMissing"),
        (1040, "Too many connections", Waiting, "DatabaseInterrupted"),
        (1203, "User somebody already has more than 'max_user_connections'", Waiting, "DatabaseInterrupted"),
        (1226, "User 'somebody' has exceeded the 'max_questions' resource", Waiting, "DatabaseInterrupted"),
        (3159, "Connections using insecure transport are prohibited", Stalled, "DatabaseLoginRefused"),
        (1105, "unknown error: branch is sleeping", Waiting, "DatabaseRefused"),
        (9001, "Max connect timeout reached while reaching hostgroup 0", Waiting, "DatabaseRefused"),
        (1129, "Host is blocked because of many connection errors", Waiting, "DatabaseRefused"),
    ],
)
async def test_mysqls_refusals_are_told_apart_by_their_numbers(
    code: int, words: str, kind: type[Interruption], reason: str
) -> None:
    for refuse in (refusers.mysql_that_refuses(code, words), refusers.mysql_that_hangs_up(code, words)):
        stopped = await refused(refuse, "mysql")
        assert (type(stopped), stopped.reason) == (kind, reason)
        assert words[:5] in stopped.message


async def test_tls_that_mysql_demands_is_named() -> None:
    words = "Connections using insecure transport are prohibited while --require_secure_transport=ON."
    stopped = await refused(refusers.mysql_that_refuses(3159, words), "mysql")

    assert "demands TLS" in stopped.message
    assert "?ssl_ca=FILE" in stopped.message


# --- something else on the port ---------------------------------------------------------------------------------------

HTTP = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\n\r\n<html>hunter2-and-more</html>"
MYSQL = refusers.mysql_that_refuses(1045, "x")


@pytest.mark.parametrize(
    ("conversation", "scheme", "query"),
    [
        (refusers.saying(HTTP, after=8), "postgresql", ""),
        (refusers.saying(HTTP, after=8), "postgresql", "?sslmode=disable"),
        (refusers.saying(b"SSH-2.0-OpenSSH_9.6\r\n"), "postgresql", ""),
        (MYSQL, "postgresql", ""),
        (refusers.saying(HTTP), "mysql", ""),
        (refusers.saying(b"SSH-2.0-OpenSSH_9.6\r\n"), "mysql", ""),
        (refusers.saying(b"\x05\0\0\0\x0a8.0\0"), "mysql", ""),
        (refusers.saying(b"\x01\0\0\0\x0a"), "mysql", ""),
        (refusers.saying(b"\x00\0\0\0"), "mysql", ""),
        (refusers.saying(b"N" * 64), "mysql", ""),
    ],
)
async def test_another_server_on_the_port_is_said_to_be_one(
    conversation: Conversation, scheme: str, query: str
) -> None:
    stopped = await refused(conversation, scheme, query)

    assert stopped.reason == "DatabaseRefused"
    assert "does not speak as such a database does" in stopped.message
    assert isinstance(stopped, Waiting)
    assert isinstance(stopped.after(7), Stalled)


@pytest.mark.parametrize("scheme", ["postgresql", "mysql"])
async def test_who_hangs_up_without_a_word_cannot_be_reached(scheme: str) -> None:
    assert (await refused(refusers.nothing, scheme)).reason == "DatabaseUnreachable"


# --- real servers -----------------------------------------------------------------------------------------------------


@only_postgresql
async def test_a_roles_connection_limit_is_waited_for_and_said(database: TestDatabase) -> None:
    with a_user_with(database, "ALTER ROLE {user} CONNECTION LIMIT 1") as limited, limited.engine().connect():
        stopped = await refusal(sink_of(limited))

    assert (type(stopped), stopped.reason) == (Waiting, "DatabaseInterrupted")
    assert "too many connections for role" in stopped.message


@only_postgresql
async def test_a_role_that_may_not_connect_to_the_database_is_told(database: TestDatabase) -> None:
    name = database.url.rpartition("/")[2]
    with a_user_with(database) as limited:
        database.run(f"REVOKE CONNECT ON DATABASE {name} FROM PUBLIC")
        stopped = await refusal(sink_of(limited))

    assert (type(stopped), stopped.reason) == (Stalled, "DatabaseMissing")
    assert "permission denied" in stopped.message


@only_mariadb
async def test_a_users_connection_limit_is_waited_for_and_said(database: TestDatabase) -> None:
    grant = "GRANT ALL ON {database}.* TO {user} WITH MAX_USER_CONNECTIONS 1"
    with a_user_with(database, grant) as limited, limited.engine().connect():
        stopped = await refusal(sink_of(limited))

    assert (type(stopped), stopped.reason) == (Waiting, "DatabaseInterrupted")
    assert "max_user_connections" in stopped.message


@only_mariadb
async def test_a_user_who_must_use_tls_is_refused(database: TestDatabase) -> None:
    with a_user_with(database, "GRANT ALL ON {database}.* TO {user} REQUIRE SSL") as limited:
        stopped = await refusal(sink_of(limited))

    assert (type(stopped), stopped.reason) == (Stalled, "DatabaseLoginRefused")
    assert "Access denied" in stopped.message


# --- what a right or an option is called ------------------------------------------------------------------------------


@only_postgresql
async def test_a_role_that_may_not_make_the_table_is_told_of_the_schema(database: TestDatabase) -> None:
    with a_user_with(database, "GRANT USAGE ON SCHEMA public TO {user}") as limited:
        stopped = await refusal(sink_of(limited, "Upsert"))
        database.run(
            "CREATE SCHEMA own", f"GRANT USAGE ON SCHEMA own TO {limited.url.partition('//')[2].split(':')[0]}"
        )
        of_schema = await refusal(sink_of(limited, "Upsert", table="own.labels"))

    for each in (stopped, of_schema):
        assert (type(each), each.reason) == (Stalled, "PermissionDenied")
        assert "CREATE on the schema" in each.message
        assert "mode: Update" in each.message


@only_mariadb
async def test_a_user_of_mariadb_who_may_not_make_the_table_is_told(database: TestDatabase) -> None:
    grant = "GRANT SELECT, INSERT, UPDATE, CREATE TEMPORARY TABLES ON {database}.* TO {user}"
    with a_user_with(database, grant) as limited:
        stopped = await refusal(sink_of(limited, "Upsert"))

    assert (type(stopped), stopped.reason) == (Stalled, "PermissionDenied")
    assert "CREATE command denied" in stopped.message


@only_postgresql
async def test_a_right_that_is_missing_is_told_in_the_servers_words(database: TestDatabase) -> None:
    database.run("CREATE TABLE tickets (id int PRIMARY KEY, category text, verdict text, reason text)")
    with a_user_with(database, "GRANT SELECT ON tickets TO {user}") as limited:
        stopped = await refusal(sink_of(limited))

    assert stopped.reason == "PermissionDenied"
    assert "permission denied for table tickets" in stopped.message


@only_postgresql
async def test_a_state_that_does_not_allow_it_is_told_in_the_servers_words(database: TestDatabase) -> None:
    """ObjectNotInPrerequisiteState, whatever that is."""
    database.run(
        "CREATE TABLE tickets (id int PRIMARY KEY, category text, verdict text, reason text)",
        "CREATE VIEW sums AS SELECT id, category, verdict, reason FROM tickets GROUP BY id",
        "INSERT INTO tickets VALUES (1)",
    )

    stopped = await refusal(sink_of(database, table="sums"))

    assert stopped.reason == "QueryFailed"
    assert 'cannot update view "sums"' in stopped.message


@only_mariadb
async def test_mariadbs_numbers_come_with_its_words(database: TestDatabase) -> None:
    database.run(
        "CREATE TABLE tickets (id int PRIMARY KEY, category text, verdict text, reason text)",
        "CREATE VIEW sums AS SELECT DISTINCT id, category, verdict, reason FROM tickets",
    )

    stopped = await refusal(sink_of(database, table="sums"))

    assert stopped.reason == "QueryFailed"
    assert "not updatable" in stopped.message


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("postgresql://u:p@h/x?application_name=me", "'application_name'"),
        ("postgresql://u:p@h/x?sslmode=require&options=-c", "'options'"),
        ("mysql://u:p@h/x?ssl-mode=REQUIRED", "'ssl-mode'"),
    ],
)
def test_an_option_that_is_not_allowed_is_named(url: str, named: str) -> None:
    with pytest.raises(Stalled, match="has an option that is not allowed") as caught:
        sink_of(TestDatabase("any", url))

    assert named in caught.value.message


@pytest.mark.parametrize(
    "url", ["postgresql://u:pa@ss?word=x@h/y", "mysql://u:a@b/c?d=e@f/g", "mysql://u:p@h/x?1%20x=2"]
)
def test_a_piece_of_a_password_is_no_option(url: str) -> None:
    with pytest.raises(Stalled) as caught:
        sink_of(TestDatabase("any", url))

    assert not any(piece in caught.value.message for piece in ("word", "'d'", "1 x"))
