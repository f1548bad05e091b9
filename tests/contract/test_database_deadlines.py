"""Every wait on a database has a deadline of our own, whatever the server does or does not send."""

from __future__ import annotations

import gc
import socket
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from nightsort.adapters.sql.database import Database
from nightsort.adapters.sql.lines import Deadlines, Line, Watch
from nightsort.domain.errors import Interruption, Waiting
from tests.contract.certificates import certificate
from tests.contract.databases import ANY_HOST, TestDatabase, database, only_postgresql, only_servers
from tests.contract.tables import sink_of
from tests.servers import between
from tests.servers.between import Spoil, counted, dripping
from tests.servers.refusers import Conversation, message
from tests.support.waiting import eventually

__all__ = ["certificate", "database"]

SHORT = 0.4
SECRET = "hunter2"
STARTUP = 8 + 32
"""Bytes of PostgreSQL's question for TLS, and of the least that follows it."""


def hasty(url: str, *, login: float = SHORT, statement: float = 60) -> Database:
    policy = replace(ANY_HOST, deadlines=Deadlines(login, statement))
    return Database(url, policy, "spec.source.database", "SELECT")


# --- the login --------------------------------------------------------------------------------------------------------

MUTE = {
    "mysql, a mute server": ("mysql", between.hears_nothing),
    "mysql, mute behind its greeting": ("mysql", between.mysql_greets),
    "mysql, mute behind the login": ("mysql", between.mysql_lets_in),
    "mysql, a greeting by drops": ("mysql", dripping(b"\xff\xff\x00\x00\x0a8.0")),
    "postgresql, a mute server": ("postgresql", between.hears_nothing),
    "postgresql, mute behind TLS's beginning": ("postgresql", between.postgresql_begins_tls),
    "postgresql, mute behind the startup": ("postgresql", between.postgresql_greets),
    "postgresql, mute behind the login": ("postgresql", between.postgresql_lets_in),
    "postgresql, a question for the password by drops": (
        "postgresql",
        dripping(b"N" + message(b"R", bytes(2000))[:9], after=STARTUP),
    ),
}


@pytest.mark.parametrize(("scheme", "conversation"), MUTE.values(), ids=MUTE)
def test_connect_greeting_and_login_have_one_deadline(scheme: str, conversation: Conversation) -> None:
    with counted(conversation) as (address, seen):
        database = hasty(f"{scheme}://somebody:{SECRET}@{address}/night")
        with pytest.raises(Waiting) as told, database.reading():
            raise AssertionError("let in")
        eventually(lambda: seen.ended == seen.begun)

    assert seen.begun == 1
    assert told.value.reason == "DatabaseUnreachable"
    assert told.value.message.startswith("spec.source.database: ")
    assert told.value.message.endswith(f"the database at {address} has not let us in within 0.4 s")
    assert told.value.tries is None


def test_tls_that_does_not_begin_is_within_the_deadline(certificate: Path) -> None:
    with counted(between.mysql_greets) as (address, seen):
        database = hasty(f"mysql://somebody:{SECRET}@{address}/night?ssl_ca={certificate}")
        with pytest.raises(Waiting, match="has not let us in"), database.reading():
            raise AssertionError("let in")
        eventually(lambda: seen.ended == 1)


@only_postgresql
def test_a_mute_address_leaves_time_for_the_next_one(database: TestDatabase) -> None:
    url = sa.make_url(database.url)
    assert url.port is not None
    policy = replace(
        ANY_HOST, resolve=lambda host, port: ["127.0.0.9", "127.0.0.1"], deadlines=Deadlines(login=2 * SHORT)
    )
    named = url.set(host="tickets.team.svc").render_as_string(hide_password=False)
    with (
        socket.create_server(("127.0.0.9", url.port)),
        Database(named, policy, "spec.source.database", "SELECT").reading() as session,
    ):
        assert session.value("SELECT 1") == 1


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("mysql://u:p@db.example:1/x", " at db.example:1"),
        ("postgresql://u:p@db.example/x", " at db.example:5432"),
        ("postgresql://u:p@[::1]/x", " at [::1]:5432"),
        ("mysql://u:half@of/it@db.example/x", ""),
    ],
)
def test_a_message_names_host_and_port_and_never_a_piece_of_a_password(url: str, shown: str) -> None:
    assert Database(url, ANY_HOST, "here", "SELECT").address.shown == shown


# --- statements -------------------------------------------------------------------------------------------------------

SLOW = {"postgresql": "SELECT pg_sleep({}), 'slow'", "mariadb": "SELECT SLEEP({}), 'slow'"}


@only_servers
def test_a_statement_that_is_not_answered_is_given_up(database: TestDatabase) -> None:
    url = database.url
    with pytest.raises(Waiting) as told, hasty(url, login=10, statement=SHORT).reading() as session:
        session.rows(SLOW[database.kind].format(30), 1)

    address = url.rpartition("@")[2].partition("/")[0]
    assert told.value.reason == "DatabaseUnreachable"
    assert told.value.message == f"spec.source.database: the database at {address} has not answered for 0.4 s"


@only_servers
@pytest.mark.parametrize("spoil", [between.swallow, between.drip])
def test_an_answer_that_never_ends_is_given_up_however_it_comes(database: TestDatabase, spoil: Spoil) -> None:
    with between.before(database.url, "marked", spoil) as (url, seen):
        many = f"SELECT '{'x' * 1000}' AS marked"
        with pytest.raises(Waiting, match="has not answered"), hasty(url, login=10, statement=SHORT).reading() as held:
            held.rows(many, 1)
        eventually(lambda: seen.ended == 1)
    assert seen.begun == 1


@only_servers
@pytest.mark.parametrize("mark", ["COMMIT", "CREATE TEMPORARY", "SAVEPOINT"])
async def test_every_statement_of_a_write_has_the_deadline(database: TestDatabase, mark: str) -> None:
    database.run("CREATE TABLE results (id VARCHAR(600) PRIMARY KEY, category VARCHAR(100))")
    if (mark, database.kind) == ("COMMIT", "mariadb"):
        mark = "\x03COMMIT"  # the login has SET AUTOCOMMIT
    with between.before(database.url, mark, between.swallow) as (url, seen):
        with (  # noqa: PT012 - one of them, or the end of the block
            pytest.raises(Waiting, match="has not answered"),
            hasty(url, login=10, statement=SHORT).writing() as session,
        ):
            session.run("CREATE TEMPORARY TABLE staged AS SELECT id FROM results")
            with session.undone():
                session.run("INSERT INTO results VALUES ('1', 'a')")
        eventually(lambda: seen.ended == 1)
    assert database.rows("SELECT * FROM results") in ([], [("1", "a")])


@only_servers
def test_each_statement_has_the_whole_time(database: TestDatabase) -> None:
    """And no more of the login's, which would have ended before the last of them."""
    with hasty(database.url, login=3, statement=2.0).reading() as session:
        for _ in range(5):
            session.rows(SLOW[database.kind].format(0.8), 1)


@only_servers
@pytest.mark.skipif(sys.platform != "linux", reason="counts its files under /proc")
def test_a_read_leaves_no_open_file_behind_however_it_ends(database: TestDatabase) -> None:
    some = hasty(database.url, login=10)
    with some.reading() as session:
        session.value("SELECT 1")
    before = open_files()
    for _ in range(20):
        with some.reading() as session:
            session.value("SELECT 1")
        with pytest.raises(Interruption), some.reading() as session:
            session.rows("SELECT 1", 0)
    gone = some.address
    with pytest.raises(Interruption), hasty(database.url.replace(str(gone.port), "9")).reading():
        pass
    assert open_files() <= before


def open_files() -> int:
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir()))


def test_where_no_thread_could_begin_the_next_connection_has_its_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = Watch()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        line = Line(ours.fileno(), until=0, room=0)
        with monkeypatch.context() as full:
            full.setattr(threading.Thread, "start", refuse_to_start)
            with pytest.raises(OSError, match="no thread"):
                watch.join(line)

        watch.join(line)
        eventually(lambda: line.is_late)
        watch.leave(line)
        line.close()


def refuse_to_start(_: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


async def test_the_sinks_and_sources_deadlines_are_those_of_the_policy() -> None:
    policy = replace(ANY_HOST, deadlines=Deadlines(SHORT))
    with counted(between.mysql_greets) as (address, _), pytest.raises(Waiting, match="has not let us in within"):
        await sink_of(TestDatabase("mariadb", f"mysql://u:{SECRET}@{address}/x"), policy=policy).place()
