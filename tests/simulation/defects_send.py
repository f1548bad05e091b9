"""Deliberate defects of sending: what happens on the way from an intent to a create that the API has taken."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterable, Sequence

from nightsort.api.batch_record import BatchRecord, BatchState
from nightsort.api.spec import Shards
from nightsort.api.status import Status
from nightsort.domain import policies, room
from nightsort.domain.errors import RefusedBatch, Rejected
from nightsort.domain.reasons import Reason
from nightsort.domain.record import Places, Submission, put, released
from nightsort.domain.room import Room
from nightsort.flow import reconcile
from nightsort.flow.purchases.confirm import settle
from nightsort.flow.run.run import Run
from nightsort.flow.run.spool import BodySpool, RowSpool
from nightsort.flow.submission import halve, intent, send, shard, submit
from nightsort.flow.submission.shard import Shard
from tests.simulation.chaos import Chaos, quiet
from tests.simulation.defect import Defect
from tests.simulation.scenario import RULES, Plan, Scenario, draw_deeds, draw_tickets, drawn, spec_of


async def submit_with_the_disk_last(run: Run, submission: Submission) -> None:
    """Writes the body to the disk when its intent stands already."""
    tag = run.services.new_tag()
    with BodySpool(run.services.scratch) as spool, RowSpool(run.services.scratch) as unsendable:
        filled = await shard.fill(run, submission, tag, shard.Shard(spool, unsendable))
        record = await intent.intend(run, submission, filled, tag)
        await spool.seal()
        await unsendable.seal()
        if record is not None:
            await send.carry_out(run, await run.services.connections.api(run.resource), record, filled)


def of_disks_mostly(rng: random.Random) -> Chaos:
    """Faults that are drawn by chance come often, those of calls seldom."""
    return DiskChaos(rng, most=15, rate=0.002)


class DiskChaos(Chaos):
    def chance(self, probability: float) -> bool:
        return super().chance(probability * (10 if probability in (0.002, 0.01, 0.02) else 1))


def sum_up_what_waits(places: Places, record: BatchRecord) -> bool:
    """Takes for over what still has tickets to be asked again, or an attempt under way that needs its names."""
    return record.state is BatchState.COLLECTED and record.ended_at is not None


def forget_the_figures(records: Sequence[BatchRecord]) -> BatchRecord:
    """Makes room by forgetting."""
    return records[0]


def buy_beyond_the_room(status: Status, room: Room) -> Status:
    return status


def die_of_retries(status: Status, room: Room) -> Status:
    """As it was: so many batches and no more."""
    if len(status.batches) >= room.places:
        raise Rejected("more batches than a status holds", reason=Reason.TOO_MANY_BATCHES)
    return status


def forget_the_parents(status: Status, record: BatchRecord, parents: Iterable[BatchRecord]) -> Status:
    """Writes the joint retry without a note at those whose tickets travel with it."""
    return put(status, record)


def crowded(rng: random.Random) -> Scenario:
    """One run of many small batches, whose record holds four of its source."""
    tickets = draw_tickets(rng, rng.choice((8, 16)))
    spec = spec_of("tickets", unknown_label=rng.choice(RULES), shards=Shards(max_requests=2), poll_interval_seconds=30)
    return Scenario([Plan("run", 0.0, spec, draw_deeds(rng))], {"tickets": tickets}, sinks=1, places=4)


def crowded_and_dry(rng: random.Random) -> Scenario:
    """Several batches have come back, and want to be asked again, when the account sells something again."""
    return dataclasses.replace(crowded(rng), drought=(begins := rng.uniform(1, 30), begins + 7200.0))


async def give_up_what_is_refused(run: Run, record: BatchRecord, shard: Shard, refusal: RefusedBatch) -> None:
    """As it was: what the API refuses ends the run."""
    await settle(run, record, released)
    raise refusal


async def leave_out_the_whole(run: Run, record: BatchRecord, shard: Shard, refusal: RefusedBatch) -> None:
    """Takes every request of a batch for the one that is refused."""
    await halve.leave_out(run, record, shard, refusal)


def refusing(rng: random.Random) -> Scenario:
    return dataclasses.replace(drawn(rng), refused=("1", "2"))


def ailing(rng: random.Random) -> Scenario:
    return dataclasses.replace(drawn(rng), ails=(0.0, 6 * 3600.0, "405"))


DEFECTS = (
    Defect(
        "a create that is not taken is sent again at once",
        r"I13: \S+ has sent \d+ creates that were not taken",
        [(policies, "held_back", lambda status, now: [])],
        scenario=ailing,
        chaos=quiet,
    ),
    Defect(
        "a batch that is refused for one ticket ends the run",
        r"I4: \S+ gives up all tickets for one that the API refuses",
        [(send, "halve", give_up_what_is_refused)],
        scenario=refusing,
    ),
    Defect(
        "all tickets of a refused batch are left out",
        r"I4: \S+ (\S+ was never sent and has|has no row for )",
        [(send, "halve", leave_out_the_whole)],
        scenario=refusing,
    ),
    Defect(
        "what waits for a retry is summed up",
        r"I4: \S+ has no (row|room) for |\S+: (impossible counts|finished, and the counts|TicketCounts)",
        [(room, "is_over", sum_up_what_waits)],
        scenario=crowded_and_dry,
    ),
    Defect(
        "room is made by forgetting figures",
        r"I2: \S+ forgot ",
        [(room, "sum_of", forget_the_figures)],
        scenario=crowded,
    ),
    Defect(
        "more is bought than the record has room for",
        r"I8: \S+ has a record of \d+ entries",
        [(submit, "with_room", buy_beyond_the_room)],
        scenario=crowded,
    ),
    Defect(
        "a run dies of its retries",
        r"I4: \S+ has no room for batches that pre-flight has accepted",
        [(submit, "with_room", die_of_retries)],
        scenario=crowded,
    ),
    Defect(
        "tickets that travel with another shard's are asked once more",
        r"I2: .+ was bought again ",
        [(intent, "put_retry", forget_the_parents)],
    ),
    Defect(
        "the body is written out after its intent",
        r"I13: \S+ waits for \S+, of which no byte was sent",
        [(reconcile, "submit", submit_with_the_disk_last)],
        chaos=of_disks_mostly,
    ),
)
