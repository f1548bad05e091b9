"""Faults in the first line of a CSV file, in words: what was found there, and what to do."""

from __future__ import annotations

import re
from collections.abc import Sequence

from nightsort.domain.column_names import is_name, meant_by, plain

SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}
HINT = re.compile(r"sep=(.?)", re.IGNORECASE | re.DOTALL)
WHY = {"id": "which names each ticket"}
FROM_TEMPLATE = "which prompt.template names"


def complaint(row: Sequence[str], fields: Sequence[str]) -> str | None:
    """The fault of a header; None where it has an id, and each of the template's fields, exactly once."""
    names = [name.strip() for name in row]
    if hint := HINT.fullmatch(",".join(row) if row[1:] == [""] else row[0]):
        return of_hint(hint[1])
    for name in sorted({"id", *fields}, key=lambda name: (name != "id", name)):
        if name not in names:
            return f"the header has no column {name!r}, {WHY.get(name, FROM_TEMPLATE)}{remedy(name, names)}"
        if names.count(name) > 1:
            return f"the header has more than one column {name!r}"
    return None


def of_hint(separator: str) -> str:
    """`sep=;` is a first line for spreadsheets, which no other program understands."""
    told = f"the line sep={separator} is for spreadsheets alone"
    if separator == ",":
        return f"{told}: remove it, so that the first line is the header"
    parted = SEPARATORS.get(separator, "something else")
    return (
        f"{told}: it says that {parted} and not commas separate the columns; save it with commas and without this line"
    )


def remedy(name: str, names: Sequence[str]) -> str:
    if parted := other_separator(names):
        _, columns = parted
        return separated_otherwise(names) + (remedy(name, columns) if name not in columns else "")
    if found := meant_by(name, names):
        same = plain(found[0]) == plain(name)
        why = ", since capitals, spaces and signs count" if same else ", if it is that"
        instead = "" if name == "id" else ", or name it in prompt.template"
        return f"; it has {found[0]!r}: call it {name}{instead}{why}"
    if not any(map(is_name, names)):
        return "; is its first line a ticket? Above it belongs a line with the names of the columns"
    return ""


def separated_otherwise(names: Sequence[str]) -> str:
    """Names the separator of a header's columns, where it is no comma."""
    if parted := other_separator(names):
        sign, columns = parted
        return f"; {SEPARATORS[sign]} and not commas separate its {len(columns)} columns: save it with commas"
    return ""


def other_separator(names: Sequence[str]) -> tuple[str, list[str]] | None:
    """The separator of the columns where it is no comma, and the columns."""
    for sign in SEPARATORS:
        columns = [name.strip().strip('"') for name in ",".join(names).split(sign)]
        if len(columns) > 1 and any(map(is_name, columns)):
            return sign, columns
    return None
