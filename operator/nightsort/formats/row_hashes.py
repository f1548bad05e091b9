"""Reads the hashes beside rows that earlier runs have stored, whatever other columns these have."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping
from typing import TextIO

import msgspec

from nightsort.formats.rows import HASH, DamagedFile, Lines, Named, decoded_lines

Hashes = Iterator[tuple[str, str | None]]
"""Ids with the hashes of their rows; None where a row has none."""


class Hashed(Named):
    hash: str | None = None


HASHED = msgspec.json.Decoder(Hashed)


def of_json_lines(file: TextIO) -> Hashes:
    return ((row.id, row.hash) for row, _ in decoded_lines(file, HASHED))


def of_csv(file: TextIO) -> Hashes:
    """The hash is the last column, where there is one."""
    lines = Lines(file)
    reader = csv.reader(lines, strict=True)
    width, hashed = 0, False
    try:
        for number, cells in enumerate(reader):
            lines.let_go()
            if not number:
                width, hashed = len(cells), cells[-1:] == [HASH]
            elif len(cells) != width:
                raise DamagedFile(f"line {reader.line_num} is no row of results")
            else:
                yield cells[0], (cells[-1] or None) if hashed else None
    except csv.Error:
        raise DamagedFile(f"line {reader.line_num} is no row of results") from None


HASHES: Mapping[str, Callable[[TextIO], Hashes]] = {"jsonl": of_json_lines, "csv": of_csv}
