"""The room for batches in a record: a status holds a limited number of entries and bytes, and a run may need more.

Where room is short, ended batches are summed up in one entry, and the retries of several shards travel together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nightsort.api.batch_record import BatchRecord, CacheUse
from nightsort.api.spec import Shards, Spec
from nightsort.api.status import MAX_BATCHES, Status
from nightsort.domain.cost import total
from nightsort.domain.errors import Rejected, Waiting
from nightsort.domain.prompt import system_prompt
from nightsort.domain.reasons import Reason
from nightsort.domain.record import (
    Places,
    Submission,
    by_place,
    child_of,
    find,
    is_in_flight,
    parents_of,
    put,
    waiting_for_retry,
)
from nightsort.domain.record_size import (
    LARGEST_CURSOR_BYTES,
    LEAST_RECORD_BYTES,
    MOST_RECORD_BYTES,
    RECORD_BYTES,
    RETRIES_BYTES,
    SEEN_BYTES,
    STORED_BYTES,
    bytes_beside,
    size_of,
    us_bytes,
)

PLACES_TO_END = 20
MOST_BATCHES = MAX_BATCHES - PLACES_TO_END
"""Entries that a run's source may fill: a few places stay free for retries, and for giving up the rest."""
RETRIES_ABOVE = 48
LEAST_FOR_RETRIES = 3
"""Places that only retries may take, plus one for each this many others: a retry gives back at least what it takes,
once there are two entries that can be summed up."""
AROUND_BYTES = 300
"""Bytes of a request, beside its texts."""
SUMMED = (
    "requests",
    "text_bytes",
    "labeled",
    "unknown",
    "failed",
    "unnamed",
    "unpriced",
    "strays",
    "differing",
    "reviewed",
)
"""Fields that are added up; a test makes sure that each field is here or in NOT_SUMMED, or has a rule of its own."""
NOT_SUMMED: dict[str, object] = {
    "retryable": 0,
    "duplicates": 0,
    "passed_on": 0,
    "retried_in": None,
    "review": 0,
    "held_duplicates": 0,
    "reviewed_in": None,
    "long_ids": 0,
    "after": None,
    "through": None,
    "ids_digest": None,
    "seen": None,
    "rounds": 0,
    "answer": None,
    "most": None,
}
"""Fields that say how to go on, which ended entries do not need."""
TOLD_FIRST = (CacheUse.READ, CacheUse.PROBE, CacheUse.PRIME)
"""What several batches together say of the prompt's cache: what was read of it, rather than that it was written."""
MOST_PARENTS = 100
"""The results of each are read before a retry is sent."""


@dataclass(frozen=True, slots=True)
class Room:
    """The number of entries that a record may have, and of their bytes.

    `sums` is how many of them may hold what others were summed up to: batches of one kind are in one entry.
    """

    places: int = MOST_BATCHES
    bytes: int = MOST_RECORD_BYTES
    sums: int = 1

    @classmethod
    def beside(cls, spec: Spec, places: int = MOST_BATCHES) -> Room:
        """The room that a spec leaves. The floor is for runs that an earlier version began, and for local mode."""
        sums = 1 + (spec.evaluation is not None) + (spec.review is not None)
        return cls(places, min(MOST_RECORD_BYTES, max(bytes_beside(spec, STORED_BYTES), LEAST_RECORD_BYTES)), sums)

    def for_retries(self) -> Room:
        places = self.places + max(self.places // RETRIES_ABOVE, LEAST_FOR_RETRIES)
        return Room(places, self.bytes + RETRIES_BYTES, self.sums)

    def holds(self, batches: Sequence[BatchRecord], more: int) -> bool:
        """Whether there is room for this many more entries, however long their cursors are."""
        entries = more * (RECORD_BYTES + SEEN_BYTES + 2 * LARGEST_CURSOR_BYTES)
        return len(batches) + more <= self.places and sum(map(size_of, batches)) + entries <= self.bytes


def is_over(places: Places, record: BatchRecord) -> bool:
    """Whether no later step needs this batch's own entry.

    While a retry is under way, the results of the earlier attempt name its tickets. A lost batch keeps its entry: it
    may be paid all the same, and nobody knows how much.
    """
    if record.state.is_open or (record.requests and record.ended_at is None):
        return False
    child = child_of(places, record)
    if record.review:
        return False
    return not child.state.is_open if child else not record.left


def with_room(status: Status, room: Room) -> Status:
    """The status with a place for another batch: if there is none, the oldest ended ones are summed up.

    Raises:
        Waiting: the batches in flight need all the room. Rejected: no batch in flight could make room.
    """
    if room.holds(status.batches, 1):
        return status
    smaller = summed_up(status, Room(room.places * 3 // 4, room.bytes * 3 // 4)) if status.batches else status
    if room.holds(smaller.batches, 1):
        return smaller
    if is_in_flight(status):
        raise Waiting(
            f"the record of this run has no room for another batch (it has {len(smaller.batches):,}); "
            "it goes on when one of them is collected",
            reason=Reason.RECORD_FULL,
        )
    raise Rejected(
        f"more than {room.places} batches: raise shards.maxRequests or split the source", reason=Reason.TOO_MANY_BATCHES
    )


def summed_up(status: Status, room: Room) -> Status:
    """The status with enough of the oldest ended batches in one entry to be within the room, if they suffice.

    The newest shard keeps its entry: its number determines the next one.
    """
    places = by_place(status)
    newest = max(places)
    over = [record for record in status.batches if (record.shard, record.attempt) != newest and is_over(places, record)]
    # First attempts go first, whatever the clocks said: the tickets of a parent without its retry are bought again.
    over.sort(key=lambda record: (record.attempt, record.intended_at))
    entries = len(status.batches) - room.places
    spare = sum(map(size_of, status.batches)) - room.bytes
    taken: list[BatchRecord] = []
    cursors: dict[tuple[bool, bool], int] = {}  # bytes by kind, of the entry that stays as its sum
    for record in over:
        if entries <= 0 and spare <= 0:
            break
        parents = parents_of(status, record) if record.attempt else ()
        if any(parent.left and parent not in taken for parent in parents):
            continue
        taken.append(record)
        kind, freed = kind_of(record), size_of(record) - us_bytes(record)  # the sum has what was used in the US, too
        if kind not in cursors:  # alone it frees nothing
            cursors[kind] = freed - RECORD_BYTES
            continue
        entries -= 1
        spare -= freed + cursors[kind]
        cursors[kind] = 0
    for kind in sorted(cursors, reverse=True):
        status = with_sum_of(status, [one for one in taken if kind_of(one) == kind])
    return status


def kind_of(record: BatchRecord) -> tuple[bool, bool]:
    """Only batches of one kind are summed up: known tickets count apart, and the second reader has another price."""
    return record.canary, record.second


def with_sum_of(status: Status, taken: Sequence[BatchRecord]) -> Status:
    """The status with one entry for these, if they are several."""
    if len(taken) < 2:
        return status
    taken = sorted(taken, key=lambda record: record.attempt > 0)  # that of a first attempt stays: it counts cut texts
    gone = {(record.shard, record.attempt) for record in taken[1:]}
    kept = tuple(record for record in status.batches if (record.shard, record.attempt) not in gone)
    return put(status.model_copy(update={"batches": kept}), sum_of(taken))


def smallest(status: Status) -> Status:
    """The status with all ended batches in one entry."""
    return summed_up(status, Room(0, 0)) if status.batches else status


def sum_of(records: Sequence[BatchRecord]) -> BatchRecord:
    """One entry for several ended ones. Its id and times are the first one's."""
    figures: dict[str, object] = {name: sum(getattr(record, name) for record in records) for name in SUMMED}
    figures["turn"] = max(record.turn for record in records)
    figures["summed_up"] = sum(record.summed_up for record in records) + len(records) - 1
    figures["cut"] = sum(record.cut for record in records if record.attempt == 0)  # retries have the same tickets
    figures["cache"] = next((use for use in TOLD_FIRST if any(record.cache is use for record in records)), None)
    figures["usage"] = total(record.usage for record in records)
    figures["ended_at"] = max((record.ended_at for record in records if record.ended_at), default=None)
    return records[0].model_copy(update={**NOT_SUMMED, **figures})


def needed(status: Status) -> list[BatchRecord]:
    """Entries that cannot be summed up."""
    places = by_place(status)
    return [record for record in status.batches if not is_over(places, record)]


def is_short(status: Status, room: Room) -> bool:
    """Whether room is so short that a further entry must be worth its place."""
    there = needed(status)
    half = len(there) > room.places // 2 or sum(map(size_of, there)) > room.bytes // 2
    return half or not has_place(status, room)


def has_place(status: Status, room: Room) -> bool:
    """Whether the source may have another entry: beside the sums of the others, and the newest shard's."""
    return room.holds(needed(status), 2 + room.sums)


def has_its_place(status: Status, submission: Submission, room: Room) -> bool:
    """Whether a released range has its entry already, or room for that of its rest, where it is sent in parts."""
    there = find(status, submission.shard, submission.attempt)
    return there is None or there.most is None or room.holds(smallest(status).batches, 1)


def together(waiting: Sequence[BatchRecord], spec: Spec) -> tuple[BatchRecord, ...]:
    """The attempts whose remaining tickets fit into one batch with the first one's, by count and by largest size.

    All of them have the same number and the same count of spared attempts, so that each ticket is sent as often as
    `backoffLimit` says. Bodies are filled to the half, since texts may have grown since they were measured when they
    were first sent.
    """
    taken = [waiting[0]]
    requests, size = waiting[0].retryable, most_bytes(waiting[0], spec)
    for record in waiting[1:]:
        if len(taken) >= MOST_PARENTS:
            break
        if number_of(record) != number_of(waiting[0]) or not record.text_bytes:
            continue
        more = most_bytes(record, spec)
        if requests + record.retryable <= spec.shards.max_requests and size + more <= spec.shards.max_bytes // 2:
            taken.append(record)
            requests, size = requests + record.retryable, size + more
    return tuple(taken)


def number_of(record: BatchRecord) -> tuple[int, int]:
    """The number of an attempt, and how many attempts up to it do not count against the limit."""
    return record.attempt, record.spared + record.canceled


def most_bytes(record: BatchRecord, spec: Spec) -> int:
    """Bytes of an attempt's remaining tickets as they were sent, since nobody knows which texts are theirs."""
    return record.text_bytes + record.retryable * (2 * len(system_prompt(spec).encode()) + AROUND_BYTES)


def due_retry(status: Status, spec: Spec, room: Room) -> Submission | None:
    """The next retry. Where room is short it waits until it fills a batch, or no batch in flight could join it."""
    waiting = waiting_for_retry(status)
    if not waiting:
        return None
    parents = together(waiting, spec)
    if is_short(status, room) and not fills(parents, spec.shards) and is_in_flight(status):
        return None
    return Submission(parents[0].shard, parents[0].attempt + 1, parents=parents)


def fills(parents: Sequence[BatchRecord], shards: Shards) -> bool:
    return len(parents) >= MOST_PARENTS or sum(record.retryable for record in parents) * 2 > shards.max_requests
