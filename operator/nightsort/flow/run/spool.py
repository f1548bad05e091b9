"""Files on disk for what is too large for memory: the body of a batch, and the rows on their way to the sinks."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from threading import Thread
from types import TracebackType
from typing import BinaryIO, Self, cast

import msgspec

from nightsort.domain.answer import Row, Verdict
from nightsort.domain.request import CLOSING, OPENING, SEPARATOR
from nightsort.flow.run.disk import SCRATCH, Scratch, refused

LARGE_BYTES = 10_000_000
"""Bytes. Larger files are freed without the event loop waiting for the kernel: 256 MB take a tenth of a second."""
SYNCED_AT_ONCE = 1_000_000
"""Bytes that the event loop itself writes to the disk; a thread writes larger pieces."""
ROWS_PER_CHUNK = 1_000


class _Spool:
    """A file that is written once and then read; every system failure is raised as a Stalled that names it."""

    def __init__(self, scratch: Scratch = SCRATCH) -> None:
        self._scratch = scratch
        self._written = 0
        try:
            self._file = scratch.open()
        except OSError as error:
            raise refused(error, scratch.place) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._written < LARGE_BYTES:
            self._close()
        else:
            Thread(target=self._close).start()

    def _close(self) -> None:
        with contextlib.suppress(OSError):  # data that a full disk refused is flushed once more, and is not needed
            self._file.close()

    def _write(self, content: bytes) -> int:
        self._written += len(content)
        try:
            return self._file.write(content)
        except (OSError, MemoryError) as error:
            raise refused(error, self._scratch.place, self._written) from error

    async def seal(self) -> None:
        """Puts everything on the disk: a full disk is noticed before any intent is written.

        Raises:
            Stalled: the data is not on the disk; the message names the cause.
        """
        try:
            if self._written < SYNCED_AT_ONCE:
                self._scratch.sync(self._file)
            else:
                await asyncio.to_thread(self._scratch.sync, self._file)
        except (OSError, MemoryError) as error:
            raise refused(error, self._scratch.place, self._written) from error


class BodySpool(_Spool):
    """The body of one create call, request by request. `size` is in bytes, including everything around the requests.

    `handed_out` counts the bytes read from the body: as long as they are fewer than `size`, nobody has it whole.
    """

    def __init__(self, scratch: Scratch = SCRATCH) -> None:
        super().__init__(scratch)
        self.requests = 0
        self.handed_out = 0
        self.size = self._write(OPENING) + len(CLOSING)

    def fits(self, request: bytes, max_requests: int, max_bytes: int) -> bool:
        return self.requests < max_requests and self.size + len(SEPARATOR) + len(request) <= max_bytes

    def add(self, request: bytes) -> None:
        if self.requests:
            self.size += self._write(SEPARATOR)
        self.size += self._write(request)
        self.requests += 1

    async def seal(self) -> None:
        """Ends the body; nothing can be added afterwards."""
        self._write(CLOSING)
        await super().seal()

    def body(self) -> BinaryIO:
        """The whole body of a sealed spool, read from its start."""
        self._file.seek(0)
        return cast(BinaryIO, self)

    def read(self, size: int = -1) -> bytes:
        """The next bytes of the body."""
        try:
            content = self._file.read(size)
        except (OSError, MemoryError) as error:
            raise refused(error, self._scratch.place, self.size) from error
        self.handed_out += len(content)
        return content

    @property
    def surely_unsent(self) -> bool:
        """Whether all bytes were read. A server that was sent a body without its end has accepted nothing."""
        return self.handed_out < self.size


class Guarded:
    """A file of known size that is read once; `may_go_on` gets the number of bytes read so far, and raises to stop it.

    It is called before every read, but not once all is read: a body cut off in between is certainly incomplete.
    """

    def __init__(self, file: BinaryIO, size: int, may_go_on: Callable[[int], None]) -> None:
        self._file = file
        self._size = size
        self._read = 0
        self._may_go_on = may_go_on

    def read(self, size: int = -1) -> bytes:
        if self._read < self._size:
            self._may_go_on(self._read)
        piece = self._file.read(size)
        self._read += len(piece)
        return piece


class RowSpool(_Spool):
    """Rows, written once and read once by each sink; each line of the file holds a chunk of them."""

    def __init__(self, scratch: Scratch = SCRATCH) -> None:
        super().__init__(scratch)
        self._encode = msgspec.json.Encoder().encode
        self._decode = msgspec.json.Decoder(list[Row]).decode
        self._chunk: list[Row] = []
        self.rows = 0
        self.verdicts: Counter[Verdict] = Counter()
        self.copied: Counter[Verdict] = Counter()
        """Of these, the rows that are copies of another ticket's."""

    def add(self, row: Row) -> None:
        self._chunk.append(row)
        self.rows += 1
        self.verdicts[row.verdict] += 1
        if row.same_as is not None:
            self.copied[row.verdict] += 1
        if len(self._chunk) == ROWS_PER_CHUNK:
            self._write_chunk()

    def clear(self) -> None:
        self._file.seek(0)
        self._file.truncate()
        self._chunk.clear()
        self.rows = 0
        self.verdicts.clear()
        self.copied.clear()

    async def seal(self) -> None:
        self._write_chunk()
        await super().seal()

    async def chunks(self) -> AsyncIterator[Sequence[Row]]:
        self._write_chunk()
        try:
            self._file.seek(0)
            for line in self._file:
                yield self._decode(line)
                await asyncio.sleep(0)  # nothing else in this loop gives other tasks a turn
        except OSError as error:
            raise refused(error, self._scratch.place, self._written) from error

    def _write_chunk(self) -> None:
        if self._chunk:
            self._write(self._encode(self._chunk) + b"\n")
            self._chunk.clear()
