"""Deliberate defects: what the flow would be without one of its precautions. The oracle must catch each."""

from __future__ import annotations

import contextlib
import dataclasses
import io
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, cast
from unittest import mock

from msgspec.structs import replace

from nightsort.api.resource import Meta, Resource
from nightsort.api.status import BatchRecord, BatchState, Status
from nightsort.domain import custom_id, moves
from nightsort.domain.answer import Answer, Row
from nightsort.domain.batch import Batch
from nightsort.domain.errors import Gone, OutcomeUnknown
from nightsort.domain.moves import Candidate, may_be_ours
from nightsort.domain.record import Submission, confirmed
from nightsort.domain.report import progress
from nightsort.domain.verdict import Judge
from nightsort.flow import adopt, answers, cancel, collect, poll, reconcile, submit
from nightsort.flow.answers import MISSING, Judged, own_answers
from nightsort.flow.pace import Gate, PacedApi
from nightsort.flow.run import Run, Tools
from nightsort.flow.spool import BodySpool, RowSpool
from nightsort.ports import BatchApi, Connections, Rehearsal, Sink, Source, Stored, Summary
from tests.simulation import doors
from tests.simulation.truth import Shelf
from tests.simulation.world import World, honest


@dataclass(frozen=True)
class Defect:
    """Names of the flow with what stands in their place, and what else is spoiled."""

    name: str
    instead: Sequence[tuple[Any, str, Any]] = ()
    spoil: Callable[[Tools], None] = honest
    shelf: Callable[[], Shelf] = Shelf

    def broken(self, seed: int) -> str | None:
        with self.applied():
            return World(seed, spoil=self.spoil, shelf=self.shelf).live().broken

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            for place, name, value in self.instead:
                stack.enter_context(mock.patch.object(place, name, value))
            yield


# --- buying ---


async def submit_intent_last(run: Run, submission: Submission) -> None:
    tag = run.tools.new_tag()
    with BodySpool() as spool, RowSpool() as unsendable:
        load = await submit.fill(run, submission, tag, submit.Load(spool, unsendable))
        batch = None
        if spool.requests:
            api = await run.tools.connections.api(run.resource)
            batch = await api.create(spool.body(), spool.size, tag)
        record = await submit.intend(run, submission, load, tag)
        if record is not None and batch is not None:
            await submit.confirm(run, record, batch.id)


class Insistent:
    """An API client that sends a create again when its answer was lost, as the SDK does by default."""

    def __init__(self, api: BatchApi) -> None:
        self._api = api

    def __getattr__(self, name: str) -> Any:
        return getattr(self._api, name)

    async def create(self, body: BinaryIO, size: int, tag: str) -> Batch:
        sent = body.read()
        try:
            return await self._api.create(io.BytesIO(sent), size, tag)
        except OutcomeUnknown:
            return await self._api.create(io.BytesIO(sent), size, tag)


class InsistentConnections:
    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._apis: dict[int, Any] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connections, name)

    async def api(self, resource: Resource) -> Any:
        api = await self._connections.api(resource)
        return self._apis.setdefault(id(api), Insistent(api))


def retry_creates(tools: Tools) -> None:
    tools.connections = InsistentConnections(tools.connections)


async def take_any_unowned(run: Run, api: BatchApi, intents: Any, recent: Sequence[Batch]) -> Any:
    owned = await run.tools.ledger.owned_batches()
    return {
        one.tag: [Candidate(b, one.tag) for b in recent if b.id not in owned and may_be_ours(b, one, run.tools.grace)]
        for one in intents
    }


async def take_any(run: Run, api: BatchApi, intents: Any, recent: Sequence[Batch]) -> Any:
    return {one.tag: [Candidate(b, one.tag) for b in recent if may_be_ours(b, one, run.tools.grace)] for one in intents}


async def first_line(api: BatchApi, batch: Batch) -> tuple[Counter[str], Collection[str]]:
    async for chunk in api.results(batch):
        for answer in chunk:
            return Counter({custom_id.tag_of(answer.custom_id): batch.requests}), [answer.custom_id]
    return Counter(), []


def without_grace(tools: Tools) -> None:
    tools.grace *= 0


async def settle_whatever_stands_there(run: Run, record: BatchRecord, change: Any) -> None:
    def changed(status: Status) -> Any:
        there = next((one for one in status.batches if one.tag == record.tag), record)
        settled = change(status, there)
        return settled, progress(settled)

    await run.save_surely(changed)


async def see_once(self: Any, api: BatchApi, since: Any, now: Any, newer_than: Any) -> poll.Sight:
    """Holds on to the first list that was read."""
    if self.sight is None:
        self.sight = poll.Sight(now, since, since, {batch.id: batch for batch in await api.recent(since)})
    return cast(poll.Sight, self.sight)


async def ask_all_again(run: Run, api: BatchApi, parent: BatchRecord) -> AsyncIterator[Judged]:
    batch = await api.retrieve(parent.id or "")
    judge = Judge(run.spec)
    if batch is not None:
        async for ticket_id, answer in own_answers(run, api, parent, batch, set()):
            yield Judged(ticket_id, judge.of(answer), answer)


def without(policy: Any) -> tuple[Any, str, Any]:
    return (moves, "POLICIES", tuple(one for one in moves.POLICIES if one is not policy))


async def say_nothing(self: Any, meta: Meta) -> None:
    """A farewell that cancels nothing."""


class OneGate(PacedApi):
    """Whatever fails closes the account for everything."""

    @contextlib.contextmanager
    def _call(self, operation: str, *gates: Gate) -> Iterator[None]:
        with super()._call(operation, self._everything):
            yield


# --- writing ---


class Unguarded:
    """A ledger that writes over whatever stands there."""

    def __init__(self, ledger: Any) -> None:
        self._ledger = ledger

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    async def save(self, meta: Meta, status: Status) -> Meta:
        newest = await self._ledger.load(meta)
        if newest is None:
            raise Gone(meta.key)
        saved: Meta = await self._ledger.save(newest.meta, status)
        return saved


def unguard(tools: Tools) -> None:
    tools.ledger = Unguarded(tools.ledger)


class Heap(Shelf):
    """A sink that adds where it should replace."""

    def put(self, row: Row) -> None:
        self.rows[row.id].append(row)


class Kept:
    """A sink that only keeps the rows in memory."""

    def __init__(self) -> None:
        self.pages: list[Sequence[Row]] = []

    async def check(self, rehearsal: Rehearsal) -> None:
        return None

    async def write(self, rows: AsyncIterator[Sequence[Row]]) -> Stored:
        self.pages += [page async for page in rows]
        return Stored()

    async def finish(self, summary: Summary) -> Stored:
        return Stored()

    async def all(self) -> AsyncIterator[Sequence[Row]]:
        for page in self.pages:
            yield page


@dataclass
class Keeping:
    """Connections whose sinks keep what they are given."""

    connections: Connections
    kept: Kept

    async def api(self, resource: Resource) -> BatchApi:
        return await self.connections.api(resource)

    async def source(self, resource: Resource) -> Source:
        return await self.connections.source(resource)

    async def sinks(self, resource: Resource) -> Sequence[Sink]:
        return [self.kept]


async def collect_confirmed_first(run: Run, record: BatchRecord, batch: Batch) -> None:
    # Nothing is patched here: lives are interleaved and end in the middle, so that a patch would outlive them.
    kept = Kept()
    held = Run(run.resource, dataclasses.replace(run.tools, connections=Keeping(run.tools.connections, kept)))
    await collect.collect(held, record, batch)
    run.resource = held.resource
    for sink in await run.tools.connections.sinks(run.resource):
        await sink.write(kept.all())


async def what_came(run: Run, api: BatchApi, record: BatchRecord, batch: Batch) -> AsyncIterator[Judged]:
    """Takes a stream that ended for one that was whole."""
    judge = Judge(run.spec)
    async for ticket_id, answer in own_answers(run, api, record, batch, set()):
        yield Judged(ticket_id, judge.of(answer), answer)


async def every_line(
    run: Run, api: BatchApi, record: BatchRecord, batch: Batch, seen: set[str]
) -> AsyncIterator[tuple[str, Answer]]:
    long_ids = await run.tools.ledger.long_ids(run.resource.meta, record.tag)
    async for chunk in api.results(batch):
        for answer in chunk:
            ticket_id = custom_id.decode(answer.custom_id, record.tag, long_ids)
            if ticket_id is not None:
                seen.add(ticket_id)
                yield ticket_id, answer


def decode_any_tag(name: str, tag: str, long_ids: Any) -> str | None:
    return DECODE(name, custom_id.tag_of(name), long_ids)


def forget_what_was_canceled(status: Status, record: BatchRecord, batch_id: str, now: Any) -> Status:
    """Writes the id, and drops the other batches that stood there."""
    kept = tuple(one for one in status.batches if one.state is not BatchState.COLLECTED or one.tag == record.tag)
    return confirmed(status.model_copy(update={"batches": kept}), record, batch_id, now)


DECODE = custom_id.decode

DEFECTS = (
    Defect("the intent is written after the create", [(reconcile, "submit", submit_intent_last)]),
    Defect("a create is sent again by the client when its answer is lost", spoil=retry_creates),
    Defect("a batch is adopted without proof", [(reconcile, "find_candidates", take_any_unowned)]),
    Defect("a batch is adopted that another record owns", [(reconcile, "find_candidates", take_any)]),
    Defect("one line is proof enough", [(adopt, "lines_by_tag", first_line)]),
    Defect("an intent is released without grace", spoil=without_grace),
    Defect("an intent is released by an old list", [(poll.Account, "see", see_once)]),
    Defect("an old intent is still bought under", [(submit, "refuse_when_late", lambda run, record: None)]),
    Defect("an old leader settles what was settled", [(submit, "settle", settle_whatever_stands_there)]),
    Defect("all tickets are asked again instead of the failed", [(submit, "to_ask_again", ask_all_again)]),
    Defect("missing answers are bought again", [(answers, "MISSING", replace(MISSING, may_pass=True))]),
    Defect("a suspended resource goes on buying", [without(moves.hold_while_suspended)]),
    Defect("a deleted resource runs on", [(cancel.Farewell, "say", say_nothing)]),
    Defect("a refused create closes the account", [(doors, "PacedApi", OneGate)]),
    Defect("the status is written unguarded", spoil=unguard),
    Defect("rows are added to those that are there", shelf=Heap),
    Defect("collecting is confirmed before the rows are stored", [(reconcile, "collect", collect_confirmed_first)]),
    Defect("missing lines are ignored", [(collect, "judged_answers", what_came)]),
    Defect("repeated lines are counted", [(answers, "own_answers", every_line)]),
    Defect("the tag is not checked in results", [(custom_id, "decode", decode_any_tag)]),
    Defect("collected batches are forgotten", [(submit, "confirmed", forget_what_was_canceled)]),
)
