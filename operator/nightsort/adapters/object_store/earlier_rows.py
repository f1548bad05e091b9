"""Rows that runs have stored below one URL, read for the hashes beside them."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Mapping
from typing import TextIO, TypeVar

from nightsort.adapters.object_store.options import StorePolicy
from nightsort.adapters.object_store.store import Folder
from nightsort.domain.reasons import Reason
from nightsort.formats.row_hashes import HASHES
from nightsort.formats.rows import FORMATS, DamagedFile, FileFormat

T = TypeVar("T")
PLACE = "results.objectStore"
RIGHTS = "list the bucket, and to read, write and delete objects in the folder"
NEWLINES = {name: form.newline for name, form in FORMATS.items()}
NAME_OF_ROWS = re.compile(r"[^/]+/rows-[0-9a-f]{8}-[A-Za-z0-9_-]+\.(jsonl|csv)")
"""Names of objects with rows: the resource's folder, the run and the batch."""


class EarlierRows:
    """The rows of all runs below a URL, whatever their format. All calls block."""

    def __init__(self, url: str, options: Mapping[str, str], policy: StorePolicy) -> None:
        """Raises Stalled or Rejected when the policy does not allow the URL; connects to nothing yet."""
        self._folder = Folder(url.rstrip("/"), options, policy, place=PLACE, rights=RIGHTS, make=True)

    def unchanged(self, hashes: Mapping[str, str]) -> set[str]:
        """The tickets of which a row has this hash. Only these ids are held: rows of many years take no memory."""
        found: set[str] = set()
        if not hashes:
            return found
        for name, _ in sorted(self._folder.names(), reverse=True):  # the last nights have most of them, by their names
            kind = NAME_OF_ROWS.fullmatch(name)
            if kind is None:
                continue
            for ticket_id, known in read(self._folder, name, NEWLINES[kind[1]], HASHES[kind[1]]):
                if known is not None and hashes.get(ticket_id) == known:
                    found.add(ticket_id)
            if len(found) == len(hashes):
                break
        return found


def records_of(folder: Folder, name: str, form: FileFormat) -> Iterator[tuple[str, str]]:
    """Ids and records of an object; nothing where there is none. Raises Stalled where somebody has changed it."""
    return read(folder, name, form.newline, form.scan)


def read(folder: Folder, name: str, newline: str, scan: Callable[[TextIO], Iterator[T]]) -> Iterator[T]:
    file = folder.read(name)
    if file is None:
        return
    with io.TextIOWrapper(file, encoding="utf-8", newline=newline) as text:
        try:
            yield from scan(text)
        except (DamagedFile, UnicodeDecodeError) as damage:
            raise folder.stalled(
                f"object {name}: {damage}; somebody has changed it. Remove it", Reason.RESULTS_DAMAGED
            ) from None
