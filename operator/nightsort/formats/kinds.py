"""A table's kind by the file's name, its compression, and the path of its labelled copy."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from nightsort.formats.compression import SUFFIXES
from nightsort.formats.unusable import UnusableFile


class Kind(StrEnum):
    CSV = "csv"
    TSV = "tsv"
    JSONL = "jsonl"
    JSON = "json"
    XLSX = "xlsx"
    PARQUET = "parquet"


ENDINGS = {
    ".csv": Kind.CSV,
    ".txt": Kind.CSV,
    ".tsv": Kind.TSV,
    ".tab": Kind.TSV,
    ".jsonl": Kind.JSONL,
    ".ndjson": Kind.JSONL,
    ".json": Kind.JSON,
    ".xlsx": Kind.XLSX,
    ".xlsm": Kind.XLSX,
    ".parquet": Kind.PARQUET,
}
OTHER_SHEETS = frozenset({".xls", ".xlsb", ".ods", ".numbers"})
READABLE = ".csv, .tsv, .txt, .jsonl, .json, .xlsx and .parquet, each also with .gz or .zst behind it"
AS_TEXT = frozenset({Kind.CSV, Kind.TSV, Kind.JSONL, Kind.JSON})
"""Kinds that can be written; the others become CSV."""


def kind_of_name(path: Path, told: str | None = None) -> Kind:
    """The kind by the name's ending, or as the user has said.

    Raises:
        UnusableFile: neither gives one.
    """
    if told is not None:
        if told not in set(Kind):
            raise UnusableFile(path, f"there is no format {told!r}: name one of {', '.join(Kind)}")
        return Kind(told)
    ending = unpacked_name(path.name).suffix.lower()
    if ending in ENDINGS:
        return ENDINGS[ending]
    if ending in OTHER_SHEETS:
        raise UnusableFile(
            path, f"spreadsheets that end in {ending} are not read: save it as .xlsx, or its sheet as CSV"
        )
    what = f"files that end in {ending} are not read" if ending else "its name has no ending that says what it is"
    raise UnusableFile(path, f"{what}: these are: {READABLE}; or say what it is with --format")


def packing(name: str) -> str:
    """`.gz`, `.zst` or nothing."""
    return next((suffix for suffix in SUFFIXES if name.lower().endswith(suffix)), "")


def unpacked_name(name: str) -> Path:
    """The name without the ending of its compression."""
    return Path(name[: len(name) - len(packing(name))])


def labeled_path(path: Path) -> Path:
    """The path of the labelled copy: `tickets.csv.gz` becomes `tickets.labeled.csv.gz`, a spreadsheet becomes CSV."""
    inner = unpacked_name(path.name)
    written = inner.suffix and ENDINGS.get(inner.suffix.lower(), Kind.CSV) in AS_TEXT
    return path.with_name(f"{inner.stem}.labeled{inner.suffix if written else '.csv'}{packing(path.name)}")


def corrections_of_run(manifest: Path, name: str) -> Path:
    """The path of the corrections of a resource of a manifest."""
    return manifest.with_name(f"{name}.corrections.jsonl")


def corrections_path(path: Path) -> Path:
    """The path of the corrections of a file: `tickets.csv.gz` has `tickets.corrections.jsonl`."""
    return path.with_name(f"{unpacked_name(path.name).stem}.corrections.jsonl")
