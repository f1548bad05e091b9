"""The scratch disk, and what the system may refuse: disk space, files, memory. Messages have its name and size."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from typing import BinaryIO, cast

from nightsort.domain.errors import Stalled
from nightsort.domain.reasons import Reason

BUFFER_BYTES = 256 * 1024
SHOWN_STEP = 100_000
"""Bytes. Finer figures would differ from pass to pass, and each would be a write of the status and an event."""
FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
READ_ONLY = frozenset({errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOENT})
NO_FILES = frozenset({errno.EMFILE, errno.ENFILE})
ROOM = "make room there, or point TMPDIR at a larger disk (in the chart: the volume at /tmp)"


class Scratch:
    """Temporary files, which have no name and vanish with the process."""

    def open(self) -> BinaryIO:
        return cast(BinaryIO, tempfile.TemporaryFile(buffering=BUFFER_BYTES))

    def sync(self, file: BinaryIO) -> None:
        """Waits until the data is on the disk: only then do some file systems say that there is no room."""
        file.flush()
        os.fsync(file.fileno())

    @property
    def place(self) -> str:
        try:
            return tempfile.gettempdir()
        except FileNotFoundError:
            return "none of the directories for temporary files"


SCRATCH = Scratch()


def refused(error: OSError | MemoryError, place: str, needed: int = 0) -> Stalled:
    """Names what the system refused. `needed` is the number of bytes that were to be stored, if known."""
    code = errno.ENOMEM if isinstance(error, MemoryError) else error.errno or 0
    said = f"({errno.errorcode.get(code, type(error).__name__)}: {os.strerror(code) if code else 'no number given'})"
    room = sizes(place, needed)
    if code in FULL:
        return Stalled(f"the disk at {place} is full {said}: {room}; {ROOM}", reason=Reason.DISK_FULL)
    if code in READ_ONLY:
        return Stalled(f"nothing can be written at {place} {said}: {room}; {ROOM}", reason=Reason.DISK_READ_ONLY)
    if code in NO_FILES:
        return Stalled(
            f"too many files and connections are open {said}, so that none can be opened at {place}: {room}; "
            "raise the limit of open files (ulimit -n)",
            reason=Reason.TOO_MANY_OPEN_FILES,
        )
    if code == errno.ENOMEM:
        return Stalled(
            f"there is no memory left {said} for what belongs to {place}: {room}; give the process more",
            reason=Reason.OUT_OF_MEMORY,
        )
    return Stalled(f"the disk at {place} failed {said}: {room}", reason=Reason.DISK_FAILED)


def is_refusal(error: BaseException) -> bool:
    """Whether an error comes from the system, and is of a kind that a person has to see to."""
    if isinstance(error, OSError):
        return error.errno in FULL | NO_FILES | {errno.EROFS, errno.ENOMEM, errno.EIO}
    return isinstance(error, MemoryError)


def sizes(place: str, needed: int) -> str:
    """Needed bytes are rounded up, free ones down."""
    wanted = f"at least {-(-needed // SHOWN_STEP) * SHOWN_STEP:,} bytes are needed, " if needed else ""
    try:
        free = shutil.disk_usage(place).free
    except OSError:
        return f"{wanted}how many are free is not known"
    return f"{wanted}{free // SHOWN_STEP * SHOWN_STEP:,} are free"
