"""Locks of states: one process at a time, whose note in the file tells others who it is and what it does."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from nightsort.api.times import rfc3339
from nightsort.domain.errors import Stalled
from nightsort.domain.reasons import Reason
from nightsort.system.clock import SystemClock
from nightsort.system.files import LOCK, make_folder, remove_parts


@contextmanager
def kept_by_one(directory: Path, work: str) -> Iterator[None]:
    """Keeps other processes out of the directory.

    Leftovers of a process that was killed during a write are removed.

    Raises:
        Stalled: another process works there, or the directory is not writable.
    """
    with locked(directory / LOCK, str(directory), work):
        remove_parts(directory)
        yield


@contextmanager
def locked(path: Path, place: str, work: str) -> Iterator[None]:
    """Keeps other processes out of `place`; `work` tells them what this one does.

    The kernel releases the lock when the process ends, however it ends.

    Raises:
        Stalled: another process has it, or the folder is not writable.
    """
    try:
        make_folder(path.parent)
        # Through no link that somebody has laid there, as in a repository that was cloned.
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666), "r+")
    except OSError as error:
        raise Stalled(f"cannot keep a state in {path.parent}: {error.strerror}", reason=Reason.NOT_WRITABLE) from error
    with file:
        if not taken(file):
            raise Stalled(
                f"{worker(file)} works with {place}: wait for its end, or name another directory with --state",
                reason=Reason.STATE_IN_USE,
            )
        leave_note(file, work)
        yield


def leave_note(file: TextIO, work: str) -> None:
    """Not in a file that has another name elsewhere: somebody may have laid the link to have that one cut short."""
    if os.fstat(file.fileno()).st_nlink == 1:
        file.truncate()
        json.dump({"pid": os.getpid(), "since": rfc3339(SystemClock().now()), "work": work}, file)
        file.flush()


def taken(file: TextIO) -> bool:
    """Takes the lock unless another process works. A process that only looks (`working`) has it for an instant."""
    while not flocked(file, fcntl.LOCK_EX):
        if not flocked(file, fcntl.LOCK_SH):
            return False
    return True


def working(path: Path) -> str | None:
    """The process that has this lock, and what it does; None where none has it."""
    try:
        file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "r")
    except OSError:
        return None
    with file:
        return None if flocked(file, fcntl.LOCK_SH) else worker(file)


def flocked(file: TextIO, how: int) -> bool:
    try:
        fcntl.flock(file, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def worker(file: TextIO) -> str:
    """The process that has the lock, by its own note in the file."""
    try:
        file.seek(0)
        told = json.load(file)
        return f"process {told['pid']} ({told['work']}, since {told['since']})"
    except (ValueError, LookupError, TypeError, OSError):
        return "another process"


@contextmanager
def by_turns(folder: Path) -> Iterator[None]:
    """Waits until no other process is in such a block for the same folder: for changes that take an instant.

    The lock is the folder's own, so that nothing is left beside people's files.

    Raises:
        Stalled: there is no such folder.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise Stalled(f"cannot open {folder}: {error.strerror}", reason=Reason.NOT_READABLE) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
