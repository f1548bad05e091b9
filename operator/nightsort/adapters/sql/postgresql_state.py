"""The SQLSTATE of a connection that PostgreSQL, or a proxy in front of it, has refused.

libpq gives only a text, which differs by proxy and by language. The code is in the trace of the protocol that libpq
can write, for which it must try once more.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from typing import Any

import psycopg

from nightsort.adapters.sql.postgresql_login import conninfo, polled

ERROR = b"\tErrorResponse\t"
MOST_TRACE_BYTES = 1_000_000
"""Bytes of the trace, which is in memory, and holds whatever the server sends before the login."""
CODE = re.compile(rb' C "([0-9A-Z]{5})" ')


def sqlstate_of(options: Mapping[str, Any], until: float) -> str | None:
    """The code of the server's refusal; None where none comes in time, or this machine's libpq cannot trace."""
    if sys.platform != "linux":
        return None
    trace = os.memfd_create("nightsort")  # in memory: it has the credentials that are sent
    try:
        refuse(conninfo(options), trace, until)
        found = code_in(os.pread(trace, MOST_TRACE_BYTES, 0))
    finally:
        os.close(trace)
    return found


def code_in(trace: bytes) -> str | None:
    """The first code in a trace: each line is read once, since the server may have written anything."""
    for line in trace.split(b"\n"):
        _, _, fields = line.partition(ERROR)
        if found := CODE.search(fields):
            return found[1].decode()
    return None


def refuse(options: str, trace: int, until: float) -> None:
    """Tries to connect, and writes the protocol's trace to the file."""
    connection = psycopg.pq.PGconn.connect_start(options.encode())
    try:
        connection.trace(trace)
        polled(connection, until, lambda: os.fstat(trace).st_size > MOST_TRACE_BYTES)
        connection.untrace()
    except psycopg.Error:
        return  # not even the start of a connection works
    finally:
        connection.finish()
