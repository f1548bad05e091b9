"""A Parquet file as a table, through pyarrow, a thousand rows at a time."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from nightsort.formats.kinds import Kind
from nightsort.formats.table import LIMITS, Limits, Options, Row, Table, unique_names
from nightsort.formats.tickets import MOST_COLUMNS
from nightsort.formats.unchanged import Rereadable
from nightsort.formats.unusable import UnusableFile

if TYPE_CHECKING:
    from pyarrow.parquet import ParquetFile

MAGIC = b"PAR1"
PAGE = 1000
MISSING = "reading Parquet needs pyarrow: pip install 'nightsort[parquet]', or export it as CSV or JSON lines"
NO_PARQUET = "this is no Parquet file, whatever its name says: name what it is with --format, or export it anew"
DAMAGED = "it is no whole Parquet file, or of a kind that is not known: export it anew, or as CSV"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parquet(Table):
    """A Parquet file; its rows are numbered from 1."""

    limits: Limits = LIMITS
    kind: Kind = Kind.PARQUET
    unit: str = "row"

    def records(self) -> Iterator[Row]:
        number = 0
        with opened(self.file, self.limits) as file:
            for batch in file.iter_batches(PAGE):
                for values in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                    number += 1
                    yield Row(number, tuple(self._text(value, number, place) for place, value in enumerate(values)))

    def names(self) -> list[str]:
        with opened(self.file, self.limits) as file:
            return list(file.schema_arrow.names)

    def _text(self, value: Any, number: int, place: int) -> str:
        try:
            return as_text(value)
        except UnicodeDecodeError:
            where = f"row {number:,}, column {self.header[place]!r}"
            raise UnusableFile(self.path, "bytes that are no text in UTF-8: leave the column out", where) from None


def open_parquet(file: Rereadable, options: Options) -> Parquet:
    """Reads the names of its columns.

    Raises:
        UnusableFile: it is no Parquet file, or pyarrow is not installed.
    """
    table = Parquet(file=file, limits=options.limits)
    names = table.names()
    if not names or len(names) > MOST_COLUMNS:
        raise UnusableFile(file.path, f"{len(names):,} columns: is this a table of tickets?")
    return replace(table, header=unique_names(names))


@contextmanager
def opened(file: Rereadable, limits: Limits) -> Iterator[ParquetFile]:
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    except ImportError:
        raise UnusableFile(file.path, MISSING) from None
    with file.whole(limits.parquet_bytes, "a Parquet file", "export it in parts") as content:
        if not content.startswith(MAGIC):
            raise UnusableFile(file.path, NO_PARQUET)
        try:
            yield ParquetFile(io.BytesIO(content))
        except UnusableFile:
            raise
        except (ArrowException, ArithmeticError, MemoryError, OSError, ValueError):
            raise UnusableFile(file.path, DAMAGED) from None


def as_text(value: Any) -> str:
    match value:
        case None:
            return ""
        case str():
            return value
        case bytes():
            return value.decode()
        case bool():
            return "true" if value else "false"
        case list() | dict():
            return json.dumps(value, ensure_ascii=False, default=str)
        case _:
            return str(value)
