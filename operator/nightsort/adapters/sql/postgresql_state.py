"""The SQLSTATE of a connection that PostgreSQL, or a proxy before it, has refused.

libpq gives a text alone, which differs from proxy to proxy and from language to language. The code is in the trace of
the protocol that libpq can write, for which it has to try once more.
"""

from __future__ import annotations

import os
import re
import select
import sys
import time
from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

ERROR = b"\tErrorResponse\t"
CODE = re.compile(rb' C "([0-9A-Z]{5})" ')
NOT_LIBPQS = ("prepare_threshold", "autocommit", "context", "row_factory", "cursor_factory")


def sqlstate_of(options: Mapping[str, Any], seconds: float) -> str | None:
    """The code of the server's refusal; None where it does not give one now, or this machine's libpq cannot tell."""
    if sys.platform != "linux":
        return None
    given = {name: value for name, value in options.items() if name not in NOT_LIBPQS}
    trace = os.memfd_create("nightsort")  # in memory: it has what is sent to log in
    try:
        refuse(make_conninfo(**given), trace, time.monotonic() + seconds)
        found = code_in(os.pread(trace, 1_000_000, 0))
    finally:
        os.close(trace)
    return found


def code_in(trace: bytes) -> str | None:
    """The first code that a trace shows: each line is read once, since the server may have written anything."""
    for line in trace.split(b"\n"):
        _, _, fields = line.partition(ERROR)
        if found := CODE.search(fields):
            return found[1].decode()
    return None


def refuse(conninfo: str, trace: int, until: float) -> None:
    """Tries to connect, and writes what is said to the file."""
    status = psycopg.pq.PollingStatus
    connection = psycopg.pq.PGconn.connect_start(conninfo.encode())
    try:
        connection.trace(trace)
        polled: int = status.WRITING
        while polled in (status.READING, status.WRITING) and time.monotonic() < until:
            reads = [connection.socket] if polled == status.READING else []
            writes = [connection.socket] if polled == status.WRITING else []
            select.select(reads, writes, [], max(0.0, until - time.monotonic()))
            polled = connection.connect_poll()
        connection.untrace()
    except psycopg.Error:
        return  # the connection cannot even be begun
    finally:
        connection.finish()
