"""The delimiter and quoting of a text file: found from its beginning, or given by the user."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass

from nightsort.domain.column_names import is_name

DELIMITERS = (",", ";", "\t", "|")
NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
TOLD = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "bar": "|", "pipe": "|"}
HINT = re.compile(r"\"?sep=([^\r\n\"]?)\"?[,;\t|]*(?:\r\n|\n|\r|$)", re.IGNORECASE)
"""The first line by which spreadsheets note their delimiter."""
MOST_ROWS = 200
GOOD_SHARE = 0.9
SPACED_QUOTE = re.compile(r"[,;\t|] +\"")


@dataclass(frozen=True, slots=True)
class Dialect:
    """`spaced`: a space precedes opening quotes; `hint` is a first line such as `sep=;`."""

    delimiter: str
    spaced: bool = False
    hint: str = ""


class UnknownDelimiter(ValueError):
    """The user's delimiter is no sign that can separate columns."""


def dialect_of(beginning: str, whole: bool, told: str | None = None, first: str = ",") -> Dialect:
    """The dialect of a file with this beginning; `whole` where nothing follows. `first` is preferred in doubt.

    Raises:
        UnknownDelimiter: the user's delimiter cannot be one.
    """
    hint = HINT.match(beginning)
    text = beginning[hint.end() :] if hint else beginning
    line = hint[0] if hint else ""
    spaced = SPACED_QUOTE.search(text) is not None
    if told is not None:
        return Dialect(told_delimiter(told), spaced and reads_better(text, whole, told_delimiter(told)), line)
    if hint:
        return Dialect(hint[1] or "\t", False, line)
    options = [Dialect(sign, skip, line) for sign in DELIMITERS for skip in ((False, True) if spaced else (False,))]
    scored = [(score(text, whole, option), option) for option in options]
    best = max(found for found, _ in scored)
    if best == NOTHING:
        return Dialect(first, False, line)
    return next(option for found, option in sorted(scored, key=lambda it: it[1].delimiter != first) if found == best)


def told_delimiter(told: str) -> str:
    delimiter = TOLD.get(told.lower(), told)
    if len(delimiter) != 1 or delimiter in '"\r\n\0' or delimiter.isalnum():
        raise UnknownDelimiter(f"{told!r} cannot separate columns: give one sign, such as --delimiter ';', or tab")
    return delimiter


def reads_better(text: str, whole: bool, delimiter: str) -> bool:
    return score(text, whole, Dialect(delimiter, True)) > score(text, whole, Dialect(delimiter))


Score = tuple[bool, int, float, int, bool]
NOTHING: Score = (False, 0, 0.0, 0, False)


def score(text: str, whole: bool, dialect: Dialect) -> Score:
    """How well the dialect fits: rows as wide as the header, known names in it, and the number of its columns."""
    found = first_rows(text, whole, dialect)
    width = len(found[0]) if found else 0
    if width < 2:
        return NOTHING
    agree = sum(len(row) == width for row in found) / len(found)
    known = sum(map(is_name, found[0]))
    return agree >= GOOD_SHARE, known, agree, width, not dialect.spaced


def first_rows(text: str, whole: bool, dialect: Dialect) -> Sequence[list[str]]:
    """The first non-empty rows, without a last one that may be cut off."""
    found: list[list[str]] = []
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=dialect.delimiter, skipinitialspace=dialect.spaced, strict=False
    )
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                found.append(row)
            if len(found) > MOST_ROWS:
                return found[:MOST_ROWS]
    except csv.Error:
        return found
    return found if whole or len(found) < 2 else found[:-1]
