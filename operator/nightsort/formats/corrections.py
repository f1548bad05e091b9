"""Corrections as a file of known tickets, in JSON lines: each with its text and the category that a person gave."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec

from nightsort.api.times import rfc3339
from nightsort.domain.correction import Correction, Corrections

COLUMNS = ("id", "category", "answer", "by", "at")
"""The names that a correction has beside the fields of its ticket."""
MOST_CORRECTIONS = 100_000
"""Corrections of one file: a person decides a thousand in a day."""
MOST_LINE_CHARS = 1024 * 1024
LINE = msgspec.json.Decoder(dict[str, str | None])


class InvalidCorrections(ValueError):
    """Something else is among the corrections; the message says where."""


def written(corrections: Corrections) -> str:
    return "".join(map(line_of, corrections.values()))


def line_of(one: Correction) -> str:
    ticket = {name: text for name, text in one.fields.items() if name not in COLUMNS}
    said = {"category": one.category, "answer": one.answer, "by": one.by, "at": rfc3339(one.at)}
    return json.dumps({"id": one.id, **ticket, **said}, ensure_ascii=False) + "\n"


def parsed(text: str) -> dict[str, Correction]:
    """
    Raises:
        InvalidCorrections: a line is none, or there are too many.
    """
    found: dict[str, Correction] = {}
    for number, line in lines_of(text):
        try:
            one = correction_of(line)
        except (msgspec.MsgspecError, ValueError, RecursionError, KeyError):
            raise InvalidCorrections(
                f"line {number} is no correction: it needs id, category, by and at as text"
            ) from None
        found[one.id] = one
    return found


def lines_of(text: str) -> Iterator[tuple[int, str]]:
    # Only line feeds part JSON lines; a text may hold U+2028 as it is.
    for number, line in enumerate(text.split("\n"), 1):
        if number > MOST_CORRECTIONS + 1:
            raise InvalidCorrections(f"more than {MOST_CORRECTIONS:,} corrections: begin another file")
        if len(line) > MOST_LINE_CHARS:
            raise InvalidCorrections(f"line {number} is no correction: more than {MOST_LINE_CHARS:,} characters")
        if line.strip():
            yield number, line


def correction_of(line: str) -> Correction:
    """Raises KeyError, ValueError: a part is missing, or is none."""
    values = LINE.decode(line)
    ticket_id, category, by, at = (values[name] for name in ("id", "category", "by", "at"))
    if not (ticket_id and category and by and at) or "," in category or "\n" in category:
        raise ValueError
    moment = datetime.fromisoformat(at)
    fields = {name: text for name, text in values.items() if name not in COLUMNS and text is not None}
    return Correction(ticket_id, category, values.get("answer"), by, moment.astimezone(UTC), fields)
