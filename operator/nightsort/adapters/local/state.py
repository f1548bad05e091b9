"""The state of `nightsort classify`: one SQLite file, used by one process at a time.

A commit is on the disk when it returns (write-ahead log, synchronous=FULL): after a kill at any instruction the file
has exactly what was committed.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from threading import RLock
from typing import Any

from nightsort.api.times import rfc3339
from nightsort.domain.errors import Stalled
from nightsort.domain.reasons import Reason
from nightsort.system.clock import SystemClock
from nightsort.system.files import flush_directory
from nightsort.system.locks import locked, working

VERSION = 1
"""Version of the tables. A later version reads the files of earlier ones, and not the other way round."""
CACHE_KIB = 16 * 1024
"""Memory for pages of the state, and as much for temporary tables. In SQLite's 2,000 KiB, the index of 100,000 tickets
does not fit, and its pages are written and read again and again."""
BUSY_SECONDS = 10.0
"""Seconds to wait for a program that has the file open, such as a database browser."""
IGNORED = "# What nightsort remembers; it belongs to this folder and not into a repository.\n*\n"
TABLES = """
CREATE TABLE settings (
    digest BLOB NOT NULL,
    file TEXT NOT NULL,
    settings TEXT NOT NULL,
    simulated INTEGER NOT NULL,
    used_at TEXT NOT NULL,
    PRIMARY KEY (digest, file)
);
CREATE TABLE runs (
    uid TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    file TEXT NOT NULL,
    began_at TEXT NOT NULL,
    simulated INTEGER NOT NULL DEFAULT 0,
    spec TEXT NOT NULL,
    version INTEGER NOT NULL DEFAULT 0,
    status TEXT,
    copy BLOB
);
CREATE TABLE run_tickets (
    run TEXT NOT NULL,
    position INTEGER NOT NULL,
    id TEXT NOT NULL,
    text BLOB NOT NULL,
    settings BLOB NOT NULL,
    fields BLOB NOT NULL,
    PRIMARY KEY (run, position)
) WITHOUT ROWID;
CREATE INDEX run_tickets_by_id ON run_tickets (id, run);
CREATE TABLE long_ids (
    run TEXT NOT NULL,
    tag TEXT NOT NULL,
    ids TEXT NOT NULL,
    PRIMARY KEY (run, tag)
);
CREATE TABLE labels (
    id TEXT NOT NULL,
    text BLOB NOT NULL,
    settings BLOB NOT NULL,
    file TEXT NOT NULL,
    category TEXT,
    verdict TEXT NOT NULL,
    reason TEXT NOT NULL,
    model TEXT NOT NULL,
    batch_id TEXT,
    classified_at TEXT,
    input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    PRIMARY KEY (id, text, settings)
) WITHOUT ROWID;
CREATE TABLE outputs (
    path TEXT PRIMARY KEY,
    digest BLOB,
    pending BLOB
);
"""


class State:
    """The open file. Callers in several threads are served one after the other."""

    def __init__(self, connection: sqlite3.Connection, path: Path, *, reading: bool = False) -> None:
        self.path = path
        self._begin = "BEGIN" if reading else "BEGIN IMMEDIATE"
        self._connection = connection
        self._lock = RLock()

    def rows(self, statement: str, values: Sequence[object] | dict[str, object] = ()) -> list[tuple[Any, ...]]:
        """The rows that a statement selects; a statement that changes something is committed.

        Raises:
            Stalled: the file cannot be read or written; the message names the cause.
        """
        with self._lock, translated(self.path):
            return self._connection.execute(statement, values).fetchall()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Runs all of it durably, or nothing.

        Raises:
            Stalled: as in `rows`.
        """
        with self._lock, translated(self.path):
            self._connection.execute(self._begin)
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Translates the library's errors into one that says what to do."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise Stalled(
            f"cannot work in {path}: {error}; mend that, and the same command goes on where it was",
            reason=Reason.STATE_NOT_WRITABLE,
        ) from error
    except sqlite3.DatabaseError as error:
        raise Stalled(
            f"{path} is no state that this version can read ({error}): restore it from a backup, or name another "
            "directory with --state, where everything is new",
            reason=Reason.STATE_UNREADABLE,
        ) from error


@contextmanager
def opened(path: Path, work: str) -> Iterator[State]:
    """The state, made if it is missing, locked against other processes. `work` tells them what this one does.

    Raises:
        Stalled: another process has the lock, a newer version wrote it, or it cannot be read or written.
    """
    with locked(lock_of(path), str(path), work), translated(path):
        make_private(path)
        keep_out_of_repositories(path.parent)
        with closing(connected(path.absolute().as_uri())) as connection:
            refuse_newer(connection, path)
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
            connection.execute(f"PRAGMA temp.cache_size=-{CACHE_KIB}")
            state = State(connection, path)
            lay_out(state)
            yield state


@contextmanager
def reading(path: Path) -> Iterator[State]:
    """The state as it is, also while another process works with it; nothing can be written but temporary tables.

    Raises:
        Stalled: it is missing, a newer version wrote it, or it cannot be read.
    """
    if not path.is_file():
        raise Stalled(
            f"{path}: no such file. `nightsort classify` makes it; --state names another directory",
            reason=Reason.STATE_UNREADABLE,
        )
    with translated(path), closing(connected(f"{path.absolute().as_uri()}?mode=ro")) as connection:
        refuse_newer(connection, path)
        yield State(connection, path, reading=True)


def connected(uri: str) -> sqlite3.Connection:
    return sqlite3.connect(uri, BUSY_SECONDS, isolation_level=None, check_same_thread=False, uri=True)


def lock_of(path: Path) -> Path:
    return path.with_suffix(".lock")


def worker_of(path: Path) -> str | None:
    """The process that works with a state, and what it does; None where none does."""
    return working(lock_of(path))


def make_private(path: Path) -> None:
    """Gives access to the owner alone, since it has tickets; the same for the files that SQLite keeps beside it."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_NOFOLLOW, 0o600))
    except OSError as error:
        raise Stalled(f"cannot write {path}: {error.strerror}", reason=Reason.NOT_WRITABLE) from error


def keep_out_of_repositories(folder: Path) -> None:
    with suppress(OSError), (folder / ".gitignore").open("x") as ignore:
        ignore.write(IGNORED)


def refuse_newer(connection: sqlite3.Connection, path: Path) -> None:
    [version] = connection.execute("PRAGMA user_version").fetchone()
    if version > VERSION:
        raise Stalled(
            f"{path} was written by a newer version of nightsort (state {version}, this one reads up to {VERSION}): "
            "use that version, or name another directory with --state, where everything is new",
            reason=Reason.STATE_TOO_NEW,
        )


def lay_out(state: State) -> None:
    """Makes the tables of a new file, all of them or none."""
    [(version,)] = state.rows("PRAGMA user_version")
    if version:
        return
    with state.transaction() as connection:
        for statement in filter(str.strip, TABLES.split(";")):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version={VERSION}")
    flush_directory(state.path.parent)


def now() -> str:
    return rfc3339(SystemClock().now())
