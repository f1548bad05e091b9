"""Files of local mode: written whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Container, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from nightsort.domain.errors import Stalled
from nightsort.domain.reasons import Reason

LOCK = "lock"
PART = ".nightsort-{}.part"
MOST_FILE_BYTES = 64 * 1024 * 1024
"""Bytes of a file that is read as a whole. A shard's long ids have at most this many, and records far fewer."""
FOLDERS_WITH_PARTS = ("", "*/", "*/*/")
"""Folder levels below the state's directory. Deeper ones are not searched: the directory may be somebody's home."""


def write_whole(path: Path, content: bytes | bytearray, mode: int | None = None) -> None:
    """Replaces a file durably: after a crash at any point it holds the old content or the new.

    `mode` are its permissions; by default those of any new file.

    Raises:
        Stalled: the disk is full, or the path is not writable.
    """
    try:
        with part_of(path, content, mode) as part:
            part.replace(path)
        flush_directory(path.parent)
    except OSError as error:
        raise Stalled(f"cannot write {path}: {error.strerror}", reason=Reason.NOT_WRITABLE) from error


@contextmanager
def replacement_of(path: Path) -> Iterator[BinaryIO]:
    """A new file, which replaces the one of this name durably when the block ends without an error.

    Raises:
        Stalled: the disk is full, or the path is not writable.
    """
    part = path.with_name(PART.format(secrets.token_hex(8)))
    try:
        make_folder(path.parent)
        with part.open("xb") as file:  # a new file of our own, and through no link that somebody has laid there
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        flush_directory(path.parent)
    except OSError as error:
        raise Stalled(f"cannot write {path}: {error.strerror}", reason=Reason.NOT_WRITABLE) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def write_new(contents: Mapping[Path, bytes], *, private: Container[Path] = ()) -> None:
    """Writes files where none are: each whole, and all of them or none. Only a kill in between leaves some of them.

    Nobody but their owner may read those that are `private`. Missing folders are made.

    Raises:
        FileExistsError: something has the name of one of them; it is the error's `filename2`.
        OSError: they cannot be written.
    """
    with ExitStack() as parts, ExitStack() as undo:
        ready = {
            path: parts.enter_context(part_of(path, content, 0o600 if path in private else None))
            for path, content in contents.items()
        }
        for path, part in ready.items():
            path.hardlink_to(part)  # unlike a rename it replaces nothing
            undo.callback(path.unlink, missing_ok=True)
        undo.pop_all()
    for folder in {path.parent for path in contents}:
        flush_directory(folder)


@contextmanager
def part_of(path: Path, content: bytes | bytearray, mode: int | None = None) -> Iterator[Path]:
    """A file beside the path that is on disk, and goes away afterwards unless it has become another."""
    make_folder(path.parent)
    part = path.with_name(PART.format(secrets.token_hex(8)))
    try:
        with part.open("xb") as file:  # a new file of our own, and through no link that somebody has laid there
            if mode is not None:
                os.fchmod(file.fileno(), mode)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield part
    finally:
        part.unlink(missing_ok=True)


def make_folder(folder: Path) -> None:
    """Makes a folder and its parents durably: if a name is lost, everything below it is lost."""
    made = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for one in reversed(made):
        flush_directory(one.parent)


def flush_file(path: Path) -> None:
    """Flushes a file that another library has written, with its name and that of its folder."""
    for place in (path, path.parent, path.parent.parent):
        flush_directory(place)


def flush_directory(directory: Path) -> None:
    """A rename is durable once its directory is."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_if_there(path: Path) -> bytes | None:
    """A file's content; None when there is none.

    Raises:
        Stalled: it cannot be read, or is larger than any file that is ever written.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MOST_FILE_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise Stalled(f"cannot read {path}: {error.strerror}", reason=Reason.NOT_READABLE) from error
    if len(content) > MOST_FILE_BYTES:
        raise Stalled(f"cannot read {path}: it has more than {MOST_FILE_BYTES:,} bytes", reason=Reason.NOT_READABLE)
    return content


def remove_parts(directory: Path) -> None:
    for folder in FOLDERS_WITH_PARTS:
        for part in directory.glob(folder + PART.format("*")):
            part.unlink(missing_ok=True)
