"""What the state of `nightsort classify` knows of the files that it wrote."""

from __future__ import annotations

from pathlib import Path

from nightsort.adapters.local.state import State


class StateOutput:
    """One file, by its absolute path: digests of the content that was written last, and of the next."""

    def __init__(self, state: State, path: Path) -> None:
        self._state, self._key = state, str(path.absolute())

    def digests(self) -> frozenset[bytes]:
        """Of the contents that the file may have; empty if the state has never written it."""
        found = self._state.rows("SELECT digest, pending FROM outputs WHERE path = ?", (self._key,))
        return frozenset(digest for row in found for digest in row if digest is not None)

    def next(self, digest: bytes) -> None:
        """Notes the new content before it replaces the file: a killed process leaves one of the two."""
        self._state.rows(
            "INSERT INTO outputs (path, pending) VALUES (?, ?) ON CONFLICT DO UPDATE SET pending = excluded.pending",
            (self._key, digest),
        )

    def written(self) -> None:
        """Notes that the new content has replaced the file."""
        self._state.rows("UPDATE outputs SET digest = pending, pending = NULL WHERE path = ?", (self._key,))
