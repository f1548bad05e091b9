"""Connections that go to addresses which were held against the list of allowed hosts, and to no other.

A name that is resolved once for the check and once more by the driver could lead elsewhere the second time. TLS still
checks the name of the URL.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from typing import Any

import pymysql
import sqlalchemy as sa
from pymysql.constants import CR

Addresses = Callable[[str, int], list[str]]
"""What may be connected to for a host and a port; raises OSError and HostNotAllowed."""
PORTS = {"postgresql": 5432, "mysql": 3306}


def pin(engine: sa.Engine, family: str, addresses: Addresses) -> None:
    """Lets an engine connect to checked addresses alone. Connecting raises what `addresses` raises."""

    def connect(dialect: Any, _: Any, __: Any, arguments: dict[str, Any]) -> Any:
        if family == "mysql":
            return mysql_connection(dialect, arguments, addresses)
        arguments.update(pinned(arguments, addresses))
        return None  # the dialect goes on with them

    if family in PORTS:
        sa.event.listen(engine, "do_connect", connect)


def pinned(arguments: dict[str, Any], addresses: Addresses) -> dict[str, Any]:
    """libpq's `host`, whose certificate is checked, and `hostaddr`, which is connected to, for each address.

    Without a host, libpq takes a socket of this machine, which the policy has allowed.
    """
    names: list[str] = []
    found: list[str] = []
    failed: OSError | None = None
    for name in filter(None, str(arguments.get("host") or "").split(",")):
        try:
            some = addresses(name, int(arguments.get("port") or PORTS["postgresql"]))
        except OSError as error:  # as libpq does, the next one is tried
            failed = error
            continue
        names += [name] * len(some)
        found += some
    if failed is not None and not found:
        raise failed
    return {"host": ",".join(names), "hostaddr": ",".join(found)} if found else {}


def mysql_connection(dialect: Any, arguments: dict[str, Any], addresses: Addresses) -> Any:
    name, port = arguments.get("host") or "localhost", int(arguments.get("port") or PORTS["mysql"])
    found = addresses(name, port)
    connection = dialect.connect(**arguments, defer_connect=True)
    connection.connect(reached(found, port, arguments["connect_timeout"]))
    return connection


def reached(found: Sequence[str], port: int, seconds: float) -> socket.socket:
    """A connection to the first address that takes one; the same options as PyMySQL's own have."""
    for address in found:
        try:
            reached = socket.create_connection((address, port), seconds)
        except OSError as error:
            failed = error
            continue
        reached.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        reached.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return reached
    raise pymysql.err.OperationalError(CR.CR_CONN_HOST_ERROR, "no address takes a connection") from failed
