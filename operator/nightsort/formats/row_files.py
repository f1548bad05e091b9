"""Reads rows back from files of results."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import datetime
from typing import Any, TextIO

from nightsort.domain.answer import Row, Verdict
from nightsort.formats import bounded_json
from nightsort.formats.rows import COLUMNS, FORMATS, DamagedFile


def rows_of(file: TextIO, ending: str) -> Iterator[Row]:
    """The rows of a file that was opened with the `newline` of its format, by the ending of its name.

    Raises:
        DamagedFile: it has other content.
    """
    if ending not in FORMATS:
        raise DamagedFile("it is neither JSON lines nor CSV")
    try:
        for _, record in FORMATS[ending].scan(file):
            yield row_of(bounded_json.parsed(record) if ending == "jsonl" else from_cells(record))
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
        if isinstance(error, DamagedFile):
            raise
        raise DamagedFile("a line in it is no row of results") from None


def rows_in(text: str, ending: str) -> Iterator[Row]:
    """The rows of a file's text. Raises DamagedFile, as `rows_of`."""
    form = FORMATS.get(ending)
    return rows_of(io.StringIO(text, newline=form.newline if form else None), ending)


def from_cells(record: str) -> dict[str, Any]:
    """A line of CSV in the form of JSON lines, where an empty cell may be a null."""
    (cells,) = csv.reader([record], strict=True)
    named: dict[str, Any] = dict(zip(COLUMNS, cells, strict=True))
    for name in ("category", "batchId", "classifiedAt"):
        named[name] = named[name] or None
    return named


def row_of(values: dict[str, Any]) -> Row:
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
    )
