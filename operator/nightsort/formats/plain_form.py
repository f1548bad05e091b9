"""Whether a file has the plain form that resources have always read: the beginning decides.

CSV with commas, JSON lines or a JSON list, in UTF-8, with `id` and each field that the template names.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Collection, Iterator
from typing import Any

from nightsort.api.model import Format
from nightsort.formats import bounded_json
from nightsort.formats.headers import complaint
from nightsort.formats.tickets import MOST_JSON_CHARS, MOST_LINE_CHARS
from nightsort.formats.unchanged import Rereadable

BEGINNING_BYTES = 256 * 1024
"""Enough for a header, and for the names of some objects."""
MOST_CHAR_BYTES = 4


def has_plain_form(file: Rereadable, form: Format, fields: Collection[str]) -> bool:
    """False also where it cannot be read at all.

    Raises:
        UnusableFile: it cannot be opened or unpacked.
    """
    most = BEGINNING_BYTES if form != "json" else MOST_JSON_CHARS * MOST_CHAR_BYTES
    with file.content() as content:
        beginning = content.read(most)
    text = beginning.decode("utf-8-sig", "replace")
    try:
        match form:
            case "csv":
                header = header_of(text)
                return header is not None and complaint(header, sorted(fields)) is None
            case "jsonl":
                lines = text.split("\n")
                return have_names(map(parsed, lines if len(beginning) < most else lines[:-1]), fields)
            case "json":
                return isinstance(listed := parsed(text), list) and (not listed or have_names(iter(listed), fields))
    except bounded_json.UnusableJson:
        return True  # the strict reader refuses it with the reason


def header_of(text: str) -> list[str] | None:
    csv.field_size_limit(MOST_LINE_CHARS)
    try:
        rows = csv.reader(io.StringIO(text, newline=""), strict=True)
        return next((row for row in rows if any(cell.strip() for cell in row)), None)
    except csv.Error:
        return None


def have_names(items: Iterator[Any], fields: Collection[str]) -> bool:
    """Whether these objects together have an id and all the fields."""
    missing = {"id", *fields}
    for item in items:
        missing -= item.keys() if isinstance(item, dict) else set()
        if not missing:
            return True
    return False


def parsed(text: str) -> Any:
    """The value; None where it is no JSON. Raises UnusableJson."""
    try:
        return bounded_json.parsed(text)
    except json.JSONDecodeError:
        return None
