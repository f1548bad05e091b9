"""A help desk's export in the form that the operator reads: JSON lines with id, subject, body and every column."""

from __future__ import annotations

import json
from pathlib import Path

from nightsort.cli.flags import TicketOptions
from nightsort.cli.manifests import InvalidManifest


def is_export(path: Path) -> bool:
    """Whether a file holds tickets by its name; one of JSON may be a manifest."""
    from nightsort.formats.kinds import ENDINGS, unpacked_name

    return unpacked_name(path.name).suffix.lower() in ENDINGS


def json_lines_of(path: Path, options: TicketOptions, most: int) -> str:
    """The tickets of an export, each with its id, subject, body and every column; more than `most` bytes are cut.

    Raises:
        InvalidManifest: with the place of the fault, and what to do.
    """
    from nightsort.cli.classification.order import InvalidOrder
    from nightsort.cli.classification.reading import opened
    from nightsort.formats.exports import tickets_of
    from nightsort.formats.unusable import UnusableFile

    lines: list[str] = []
    size = 0
    try:
        file = opened(path, options)
        for ticket in tickets_of(file.table, file.columns, file.reading):
            lines.append(json.dumps(dict(ticket.fields), ensure_ascii=False) + "\n")
            size += len(lines[-1].encode())
            if size > most:
                break
    except (InvalidOrder, UnusableFile) as error:
        raise InvalidManifest(str(error)) from None
    return "".join(lines)
