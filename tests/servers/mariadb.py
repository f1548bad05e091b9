"""A real MariaDB on loopback, from Debian's `mariadb-server`."""

from __future__ import annotations

import getpass
import secrets
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pymysql

from tests.servers.postgres import with_database
from tests.support.parts import need
from tests.support.processes import Server, free_ports

USER = "nightsort"


@contextmanager
def mariadb() -> Iterator[str]:
    """The URL of a new server's database `test`, as a user with all rights; it ends with the block."""
    server_program, install = need("mariadbd"), need("mariadb-install-db")
    # A short path, because a socket's may have 107 bytes only.
    with tempfile.TemporaryDirectory(prefix="nightsort-mariadb-") as temporary:
        directory = Path(temporary)
        initialise(install, directory)
        password = secrets.token_hex(8)
        (port,) = free_ports(1)
        url = f"mysql://{USER}:{password}@127.0.0.1:{port}/test"
        with start(server_program, directory, port, password) as server:
            server.wait_until(lambda: connects(url))
            yield url


def initialise(install: str, directory: Path) -> None:
    options = ["--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"]
    subprocess.run(
        [install, "--no-defaults", f"--datadir={directory / 'data'}", f"--user={getpass.getuser()}", *options],
        check=True,
        stdout=subprocess.DEVNULL,
    )


def start(server_program: str, directory: Path, port: int, password: str) -> Server:
    first = directory / "first.sql"
    first.write_text(
        "CREATE DATABASE test;\n"
        f"CREATE USER '{USER}'@'127.0.0.1' IDENTIFIED BY '{password}';\n"
        f"GRANT ALL ON *.* TO '{USER}'@'127.0.0.1' WITH GRANT OPTION;\n"
    )
    return Server.start(
        [
            server_program,
            "--no-defaults",
            f"--user={getpass.getuser()}",
            f"--datadir={directory / 'data'}",
            f"--socket={directory / 'socket'}",
            f"--pid-file={directory / 'pid'}",
            f"--init-file={first}",
            f"--port={port}",
            "--bind-address=127.0.0.1",
            "--skip-name-resolve",
            "--character-set-server=utf8mb4",
            "--innodb-flush-log-at-trx-commit=0",  # the data lives as long as the tests
            "--innodb-buffer-pool-size=64M",
        ],
        directory / "mariadb.log",
    )


def connect(url: str) -> pymysql.Connection[pymysql.cursors.Cursor]:
    """A connection to the database that a `mysql://` URL names; changes are committed at once."""
    parts = urlsplit(url)
    return pymysql.connect(
        host=parts.hostname,
        port=parts.port or 3306,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        database=parts.path.removeprefix("/"),
        charset="utf8mb4",
        autocommit=True,
    )


def connects(url: str) -> bool:
    try:
        connect(url).close()
    except pymysql.err.OperationalError:
        return False
    return True


@contextmanager
def fresh_database(url: str) -> Iterator[str]:
    """The URL of a new, empty database on the server of `url`; dropped at the end."""
    name = f"t_{secrets.token_hex(6)}"
    with connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
    try:
        yield with_database(url, name)
    finally:
        with connect(url) as connection, connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE {name}")
