"""Limits the time for each answer of a database, and its bytes.

Socket timeouts start anew with each byte, none of PyMySQL's timeouts covers its greeting, and libpq has none after
the login; both read a message to its end, whatever length it announces. So one thread checks every connection, and
shuts down the socket of those that are out of time or have received too much: the code that waits for it, in a driver
or in TLS, wakes up at once with the driver's own error.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

LOOK_SECONDS = 0.02
"""Seconds between two checks; a longer time could let in too many bytes."""
IDLE_SECONDS = 30
END_OF_RECEIVED = 136
"""Offset of tcpi_bytes_received, eight bytes long, in tcp_info of linux/tcp.h; since Linux 4.1."""
CONNECT_SECONDS = 10
SILENCE_SECONDS = 330
"""Above the 300 s after which the servers themselves end a statement: their message is the better one."""


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds for connecting, TLS, greeting and login together, and for each statement after them."""

    login: float = CONNECT_SECONDS
    statement: float = SILENCE_SECONDS


class Line:
    """The socket of one connection; shut down from outside when its time is over."""

    def __init__(self, descriptor: int, until: float, room: int) -> None:
        """`until` by the monotonic clock; `room` in bytes that may be received."""
        self._socket = socket.socket(fileno=os.dup(descriptor))  # the driver closes its own
        self._until, self._most = until, room
        self.is_late = self.is_flooded = False

    def ask(self, seconds: float, room: int) -> None:
        """A statement is sent, and all of its answer has this much time and this many bytes."""
        self._until, self._most = time.monotonic() + seconds, received(self._socket.fileno()) + room

    def look(self) -> None:
        if self.is_late or self.is_flooded:
            return
        self.is_late = time.monotonic() >= self._until
        self.is_flooded = received(self._socket.fileno()) > self._most
        if self.is_late or self.is_flooded:
            self.hang_up()

    def hang_up(self) -> None:
        with suppress(OSError):  # the server may have closed it
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        WATCH.leave(self)
        self._socket.close()


def received(descriptor: int) -> int:
    """Bytes that a socket has received so far, by the kernel: including those that no driver has read yet.

    Zero where the kernel does not count them, as for a local socket or on other systems than Linux.
    """
    if sys.platform != "linux":
        return 0
    connection = socket.socket(fileno=descriptor)
    try:
        told = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, END_OF_RECEIVED)
    except OSError:
        return 0
    finally:
        connection.detach()
    return int.from_bytes(told[END_OF_RECEIVED - 8 :], sys.byteorder)


class Watch:
    """Checks all lines of the process, in a thread that ends some time after the last one."""

    def __init__(self) -> None:
        self._lines: set[Line] = set()
        self._changed = threading.Condition()
        self._runs = False

    def join(self, line: Line) -> None:
        """Checks it from now on. Raises OSError: there is no thread for that."""
        with self._changed:
            if not self._runs:
                self._begin()
            self._lines.add(line)
            self._changed.notify()

    def _begin(self) -> None:
        try:
            threading.Thread(target=self._run, name="nightsort-lines", daemon=True).start()
        except RuntimeError:
            raise OSError("the system gives no thread for the deadlines") from None
        self._runs = True

    def leave(self, line: Line) -> None:
        """Removes it; no check of it is in progress afterwards."""
        with self._changed:
            self._lines.discard(line)

    def _run(self) -> None:
        with self._changed:
            try:
                while self._changed.wait(LOOK_SECONDS if self._lines else IDLE_SECONDS) or self._lines:
                    for line in self._lines:
                        line.look()
            finally:
                self._runs = False


WATCH = Watch()


class Call(threading.local):
    """The line of this thread's connection: the library in between passes none of our objects on."""

    line: Line | None = None

    def begin(self, descriptor: int, until: float, room: int) -> Line:
        self.end()
        self.line = line = Line(descriptor, until, room)
        WATCH.join(line)
        return line

    def end(self) -> None:
        line, self.line = self.line, None
        if line is not None:
            line.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
