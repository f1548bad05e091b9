"""Where local mode keeps what belongs to a name: in a folder of its namespace, away from files of our own."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from nightsort.system.files import LOCK

TAKEN = frozenset({LOCK, "classify.lock", "classify.sqlite", "classify.sqlite-shm", "classify.sqlite-wal"})
"""Names of our own files in the directory of the state, those of `nightsort classify` among them."""


def folder_of(state: Path, namespace: str, name: str) -> Path:
    """STATE/NAMESPACE/NAME. No name begins with the underscore that a namespace gets which is called like our files."""
    return state / (f"_{namespace}" if namespace in TAKEN else namespace) / name


def remove(folder: Path, files: Iterable[Path]) -> None:
    """Removes files of our own, and their folder where nothing else is in it: what people keep there stays."""
    for file in files:
        file.unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()
