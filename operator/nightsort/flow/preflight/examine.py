"""Looks at a run's source and sinks before anything is bought. It claims and writes nothing, also for a forecast."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nightsort.api.spec import Spec
from nightsort.domain.errors import Rejected
from nightsort.domain.printable import printable
from nightsort.domain.reasons import Reason
from nightsort.domain.record_size import LEAST_RECORD_BYTES, bytes_beside, spec_bytes
from nightsort.domain.request import Encoder
from nightsort.domain.room import MOST_BATCHES
from nightsort.domain.snapshot import Snapshot
from nightsort.flow.preflight.dry_run import rehearse
from nightsort.flow.preflight.known import Known, checked, choose, without_known
from nightsort.flow.preflight.lag import wait_until_seen
from nightsort.flow.preflight.reuse import Choice, compare, compares
from nightsort.flow.run.run import Run
from nightsort.flow.tickets.examples import Pool, pool_of
from nightsort.flow.tickets.snapshot import snapshot_of
from nightsort.ports import BatchApi, Sink, Source

MOST_REMARK_CHARS = 1000


@dataclass(frozen=True, slots=True)
class Examined:
    """What a run reads and writes, and which tickets it is to buy.

    `bought` are the known tickets and the others that are to be sent; `remarks` are the source's, for people. `pool`
    are the labelled tickets, some of which each ticket is shown with.
    """

    api: BatchApi
    source: Source
    sinks: Sequence[Sink]
    snapshot: Snapshot | None
    known: Known | None
    choice: Choice
    bought: tuple[int, int]
    remarks: str
    pool: Pool | None


async def examine(run: Run, encoder: Encoder) -> Examined:
    """
    Raises:
        Waiting, Stalled, Rejected: the message names the obstacle.
    """
    spec, connections = run.spec, run.services.connections
    await run.services.ledger.ensure_recordable(run.resource.meta)
    api = await connections.api(run.resource)  # first, since it needs only a Secret, which many resources share
    source = await connections.source(run.resource)
    remarks = printable("; ".join(await checked(run, source)))[:MOST_REMARK_CHARS]
    pool = await pool_of(run)
    snapshot = await snapshot_of(source)
    known, snapshot = await choose(run, source, snapshot, encoder)
    tickets, bought = await counts_of(source, snapshot, known)
    if not compares(spec):
        refuse_too_many_batches(spec.shards.max_requests, *bought)
    sinks = await connections.sinks(run.resource)
    # Before the dry run, which would take tickets that a replica still shows for rows that nobody can fill.
    await wait_until_seen(run, source, sinks, snapshot)
    await rehearse(spec, without_known(run, source), sinks, tickets, None if snapshot is None else snapshot.ids)
    choice = Choice(tickets)
    if compares(spec):
        choice = await compare(run, source, sinks, snapshot, pool.nearest if pool else None)
        if known is not None and not choice.tickets:
            known = known.without_any()  # nothing would be published by what they show
        bought = (len(known.tickets.ids) if known is not None else 0, choice.tickets)
        refuse_too_many_batches(spec.shards.max_requests, *bought)
    return Examined(api, source, sinks, snapshot, known, choice, bought, remarks, pool)


def hold_record(spec: Spec, stored_bytes: int | None) -> None:
    """Checks that the spec and the smallest record of its run fit into a stored resource.

    Raises:
        Rejected: purchases could not be written down beside a spec of this size.
    """
    if stored_bytes is None or bytes_beside(spec, stored_bytes) >= LEAST_RECORD_BYTES:
        return
    raise Rejected(
        f"the spec takes {spec_bytes(spec.as_written):,} bytes of the {stored_bytes:,} that Kubernetes stores of a "
        "resource, and leaves no room for the record of what is bought: name a ConfigMap, a database or a bucket as "
        "the source, or split the tickets among several resources",
        reason=Reason.SPEC_TOO_LARGE,
    )


async def counts_of(source: Source, snapshot: Snapshot | None, known: Known | None) -> tuple[int, tuple[int, int]]:
    """The tickets that get a label, and of those that are bought the known ones and the others."""
    if snapshot is not None and snapshot.ids is not None:
        tickets = len(snapshot.ids)
    else:
        tickets = max(await source.count() - (known.available if known is not None and not known.apart else 0), 0)
    return tickets, (len(known.tickets.ids) if known is not None else 0, tickets)


def refuse_too_many_batches(max_requests: int, *tickets: int) -> None:
    """Checks that the tickets fit into the batches that a status can hold; each number travels in its own.

    Raises:
        Rejected: there are more tickets, so that the run could not end.
    """
    needed = sum(-(-each // max_requests) for each in tickets)
    if needed > MOST_BATCHES:
        raise Rejected(
            f"{sum(tickets):,} tickets would be {needed:,} batches, more than {MOST_BATCHES}: "
            "raise shards.maxRequests or split the source",
            reason=Reason.TOO_MANY_BATCHES,
        )
