"""Writes a table back with each ticket's results: whole or not at all, beside or in place of a former file."""

from __future__ import annotations

import gzip
import json
import os
import secrets
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, cast

import zstandard

from nightsort.formats.charsets import UTF8, Charset
from nightsort.formats.columns import Columns
from nightsort.formats.delimited import quoted
from nightsort.formats.exports import id_of
from nightsort.formats.kinds import AS_TEXT, Kind, kind_of_name, packing, unpacked_name
from nightsort.formats.table import Row, Table, added_names, rows
from nightsort.formats.unusable import UnusableFile

ADDED = ("category", "verdict", "reason")
OWNER_CAN_WRITE = 0o200
FLUSH_CHARS = 1 << 18

Labels = Callable[[str], Sequence[str | None] | None]
"""The results for a ticket's id, as many as there are names; None where there are none."""


def nothing(_: IO[bytes]) -> None:
    """Does nothing with the new file."""


def write_labeled(
    table: Table,
    columns: Columns,
    labels: Labels,
    path: Path,
    names: Sequence[str] = ADDED,
    ready: Callable[[IO[bytes]], None] = nothing,
) -> tuple[str, ...]:
    """Writes every row and column of the input in its order and dialect, with further columns; returns their names.

    Their names are `nightsort_category` … if the input has columns of these names. A former file at `path` stays until
    the new one is whole and on disk; its permissions stay, and a new file has those of the input. If the input's
    characters cannot spell a label, the file is written in UTF-8. `ready` gets the new file before it takes its place,
    and may read any part of it.

    Raises:
        UnusableFile: it cannot be written, is the input itself, or the input is not the one that was opened.
    """
    target = Path(os.path.realpath(path))
    kind = kind_written(table, target)
    refuse_target(table, path, target, kind)
    names = added_names(table.header, names)
    empty: Sequence[str | None] = [None] * len(names)

    def values(row: Row) -> Sequence[str | None]:
        return labels(id_of(row, columns)) or empty

    with replacing(path, target, mode_of(target, table.path)) as part:
        try:
            write(part, target, table, kind, names, values, table.charset)
        except UnicodeEncodeError:
            part.seek(0)
            part.truncate()
            write(part, target, table, kind, names, values, UTF8)
        part.flush()
        ready(part)
    return tuple(names)


def kind_written(table: Table, target: Path) -> Kind:
    """The kind of the input if the output's name has the same ending, else the kind by the output's name."""
    ending, own = (unpacked_name(path.name).suffix.lower() for path in (target, table.path))
    return table.kind if ending == own and table.kind in AS_TEXT else kind_of_name(target)


def refuse_target(table: Table, path: Path, target: Path, kind: Kind) -> None:
    if kind not in AS_TEXT:
        raise UnusableFile(path, f"{kind} is not written: let the output's name end in .csv, .tsv, .jsonl or .json")
    if target.is_dir():
        raise UnusableFile(path, "this is a directory: name a file in it for the output")
    if target == Path(os.path.realpath(table.path)):
        raise UnusableFile(path, "the output is the input itself: name another file with --output")
    if target.exists() and not target.is_file():
        raise UnusableFile(path, "this is no file that can be replaced: name another one with --output")


def mode_of(target: Path, source: Path) -> int:
    """The permissions of the replaced file, else those of the input: tickets are not for everybody."""
    for path in (target, source):
        with suppress(OSError):
            return stat.S_IMODE(path.stat().st_mode) & 0o666 | OWNER_CAN_WRITE
    return 0o600


@contextmanager
def replacing(shown: Path, target: Path, mode: int) -> Iterator[IO[bytes]]:
    """A new file that replaces the target once everything is on disk, and is deleted if something fails."""
    part = target.with_name(f".{target.name[:100]}.{secrets.token_hex(6)}.part")
    try:
        descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "w+b") as file:
                yield file
                file.flush()
                os.fchmod(descriptor, mode)
                os.fsync(descriptor)
            part.replace(target)
            flush_directory(target.parent)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    except UnusableFile:
        raise
    except OSError as error:
        raise UnusableFile(shown, cannot_write(error)) from None


def flush_directory(directory: Path) -> None:
    """A rename is durable once its directory is."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def cannot_write(error: OSError) -> str:
    match error:
        case PermissionError():
            return "no permission to write here: name another place with --output"
        case FileNotFoundError() | NotADirectoryError():
            return "there is no such folder: make it, or name another place with --output"
        case _:
            why = error.strerror or type(error).__name__
            return f"it cannot be written ({why}): make room, or name another place with --output"


def write(
    part: IO[bytes],
    target: Path,
    table: Table,
    kind: Kind,
    names: Sequence[str],
    values: Callable[[Row], Sequence[str | None]],
    charset: Charset,
) -> None:
    if kind is table.kind:
        pieces = table.with_columns(names, values)
    else:
        pieces, charset = CONVERTED[kind](table, names, values), UTF8
    with packed(part, packing(target.name)) as out:
        out.write(charset.mark)
        for text in gathered(pieces):
            out.write(text.encode(charset.codec))


def gathered(pieces: Iterator[str]) -> Iterator[str]:
    """The pieces joined into larger ones: each call of encoding and packing has a cost."""
    held: list[str] = []
    size = 0
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        if size > FLUSH_CHARS:
            yield "".join(held)
            held.clear()
            size = 0
    yield "".join(held)


@contextmanager
def packed(file: IO[bytes], suffix: str) -> Iterator[IO[bytes]]:
    match suffix:
        case ".gz":
            with gzip.GzipFile(fileobj=file, mode="wb", filename="", mtime=0) as out:
                yield cast(IO[bytes], out)
        case ".zst":
            with zstandard.ZstdCompressor().stream_writer(file, closefd=False) as out:
                yield out
        case _:
            yield file


def as_delimited(
    table: Table, names: Sequence[str], values: Callable[[Row], Sequence[str | None]], delimiter: str = ","
) -> Iterator[str]:
    def line(cells: Sequence[str | None]) -> str:
        return delimiter.join(quoted(cell or "", delimiter) for cell in cells) + "\n"

    yield line((*table.header, *names))
    for row in rows(table):
        yield line((*row.cells, *values(row)))


def as_tabbed(table: Table, names: Sequence[str], values: Callable[[Row], Sequence[str | None]]) -> Iterator[str]:
    return as_delimited(table, names, values, "\t")


def as_json_lines(table: Table, names: Sequence[str], values: Callable[[Row], Sequence[str | None]]) -> Iterator[str]:
    for row in rows(table):
        yield (
            json.dumps(dict(zip((*table.header, *names), (*row.cells, *values(row)), strict=True)), ensure_ascii=False)
            + "\n"
        )


def as_json_list(table: Table, names: Sequence[str], values: Callable[[Row], Sequence[str | None]]) -> Iterator[str]:
    before = "[\n"
    for line in as_json_lines(table, names, values):
        yield before + line.rstrip("\n")
        before = ",\n"
    yield "\n]\n" if before != "[\n" else "[]\n"


CONVERTED: dict[Kind, Callable[[Table, Sequence[str], Callable[[Row], Sequence[str | None]]], Iterator[str]]] = {
    Kind.CSV: as_delimited,
    Kind.TSV: as_tabbed,
    Kind.JSONL: as_json_lines,
    Kind.JSON: as_json_list,
}
