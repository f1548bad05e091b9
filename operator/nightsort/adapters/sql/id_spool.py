"""Ids of tickets on disk, between a source and a database that must check all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from tempfile import TemporaryFile
from types import TracebackType
from typing import Self

import msgspec

CHUNK_IDS = 20_000


class IdSpool:
    """Written once and read once."""

    def __init__(self) -> None:
        self._file = TemporaryFile()  # noqa: SIM115 - closed by __exit__
        self._decode = msgspec.json.Decoder(list[str]).decode

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, ids: Sequence[str]) -> None:
        for start in range(0, len(ids), CHUNK_IDS):
            self._file.write(msgspec.json.encode(ids[start : start + CHUNK_IDS]) + b"\n")

    def chunks(self) -> Iterator[Sequence[str]]:
        """All ids, in chunks of about the size that one statement handles well."""
        self._file.seek(0)
        chunk: list[str] = []
        for line in self._file:
            chunk += self._decode(line)
            if len(chunk) >= CHUNK_IDS:
                yield chunk
                chunk = []
        if chunk:
            yield chunk
