"""Files on disk for what is too large for memory: the body of a batch, and the rows on their way to the sinks."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from tempfile import TemporaryFile
from threading import Thread
from types import TracebackType
from typing import BinaryIO, Self, cast

import msgspec

from nightsort.domain.answer import Row, Verdict
from nightsort.domain.request import CLOSING, OPENING, SEPARATOR

BUFFER_BYTES = 256 * 1024
LARGE_BYTES = 10_000_000
"""From here on the loop does not wait for the kernel to free the file: 256 MB take it a tenth of a second."""
ROWS_PER_CHUNK = 1_000


class _Spool:
    def __init__(self) -> None:
        self._file = TemporaryFile(buffering=BUFFER_BYTES)  # noqa: SIM115 - closed by __exit__

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file.tell() < LARGE_BYTES:
            self._file.close()
        else:
            Thread(target=self._file.close).start()


class BodySpool(_Spool):
    """The body of one create call, request by request. `size` is in bytes, with everything that stands around them."""

    def __init__(self) -> None:
        super().__init__()
        self.requests = 0
        self.size = self._file.write(OPENING) + len(CLOSING)

    def fits(self, request: bytes, max_requests: int, max_bytes: int) -> bool:
        return self.requests < max_requests and self.size + len(SEPARATOR) + len(request) <= max_bytes

    def add(self, request: bytes) -> None:
        if self.requests:
            self.size += self._file.write(SEPARATOR)
        self.size += self._file.write(request)
        self.requests += 1

    def body(self) -> BinaryIO:
        """The whole body, to be read from its start; nothing can be added afterwards."""
        self._file.write(CLOSING)
        self._file.seek(0)
        return cast(BinaryIO, self._file)


class Guarded:
    """A file that is to be read once; `may_begin` raises where that is not to begin any more."""

    def __init__(self, file: BinaryIO, may_begin: Callable[[], None]) -> None:
        self._file = file
        self._may_begin: Callable[[], None] | None = may_begin

    def read(self, size: int = -1) -> bytes:
        if self._may_begin is not None:
            self._may_begin()
            self._may_begin = None
        return self._file.read(size)


class RowSpool(_Spool):
    """Rows, written once and read once by each sink; a line of the file holds a chunk of them."""

    def __init__(self) -> None:
        super().__init__()
        self._encode = msgspec.json.Encoder().encode
        self._decode = msgspec.json.Decoder(list[Row]).decode
        self._chunk: list[Row] = []
        self.rows = 0
        self.verdicts: Counter[Verdict] = Counter()

    def add(self, row: Row) -> None:
        self._chunk.append(row)
        self.rows += 1
        self.verdicts[row.verdict] += 1
        if len(self._chunk) == ROWS_PER_CHUNK:
            self._write_chunk()

    def clear(self) -> None:
        self._file.seek(0)
        self._file.truncate()
        self._chunk.clear()
        self.rows = 0
        self.verdicts.clear()

    async def chunks(self) -> AsyncIterator[Sequence[Row]]:
        self._write_chunk()
        self._file.seek(0)
        for line in self._file:
            yield self._decode(line)
            await asyncio.sleep(0)  # nothing else here gives way to the loop

    def _write_chunk(self) -> None:
        if self._chunk:
            self._file.write(self._encode(self._chunk) + b"\n")
            self._chunk.clear()
