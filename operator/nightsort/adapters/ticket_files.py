"""Files of tickets, parsed: CSV with a header, a JSON list of objects, JSON lines.

What is wrong is told with its place and without the text around it, which may be a ticket's.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from nightsort.api.spec import Format

MOST_FIELD_CHARS = 16 * 1024 * 1024
"""The csv module's own limit of 131,072 is less than a long ticket."""


class InvalidFile(ValueError):
    """The message begins with the place."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One ticket of the file and where it stands, e.g. `line 7` or `entry 7`."""

    place: str
    fields: Mapping[str, str]


def parse(text: str, kind: Format, fields: Collection[str]) -> list[Entry]:
    """The tickets of a file; `fields` are those that the template names.

    Raises:
        InvalidFile: it is not of its kind, or a ticket has no id, or a field of the template is nowhere in it.
    """
    text = text.removeprefix("\ufeff")
    readers = {"csv": from_csv, "json": from_json, "jsonl": from_json_lines}
    entries = list(readers[kind](text, fields))
    if entries and kind != "csv":
        known = {name for entry in entries for name in entry.fields}
        if missing := sorted(set(fields) - known):
            raise InvalidFile(f"no ticket has the field {missing[0]!r}, which prompt.template names")
    return entries


def from_csv(text: str, fields: Collection[str]) -> Iterator[Entry]:
    csv.field_size_limit(MOST_FIELD_CHARS)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] | None = None
    line = 1
    try:
        for row in reader:
            if not any(cell.strip() for cell in row):
                pass  # an empty line, or a spreadsheet's empty row
            elif header is None:
                header = header_of(row, fields)
            else:
                yield Entry(f"line {line}", fields_of(row, header, line))
            line = reader.line_num + 1
    except csv.Error as error:
        raise InvalidFile(f"line {line}: no valid CSV ({error})") from None
    if header is None:
        raise InvalidFile("line 1: there is no header with the names of the columns")


def header_of(row: list[str], fields: Collection[str]) -> list[str]:
    names = [name.strip() for name in row]
    for name in sorted({"id", *fields}, key=lambda name: (name != "id", name)):
        if name not in names:
            why = "which prompt.template names" if name != "id" else "which names each ticket"
            raise InvalidFile(f"line 1: the header has no column {name!r}, {why}")
        if names.count(name) > 1:
            raise InvalidFile(f"line 1: the header has more than one column {name!r}")
    return names


def fields_of(row: list[str], header: list[str], line: int) -> dict[str, str]:
    if len(row) != len(header):
        raise InvalidFile(
            f"line {line}: {len(row)} columns where the header has {len(header)}; "
            "a value with commas, quotes or line breaks must stand in quotes"
        )
    return {name: value for name, value in zip(header, row, strict=True) if name}


def from_json(text: str, fields: Collection[str]) -> Iterator[Entry]:
    items = decoded(text, "")
    if not isinstance(items, list):
        raise InvalidFile("expected a JSON list of tickets: [{...}, {...}]")
    for number, item in enumerate(items, 1):
        yield entry_of(item, f"entry {number}")


def from_json_lines(text: str, fields: Collection[str]) -> Iterator[Entry]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield entry_of(decoded(line, f"line {number}"), f"line {number}")


def decoded(text: str, place: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        place = place or f"line {error.lineno}"
        raise InvalidFile(f"{place}: no valid JSON at column {error.colno}") from None
    except (ValueError, RecursionError):
        raise InvalidFile(f"{place or 'line 1'}: no usable JSON (a number too long, or nested too deeply)") from None


def entry_of(item: Any, place: str) -> Entry:
    if not isinstance(item, dict):
        raise InvalidFile(f"{place}: expected a JSON object, a ticket such as {{...}}")
    if "id" not in item:
        raise InvalidFile(f"{place}: the ticket has no id")
    return Entry(place, {name: as_text(value) for name, value in item.items()})


def as_text(value: Any) -> str:
    """A value as text: null is empty, what is not text is written as JSON; half characters are replaced."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text.encode("utf-8", "replace").decode()
