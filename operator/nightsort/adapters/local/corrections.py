"""Corrections in a file beside the tickets."""

from __future__ import annotations

from pathlib import Path

from nightsort.domain.correction import Corrections, Edit, edited
from nightsort.domain.errors import Stalled
from nightsort.domain.reasons import Reason
from nightsort.formats.corrections import InvalidCorrections, parsed, written
from nightsort.system.files import read_if_there, write_whole
from nightsort.system.locks import by_turns

OF_THE_OWNER = 0o600


class FileCorrections:
    """Implements `ports.CorrectionStore`. The file is replaced as a whole, by one process after the other."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def place(self) -> str:
        return str(self._path)

    async def read(self) -> Corrections:
        return corrections_in(self._path)

    async def change(self, edit: Edit) -> Corrections:
        with by_turns(self._path.parent):
            now = corrections_in(self._path)
            changes = edit(now)
            if not changes:
                return now
            made = edited(now, changes)
            write_whole(self._path, written(made).encode("utf-8", "replace"), self._mode())
            return made

    def _mode(self) -> int:
        """Its permissions stay; a new file is for its owner alone, since it has texts of tickets."""
        try:
            return self._path.stat().st_mode & 0o666
        except FileNotFoundError:
            return OF_THE_OWNER


def corrections_in(path: Path) -> Corrections:
    """The corrections of a file; none where there is no such file.

    Raises:
        Stalled: it cannot be read, or has something else in it.
    """
    content = read_if_there(path)
    try:
        return parsed((content or b"").decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise Stalled(f"{path}: no UTF-8 text, and so no corrections", reason=Reason.NOT_READABLE) from None
    except InvalidCorrections as invalid:
        raise Stalled(f"{path}: {invalid}. Mend it, or move it away", reason=Reason.NOT_READABLE) from None
