"""Opens a user's file of tickets: the only module that knows all kinds of tables."""

from __future__ import annotations

from pathlib import Path

from nightsort.formats.charsets import charset_by_beginning, charset_of
from nightsort.formats.delimited import open_delimited
from nightsort.formats.kinds import Kind, kind_of_name
from nightsort.formats.objects import open_json
from nightsort.formats.parquet import open_parquet
from nightsort.formats.spreadsheets import open_spreadsheet
from nightsort.formats.table import Options, Table
from nightsort.formats.unchanged import Rereadable, UnchangedFile
from nightsort.formats.unusable import UnusableFile

DEFAULTS = Options()


def open_table(path: Path, options: Options = DEFAULTS) -> Table:
    """A file as a table, read once for its encoding and its header.

    Raises:
        UnusableFile: there is no such file, it is empty, is not of its kind, has no header …
    """
    file = UnchangedFile(path)
    file.refuse_directory()
    kind = kind_of_name(path, options.format)
    return open_as(file, kind, options)


def open_as(file: Rereadable, kind: Kind, options: Options) -> Table:
    """A file of this kind as a table; `options.sampled` reads its beginning alone.

    Raises:
        UnusableFile: as above.
    """
    path = file.path
    if options.sheet is not None and kind is not Kind.XLSX:
        raise UnusableFile(path, f"{kind} has no sheets: leave --sheet away")
    match kind:
        case Kind.XLSX:
            return open_spreadsheet(file, options)
        case Kind.PARQUET:
            return open_parquet(file, options)
        case _:
            return open_text(file, kind, options)


def open_text(file: Rereadable, kind: Kind, options: Options) -> Table:
    find = charset_of if options.sampled is None else charset_by_beginning
    charset = find(file, options.encoding)
    match kind:
        case Kind.JSONL | Kind.JSON:
            return open_json(file, kind, charset, options)
        case _:
            return open_delimited(file, kind, charset, options)
