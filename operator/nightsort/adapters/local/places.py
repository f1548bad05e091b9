"""Folders of local mode for names: in a folder of their namespace, away from files of our own."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from nightsort.system.files import LOCK

TAKEN = frozenset({LOCK, "classify.lock", "classify.sqlite", "classify.sqlite-shm", "classify.sqlite-wal"})
"""Names of our own files in the state's directory, including those of `nightsort classify`."""


def folder_of(state: Path, namespace: str, name: str) -> Path:
    """STATE/NAMESPACE/NAME. A namespace with the name of one of our files gets an underscore; no name begins so."""
    return state / (f"_{namespace}" if namespace in TAKEN else namespace) / name


def remove(folder: Path, files: Iterable[Path]) -> None:
    """Removes files of our own, and their folder if nothing else is in it: files that people keep there stay."""
    for file in files:
        file.unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()
