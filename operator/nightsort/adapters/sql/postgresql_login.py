"""PostgreSQL's login under one deadline: psycopg's own has one for each address, in whole seconds and at least two."""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.pq import ConnStatus, PollingStatus

from nightsort.adapters.sql.lines import received
from nightsort.adapters.sql.rows import ANSWER_BYTES

if TYPE_CHECKING:
    from psycopg.pq.abc import PGconn

NOT_LIBPQS = ("prepare_threshold", "autocommit", "context", "row_factory", "cursor_factory")


def conninfo(options: Mapping[str, Any]) -> str:
    return make_conninfo(**{name: value for name, value in options.items() if name not in NOT_LIBPQS})


def logged_in(options: Mapping[str, Any], until: float) -> psycopg.Connection[Any]:
    """A connection to the first address of `hostaddr` that accepts the login, before `until` by the monotonic clock.

    Each address may take an even share of the remaining time, so that a silent one does not hide the next.

    Raises:
        TimeoutError: none has answered.
        psycopg.OperationalError: none accepts the login; its text is libpq's for each address.
    """
    failed: list[psycopg.OperationalError] = []
    addresses = each_address(options)
    for place, one in enumerate(addresses):
        share = (until - time.monotonic()) / (len(addresses) - place)
        try:
            return connected(conninfo(one), time.monotonic() + share)
        except psycopg.OperationalError as error:
            failed.append(error)
    if all(isinstance(error, psycopg.errors.ConnectionTimeout) for error in failed):
        raise TimeoutError
    raise psycopg.OperationalError("\n".join(str(error) for error in failed))


def each_address(options: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Without an address, libpq uses a socket of this machine."""
    if "hostaddr" not in options:
        return [options]
    pairs = zip(options["host"].split(","), options["hostaddr"].split(","), strict=True)
    return [{**options, "host": host, "hostaddr": address} for host, address in pairs]


def connected(text: str, until: float) -> psycopg.Connection[Any]:
    connection = psycopg.pq.PGconn.connect_start(text.encode())
    try:
        status = polled(connection, until, lambda: received(connection.socket) > ANSWER_BYTES)
        if status == PollingStatus.OK:
            connection.nonblocking = 1  # as psycopg's connections are
            return psycopg.Connection(connection)
        if status == PollingStatus.FAILED:
            raise psycopg.OperationalError(f"connection failed: {connection.get_error_message()}")
        if time.monotonic() < until:
            raise psycopg.OperationalError("connection failed: expected authentication request and got far more")
        raise psycopg.errors.ConnectionTimeout("connection timeout expired")
    except BaseException:
        connection.finish()
        raise


def polled(connection: PGconn, until: float, is_enough: Callable[[], bool] = lambda: False) -> int:
    """The state of a connection attempt: OK, FAILED, or READING and WRITING where that is enough, or time is over."""
    status: int = PollingStatus.WRITING
    while status in (PollingStatus.READING, PollingStatus.WRITING):
        if connection.status == ConnStatus.BAD:
            return PollingStatus.FAILED
        left = until - time.monotonic()
        if left <= 0 or is_enough():
            break
        waiting = select.poll()
        waiting.register(connection.socket, select.POLLIN if status == PollingStatus.READING else select.POLLOUT)
        if waiting.poll(left * 1000):
            status = connection.connect_poll()
    return status
