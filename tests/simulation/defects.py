"""Deliberate defects: what the flow would be without one of its precautions. The oracle must catch each."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import random
from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, BinaryIO

from nightsort.api.batch_record import BatchRecord, BatchState
from nightsort.api.examples import ExamplesFrom
from nightsort.api.resource import Meta, Resource
from nightsort.api.status import Status
from nightsort.domain import custom_id, policies
from nightsort.domain.answer import Row, Verdict
from nightsort.domain.batch import Batch
from nightsort.domain.candidate import Candidate, Watch, may_be_ours
from nightsort.domain.errors import Gone, OutcomeUnknown
from nightsort.domain.record import Submission, confirmed
from nightsort.domain.report import progress
from nightsort.domain.stored import Rehearsal, Stored, Summary
from nightsort.domain.verdict import Judge, Judgement, is_asked_again
from nightsort.flow import gather, reconcile
from nightsort.flow.adoption import adopt
from nightsort.flow.collection import collect, poll
from nightsort.flow.ending import cancel
from nightsort.flow.purchases import confirm
from nightsort.flow.results import answers
from nightsort.flow.results.answers import Judged, own_answers
from nightsort.flow.results.reading import Reading
from nightsort.flow.run.circuit_breaker import CircuitBreaker, CircuitBreakerApi
from nightsort.flow.run.run import Run
from nightsort.flow.run.services import Services
from nightsort.flow.run.spool import BodySpool, RowSpool
from nightsort.flow.submission import intent, send, shard
from nightsort.ports import BatchApi, Connections, Sink, Source
from tests.simulation import faulty_ports
from tests.simulation.chaos import Chaos, LostAnswer, Pauses, quiet
from tests.simulation.defect import Defect
from tests.simulation.scenario import Scenario, drawn, drawn_dry
from tests.simulation.truth import Shelf

# --- buying ---


async def submit_intent_last(run: Run, submission: Submission) -> None:
    tag = run.services.new_tag()
    with BodySpool() as spool, RowSpool() as unsendable:
        filled = await shard.fill(run, submission, tag, shard.Shard(spool, unsendable))
        batch = None
        if spool.requests:
            await spool.seal()
            api = await run.services.connections.api(run.resource)
            batch = await api.create(spool.body(), spool.size, tag)
        record = await intent.intend(run, submission, filled, tag)
        if record is not None and batch is not None:
            await confirm.confirm(run, record, batch.id)


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


def retry_creates(services: Services) -> Services:
    return dataclasses.replace(services, connections=InsistentConnections(services.connections))


async def take_any_unowned(run: Run, api: BatchApi, intents: Any, recent: Sequence[Batch]) -> Any:
    owned = await run.services.ledger.owned_batches()
    return {
        one.tag: [Candidate(b, one.tag) for b in recent if b.id not in owned and may_be_ours(b, one, Watch(0.0))]
        for one in intents
    }


async def take_any(run: Run, api: BatchApi, intents: Any, recent: Sequence[Batch]) -> Any:
    return {one.tag: [Candidate(b, one.tag) for b in recent if may_be_ours(b, one, Watch(0.0))] for one in intents}


async def first_line(api: BatchApi, batch: Batch) -> tuple[Counter[str], Collection[str]]:
    async for chunk in api.results(batch):
        for answer in chunk:
            return Counter({custom_id.tag_of(answer.custom_id): batch.requests}), [answer.custom_id]
    return Counter(), []


def without_grace(services: Services) -> Services:
    return dataclasses.replace(services, grace=timedelta(0))


async def settle_whatever_stands_there(run: Run, record: BatchRecord, change: Any) -> None:
    def changed(status: Status) -> Any:
        there = next((one for one in status.batches if one.tag == record.tag), record)
        settled = change(status, there)
        return settled, progress(settled)

    await run.save_surely(changed)


async def see_seldom(
    self: Any, api: BatchApi, since: datetime, now: float, newer_than: float
) -> poll.BatchListSnapshot:
    """Takes a list of up to an hour ago for a new one."""
    return await SEE(self, api, since, now, min(newer_than, now - 3600.0))


async def ask_all_again(
    run: Run, api: BatchApi, parent: BatchRecord, patience: timedelta = answers.LONG_PATIENCE
) -> AsyncIterator[Judged]:
    batch = await api.retrieve(parent.id or "")
    judge = Judge(run.spec)
    if batch is not None:
        reading = Reading()
        async for ticket_id, answer in own_answers(run, api, parent, batch, reading):
            judgement = judge.of(answer)
            if reading.takes(ticket_id, judgement):
                yield Judged(ticket_id, judgement, answer)


def even_if_missing(judgement: Judgement, record: BatchRecord, backoff_limit: int) -> bool:
    missing = judgement.verdict is Verdict.MISSING and record.attempt < backoff_limit
    return missing or is_asked_again(judgement, record, backoff_limit)


async def ask_the_missing_too(
    run: Run, api: BatchApi, parent: BatchRecord, patience: timedelta = answers.LONG_PATIENCE
) -> AsyncIterator[Judged]:
    batch = await api.retrieve(parent.id or "")
    if batch is not None:
        async for judged in answers.judged_answers(run, api, parent, batch, Reading()):
            if even_if_missing(judged.judgement, parent, run.spec.backoff_limit):
                yield judged


def without(policy: Any) -> tuple[Any, str, Any]:
    return (policies, "POLICIES", tuple(one for one in policies.POLICIES if one is not policy))


async def say_nothing(self: Any, meta: Meta, known: Status) -> None:
    """A finalizer that cancels nothing."""


class OneBreaker(CircuitBreakerApi):
    """Any failure stops all calls of the account."""

    @contextlib.contextmanager
    def _call(self, operation: str, *breakers: CircuitBreaker) -> Iterator[None]:
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


def unguard(services: Services) -> Services:
    return dataclasses.replace(services, ledger=Unguarded(services.ledger))


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

    async def examples(self, resource: Resource, pool: ExamplesFrom) -> Source:
        return await self.connections.examples(resource, pool)

    async def sinks(self, resource: Resource) -> Sequence[Sink]:
        return [self.kept]

    async def finds_unlabeled_again(self, resource: Resource) -> bool:
        return await self.connections.finds_unlabeled_again(resource)


async def collect_confirmed_first(run: Run, record: BatchRecord, batch: Batch) -> collect.Collected:
    # Nothing is patched here: lives are interleaved and end in the middle, so that a patch would outlive them.
    kept = Kept()
    services = dataclasses.replace(run.services, connections=Keeping(run.services.connections, kept))
    held = Run(run.resource, services, run.memory)
    found = await collect.collect(held, record, batch)
    await held.save_results(found.status, progress(found.status))
    run.resource = held.resource
    for sink in await run.services.connections.sinks(run.resource):
        await sink.write(kept.all())
    return found


async def what_came(
    run: Run, api: BatchApi, record: BatchRecord, batch: Batch, reading: Reading
) -> AsyncIterator[Judged]:
    """Takes a stream that ended for one that was whole."""
    judge = Judge(run.spec)
    async for ticket_id, answer in own_answers(run, api, record, batch, reading):
        judgement = judge.of(answer)
        if reading.takes(ticket_id, judgement):
            yield Judged(ticket_id, judgement, answer)


def every_line(self: Reading, ticket_id: str, judgement: Judgement) -> bool:
    if ticket_id not in self.seen:
        self.digest.add(ticket_id)
    self.seen[ticket_id] = "told"
    return True


def decode_any_tag(name: str, tag: str, long_ids: Any) -> str | None:
    return DECODE(name, custom_id.tag_of(name), long_ids)


def forget_what_was_canceled(status: Status, record: BatchRecord, batch_id: str, now: Any) -> Status:
    """Writes the id, and drops the other batches that stood there."""
    kept = tuple(one for one in status.batches if one.state is not BatchState.COLLECTED or one.tag == record.tag)
    return confirmed(status.model_copy(update={"batches": kept}), record, batch_id, now)


def noisy(rng: random.Random) -> Scenario:
    return dataclasses.replace(drawn(rng), noise=1.0)


def lossy(rng: random.Random) -> Scenario:
    return dataclasses.replace(drawn(rng), losses=0.3)


def paused(rng: random.Random) -> Chaos:
    return Pauses(rng, most=15, rate=0.1)


def troubled(rng: random.Random) -> Chaos:
    return Chaos(rng, most=15, rate=0.1)


DECODE = custom_id.decode
SEE = poll.Account.see

BOUGHT_TWICE = r"I2: \S+ was bought twice"
BOUGHT_AGAIN = r"I2: .+ was bought again, though \S+ had answered"
RELEASED = r"I2: \S+ released \S+, which was bought"
TAKEN = r"I2: \S+ took \S+, another's"
UNDONE = r"I2: \S+ (forgot|went back on) "
ROWLESS = r"I4: \S+ has no row for "

DEFECTS = (
    Defect(
        "the intent is written after the create",
        r"I1: \S+ was bought without an intent",
        [(reconcile, "submit", submit_intent_last)],
    ),
    Defect(
        "a create is sent again by the client when its answer is lost",
        BOUGHT_TWICE,
        spoil=retry_creates,
        chaos=LostAnswer,
    ),
    Defect("a batch is adopted without proof", TAKEN, [(gather, "find_candidates", take_any_unowned)]),
    Defect("a batch is adopted that another record owns", TAKEN, [(gather, "find_candidates", take_any)]),
    Defect("one line is proof enough", RELEASED, [(adopt, "lines_by_tag", first_line)], scenario=noisy),
    Defect("an intent is released without grace", RELEASED, spoil=without_grace),
    Defect("an intent is released by an old list", RELEASED, [(poll.Account, "see", see_seldom)]),
    Defect(
        "an old intent is still bought under",
        r"I1: \S+ was bought under a settled intent",
        [(send, "refuse_when_late", lambda run, record, sent=0: None)],
        chaos=paused,
    ),
    Defect(
        "an old leader settles what was settled",
        UNDONE,
        [(where, "settle", settle_whatever_stands_there) for where in (confirm, send)],
        chaos=paused,
    ),
    Defect("all tickets are asked again instead of the failed", BOUGHT_AGAIN, [(shard, "to_ask_again", ask_all_again)]),
    Defect(
        "missing answers are bought again",
        BOUGHT_AGAIN,
        [(collect, "is_asked_again", even_if_missing), (shard, "to_ask_again", ask_the_missing_too)],
        scenario=lossy,
    ),
    Defect(
        "a suspended resource goes on buying",
        r"I9: \S+ goes on buying though it is to stop",
        [without(policies.hold_while_suspended)],
    ),
    Defect(
        "a deleted resource runs on",
        r"I9: \S+ of \S+ runs on, untold",
        [(cancel.Finalizer, "finalize", say_nothing)],
    ),
    Defect(
        "a refused create closes the account",
        r"I3: \S+ has ended long ago and is not collected",
        [(faulty_ports, "CircuitBreakerApi", OneBreaker)],
        scenario=drawn_dry,
        chaos=quiet,
    ),
    Defect("the status is written unguarded", UNDONE, spoil=unguard),
    Defect("rows are added to those that are there", r"I5: \S+ has \d+ rows for ", shelf=Heap),
    Defect(
        "collecting is confirmed before the rows are stored",
        ROWLESS,
        [(reconcile, "collect", collect_confirmed_first)],
        chaos=troubled,
    ),
    Defect("missing lines are ignored", ROWLESS, [(collect, "judged_answers", what_came)]),
    Defect("repeated lines are counted", r"\S+: total=.* but rows ", [(Reading, "takes", every_line)]),
    Defect(
        "the tag is not checked in results",
        r"I[34]: \S+ '1' has Row",  # it is what the stray lines of another tag are about
        [(custom_id, "decode", decode_any_tag)],
        scenario=noisy,
    ),
    Defect(
        "collected batches are forgotten",
        r"I2: \S+ forgot \S+ \(Collected",
        [(confirm, "confirmed", forget_what_was_canceled)],
    ),
)
