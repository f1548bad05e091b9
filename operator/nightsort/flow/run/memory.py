"""What a process remembers between passes, by resource. Each class says what a restart costs: time at most."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NewType

from nightsort.api.batch_record import BatchRecord
from nightsort.api.category_set import CategorySetSpec
from nightsort.api.status import Status
from nightsort.domain.batch import Batch
from nightsort.domain.candidate import Totals, Watch
from nightsort.domain.examples import Nearest
from nightsort.domain.known_tickets import KnownTickets
from nightsort.ports import Ledger

Uid = NewType("Uid", str)
Tag = NewType("Tag", str)
BatchId = NewType("BatchId", str)
OWNED_FOR = 10.0
MOST_POOLS = 3
"""Pools of examples that a process holds at a time. The largest takes some 50 MB."""


@dataclass(frozen=True, slots=True)
class Bought:
    """A batch that this process has bought, and the intent under which it did."""

    record: BatchRecord
    batch: Batch


@dataclass(slots=True)
class Purchases:
    """Batches that were bought and could not be written down yet. After a restart the intent's tag finds them again."""

    _by_tag: dict[Tag, Bought] = field(default_factory=dict)

    def note(self, bought: Bought) -> None:
        self._by_tag[Tag(bought.record.tag)] = bought

    def under(self, tag: str) -> Bought | None:
        return self._by_tag.get(Tag(tag))

    def all(self) -> Sequence[Bought]:
        return list(self._by_tag.values())

    def settle(self, tag: str) -> None:
        self._by_tag.pop(Tag(tag), None)


@dataclass(slots=True)
class Watches:
    """For how long an intent's outcome was searched for. After a restart its grace begins anew."""

    _by_tag: dict[Tag, Watch] = field(default_factory=dict)

    def begin(self, tag: str, watch: Watch) -> None:
        self._by_tag[Tag(tag)] = watch

    def of(self, tag: str, now: float) -> Watch:
        """The tag's watch; one that begins now (monotonic seconds) where there is none."""
        return self._by_tag.setdefault(Tag(tag), Watch(now))

    def under_way(self, tag: str) -> Watch | None:
        return self._by_tag.get(Tag(tag))

    def end(self, tag: str) -> None:
        self._by_tag.pop(Tag(tag), None)

    def is_empty(self) -> bool:
        return not self._by_tag


@dataclass(slots=True)
class Owned:
    """The batches that any record owns, read at most every ten seconds however many intents are to be settled.

    A batch bought since the last read is missing: it is one candidate more, and its tag tells it apart as soon as it
    has ended. A restart reads anew.
    """

    at: float | None = None
    ids: set[str] = field(default_factory=set)
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Callers that wait for the lock share its result: one list call to the API server, none to a tenant's server."""

    async def seen(self, ledger: Ledger, now: float) -> set[str]:
        async with self.reading:
            if self.at is None or now - self.at >= OWNED_FOR:
                self.ids, self.at = await ledger.owned_batches(), now
            return self.ids


@dataclass(slots=True)
class Proofs:
    """The tags of batches that may be ours. After a restart their results are read anew."""

    _seen_once: dict[BatchId, str] = field(default_factory=dict)
    _confirmed: dict[BatchId, str] = field(default_factory=dict)

    def of(self, batch_id: str) -> str | None:
        return self._confirmed.get(BatchId(batch_id))

    def found(self, batch_id: str, tag: str, own: Collection[str]) -> str | None:
        """The tag, once it is certain: one of our own at once, another one when two reads have shown it."""
        key = BatchId(batch_id)
        if tag not in own and self._seen_once.get(key) != tag:
            self._seen_once[key] = tag
            return None
        self._confirmed[key] = tag
        return tag


@dataclass(frozen=True, slots=True)
class ShortRead:
    """Since when (monotonic seconds) and how often results lacked lines, and how many lines the last read had."""

    since: float
    reads: int
    found: int


@dataclass(slots=True)
class ShortReads:
    """Results that lacked lines, by batch and by kind of gap. After a restart they are waited for once more."""

    _reads: dict[tuple[BatchId, str], ShortRead] = field(default_factory=dict)

    def note(self, batch_id: str, what: str, found: int, now: float) -> ShortRead:
        """Notes a read with fewer lines than an earlier one: it was cut and says nothing, so the wait begins anew."""
        fresh = ShortRead(now, 0, found)
        before = self._reads.get((BatchId(batch_id), what), fresh)
        read = ShortRead(before.since, before.reads + 1, found) if found >= before.found else fresh
        self._reads[BatchId(batch_id), what] = read
        return read

    def over(self, batch_id: str, what: str) -> None:
        self._reads.pop((BatchId(batch_id), what), None)


@dataclass(slots=True)
class Absences:
    """Since when (monotonic seconds) a thing has been absent. After a restart it is waited for once more."""

    _batches: dict[BatchId, float] = field(default_factory=dict)
    _source: float | None = None

    def of_batch(self, batch_id: str, now: float) -> float:
        """For how many seconds the API has not shown a batch."""
        return now - self._batches.setdefault(BatchId(batch_id), now)

    def batch_is_there(self, batch_id: str) -> None:
        self._batches.pop(BatchId(batch_id), None)

    def of_source(self, now: float) -> float:
        """For how many seconds the source could not be read."""
        self._source = now if self._source is None else self._source
        return now - self._source

    def source_is_there(self) -> None:
        self._source = None


@dataclass(frozen=True, slots=True)
class TooDear:
    """A batch that was measured and not bought, with its cost in USD; `at` is in monotonic seconds."""

    shard: int
    attempt: int
    price: Decimal
    at: float


@dataclass(frozen=True, slots=True)
class Known:
    """The newest status of a run that this process has written, or compared with its copy, and the version of it."""

    status: Status
    version: str


@dataclass(slots=True)
class Pools:
    """Pools of examples by their digests, the last used ones, for all runs: after a restart they are read again."""

    _by_hash: dict[str, Nearest] = field(default_factory=dict)

    def of(self, known: str) -> Nearest | None:
        nearest = self._by_hash.pop(known, None)
        if nearest is not None:
            self._by_hash[known] = nearest
        return nearest

    def remember(self, known: str, nearest: Nearest) -> None:
        self._by_hash[known] = nearest
        while len(self._by_hash) > MOST_POOLS:
            del self._by_hash[next(iter(self._by_hash))]


@dataclass(slots=True)
class Search:
    """What the search for the batches of lost creates has learned of anybody's batches, for all runs.

    `totals` holds the number of requests that the API gave for batches: after a restart they are watched anew.
    """

    owned: Owned = field(default_factory=Owned)
    proofs: Proofs = field(default_factory=Proofs)
    totals: Totals = field(default_factory=Totals)
    pools: Pools = field(default_factory=Pools)

    def forget_strangers(self) -> None:
        self.proofs, self.totals = Proofs(), Totals()


@dataclass(slots=True)
class RunMemory:
    """The memory of one run; `search` is that of all runs.

    `known` is the newest record that was compared with its copy: after a restart the copy is read again. `too_dear` is
    the batch that is above the limit: after a restart it is measured again. `cancel_asked` holds the batches whose
    cancellation was requested: after a restart it is requested again, which is harmless. `collecting` counts how often
    the collection of each batch has begun since the last success: a restart counts anew. `tries` are
    the failures in a row: a restart goes on with those that the status has.
    `next_poll_line` is when (monotonic seconds) the log says next that batches run, and the pause before it.
    """

    search: Search
    purchases: Purchases = field(default_factory=Purchases)
    watches: Watches = field(default_factory=Watches)
    short_reads: ShortReads = field(default_factory=ShortReads)
    absences: Absences = field(default_factory=Absences)
    known: Known | None = None
    too_dear: TooDear | None = None
    cancel_asked: set[BatchId] = field(default_factory=set)
    collecting: Counter[str] = field(default_factory=Counter)
    tries: int | None = None
    next_poll_line: tuple[float, float] | None = None
    known_tickets: tuple[str, KnownTickets] | None = None
    """The known tickets by the tag under which they are kept: after a restart they are read again."""
    category_set: tuple[str, CategorySetSpec] | None = None
    """The run's categories by the tag under which they are kept: after a restart they are read again."""


@dataclass(slots=True)
class Memory:
    """The memories of one process. A pass holds that of its own run, which a later `forget` does not bring back."""

    search: Search = field(default_factory=Search)
    _runs: dict[Uid, RunMemory] = field(default_factory=dict)

    def of(self, uid: str) -> RunMemory:
        return self._runs.setdefault(Uid(uid), RunMemory(self.search))

    def forget(self, uid: str) -> None:
        """Forgets a resource that is gone; other people's batches, too, once no create of any run is open."""
        self._runs.pop(Uid(uid), None)
        if all(run.watches.is_empty() for run in self._runs.values()):
            self.search.forget_strangers()
