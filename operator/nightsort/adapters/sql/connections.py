"""Connections only to addresses that were checked against the list of allowed hosts.

A name that is resolved once for the check and again by the driver could lead elsewhere the second time. TLS still
checks the name of the URL. The steps after the resolver, up to the end of the login, share one deadline.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Sequence
from typing import Any

import psycopg
import pymysql
import sqlalchemy as sa
from pymysql.constants import CR

from nightsort.adapters.sql.lines import Call
from nightsort.adapters.sql.postgresql_login import logged_in
from nightsort.adapters.sql.rows import ANSWER_BYTES

Addresses = Callable[[str, int], list[str]]
"""The addresses for a host and a port; raises OSError and HostNotAllowed."""
PORTS = {"postgresql": 5432, "mysql": 3306}


def pin(engine: sa.Engine, family: str, addresses: Addresses, call: Call, seconds: float) -> None:
    """Lets an engine connect to checked addresses alone, within this many seconds, and gives each call its line.

    Connecting raises what `addresses` raises, and TimeoutError.
    """

    def connect(dialect: Any, _: Any, __: Any, arguments: dict[str, Any]) -> Any:
        if family == "mysql":
            return mysql_connection(dialect, arguments, addresses, call, seconds)
        return postgresql_connection(arguments, addresses, call, seconds)

    if family in PORTS:
        sa.event.listen(engine, "do_connect", connect)


def postgresql_connection(
    arguments: dict[str, Any], addresses: Addresses, call: Call, seconds: float
) -> psycopg.Connection[Any]:
    options = {**arguments, **pinned(arguments, addresses)}
    until = time.monotonic() + seconds
    connection = logged_in(options, until)
    connection.prepare_threshold = options["prepare_threshold"]
    call.begin(connection.fileno(), until, ANSWER_BYTES)
    return connection


def pinned(arguments: dict[str, Any], addresses: Addresses) -> dict[str, Any]:
    """libpq's `host`, whose certificate is checked, and `hostaddr`, the address to connect to, for each address.

    Without a host, libpq uses a socket of this machine, which the policy has allowed.
    """
    names: list[str] = []
    found: list[str] = []
    failed: OSError | None = None
    for name in filter(None, str(arguments.get("host") or "").split(",")):
        try:
            some = addresses(name, int(arguments.get("port") or PORTS["postgresql"]))
        except OSError as error:  # the next one is tried, as in libpq
            failed = error
            continue
        names += [name] * len(some)
        found += some
    if failed is not None and not found:
        raise failed
    return {"host": ",".join(names), "hostaddr": ",".join(found)} if found else {}


def mysql_connection(dialect: Any, arguments: dict[str, Any], addresses: Addresses, call: Call, seconds: float) -> Any:
    name, port = arguments.get("host") or "localhost", int(arguments.get("port") or PORTS["mysql"])
    found = addresses(name, port)
    until = time.monotonic() + seconds
    connection = dialect.connect(**arguments, defer_connect=True)
    taken = reached(found, port, until)
    line = call.begin(taken.fileno(), until, ANSWER_BYTES)
    try:
        connection.connect(taken)
    except Exception:
        if line.is_late:
            raise TimeoutError from None
        if line.is_flooded:
            raise pymysql.err.InterfaceError(0, "more than a greeting") from None
        raise
    return connection


def reached(found: Sequence[str], port: int, until: float) -> socket.socket:
    """A connection to the first address that accepts one, with the same options as PyMySQL's own.

    Each address may take an even share of the remaining time.

    Raises:
        TimeoutError: the last one has not answered.
        pymysql.err.OperationalError: none accepts a connection.
    """
    for place, address in enumerate(found):
        share = (until - time.monotonic()) / (len(found) - place)
        try:
            reached = socket.create_connection((address, port), max(share, 0.001))
        except TimeoutError:
            failed: OSError = TimeoutError()
            continue
        except OSError as error:
            failed = error
            continue
        reached.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        reached.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return reached
    if isinstance(failed, TimeoutError):
        raise failed
    raise pymysql.err.OperationalError(CR.CR_CONN_HOST_ERROR, "no address takes a connection") from failed
