"""The part of `spec.source` that says how a file of tickets is read: its kind, its dialect and its columns."""

from __future__ import annotations

from codecs import lookup
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, StringConstraints, model_validator

from nightsort.api.columns import TWO_BODIES, Column, TextColumns
from nightsort.api.model import Model

FileFormat = Literal["csv", "tsv", "jsonl", "json", "xlsx", "parquet"]
FORMATS: dict[str, FileFormat] = {
    "csv": "csv",
    "txt": "csv",
    "tsv": "tsv",
    "tab": "tsv",
    "jsonl": "jsonl",
    "ndjson": "jsonl",
    "json": "json",
    "xlsx": "xlsx",
    "xlsm": "xlsx",
    "parquet": "parquet",
}
"""By the ending of a name."""
PACKED = (".gz", ".zst")
DELIMITED, SPREADSHEETS, BINARY = ("csv", "tsv"), ("xlsx",), ("xlsx", "parquet")

Delimiter = Annotated[
    str,
    StringConstraints(min_length=1, max_length=9, pattern=r'^([^A-Za-z0-9"\r\n\x00]|tab|comma|semicolon|bar|pipe)$'),
]


def known_encoding(name: str) -> str:
    try:
        lookup(name)
    except LookupError:
        raise ValueError(f"there is no encoding {name!r}") from None
    return name


Encoding = Annotated[
    str,
    StringConstraints(
        max_length=16,
        pattern=r"^((utf|UTF)-?8|(utf|UTF)-?(16|32)(-?(le|be|LE|BE))?|(cp|CP|windows-|Windows-)(125[0-8]|437|85[0258]|866|932|949)"
        r"|(iso|ISO)-?8859-([1-9]|1[013-6])|latin-?[1-9]|(us-)?ascii|koi8-[ru]|KOI8-[RU]|mac-?roman|shift[-_]jis|euc-(jp|kr)"
        r"|gb(k|2312|18030)|big5)$",
    ),
    AfterValidator(known_encoding),
]


class FileColumns(Model):
    """Which column is the ticket's id, subject and body; by default the one whose name tells it, such as Ticket ID."""

    id: Column | None = None
    """The column of ids, which are unique and not empty."""
    subject: Column | None = None
    """The column of subjects, which the template calls `$subject`."""
    body: Column | None = None
    """The column of texts, which the template calls `$body`."""


class TicketFile(Model):
    """How the tickets of a file are read. What is not given is found from its name, its beginning and its header."""

    format: FileFormat | None = None
    """What the file is, whatever its name ends in; by default as the ending tells."""
    columns: FileColumns | None = None
    text_columns: TextColumns | None = None
    """In place of columns.body, several columns that make up the body, one below the other."""
    delimiter: Delimiter | None = None
    """What separates the columns of a text file: one sign, or tab, comma, semicolon or bar. By default it is found."""
    encoding: Encoding | None = None
    """How a text file is encoded, such as windows-1252; by default UTF-8."""
    sheet: Annotated[str, StringConstraints(min_length=1, max_length=64)] | None = None
    """The sheet of a spreadsheet; by default the only one that has content."""

    @property
    def file_name(self) -> str:
        """The name whose ending tells the format."""
        raise NotImplementedError

    @property
    def kind(self) -> FileFormat | None:
        """What the file is; None where neither `format` nor its name tells."""
        _, dot, ending = without_packing(self.file_name).rpartition(".")
        return self.format or (FORMATS.get(ending) if dot else None)

    @property
    def is_described(self) -> bool:
        """Whether the user says how it is read, beyond its format."""
        said = (self.columns, self.text_columns, self.delimiter, self.encoding, self.sheet)
        return any(part is not None for part in said)

    @property
    def has_no_subject(self) -> bool:
        """Whether several columns make up the body, and none is the subject."""
        return self.text_columns is not None and (self.columns is None or self.columns.subject is None)

    def without_reading(self) -> Self:
        """The file alone, without what says how it is read."""
        return self.model_copy(update=dict.fromkeys(TicketFile.model_fields))

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        if self.text_columns is not None and self.columns is not None and self.columns.body is not None:
            raise ValueError(TWO_BODIES)
        for value, kinds, message in (
            (self.delimiter, DELIMITED, NO_DELIMITER),
            (self.sheet, SPREADSHEETS, NO_SHEET),
        ):
            if value is not None and self.kind is not None and self.kind not in kinds:
                raise ValueError(message)
        if self.encoding is not None and self.kind in BINARY:
            raise ValueError(NO_ENCODING)
        return self


NO_DELIMITER = "delimiter is for csv and tsv alone"
NO_SHEET = "sheet is for spreadsheets alone"
NO_ENCODING = "encoding is for text alone: a spreadsheet and Parquet say it themselves"


def without_packing(name: str) -> str:
    for suffix in PACKED:
        if name.endswith(suffix):
            return name.removesuffix(suffix)
    return name


def endings_of(*formats: str) -> str:
    """The regular expression of the names that tell one of these formats."""
    endings = "|".join(ending for ending, kind in FORMATS.items() if kind in formats)
    return f"[.]({endings})([.](gz|zst))?$"


def file_rules(field: str) -> tuple[tuple[str, str], ...]:
    """CEL rules for a source of files whose name is in this field."""

    def is_one_of(*formats: str) -> str:
        listed = ", ".join(f"'{one}'" for one in formats)
        return f"(has(self.format) ? self.format in [{listed}] : self.{field}.matches('{endings_of(*formats)}'))"

    known = f"self.{field}.matches('{endings_of(*FORMATS.values())}')"
    return (
        (f"has(self.format) || {known}", unknown_format(field)),
        ("!has(self.textColumns) || !has(self.columns) || !has(self.columns.body)", TWO_BODIES),
        (f"!has(self.delimiter) || {is_one_of(*DELIMITED)}", NO_DELIMITER),
        (f"!has(self.sheet) || {is_one_of(*SPREADSHEETS)}", NO_SHEET),
        (f"!has(self.encoding) || !{is_one_of(*BINARY)}", NO_ENCODING),
    )


def unknown_format(field: str) -> str:
    endings = ", ".join(f".{ending}" for ending in FORMATS)
    return f"{field} must end in {endings} (then .gz or .zst), or format must be given"
