"""The labelled file, which never replaces a file that is not ours."""

from __future__ import annotations

import glob
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import IO

from nightsort.api.spec import Spec, field_names
from nightsort.cli.classification.order import InvalidOrder
from nightsort.cli.classification.reading import TicketFile
from nightsort.domain.correction import COLUMNS as CORRECTED
from nightsort.domain.correction import Corrections
from nightsort.domain.fields import as_text, padded
from nightsort.formats.rows import SAME_AS
from nightsort.formats.tickets import InvalidFile
from nightsort.wiring.classify import Comparison, Label, State, StateOutput

COLUMNS = ("category", "verdict", "reason")
READ_BYTES = 1 << 20


class Output:
    """A file, and the state's knowledge of it."""

    def __init__(self, state: State, path: Path) -> None:
        self.path, self._kept = path, StateOutput(state, path)

    def refuse_strange(self) -> None:
        """Checks the file before anything is bought.

        Raises:
            InvalidOrder: the file exists, and its content was not written by this state.
        """
        if not self.path.exists():
            return
        known = self._kept.digests()
        if not known:
            raise InvalidOrder(
                f"{self.path} is there already, and this state has not written it: move it away, or name another file "
                "with --output"
            )
        if self._digest() not in known:
            raise InvalidOrder(
                f"{self.path} was changed since it was written: move it away to keep what was changed, or name another "
                "file with --output"
            )

    def write(self, table: TicketFile, comparison: Comparison, spec: Spec, corrections: Corrections) -> tuple[str, ...]:
        """Writes the file with its labels; returns the names of their columns. Corrected tickets have the person's.

        Raises:
            InvalidOrder: it cannot be written, or the input has changed since it was read.
        """

        fields, deduped = field_names(spec), spec.dedupe == "Exact"
        further = [*([SAME_AS] if deduped else []), *([column.name for column in CORRECTED] if corrections else [])]

        def labels() -> Iterator[tuple[str, tuple[str | None, ...]]]:
            return ((one.id, cells_of(one, len(fields), corrections, deduped=deduped)) for one in comparison.labels())

        self.clear_away()
        try:
            names = table.write(self.path, (*COLUMNS, *fields, *further), labels, self.ready)
        except InvalidFile as error:
            raise InvalidOrder(
                f"{error}. The labels are kept: the same command writes them, and buys none again"
            ) from None
        self.written()
        return names

    def clear_away(self) -> None:
        """Leftovers of killed processes beside it."""
        for part in self.path.parent.glob(f".{glob.escape(self.path.name[:100])}.*.part"):
            part.unlink(missing_ok=True)

    def ready(self, file: IO[bytes]) -> None:
        """Notes the new content before it replaces the file: a killed process leaves one of the two."""
        file.seek(0)
        self._kept.next(digest_of(file))

    def written(self) -> None:
        """Notes that the new content has replaced the file."""
        self._kept.written()

    def _digest(self) -> bytes:
        try:
            with self.path.open("rb") as file:
                return digest_of(file)
        except OSError as error:
            raise InvalidOrder(f"{self.path} cannot be read: {error.strerror}") from None


def cells_of(label: Label, fields: int, corrections: Corrections, *, deduped: bool = False) -> tuple[str | None, ...]:
    """The cells of a ticket; with two more for the model's category and the reviewer where there are corrections.

    deduped: one more names the ticket that was asked about in its place.
    """
    if not fields and not corrections and not deduped:
        return label.category, label.verdict, label.reason
    values = map(as_text, padded(label.values, fields))
    cells = (label.verdict, label.reason, *(None if value is None else str(value) for value in values))
    cells += (label.same_as,) if deduped else ()
    if not corrections:
        return label.category, *cells
    found = corrections.get(label.id)
    if found is None:
        return label.category, *cells, None, None
    return found.category, *cells, label.category, found.by


def digest_of(file: IO[bytes]) -> bytes:
    digest = blake2b(digest_size=16)
    while piece := file.read(READ_BYTES):
        digest.update(piece)
    return digest.digest()
