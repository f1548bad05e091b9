"""Files on disk for what is too large for memory: the body of a batch, and the rows on their way to the sinks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from tempfile import SpooledTemporaryFile
from types import TracebackType
from typing import BinaryIO, Self, cast

import msgspec

from nightsort.domain.answer import Row
from nightsort.domain.request import CLOSING, OPENING, SEPARATOR

IN_MEMORY_BYTES = 1_000_000
ROWS_PER_CHUNK = 1_000


class _Spool:
    def __init__(self) -> None:
        self._file = SpooledTemporaryFile(max_size=IN_MEMORY_BYTES)  # noqa: SIM115 - closed by __exit__

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


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


class RowSpool(_Spool):
    """Rows, written once and read once by each sink."""

    def __init__(self) -> None:
        super().__init__()
        self._encode = msgspec.json.Encoder().encode
        self._decode = msgspec.json.Decoder(Row).decode
        self.rows = 0

    def add(self, row: Row) -> None:
        self._file.write(self._encode(row) + b"\n")
        self.rows += 1

    async def chunks(self) -> AsyncIterator[Sequence[Row]]:
        self._file.seek(0)
        chunk: list[Row] = []
        for line in self._file:
            chunk.append(self._decode(line))
            if len(chunk) == ROWS_PER_CHUNK:
                yield chunk
                chunk = []
        if chunk:
            yield chunk
