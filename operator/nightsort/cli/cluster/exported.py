"""A help desk's export in the form that the operator reads: JSON lines with id, subject, body and every column."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nightsort.cli.manifests import InvalidManifest


@dataclass(frozen=True, slots=True)
class Export:
    """The user's statements about a file of tickets that its columns and beginning do not show; see docs/files.md."""

    id: str | None = None
    subject: str | None = None
    body: str | None = None
    text: Sequence[str] = ()
    delimiter: str | None = None
    encoding: str | None = None
    sheet: str | None = None
    format: str | None = None
    fill_short_rows: bool = False

    @property
    def given(self) -> list[str]:
        """The flags that were given."""
        flags = {
            "--id": self.id,
            "--subject": self.subject,
            "--body": self.body,
            "--text": self.text,
            "--delimiter": self.delimiter,
            "--encoding": self.encoding,
            "--sheet": self.sheet,
            "--format": self.format,
            "--fill-short-rows": self.fill_short_rows,
        }
        return [flag for flag, value in flags.items() if value]


def is_export(path: Path) -> bool:
    """Whether a file holds tickets by its name; one of JSON may be a manifest."""
    from nightsort.formats.kinds import ENDINGS, unpacked_name

    return unpacked_name(path.name).suffix.lower() in ENDINGS


def json_lines_of(path: Path, export: Export, most: int) -> str:
    """The tickets of an export, each with its id, subject, body and every column; more than `most` bytes are cut.

    Raises:
        InvalidManifest: with the place of the fault, and what to do.
    """
    from nightsort.formats.columns import UnknownColumns, find_columns
    from nightsort.formats.exports import survey, tickets_of
    from nightsort.formats.opening import open_table
    from nightsort.formats.table import Options
    from nightsort.formats.unusable import UnusableFile

    try:
        options = Options(export.format, export.delimiter, export.encoding, export.sheet, export.fill_short_rows)
        table = open_table(path, options)
        columns = find_columns(
            table.header, id=export.id, subject=export.subject, body=export.body, text=tuple(export.text)
        )
        survey(table, columns)
        lines: list[str] = []
        size = 0
        for ticket in tickets_of(table, columns):
            lines.append(json.dumps(dict(ticket.fields), ensure_ascii=False) + "\n")
            size += len(lines[-1].encode())
            if size > most:
                break
    except UnknownColumns as unknown:
        raise InvalidManifest(f"{path}: {unknown}") from None
    except UnusableFile as unusable:
        raise InvalidManifest(str(unusable)) from None
    return "".join(lines)
