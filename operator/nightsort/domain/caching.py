"""The prompt's cache at the API: what goes ahead for it, and what was read from it.

Requests of one batch run side by side, so that none reads what another one of them has written. One ticket goes ahead
alone and writes the prompt into the cache for an hour; some follow, and what they have read of it decides about the
others. All of this follows from the plan, the batch records and the time: nothing is remembered elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from enum import Enum
from typing import assert_never

from nightsort.api.batch_record import BatchRecord, BatchState, CacheUse, Usage
from nightsort.api.plan import PlannedCaching
from nightsort.api.resource import Resource
from nightsort.api.status import Status
from nightsort.domain.actions import deadline_seconds
from nightsort.domain.record import Submission, find, rest_of_source, unseen_tickets
from nightsort.domain.report import minute, plural

LONGEST_WAIT = timedelta(minutes=30)
"""For each of the two batches that go ahead. Both together take no more than the hour that the default of
activeDeadlineSeconds has beyond a batch's day."""
WARM = timedelta(minutes=50)
"""A cache is for an hour after its last use, by a clock that may be another one."""
NEAR_SECONDS = 6 * 3600.0
"""A run with less time does without: its batches need what is left."""
MOST_PRIMES = 3
"""Tickets that go ahead and come to nothing. If none of them has an answer, the run does without."""
WORTH_PRIMING_AGAIN = 10
"""Times the probe: with fewer tickets left, a cache that has gone cold is not written anew."""


class Stage(Enum):
    """What the next tickets of the source are to do for the prompt's cache, or with it."""

    WITHOUT = "without"
    PRIME = "prime"
    PROBE = "probe"
    READ = "read"
    WAIT = "wait"


def stage(resource: Resource, now: datetime) -> Stage:
    """The order: what was read decides; then what is under way is waited for; then what is warm is read."""
    caching = planned(resource.status)
    if caching is None:
        return Stage.WITHOUT
    marked = [record for record in resource.status.batches if record.cache is not None and record.requests]
    measured = newest(record for record in marked if is_measured(record))
    if is_in_vain(marked) or (measured is not None and not pays(measured.usage, caching.least_hits)):
        return Stage.WITHOUT
    is_near = deadline_seconds(resource, now) < NEAR_SECONDS
    ahead = under_way(marked)
    if ahead is not None:
        return Stage.WAIT if now < ahead.intended_at + LONGEST_WAIT and not is_near else Stage.WITHOUT
    if is_warm(marked, now):
        return Stage.READ if measured is not None else Stage.WITHOUT if is_near else Stage.PROBE
    first = not marked or all(record.state is BatchState.COLLECTED and not used(record) for record in marked)
    enough = first or unseen_tickets(resource.status) >= WORTH_PRIMING_AGAIN * caching.probe
    return Stage.PRIME if enough and not is_near else Stage.WITHOUT


def planned(status: Status) -> PlannedCaching | None:
    """How the run uses a cache, unless it does not, or does not any more."""
    caching = status.plan.caching if status.plan is not None else None
    return None if caching is None or caching.given_up else caching


def is_measured(record: BatchRecord) -> bool:
    return record.state is BatchState.COLLECTED and record.cache in (CacheUse.PROBE, CacheUse.READ)


def newest(records: Iterable[BatchRecord]) -> BatchRecord | None:
    return max(records, key=lambda record: record.turn, default=None)


def under_way(marked: Sequence[BatchRecord]) -> BatchRecord | None:
    """The batch that has gone ahead, and is to be waited for: a prime, or the probe while nothing was measured yet."""
    open_ones = [record for record in marked if record.state.is_open]
    primes = [record for record in open_ones if record.cache is CacheUse.PRIME]
    probes = [record for record in open_ones if record.cache is CacheUse.PROBE]
    if any(is_measured(record) for record in marked):
        probes = []
    return newest((*primes, *probes))


def is_in_vain(marked: Sequence[BatchRecord]) -> bool:
    """Whether a prompt was read and not cached, as a prompt below the model's minimum, or no ticket had an answer."""
    primes = [one for one in marked if one.cache is CacheUse.PRIME and one.state is BatchState.COLLECTED]
    unused = [record for record in primes if not used(record)]
    return len(unused) >= MOST_PRIMES or any(record.usage.input_tokens for record in unused)


def used(record: BatchRecord) -> int:
    """Tokens that a batch has written into the cache or read from it."""
    usage = record.usage
    return usage.cache_read_tokens + usage.cache_write_tokens + usage.cache_write_hour_tokens


def is_warm(marked: Iterable[BatchRecord], now: datetime) -> bool:
    """Whether the cache still has the prompt, which each use keeps for another hour.

    When a batch under way was processed is not known, nor when the parts of a sum have ended.
    """
    ends = (record.ended_at for record in marked if used(record) and not record.summed_up)
    return any(now < ended + WARM for ended in ends if ended is not None)


def hits(usage: Usage) -> int | None:
    """Percent of the marked tokens that were read from the cache; None where none was used."""
    written = usage.cache_write_tokens + usage.cache_write_hour_tokens
    whole = written + usage.cache_read_tokens
    return 100 * usage.cache_read_tokens // whole if whole else None


def pays(usage: Usage, least: int) -> bool:
    found = hits(usage)
    return found is not None and found >= least


def with_cache(resource: Resource, submission: Submission, now: datetime) -> Submission | None:
    """The next tickets of the source, as the cache needs them; None while a batch that went ahead is waited for."""
    match stage(resource, now):
        case Stage.WITHOUT:
            return submission
        case Stage.WAIT:
            return None
        case Stage.PRIME:
            return replace(submission, cache=CacheUse.PRIME, most=1)
        case Stage.PROBE:
            caching = planned(resource.status)
            most = min(submission.most or resource.spec.shards.max_requests, caching.probe if caching else 1)
            return replace(submission, cache=CacheUse.PROBE, most=most)
        case Stage.READ:
            return replace(submission, cache=CacheUse.READ)
        case unknown:
            assert_never(unknown)


def awaited(resource: Resource, now: datetime) -> str | None:
    """What the other tickets wait for, in words; None where they do not."""
    status = resource.status
    if rest_of_source(status) is None or stage(resource, now) is not Stage.WAIT:
        return None
    ahead = under_way([record for record in status.batches if record.cache is not None])
    if ahead is None:
        return None
    alone = ahead.cache is CacheUse.PRIME
    what = "writes the prompt into the API's cache" if alone else "show how much of the prompt is read from the cache"
    return (
        f"{plural(ahead.requests, 'ticket')} {'goes' if alone else 'go'} ahead and {what}; the others follow when "
        f"that has ended, and without it from {minute(ahead.intended_at + LONGEST_WAIT)} on"
    )


def shown(status: Status, record: BatchRecord) -> str:
    """What a batch with the mark has read from the cache, in words for its event; empty without the mark."""
    caching = planned(status)
    if record.cache is None or caching is None:
        return ""
    share = hits(record.usage)
    if record.cache is CacheUse.PRIME:
        return "; the prompt is in the cache" if used(record) else "; the prompt is not cached"
    read = "nothing of the prompt was cached" if share is None else f"{share} % of the prompt was read from the cache"
    verdict = "which pays" if pays(record.usage, caching.least_hits) else "which does not pay: the others go without"
    return f"; {read}, {verdict}"


def again_with_cache(resource: Resource, submission: Submission, now: datetime) -> Submission:
    """A released range, or tickets that are asked again: marked where the others are that go now."""
    record = find(resource.status, submission.shard, submission.attempt)
    if record is None:
        reads = stage(resource, now) is Stage.READ
        return replace(submission, cache=CacheUse.READ) if reads else submission
    if record.cache is None or planned(resource.status) is None:
        return submission
    others = tuple(one for one in resource.status.batches if one != record)
    now_due = stage(resource.with_status(resource.status.model_copy(update={"batches": others})), now)
    as_before = now_due.value == record.cache.value.lower()
    return replace(submission, cache=record.cache) if as_before or record.cache is CacheUse.PRIME else submission
