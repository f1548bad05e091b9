"""Reads rows back from files of results."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, TextIO

from nightsort.domain.answer import Row, Verdict
from nightsort.formats import bounded_json
from nightsort.formats.rows import (
    CATEGORY_SET,
    COLUMNS,
    FORMATS,
    HASH,
    MOST_RECORD_CHARS,
    SAME_AS,
    DamagedFile,
    scan_csv,
)

NO_VALUES = frozenset({*COLUMNS, SAME_AS, CATEGORY_SET, HASH})
"""Columns that are no answers to fields."""


def rows_of(file: TextIO, ending: str) -> Iterator[Row]:
    """The rows of a file that was opened with the `newline` of its format, by the ending of its name.

    Raises:
        DamagedFile: it has other content.
    """
    if ending not in FORMATS:
        raise DamagedFile("it is neither JSON lines nor CSV")
    try:
        for record in records_of(file, ending):
            yield row_of(record)
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
        if isinstance(error, DamagedFile):
            raise
        raise DamagedFile("a line in it is no row of results") from None


def rows_in(text: str, ending: str) -> Iterator[Row]:
    """The rows of a file's text. Raises DamagedFile, as `rows_of`."""
    form = FORMATS.get(ending)
    return rows_of(io.StringIO(text, newline=form.newline if form else None), ending)


def records_of(file: TextIO, ending: str) -> Iterator[dict[str, Any]]:
    """The records of a file; columns of fields may follow behind the usual ones."""
    if ending == "jsonl":
        yield from (bounded_json.parsed(record) for _, record in FORMATS[ending].scan(file))
        return
    columns, whole = header_of(file)
    yield from (from_cells(record, columns) for _, record in scan_csv(whole, columns))


def header_of(file: TextIO) -> tuple[Sequence[str], TextIO]:
    """The columns of a CSV file, or the usual ones where it has no header of ours; and the file from its start."""
    line = file.readline(MOST_RECORD_CHARS)
    file.seek(0)
    found = next(csv.reader([line]), [])
    return (found if tuple(found[: len(COLUMNS)]) == COLUMNS else COLUMNS), file


def from_cells(record: str, columns: Sequence[str]) -> dict[str, Any]:
    """A line of CSV in the form of JSON lines, where an empty cell may be a null."""
    (cells,) = csv.reader([record], strict=True)
    named: dict[str, Any] = dict(zip(columns, cells, strict=True))
    for name in ("category", "batchId", "classifiedAt"):
        named[name] = named[name] or None
    return named


def row_of(values: dict[str, Any]) -> Row:
    """A row with the values of its fields, which CSV has as text, several of them in one."""
    when = values["classifiedAt"]
    return Row(
        id=values["id"],
        category=values["category"],
        verdict=Verdict(values["verdict"]),
        reason=values["reason"],
        model=values["model"],
        batch_id=values["batchId"],
        classified_at=datetime.fromisoformat(when) if when else None,
        input_tokens=int(values["inputTokens"]),
        output_tokens=int(values["outputTokens"]),
        values=tuple(values[name] for name in values if name not in NO_VALUES),
        same_as=values.get(SAME_AS) or None,
        category_set=values.get(CATEGORY_SET) or None,
    )
