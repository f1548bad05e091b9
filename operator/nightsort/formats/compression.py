"""Text files in gzip or zstd, recognised by their ending, and read as a stream, never as a whole."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from typing import IO, Any

import zstandard

SUFFIXES = (".gz", ".zst")
ZSTD_INPUT_BYTES = 256
"""Bytes that are unpacked at once: four bytes may stand for 128 KiB, and these for 8 MiB."""
LARGEST_WINDOW = 32 * 1024 * 1024
"""Memory that zstd may use to unpack, as the archive demands it. `zstd -20` and less need no more."""


class DamagedArchive(ValueError):
    """It does not match its ending, was cut, or takes too much memory; the message says which."""

    def __init__(self, why: str = "is not what its ending says, or was cut") -> None:
        super().__init__(why)


TOO_WIDE = (
    f"takes more than {LARGEST_WINDOW >> 20} MiB of memory to unpack: pack it again without --ultra and --long of zstd"
)


class Unpacked(io.RawIOBase):
    """A gzip or zstd file's content. Reading raises DamagedArchive."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            while not self._rest:
                self._rest = memoryview(next(self._chunks))
        except StopIteration:
            return 0
        except zstandard.ZstdError as error:
            raise DamagedArchive(*([TOO_WIDE] if "too much memory" in str(error) else [])) from None
        except (gzip.BadGzipFile, EOFError, zlib.error):
            raise DamagedArchive from None
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size


def unpacked(file: io.BufferedReader, name: str) -> io.BufferedReader:
    """The file's unpacked content; the file itself where its name has no ending of an archive."""
    if name.endswith(".gz"):
        return io.BufferedReader(Unpacked(from_gzip(file)))
    if name.endswith(".zst"):
        return io.BufferedReader(Unpacked(from_zstd(file)))
    return file


def from_gzip(file: IO[bytes]) -> Iterator[bytes]:
    with gzip.GzipFile(fileobj=file) as unzipped:
        while chunk := unzipped.read1(io.DEFAULT_BUFFER_SIZE * 8):
            yield chunk


def from_zstd(file: IO[bytes]) -> Iterator[bytes]:
    """Reads frame by frame: the library's own reader takes a file that was cut for one that has ended."""
    decompressor = zstandard.ZstdDecompressor(max_window_size=LARGEST_WINDOW)
    frame = decompressor.decompressobj()
    fresh = True
    while chunk := file.read(ZSTD_INPUT_BYTES):
        while chunk:
            yield frame.decompress(chunk)
            fresh, chunk = False, b""
            if frame.eof:
                chunk, frame, fresh = frame.unused_data, decompressor.decompressobj(), True
    if not fresh:
        raise EOFError


def gunzipped(content: bytes, most: int) -> bytes:
    """The content of a small archive.

    Raises:
        DamagedArchive: it is none, or holds more than `most` bytes; unpacking stops there.
    """
    with Unpacked(from_gzip(io.BytesIO(content))) as unzipped:
        whole = io.BufferedReader(unzipped).read(most + 1)
    if len(whole) > most:
        raise DamagedArchive(f"has more than {most:,} bytes")
    return whole
