"""The time that a database has for each of its answers, whatever it does meanwhile.

Timeouts of sockets begin anew with each byte, no timeout of PyMySQL's holds for its greeting, and libpq has none after
the login. So one thread looks at every connection, and shuts down the socket of those whose time is up: whoever waits
on it, in a driver or in TLS, wakes up at once with the driver's own error.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

LOOK_SECONDS = 0.02
IDLE_SECONDS = 30
CONNECT_SECONDS = 10
SILENCE_SECONDS = 330
"""Above the 300 s after which the servers themselves end a statement: theirs is the better message."""


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds for connecting, TLS, greeting and login together, and for each statement after them."""

    login: float = CONNECT_SECONDS
    statement: float = SILENCE_SECONDS


class Line:
    """The socket of one connection; shut down from outside when its time is up."""

    def __init__(self, descriptor: int, until: float) -> None:
        """`until` by the monotonic clock."""
        self._socket = socket.socket(fileno=os.dup(descriptor))  # the driver closes its own
        self._until = until
        self.is_late = False

    def ask(self, seconds: float) -> None:
        """A statement is sent, and has so long for all of its answer."""
        self._until = time.monotonic() + seconds

    def look(self) -> None:
        if not self.is_late and time.monotonic() >= self._until:
            self.is_late = True
            self.hang_up()

    def hang_up(self) -> None:
        with suppress(OSError):  # the other side may have left
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        WATCH.leave(self)
        self._socket.close()


class Watch:
    """Looks at all lines of the process, in a thread that ends a while after the last one."""

    def __init__(self) -> None:
        self._lines: set[Line] = set()
        self._changed = threading.Condition()
        self._runs = False

    def join(self, line: Line) -> Line:
        with self._changed:
            self._lines.add(line)
            if not self._runs:
                self._runs = True
                threading.Thread(target=self._run, name="nightsort-lines", daemon=True).start()
            self._changed.notify()
        return line

    def leave(self, line: Line) -> None:
        """No look at it is under way afterwards."""
        with self._changed:
            self._lines.discard(line)

    def _run(self) -> None:
        with self._changed:
            while self._changed.wait(LOOK_SECONDS if self._lines else IDLE_SECONDS) or self._lines:
                for line in self._lines:
                    line.look()
            self._runs = False


WATCH = Watch()


class Call(threading.local):
    """The line of the connection that this thread uses: the library between hands no object of ours through."""

    line: Line | None = None

    def begin(self, descriptor: int, until: float) -> Line:
        self.end()
        self.line = WATCH.join(Line(descriptor, until))
        return self.line

    def end(self) -> None:
        line, self.line = self.line, None
        if line is not None:
            line.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
