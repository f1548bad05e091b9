"""The labelled file: written whole or not at all, and never over a file that is not ours."""

from __future__ import annotations

import os
from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path

from nightsort.cli.classification.order import InvalidOrder
from nightsort.domain.errors import Stalled
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

    def write(self, pieces: Iterable[bytes]) -> None:
        """Replaces the file. Whoever kills the process leaves the former file or the new one, and the state knows both.

        Raises:
            Stalled: the disk is full, or the place cannot be written to.
        """
        part = self.path.with_name(f".{self.path.name}.part")
        digest = blake2b(digest_size=16)
        try:
            with part.open("wb") as file:
                for piece in pieces:
                    digest.update(piece)
                    file.write(piece)
                file.flush()
                os.fsync(file.fileno())
            self._state.rows(
                "INSERT INTO outputs (path, pending) VALUES (?, ?) "
                "ON CONFLICT DO UPDATE SET pending = excluded.pending",
                (self._key, digest.digest()),
            )
            part.replace(self.path)
            self._flush_folder()
        except OSError as error:
            part.unlink(missing_ok=True)
            raise Stalled(
                f"cannot write {self.path}: {error.strerror}; the labels are kept: mend that, and the same command "
                "writes them without buying anything",
                reason="NotWritable",
            ) from error
        self._state.rows("UPDATE outputs SET digest = pending, pending = NULL WHERE path = ?", (self._key,))

    def _digest(self) -> bytes:
        digest = blake2b(digest_size=16)
        try:
            with self.path.open("rb") as file:
                while piece := file.read(READ_BYTES):
                    digest.update(piece)
        except OSError as error:
            raise InvalidOrder(f"{self.path} cannot be read: {error.strerror}") from None
        return digest.digest()

    def _flush_folder(self) -> None:
        descriptor = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
