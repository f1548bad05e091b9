"""The labelled file, which is never written over a file that is not ours."""

from __future__ import annotations

import glob
from hashlib import blake2b
from pathlib import Path
from typing import IO

from nightsort.cli.classification.order import InvalidOrder
from nightsort.wiring.classify import State

READ_BYTES = 1 << 20


class Output:
    """A file, and what the state knows of it: the digest of what was written last, and of what was about to be."""

    def __init__(self, state: State, path: Path) -> None:
        self._state, self.path = state, path
        self._key = str(path.absolute())

    def refuse_strange(self) -> None:
        """Asked before anything is bought.

        Raises:
            InvalidOrder: the file is there, and is not as it was written by this state.
        """
        if not self.path.exists():
            return
        known = self._state.rows("SELECT digest, pending FROM outputs WHERE path = ?", (self._key,))
        if not known:
            raise InvalidOrder(
                f"{self.path} is there already, and this state has not written it: move it away, or name another file "
                "with --output"
            )
        if self._digest() not in known[0]:
            raise InvalidOrder(
                f"{self.path} was changed since it was written: move it away to keep what was changed, or name another "
                "file with --output"
            )

    def clear_away(self) -> None:
        """What processes that were killed have left beside it."""
        for part in self.path.parent.glob(f".{glob.escape(self.path.name[:100])}.*.part"):
            part.unlink(missing_ok=True)

    def ready(self, file: IO[bytes]) -> None:
        """Keeps in mind what is about to take the file's place: whoever kills the process leaves one of the two."""
        file.seek(0)
        self._state.rows(
            "INSERT INTO outputs (path, pending) VALUES (?, ?) ON CONFLICT DO UPDATE SET pending = excluded.pending",
            (self._key, digest_of(file)),
        )

    def written(self) -> None:
        """It has taken the file's place."""
        self._state.rows("UPDATE outputs SET digest = pending, pending = NULL WHERE path = ?", (self._key,))

    def _digest(self) -> bytes:
        try:
            with self.path.open("rb") as file:
                return digest_of(file)
        except OSError as error:
            raise InvalidOrder(f"{self.path} cannot be read: {error.strerror}") from None


def digest_of(file: IO[bytes]) -> bytes:
    digest = blake2b(digest_size=16)
    while piece := file.read(READ_BYTES):
        digest.update(piece)
    return digest.digest()
