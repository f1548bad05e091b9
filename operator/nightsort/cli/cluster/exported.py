"""A help desk's export in a form that the operator reads: as it is, or as JSON lines with id, subject and body."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nightsort.cli.flags import TicketOptions
from nightsort.cli.manifests import InvalidManifest

if TYPE_CHECKING:
    from nightsort.cli.classification.reading import TicketFile


@dataclass(frozen=True, slots=True)
class Exported:
    """The text for a ConfigMap, the ending of its key, and what the source says about it.

    `template` is for tickets that have no subject, or nothing else; None where the default fits.
    """

    text: str
    suffix: str = ".jsonl"
    source: Mapping[str, Any] | None = None
    template: str | None = None


def is_export(path: Path) -> bool:
    """Whether a file holds tickets by its name; one of JSON may be a manifest."""
    from nightsort.formats.kinds import ENDINGS, unpacked_name

    return unpacked_name(path.name).suffix.lower() in ENDINGS


def exported(path: Path, options: TicketOptions, most: int) -> Exported:
    """The tickets of an export: the file's own text with its columns named, where the operator reads it so.

    Spreadsheets and Parquet, files without a column for the id, and files whose short rows are filled become JSON
    lines. More than `most` bytes are cut.

    Raises:
        InvalidManifest: with the place of the fault, and what to do.
    """
    from nightsort.cli.classification.order import InvalidOrder
    from nightsort.cli.classification.reading import SUBJECT_AND_BODY, opened
    from nightsort.formats.unusable import UnusableFile

    try:
        file = opened(path, options)
        template = file.template if file.template != SUBJECT_AND_BODY else None
        if is_kept(file, options):
            return Exported(text_of(file, most), f".{file.table.kind}", source_of(file, options), template)
        return Exported(json_lines_of(file, most), template=template)
    except (InvalidOrder, UnusableFile) as error:
        raise InvalidManifest(str(error)) from None


def is_kept(file: TicketFile, options: TicketOptions) -> bool:
    from nightsort.formats.kinds import AS_TEXT

    return file.table.kind in AS_TEXT and file.columns.id is not None and not options.fill_short_rows


def source_of(file: TicketFile, options: TicketOptions) -> dict[str, Any]:
    """The fields of the source that name what was found; its text consists of characters and has no encoding."""
    columns, header = file.columns, file.columns.header
    names = {"id": columns.id, "subject": columns.subject}
    if len(columns.text) == 1:
        names["body"] = columns.text[0]
    made: dict[str, Any] = {"columns": {name: header[place] for name, place in names.items() if place is not None}}
    if len(columns.text) > 1:
        made["textColumns"] = [header[place] for place in columns.text]
    if options.delimiter is not None:
        made["delimiter"] = options.delimiter
    return made


def text_of(file: TicketFile, most: int) -> str:
    from nightsort.formats.charsets import opened_text

    with opened_text(file.table.file, file.table.charset, newline="") as text:
        return text.read(most + 1)


def json_lines_of(file: TicketFile, most: int) -> str:
    """Each ticket with its id, subject, body and every column."""
    from nightsort.formats.exports import tickets_of

    lines: list[str] = []
    size = 0
    for ticket in tickets_of(file.table, file.columns, file.reading):
        lines.append(json.dumps(dict(ticket.fields), ensure_ascii=False) + "\n")
        size += len(lines[-1].encode())
        if size > most:
            break
    return "".join(lines)
