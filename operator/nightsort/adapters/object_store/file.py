"""An object as a file that is read more than once: its beginning is kept, so that a small one is fetched once."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nightsort.formats.compression import unpacked
from nightsort.formats.kinds import packing
from nightsort.formats.plain_form import BEGINNING_BYTES
from nightsort.formats.unchanged import Rereadable
from nightsort.formats.unusable import Changing


class ObjectFile(Rereadable):
    """An object's content, unpacked; each pass behind its beginning is a download, of which the first goes on.

    Reading raises what `fetch` does, and DamagedArchive.
    """

    def __init__(self, name: str, fetch: Callable[[], io.BufferedReader]) -> None:
        super().__init__(Path(name))
        self._fetch = fetch
        self._beginning: bytes | None = None
        self._waiting: Pass | None = None
        """The first download, which nobody has read behind the beginning yet."""

    @property
    def is_empty(self) -> bool:
        return not self.beginning()

    def beginning(self) -> bytes:
        """The first bytes; fewer than BEGINNING_BYTES are all."""
        if self._beginning is None:
            self._waiting = Pass(self._fetch(), self.path.name)
            self._beginning = self._waiting.content.read(BEGINNING_BYTES)
        return self._beginning

    def behind_beginning(self) -> Pass:
        """A download that has come as far.

        Raises:
            Changing: it began differently before.
        """
        if self._waiting is not None:
            waiting, self._waiting = self._waiting, None
            return waiting
        again = Pass(self._fetch(), self.path.name)
        if again.content.read(BEGINNING_BYTES) != self.beginning():
            again.close()
            raise Changing
        return again

    @contextmanager
    def content(self) -> Iterator[io.BufferedReader]:
        whole = Whole(self)
        try:
            yield io.BufferedReader(whole)
        finally:
            whole.close()

    def close(self) -> None:
        if self._waiting is not None:
            self._waiting.close()


class Pass:
    """A download of an object, and its unpacked content."""

    def __init__(self, packed: io.BufferedReader, name: str) -> None:
        self._packed = packed
        self.content = unpacked(packed, packing(name))

    def close(self) -> None:
        self._packed.close()


class Whole(io.RawIOBase):
    """The beginning, and behind it the rest of a download."""

    def __init__(self, file: ObjectFile) -> None:
        self._file = file
        self._held = memoryview(file.beginning())
        self._has_more = len(self._held) == BEGINNING_BYTES
        self._rest: Pass | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._held:
            size = min(len(buffer), len(self._held))
            buffer[:size] = self._held[:size]
            self._held = self._held[size:]
            return size
        if not self._has_more:
            return 0
        self._rest = self._rest or self._file.behind_beginning()
        return self._rest.content.readinto1(buffer)

    def close(self) -> None:
        if self._rest is not None:
            self._rest.close()
        super().close()
