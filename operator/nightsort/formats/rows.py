"""Rows as records of a file, JSON lines or CSV, cut into parts; a row keeps its part for ever.

A CSV cell holds exactly the id or the reason, even where a spreadsheet would take it for a formula: results
are joined with tickets by id, and an id that was changed for safety would match nothing.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import Any, NamedTuple, TextIO, TypeVar

import msgspec

from nightsort.api.times import rfc3339
from nightsort.domain.answer import Row
from nightsort.domain.fields import AskedField, as_text, padded
from nightsort.domain.stored import Summary

T = TypeVar("T")
FULL_PART = 900_000
"""Bytes of records after which a new part begins. A ConfigMap holds 1 MiB, index and summary included."""
MOST_RECORD_CHARS = 64 * 1024
"""Bytes of a line of rows that are read back. An id has 512 characters, and a reason is a sentence."""
COLUMNS = (
    "id",
    "category",
    "verdict",
    "reason",
    "model",
    "batchId",
    "classifiedAt",
    "inputTokens",
    "outputTokens",
)
SAME_AS = "sameAs"
"""A further column, behind those of fields, of runs that ask once about tickets with the same text."""
CATEGORY_SET = "categorySet"
"""A further column, behind the fields, of rows whose categories are those of a CategorySet."""
HASH = "hash"
"""A further column, behind all others, of rows that stand for later runs."""
_LINE_BREAKS_IN_JSON = {"\x85": "\\u0085", "\u2028": "\\u2028", "\u2029": "\\u2029"}
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_QUOTED = frozenset(',"\r\n')


class DamagedFile(ValueError):
    """Something that is no row is among the written rows; the message says where."""


class Record(NamedTuple):
    """A row as text, and whether it has a category."""

    text: str
    has_category: bool


@dataclass(frozen=True, slots=True)
class FileFormat:
    """How rows are written to a file and found in it again.

    `record` gives a row's text with its line break, `scan` ids and records of a file that was opened with `newline`;
    `has_category` reads a record; `typical` is its size in bytes.
    """

    ending: str
    header: str
    typical: int
    record: Callable[[Row], str]
    scan: Callable[[TextIO], Iterator[tuple[str, str]]]
    has_category: Callable[[str], bool]
    newline: str

    def of(self, row: Row) -> Record:
        return Record(self.record(row), row.category is not None)

    def read(self, text: str) -> dict[str, str]:
        """The records of a file by ticket id."""
        return dict(self.scan(io.StringIO(text, newline=self.newline)))

    @property
    def key(self) -> str:
        return f"results.{self.ending}"


def columns_of(fields: Sequence[AskedField]) -> tuple[str, ...]:
    return (*COLUMNS, *(field.name for field in fields))


def values(row: Row, columns: Sequence[str] = COLUMNS) -> dict[str, Any]:
    when = stamp(row.classified_at) if row.classified_at else None
    shown = (
        row.id,
        row.category,
        row.verdict.value,
        row.reason,
        row.model,
        row.batch_id,
        when,
        row.input_tokens,
        row.output_tokens,
        *padded(row.values, len(columns) - len(COLUMNS)),
    )
    return dict(zip(columns, shown, strict=True))


@lru_cache(maxsize=8)
def stamp(moment: datetime) -> str:
    """Cached, since all rows of a batch have the same."""
    return rfc3339(moment.astimezone(UTC))


@dataclass(frozen=True, slots=True)
class Beside:
    """Which columns follow behind the usual ones and those of fields."""

    hashed: bool = False
    deduped: bool = False
    of_set: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        wanted = ((SAME_AS, self.deduped), (CATEGORY_SET, self.of_set), (HASH, self.hashed))
        return tuple(name for name, there in wanted if there)

    def of(self, row: Row) -> dict[str, Any]:
        found = {SAME_AS: row.same_as, CATEGORY_SET: row.category_set, HASH: row.hash}
        return {name: found[name] for name in self.columns}


NOTHING_BESIDE = Beside()


def json_record(row: Row, columns: Sequence[str] = COLUMNS, beside: Beside = NOTHING_BESIDE) -> str:
    line = _encode(values(row, columns) | beside.of(row))
    if line.isascii():
        return line + "\n"
    for character, escaped in _LINE_BREAKS_IN_JSON.items():
        line = line.replace(character, escaped)
    return line + "\n"


class Named(msgspec.Struct):
    """The fields that are read of a row that is kept unchanged."""

    id: str
    category: str | None


NAMED = msgspec.json.Decoder(Named)


class Lines:
    """A file's lines; a row's lines, since `let_go`, are together no longer than a row may be."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._number = 0
        self._held = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        """
        Raises:
            DamagedFile: they are longer.
        """
        line = self._file.readline(MOST_RECORD_CHARS + 1)
        if not line:
            raise StopIteration
        self._number += 1
        self._held += len(line)
        if self._held > MOST_RECORD_CHARS:
            raise DamagedFile(f"line {self._number} is no row of results: more than {MOST_RECORD_CHARS:,} characters")
        return line

    def let_go(self) -> None:
        self._held = 0


def decoded_lines(file: TextIO, decoder: msgspec.json.Decoder[T]) -> Iterator[tuple[T, str]]:
    """What the decoder reads in each line, and the line."""
    lines = Lines(file)
    for number, line in enumerate(lines, 1):
        lines.let_go()
        if not line.strip():
            continue
        try:
            row = decoder.decode(line)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            raise DamagedFile(f"line {number} is no row of results") from None
        yield row, line


def scan_json_lines(file: TextIO) -> Iterator[tuple[str, str]]:
    for row, line in decoded_lines(file, NAMED):
        yield row.id, line.removesuffix("\n") + "\n"


def csv_record(row: Row, columns: Sequence[str] = COLUMNS, beside: Beside = NOTHING_BESIDE) -> str:
    cells = map(as_text, (values(row, columns) | beside.of(row)).values())
    return csv_line("" if cell is None else str(cell) for cell in cells)


def csv_line(cells: Any) -> str:
    return ",".join(csv_cell(cell) for cell in cells) + "\n"


def csv_cell(text: str) -> str:
    """A cell, quoted where needed; Python 3.11's csv module writes a lone carriage return without quotes."""
    return '"' + text.replace('"', '""') + '"' if _QUOTED.intersection(text) else text


def scan_csv(file: TextIO, columns: Sequence[str] = COLUMNS) -> Iterator[tuple[str, str]]:
    lines = Lines(file)
    reader = csv.reader(lines, strict=True)
    try:
        for number, cells in enumerate(reader):
            lines.let_go()
            if len(cells) != len(columns):
                raise DamagedFile(f"line {reader.line_num} is no row of results")
            if number:
                yield cells[0], csv_line(cells)
    except csv.Error:
        raise DamagedFile(f"line {reader.line_num} is no row of results") from None


def has_category_in_json(record: str) -> bool:
    return NAMED.decode(record).category is not None


def has_category_in_csv(record: str) -> bool:
    return next(csv.reader(io.StringIO(record, newline="")))[1] != ""


FORMATS: Mapping[str, FileFormat] = {
    "jsonl": FileFormat("jsonl", "", 240, json_record, scan_json_lines, has_category_in_json, "\n"),
    "csv": FileFormat("csv", csv_line(COLUMNS), 160, csv_record, scan_csv, has_category_in_csv, ""),
}


def form_of(name: str, fields: Sequence[AskedField] = (), beside: Beside = NOTHING_BESIDE) -> FileFormat:
    """The format of that name, for rows with these fields, and what else stands beside the usual columns.

    `typical` counts half of the longest text, since few answers are as long as they may be.
    """
    form = FORMATS[name]
    if not fields and not beside.columns:
        return form
    columns = columns_of(fields)
    more = sum(field.longest_chars // 2 + 3 for field in fields)
    if name == "csv":
        whole = (*columns, *beside.columns)
        record, scan = partial(csv_record, columns=columns, beside=beside), partial(scan_csv, columns=whole)
        return replace(form, header=csv_line(whole), typical=form.typical + more, record=record, scan=scan)
    more += sum(len(field.name) + 3 for field in fields)
    return replace(form, typical=form.typical + more, record=partial(json_record, columns=columns, beside=beside))


@dataclass
class Part:
    """One file: records by ticket id, in the order of their arrival."""

    header: str = ""
    records: dict[str, str] = field(default_factory=dict)
    size: int = 0

    @classmethod
    def of(cls, form: FileFormat, text: str) -> Part:
        records = form.read(text)
        return cls(form.header, records, size_of(form.header) + sum(map(size_of, records.values())))

    @property
    def text(self) -> str:
        return self.header + "".join(self.records.values())

    def put(self, ticket_id: str, record: str) -> None:
        self.size += size_of(record) - size_of(self.records.get(ticket_id, ""))
        self.records[ticket_id] = record


def merge(parts: list[Part], fresh: Mapping[str, Record], form: FileFormat) -> list[Part]:
    """The parts with these records: known ids keep their place, new ones go to the end, in a new part if it is full.

    A record without a category never replaces one that has one.
    """
    home = {ticket_id: part for part in parts for ticket_id in part.records}
    merged = list(parts)
    for ticket_id, record in fresh.items():
        part = home.get(ticket_id)
        if part is None:
            if not merged or merged[-1].size + size_of(record.text) > FULL_PART:
                merged.append(Part.of(form, form.header))
            part = merged[-1]
        elif not record.has_category and form.has_category(part.records[ticket_id]):
            continue
        part.put(ticket_id, record.text)
    return merged


def size_of(text: str) -> int:
    """Bytes in UTF-8."""
    return len(text) if text.isascii() else len(text.encode())


def summary_of(summary: Summary) -> dict[str, Any]:
    """The files beside the rows at the end."""
    use = summary.category_set
    return {
        "resource": summary.resource,
        "model": summary.model,
        **({"categorySet": {"name": use.name, "hash": use.hash, "generation": use.generation}} if use else {}),
        "tickets": summary.tickets,
        "categories": dict(summary.categories),
        "verdicts": dict(summary.verdicts),
        "cost": {"actualUSD": summary.actual_usd, "standardUSD": summary.standard_usd},
    }


def readable(data: Mapping[str, Any]) -> str:
    return json.dumps(data, ensure_ascii=False, indent=2) + "\n"
