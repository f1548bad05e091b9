"""A file that is read more than once, and must have the same content each time.

Two passes over different contents would show a price for one and buy the other, or write labels beside other rows.
A `Rereadable` may be on disk, in memory or in a store; its path is the name by which messages know it.
"""

from __future__ import annotations

import io
import os
import stat
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Any

from nightsort.formats.compression import DamagedArchive, unpacked
from nightsort.formats.kinds import packing
from nightsort.formats.unusable import UnusableFile

BUFFER_BYTES = 256 * 1024
EMPTY = "the file is empty: did its export fail?"
DIRECTORY = "this is a directory: name a file in it"
CHANGED = "it changes while it is read: wait until whoever writes it has finished, and run this again"


class Watched(io.RawIOBase):
    """A file's bytes, and a digest of the bytes that were read."""

    def __init__(self, file: io.FileIO) -> None:
        self._file = file
        self._digest = blake2b(digest_size=16)
        self.ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        size = self._file.readinto(buffer) or 0
        self._digest.update(memoryview(buffer)[:size])
        self.ended = size == 0
        return size

    def digest(self) -> bytes:
        return self._digest.digest()


class Rereadable(ABC):
    """A file's content, unpacked, from its beginning as often as it is asked for."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def digest(self) -> str | None:
        """The digest of its bytes as hex, where that is known."""
        return None

    @abstractmethod
    def content(self) -> AbstractContextManager[io.BufferedReader]:
        """The file's content from its beginning.

        Raises:
            UnusableFile: it cannot be opened or unpacked, or has changed.
        """

    @contextmanager
    def whole(self, most: int, what: str, instead: str) -> Iterator[bytes]:
        """The content at once, for libraries that need it so: not empty, and at most so many bytes.

        Raises:
            UnusableFile: as in `content`, or its size is another.
        """
        with self.content() as stream:
            content = stream.read(most + 1)
            if not content:
                raise UnusableFile(self.path, EMPTY)
            if len(content) > most:
                raise UnusableFile(self.path, f"{what} of more than {most:,} bytes: {instead}")
            yield content


class HeldFile(Rereadable):
    """A small file that is in memory, as it was packed."""

    def __init__(self, path: Path, packed: bytes) -> None:
        super().__init__(path)
        self._packed = packed

    @contextmanager
    def content(self) -> Iterator[io.BufferedReader]:
        try:
            yield unpacked(io.BufferedReader(io.BytesIO(self._packed)), packing(self.path.name))
        except DamagedArchive:
            raise UnusableFile(self.path, damaged(self.path)) from None


class UnchangedFile(Rereadable):
    """A file on disk, unpacked as it is read; its first whole pass sets what the others must find."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._digest: bytes | None = None
        self._seen: tuple[int, ...] | None = None

    @property
    def digest(self) -> str | None:
        """The digest of its bytes on disk, as hex; None before it was read to its end."""
        return None if self._digest is None else self._digest.hex()

    def refuse_directory(self) -> None:
        """Raises UnusableFile: it is a directory, whatever its name ends in."""
        if os.path.isdir(self.path):  # noqa: PTH112 - Path.is_dir raises where a folder above it may not be read
            raise UnusableFile(self.path, DIRECTORY)

    @contextmanager
    def content(self) -> Iterator[io.BufferedReader]:
        """The file's content from its beginning.

        Raises:
            UnusableFile: it cannot be opened or unpacked, or has changed.
        """
        try:
            with self._opened() as file:
                watched = Watched(file)
                yield unpacked(io.BufferedReader(watched, BUFFER_BYTES), packing(self.path.name))
                self._compare(watched)
        except DamagedArchive:
            self._refuse_change()
            raise UnusableFile(self.path, damaged(self.path)) from None
        except UnusableFile:
            self._refuse_change()
            raise
        except OSError as error:
            raise UnusableFile(self.path, cannot_read(error)) from None

    @contextmanager
    def _opened(self) -> Iterator[io.FileIO]:
        # A pipe would block the process until somebody writes into it.
        descriptor = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with io.FileIO(descriptor) as file:
            found = os.fstat(descriptor)
            if stat.S_ISDIR(found.st_mode):
                raise UnusableFile(self.path, DIRECTORY)
            if not stat.S_ISREG(found.st_mode):
                raise UnusableFile(self.path, "this is no file that can be read twice: save it to one first")
            self._seen = self._seen or marks(found)
            yield file

    def _compare(self, watched: Watched) -> None:
        if not watched.ended:
            return
        digest = watched.digest()
        self._digest = self._digest or digest
        if digest != self._digest:
            raise UnusableFile(self.path, CHANGED)

    def _refuse_change(self) -> None:
        """Checks for a change first: a fault in half of a file is not what a person needs to hear about."""
        try:
            now = marks(self.path.stat())
        except OSError:
            return
        if self._seen is not None and now != self._seen:
            raise UnusableFile(self.path, CHANGED) from None


def marks(found: os.stat_result) -> tuple[int, ...]:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def damaged(path: Path) -> str:
    packed = {".gz": "gzip", ".zst": "zstd"}[packing(path.name)]
    return f"it is no whole {packed} file: was it cut? Fetch it anew, or take the ending away if it is not packed"


def cannot_read(error: OSError) -> str:
    match error:
        case FileNotFoundError() | NotADirectoryError():
            return "there is no such file: check its name and folder"
        case IsADirectoryError():
            return DIRECTORY
        case PermissionError():
            return "no permission to read it: chmod u+r it, or ask its owner for a copy"
        case _:
            return f"it cannot be read ({error.strerror or type(error).__name__}): copy it to another disk"
