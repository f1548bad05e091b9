"""What is outside of every process: the store of the resources, the sources, the sinks."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from functools import lru_cache

from nightsort.api.batch_record import BatchState
from nightsort.api.resource import Meta, Resource
from nightsort.api.status import Status
from nightsort.domain.answer import Row
from nightsort.domain.errors import Stalled
from nightsort.domain.reasons import Reason
from nightsort.domain.record import batch_ids
from nightsort.domain.stored import Rehearsal, Stored, Summary
from nightsort.ports import Clock
from nightsort.testing.ledger import MemoryLedger, serialized, without

HISTORY = 6


class Truth(MemoryLedger):
    """The ledger that all processes write to. `witness` sees each status that is written, with the resource before."""

    def __init__(self, clock: Clock, witness: Callable[[Resource, Status, str], None]) -> None:
        super().__init__()
        self._clock = clock
        self._witness = witness
        self._history: defaultdict[str, list[Resource]] = defaultdict(list)
        self.full = False
        """Whether no status may grow."""
        self.copied: set[str] = set()
        """Tags of batches of which a copy of a record says that they are collected."""
        self.let_go: set[str] = set()
        """The same of released ones."""
        self.cut_intents: set[str] = set()
        """Tags of intents of which the store has dropped a part."""

    async def save(self, meta: Meta, status: Status) -> Meta:
        before = self.now(meta)
        if self.full and before is not None and len(serialized(status)) > len(self.kept[meta.key].status):
            raise Stalled(f"cannot write the status of {meta.key}: it is too large", reason=Reason.TOO_LARGE)
        after = await super().save(meta, status)
        if serialized(status) != self.kept[meta.key].status and before is not None:
            known = {each.tag for each in before.status.batches}
            intended = {each.tag for each in status.batches if each.state is BatchState.INTENDED}
            self.cut_intents |= intended - known
        if before is not None:
            self._witness(before, status, self.kept[meta.key].status)
            self._history[meta.uid] = [*self._history[meta.uid], before][-HISTORY:]
        return after

    async def keep_record(self, meta: Meta, status: Status, *, removing: bool = False) -> None:
        await super().keep_record(meta, status, removing=removing)
        self.copied |= {each.tag for each in status.batches if each.state is BatchState.COLLECTED}
        self.let_go |= {each.tag for each in status.batches if each.state is BatchState.RELEASED}

    def current(self, meta: Meta) -> Resource:
        kept = self.kept[meta.key]
        return replace(
            kept.resource,
            meta=replace(kept.resource.meta, resource_version=str(kept.version)),
            status=parsed(without(kept.status, self.unknown)),
        )

    async def owned_batches(self) -> set[str]:
        return {batch for kept in self.kept.values() for batch in batch_ids(parsed(without(kept.status, self.unknown)))}

    def copy_of(self, meta: Meta) -> Status:
        """What is kept beside a resource that is there; an empty status where nothing is."""
        return self.kept[meta.key].copy.status or Status()

    def now(self, meta: Meta) -> Resource | None:
        return self.current(meta) if self._holds(meta) else None

    def seen(self, meta: Meta, age: int) -> Resource | None:
        """The resource as it was some writes ago, which is what a watch that lags shows."""
        older = self._history[meta.uid]
        return older[-min(age, len(older))] if age and older else self.now(meta)

    def delete(self, meta: Meta) -> None:
        """Somebody asks for its deletion; a finalizer keeps it until the operator has said farewell."""
        kept = self.kept[meta.key]
        marked = replace(kept.resource.meta, deletion_timestamp=self._clock.now())
        kept.resource = replace(kept.resource, meta=marked)
        self.touch(meta)


@lru_cache(maxsize=256)
def parsed(status: str) -> Status:
    """Statuses are frozen, so that one who reads may have what another has read; parsing them is most of the time."""
    return Status.model_validate_json(status)


class Shelf:
    """A sink's memory: for each ticket the rows that it has, of which there is to be one.

    Labels of the tickets in `drops` are taken without an error and not kept, as by a trigger of a database; `dropped`
    are these rows.
    """

    def __init__(self) -> None:
        self.rows: defaultdict[str, list[Row]] = defaultdict(list)
        self.own: dict[str, Row] = {}
        self.drops: frozenset[str] = frozenset()
        self.dropped: dict[str, Row] = {}
        self.labeled_at: dict[str, float] = {}
        self.writers: defaultdict[str, dict[str, Row]] = defaultdict(dict)

    def written_by(self, uid: str) -> Shelf:
        """The same rows, as one run writes them: `writers` has its last row for each ticket."""
        mine = Shelf()
        mine.rows, mine.drops, mine.dropped = self.rows, self.drops, self.dropped
        mine.labeled_at, mine.own = self.labeled_at, self.writers[uid]
        return mine

    async def check(self, rehearsal: Rehearsal) -> None:
        pass

    async def write(self, rows: AsyncIterator[Sequence[Row]]) -> Stored:
        missing = 0
        async for page in rows:
            for row in page:
                if row.category and row.id in self.drops:
                    self.dropped[row.id] = row
                    missing += 1
                    continue
                self.put(row)
                if row.category:
                    self.labeled_at.setdefault(row.id, asyncio.get_running_loop().time())
        return Stored({"table": "shelf"}, missing)

    def put(self, row: Row) -> None:
        """A label stays, unless it was for another text or other settings, by the hashes of both."""
        if row.category or not any(self.is_of_the_same(row, kept) for kept in self.rows[row.id] if kept.category):
            self.rows[row.id] = [row]
        if row.category or row.id not in self.own or not self.own[row.id].category:
            self.own[row.id] = row

    @staticmethod
    def is_of_the_same(fresh: Row, there: Row) -> bool:
        return fresh.hash is None or there.hash is None or fresh.hash == there.hash

    async def finish(self, summary: Summary) -> Stored:
        return Stored({"table": "shelf"})


def source_name(resource: Resource) -> str:
    config_map = resource.spec.source.config_map
    return config_map.name if config_map else ""
