"""Rows as files in object storage, under `<url>/<resource>/`: one for each batch, and one for unsent tickets.

A write is repeated after a crash, and an object is only ever replaced whole. So an object's name comes from the run
and the batch, and a write replaces the rows of the same tickets in its object.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from itertools import chain
from tempfile import SpooledTemporaryFile
from types import TracebackType
from typing import Self

from nightsort.adapters.object_store.earlier_rows import PLACE, RIGHTS, EarlierRows, records_of
from nightsort.adapters.object_store.options import StorePolicy
from nightsort.adapters.object_store.owner import FolderOwner
from nightsort.adapters.object_store.store import Folder
from nightsort.api.object_store import ObjectStoreResults
from nightsort.api.resource import Meta
from nightsort.domain.answer import Row
from nightsort.domain.fields import AskedField
from nightsort.domain.stored import EvaluationReport, Rehearsal, Stored, Summary
from nightsort.formats.evaluations import FILE as EVALUATION
from nightsort.formats.evaluations import evaluation_of
from nightsort.formats.rows import Beside, form_of, readable, summary_of
from nightsort.system.threads import InThread

PIECE_ROWS = 100_000
"""As many as a batch can have; bounds the ids in memory."""
IN_MEMORY_BYTES = 1_000_000
BLOCK_BYTES = 256 * 1024
INDEX, SUMMARY, PROBE = "index.json", "summary.json", ".nightsort-probe"
PLAIN_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")


def prefix_of(owner: Meta) -> str:
    """The beginning of the names of a run's objects."""
    return f"rows-{blake2b(owner.uid.encode(), digest_size=4).hexdigest()}-"


class Piece:
    """Rows of one batch on their way into its object, on disk when there are many."""

    def __init__(self) -> None:
        self._file = SpooledTemporaryFile(max_size=IN_MEMORY_BYTES)  # noqa: SIM115 - closed by __exit__
        self.ids: set[str] = set()
        self.batch_id: str | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def takes(self, row: Row) -> bool:
        if not self.ids:
            return True
        return row.batch_id == self.batch_id and row.id not in self.ids and len(self.ids) < PIECE_ROWS

    def add(self, row: Row, record: str) -> None:
        self.batch_id = row.batch_id
        self.ids.add(row.id)
        self._file.write(record.encode("utf-8", "replace"))

    def blocks(self) -> Iterator[bytes]:
        return blocks_of(self._file)

    def clear(self) -> None:
        self.ids.clear()
        self._file.seek(0)
        self._file.truncate()


class ObjectRows:
    """Implements `ports.ClaimedSink` and `ports.ReusableSink`.

    The index names the objects of this run; those of an earlier resource stay.
    """

    def __init__(
        self,
        results: ObjectStoreResults,
        options: Mapping[str, str],
        policy: StorePolicy,
        owner: Meta,
        fields: Sequence[AskedField] = (),
        *,
        reuses: bool = False,
        deduped: bool = False,
        of_set: bool = False,
        in_thread: InThread = asyncio.to_thread,
    ) -> None:
        """`reuses`: rows are stored with their hashes, and count in later runs below the same URL. `deduped`: they say
        whose copies they are. `of_set`: they have the hash of a CategorySet.

        Raises Stalled or Rejected when the policy does not allow the URL; connects to nothing yet."""
        self._url = f"{results.url.rstrip('/')}/{owner.name}/"
        self._folder = Folder(self._url, options, policy, place=PLACE, rights=RIGHTS, make=True)
        self._owner = FolderOwner(self._folder, owner)
        self._in_thread = in_thread
        self.reuses = reuses
        self._form = form_of(results.format, fields, Beside(hashed=reuses, deduped=deduped, of_set=of_set))
        self._before = EarlierRows(results.url, options, policy)
        self._prefix = prefix_of(owner)
        self._unsent = self._name_of(None)

    async def check(self, rehearsal: Rehearsal) -> None:
        """Checks the folder's owner, and rehearses a write: an empty object is put, read, listed and deleted."""
        await self._in_thread(self._rehearse)

    async def claim(self) -> None:
        await self._in_thread(self._owner.claim)

    async def write(self, rows: AsyncIterator[Sequence[Row]]) -> Stored:
        with Piece() as piece:
            async for chunk in rows:
                for row in chunk:
                    if not piece.takes(row):
                        await self._in_thread(self._store, piece)
                        piece.clear()
                    piece.add(row, self._form.record(row))
            if piece.ids:
                await self._in_thread(self._store, piece)
        return Stored({"object_store": self._url})

    async def unchanged(self, hashes: Mapping[str, str]) -> Collection[str]:
        return await self._in_thread(self._before.unchanged, hashes)

    async def finish(self, summary: Summary) -> Stored:
        await self._in_thread(self._finish, summary)
        return Stored({"object_store": self._url})

    async def report(self, report: EvaluationReport) -> None:
        content = readable(evaluation_of(report)).encode()
        await self._in_thread(self._folder.put, EVALUATION, content)

    def _rehearse(self) -> None:
        self._owner.hold()
        self._folder.put(PROBE, b"")
        self._folder.size(PROBE)
        for _ in self._folder.names():
            break
        self._folder.delete_if_allowed(PROBE)

    def _store(self, piece: Piece) -> None:
        """The batch's object first: until a crash between the two is repaired, a ticket is there twice, not lost."""
        name = self._name_of(piece.batch_id)
        self._replace(name, piece.ids, piece.blocks())
        if name != self._unsent and any(ticket_id in piece.ids for ticket_id, _ in self._records(self._unsent)):
            self._replace(self._unsent, piece.ids, ())

    def _replace(self, name: str, ids: set[str], fresh: Iterable[bytes]) -> None:
        """Puts the object with these rows, and with its rows of other tickets.

        The old object is read to its end before anything is put: the library cannot do both at once.
        """
        with SpooledTemporaryFile(max_size=IN_MEMORY_BYTES) as others:
            others.write(self._form.header.encode())
            others.writelines(record.encode() for ticket_id, record in self._records(name) if ticket_id not in ids)
            self._folder.put(name, chain(blocks_of(others), fresh))

    def _records(self, name: str) -> Iterator[tuple[str, str]]:
        return records_of(self._folder, name, self._form)

    def _finish(self, summary: Summary) -> None:
        empty = len(self._form.header.encode())
        found = sorted(
            (name, size) for name, size in self._folder.names() if name.startswith(self._prefix) and size > empty
        )
        objects = [{"name": name, "bytes": size} for name, size in found]
        index = {"tickets": summary.tickets, "url": self._url, "format": self._form.ending, "objects": objects}
        self._folder.put(INDEX, readable(index).encode())
        self._folder.put(SUMMARY, readable(summary_of(summary)).encode())

    def _name_of(self, batch_id: str | None) -> str:
        batch = batch_id or "unsent"
        if not PLAIN_ID.fullmatch(batch):
            batch = blake2b(batch.encode(), digest_size=16).hexdigest()
        return f"{self._prefix}{batch}.{self._form.ending}"


def blocks_of(file: SpooledTemporaryFile[bytes]) -> Iterator[bytes]:
    file.seek(0)
    while block := file.read(BLOCK_BYTES):
        yield block
