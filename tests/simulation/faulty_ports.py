"""The ports as one process has them: each call may go wrong on its way to the world and back."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

from nightsort.adapters.config_map.sink import ConfigMapRows
from nightsort.api.examples import ExamplesFrom
from nightsort.api.resource import Meta, Resource
from nightsort.api.status import Status
from nightsort.domain.account import Account as Marks
from nightsort.domain.answer import Answer, Row
from nightsort.domain.batch import Batch, Catalogue, ModelFacts
from nightsort.domain.errors import Interruption, OutcomeUnknown, Stalled, Waiting
from nightsort.domain.reasons import Reason
from nightsort.domain.recovery import Kept
from nightsort.domain.snapshot import Snapshot
from nightsort.domain.stored import Rehearsal, Stored, Summary
from nightsort.domain.ticket import Ticket
from nightsort.flow.run.circuit_breaker import CircuitBreakerApi
from nightsort.flow.run.disk import Scratch
from nightsort.ports import BatchApi, ChangingSource, Sink, Source
from tests.simulation.account import Account
from tests.simulation.chaos import Fault
from tests.simulation.names import ConfigMapsDoor, results_of
from tests.simulation.truth import Shelf, Truth, source_name

if TYPE_CHECKING:
    from tests.simulation.process import Process


def away(what: str) -> Waiting:
    return Waiting(f"{what} cannot be reached", reason=Reason.DATABASE_UNREACHABLE)


LOST = OutcomeUnknown("the answer to the create call was lost")
REFUSALS: tuple[Interruption, ...] = (
    Waiting("the API's rate limit is reached", reason=Reason.RATE_LIMITED, retry_after=30.0),
    Waiting("the API is overloaded", reason=Reason.OVERLOADED),
    Stalled("the account's spend limit is reached", reason=Reason.SPEND_LIMIT_REACHED),
    LOST,
)


class LedgerDoor:
    def __init__(self, process: Process, truth: Truth) -> None:
        self._process, self._truth = process, truth
        self._call = process.call

    async def load(self, meta: Meta) -> Resource | None:
        return await self._call("load", lambda: self._truth.load(meta), away("the store"), about=meta.name)

    async def save(self, meta: Meta, status: Status) -> Meta:
        told = f"{meta.name} {status.phase}: {status.message}"
        return await self._call("save", lambda: self._truth.save(meta, status), away("the store"), about=told)

    async def ensure_recordable(self, meta: Meta, *, rewriting: bool = False) -> None:
        await self._call(
            "ensure_recordable",
            lambda: self._truth.ensure_recordable(meta, rewriting=rewriting),
            away("the store"),
            about=meta.name,
        )

    async def owned_batches(self) -> set[str]:
        if self._process.world.is_blind:
            raise away("the store of other records")
        return await self._call("owned_batches", self._truth.owned_batches, away("the store"))

    async def unfinished(self) -> Sequence[Resource]:
        return await self._call("unfinished", self._truth.unfinished, away("the store"))

    async def others(self, meta: Meta, within: float = 0.0) -> Sequence[Resource]:
        return await self._call("others", lambda: self._truth.others(meta), away("the store"), about=meta.name)

    async def ended(self, meta: Meta) -> Sequence[Resource]:
        return await self._call("ended", lambda: self._truth.ended(meta), away("the store"), about=meta.name)

    async def remove(self, meta: Meta) -> None:
        await self._call("remove", lambda: self._truth.remove(meta), away("the store"), about=meta.name)

    async def keep_long_ids(self, meta: Meta, tag: str, ids: Mapping[str, str]) -> None:
        await self._call("keep_long_ids", lambda: self._truth.keep_long_ids(meta, tag, ids), away("the store"))

    async def keep_record(self, meta: Meta, status: Status, *, removing: bool = False) -> None:
        keep = lambda: self._truth.keep_record(meta, status, removing=removing)  # noqa: E731 - as the other doors
        await self._call("keep_record", keep, away("the store"), about=meta.name)

    async def kept_record(self, meta: Meta) -> Kept:
        return await self._call(
            "kept_record", lambda: self._truth.kept_record(meta), away("the store"), about=meta.name
        )

    async def forget_record(self, meta: Meta, anew: str) -> None:
        await self._call("forget_record", lambda: self._truth.forget_record(meta, anew), away("the store"))

    async def long_ids(self, meta: Meta, tag: str) -> Mapping[str, str]:
        return await self._call("long_ids", lambda: self._truth.long_ids(meta, tag), away("the store"))


class ApiDoor:
    def __init__(self, process: Process, account: Account) -> None:
        self._process, self._account = process, account
        self._call = process.call

    async def create(self, body: BinaryIO, size: int, tag: str) -> Batch:
        refusal = self._process.world.rng.choice(REFUSALS)
        sent = await self._process.upload(body, size)  # what stalls is on its way
        self._process.world.oracle.begun.add(tag)
        effect = lambda: self._account.create(io.BytesIO(sent), size, tag)  # noqa: E731 - as the other doors have it
        try:
            return await self._call("create", effect, refusal, LOST, about=tag)
        except OutcomeUnknown:
            self._process.world.lost(tag)
            raise

    async def retrieve(self, batch_id: str) -> Batch | None:
        if self._process.world.chaos.chance(0.01):
            return None
        return await self._call("retrieve", lambda: self._account.retrieve(batch_id), away("the API"), about=batch_id)

    async def recent(self, since: datetime) -> Sequence[Batch]:
        return await self._call("recent", lambda: self._account.recent(since), away("the API"))

    async def behind(self, batch_id: str, until: datetime) -> Sequence[Batch]:
        return await self._call("behind", lambda: self._account.behind(batch_id, until), away("the API"))

    async def newest(self) -> Batch | None:
        return await self._call("newest", self._account.newest, away("the API"))

    def account(self, salt: str) -> Marks:
        return self._account.account(salt)

    async def results(self, batch: Batch) -> AsyncIterator[Sequence[Answer]]:
        lines = await self._process.stream("results", lambda: self._lines(batch), away("the API"), about=batch.id)
        for line in lines:
            if isinstance(line, Interruption):
                raise line
            yield [line]

    async def _lines(self, batch: Batch) -> list[Answer]:
        self._process.world.results_are_read(batch)
        return [answer async for chunk in self._account.results(batch) for answer in chunk]

    async def cancel(self, batch_id: str) -> None:
        await self._call("cancel", lambda: self._account.cancel(batch_id), away("the API"), about=batch_id)

    async def model(self, model: str) -> ModelFacts | None:
        return await self._call("model", lambda: self._account.model(model), away("the API"))

    async def catalogue(self) -> Catalogue:
        return await self._call("catalogue", self._account.catalogue, away("the API"))

    async def count_tokens(self, model: str, system: str, text: str) -> int:
        return await self._call(
            "count_tokens", lambda: self._account.count_tokens(model, system, text), away("the API")
        )


class ScratchDoor(Scratch):
    """Temporary files in memory, on a disk that now and then has no room, no more files, or fails."""

    place = "/tmp"

    def __init__(self, process: Process) -> None:
        self._process = process

    def open(self) -> BinaryIO:
        self.fail(0.002, errno.EMFILE, errno.EROFS)
        return ScratchFile(self)

    def sync(self, file: BinaryIO) -> None:
        self.fail(0.02, errno.ENOSPC, errno.EIO)

    def fail(self, probability: float, *codes: int) -> None:
        world = self._process.world
        if world.chaos.chance(probability):
            code = world.rng.choice(codes)
            self._process.disk_faults += 1
            world.trace(self._process.number, "the disk fails", os.strerror(code))
            raise OSError(code, os.strerror(code))


class ScratchFile(io.BytesIO):
    def __init__(self, scratch: ScratchDoor) -> None:
        super().__init__()
        self._scratch = scratch

    def read(self, size: int | None = -1) -> bytes:
        self._scratch.fail(0.01, errno.EIO, errno.ENOMEM)
        return super().read(size)

    def write(self, content: Any) -> int:
        self._scratch.fail(0.002, errno.ENOSPC, errno.EDQUOT)
        return super().write(content)


class SourceDoor:
    def __init__(self, process: Process, source: Source) -> None:
        self._process, self._source = process, source
        self._call = process.call

    async def check(self) -> Sequence[str]:
        return await self._call("source.check", self._source.check, Stalled("the tickets cannot be read"))

    async def count(self) -> int:
        return await self._call("source.count", self._source.count, away("the source"))

    async def tickets(self, after: str | None = None, through: str | None = None) -> AsyncIterator[Sequence[Ticket]]:
        async for page in self._source.tickets(after, through):
            yield await self._process.stream_page("source.tickets", page, away("the source"))

    async def by_ids(self, ids: Sequence[str]) -> Sequence[Ticket]:
        return await self._call("source.by_ids", lambda: self._source.by_ids(ids), away("the source"))


class QueryDoor(SourceDoor):
    def __init__(self, process: Process, source: ChangingSource) -> None:
        super().__init__(process, source)
        self._changing = source

    async def snapshot(self) -> Snapshot:
        return await self._call("source.snapshot", self._changing.snapshot, away("the source"))

    async def among(self, ids: Sequence[str]) -> AsyncIterator[Sequence[Ticket]]:
        async for page in self._changing.among(ids):
            yield await self._process.stream_page("source.among", page, away("the source"))

    async def place(self) -> Sequence[str]:
        moved = self._process.world.moved
        return await self._call("source.place", lambda: place_of(moved), away("the source"))

    async def outdated(self, ids: Sequence[str]) -> Sequence[str]:
        return await self._call("source.outdated", lambda: self._changing.outdated(ids), away("the source"))


class SinkDoor:
    def __init__(self, process: Process, shelf: Shelf) -> None:
        self._process, self._shelf = process, shelf
        self._call = process.call

    async def check(self, rehearsal: Rehearsal) -> None:
        await self._call("sink.check", lambda: self._shelf.check(rehearsal), Stalled("the table is missing"))

    async def write(self, rows: AsyncIterator[Sequence[Row]]) -> Stored:
        given = [row async for page in rows for row in page]
        blow = self._process.blow("write", f"{len(given)} rows", more=(Fault.HALF,))
        if blow.fault is Fault.HALF:
            await self._shelf.write(pages(given[: len(given) // 2]))
            raise away("the database")
        write = lambda: self._shelf.write(pages(given))  # noqa: E731 - as the other doors have it
        return await self._process.suffer(blow, write, away("the database"), away("the database"))

    async def finish(self, summary: Summary) -> Stored:
        return await self._call("sink.finish", lambda: self._shelf.finish(summary), away("the database"))


class ReusedDoor(SinkDoor):
    """A table whose rows stand from night to night; who has written them is noted for the oracle."""

    reuses = True

    def __init__(self, process: Process, shelf: Shelf, uid: str) -> None:
        super().__init__(process, shelf)
        self._shelf = shelf.written_by(uid)

    async def unchanged(self, hashes: Mapping[str, str]) -> Collection[str]:
        async def ask() -> Collection[str]:
            rows = [row for stored in self._shelf.rows.values() for row in stored]
            return [row.id for row in rows if row.hash is not None and hashes.get(row.id) == row.hash]

        return await self._call("sink.unchanged", ask, away("the database"))


class TableDoor(SinkDoor):
    """A table that other runs write to as well, and that knows whose labels are there."""

    def __init__(self, process: Process, shelf: Shelf, source: str) -> None:
        super().__init__(process, shelf)
        self._source = source

    async def place(self) -> Sequence[str]:
        moved = self._shelf is self._process.world.another
        return await self._call("sink.place", lambda: place_of(moved), away("the database"))

    async def labeled(self, ids: Sequence[str]) -> Sequence[str]:
        async def ask() -> Sequence[str]:
            labeled = self._process.world.labeled(self._source)
            return [each for each in ids if each in labeled]

        return await self._call("sink.labeled", ask, away("the database"))


async def place_of(moved: bool) -> Sequence[str]:
    return ["another" if moved else "its own"]


async def pages(rows: Sequence[Row]) -> AsyncIterator[Sequence[Row]]:
    for start in range(0, len(rows), 7):
        yield rows[start : start + 7]


class EventsDoor:
    """Events may be lost without an error, and the process may end at one."""

    def __init__(self, process: Process) -> None:
        self._process = process

    async def post(self, meta: Meta, kind: Literal["Normal", "Warning"], reason: str, message: str) -> None:
        async def tell() -> None:
            self._process.world.oracle.told(meta, reason, message)

        blow = self._process.blow("event", f"{meta.name} {reason}: {message}")
        if blow.fault in (Fault.BEFORE, Fault.AFTER):
            await tell()  # what matters stands in the log, too
            return
        await self._process.suffer(blow, tell, away("events"), away("events"))


class Connections:
    """The same doors for as long as the process lives, as real connections are."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._apis: dict[str, BatchApi] = {}

    async def api(self, resource: Resource) -> BatchApi:
        async def connect() -> BatchApi:
            account = self._process.world.account_of(resource)
            if account not in self._apis:
                self._apis[account] = self._open(account)
            return self._apis[account]

        return await self._process.call(
            "secret", connect, Stalled("the Secret is missing", reason=Reason.SECRET_MISSING)
        )

    def _open(self, account: str) -> BatchApi:
        """Mostly as in a cluster, where what ails an account makes all of its resources wait; else each for itself."""
        world = self._process.world
        door = ApiDoor(self._process, world.accounts[account])
        return CircuitBreakerApi(door, world.clock, world.rng.random) if world.scenario.paced else door

    async def source(self, resource: Resource) -> Source:
        source = self._process.world.source_of(resource)
        return (
            QueryDoor(self._process, source)
            if isinstance(source, ChangingSource)
            else SourceDoor(self._process, source)
        )

    async def examples(self, resource: Resource, pool: ExamplesFrom) -> Source:
        return SourceDoor(self._process, self._process.world.pools.source)

    async def sinks(self, resource: Resource) -> Sequence[Sink]:
        world = self._process.world
        if world.scenario.named:
            door = ConfigMapsDoor(self._process, world.cabinet)
            return [ConfigMapRows(door, resource.meta, results_of(resource))]
        shelves = [world.another] if world.moved else world.shelves[resource.meta.uid]
        if world.scenario.nights:
            return [ReusedDoor(self._process, shelf, resource.meta.uid) for shelf in shelves]
        if world.scenario.limit is None:
            return [SinkDoor(self._process, shelf) for shelf in shelves]
        return [TableDoor(self._process, shelf, source_name(resource)) for shelf in shelves]

    async def finds_unlabeled_again(self, resource: Resource) -> bool:
        return False  # it has no queries
