"""The real databases that other tests stand on."""

from __future__ import annotations

import os
from pathlib import Path

import psycopg
import pymysql
import pytest

from tests.servers import mariadb, postgres


def test_postgresql_answers_and_asks_for_the_password(postgres_database: str) -> None:
    with psycopg.connect(postgres_database) as connection:
        assert connection.execute("SELECT 'Grüße 🎟️'").fetchone() == ("Grüße 🎟️",)

    address = postgres_database.rpartition("@")[2]
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(f"postgresql://nightsort:wrong@{address}")


def test_a_fresh_postgresql_database_is_gone_afterwards_even_if_somebody_is_connected(postgres_url: str) -> None:
    with postgres.fresh_database(postgres_url) as url:
        forgotten = psycopg.connect(url)

    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(url)
    forgotten.close()


def test_mariadb_answers_in_full_unicode_and_asks_for_the_password(mariadb_database: str) -> None:
    with mariadb.connect(mariadb_database) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE tickets (body TEXT)")
        cursor.execute("INSERT INTO tickets VALUES (%s)", ("Grüße 🎟️",))
        cursor.execute("SELECT body FROM tickets")
        assert cursor.fetchone() == ("Grüße 🎟️",)

    address = mariadb_database.rpartition("@")[2]
    with pytest.raises(pymysql.err.OperationalError, match="Access denied"):
        mariadb.connect(f"mysql://nightsort:wrong@{address}")


def test_servers_leave_no_process_and_no_directory() -> None:
    with postgres.postgres() as url:
        with psycopg.connect(url) as connection:
            row = connection.execute("SHOW data_directory").fetchone()
        assert row is not None
        data = Path(row[0])
        server = int((data / "postmaster.pid").read_text().split()[0])

    assert not data.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(server, 0)
