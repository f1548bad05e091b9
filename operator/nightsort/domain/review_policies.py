"""Decides about the second reader: when it gets its tickets, and when their first answers are published without it."""

from __future__ import annotations

from datetime import datetime, timedelta

from nightsort.api.batch_record import BatchRecord
from nightsort.api.resource import Resource
from nightsort.api.spec import Spec
from nightsort.api.status import Status
from nightsort.domain.actions import Action, Facts, PublishFirst
from nightsort.domain.record import Submission, next_shard, unread_for_good, waiting_for_retry, waiting_for_review
from nightsort.domain.room import MOST_PARENTS, Room, is_short

READABLE = timedelta(days=21)
"""After this the first answers wait for no second one: the API keeps them for 29 days (vendor's documentation)."""


def due_review(status: Status, spec: Spec, room: Room) -> Submission | None:
    """The tickets for the second reader, once the first one has answered all; earlier where the record is full."""
    waiting = waiting_for_review(status)
    first = any(record.state.is_open for record in status.batches if not record.second)
    if not waiting or spec.review is None or ((first or waiting_for_retry(status)) and not is_short(status, room)):
        return None
    taken = [waiting[0]]
    for record in waiting[1:MOST_PARENTS]:
        if sum(one.review for one in taken) + record.review > spec.shards.max_requests:
            break
        taken.append(record)
    return Submission(next_shard(status), 0, parents=tuple(taken), second=True)


def publish_what_nobody_reads(resource: Resource, facts: Facts, now: datetime) -> Action | None:
    """First answers for which nothing more is bought, or whose results the API will not show much longer.

    However long a run is suspended or waits, no label that is paid for is lost.
    """
    unread = unread_for_good(resource.status)
    waits = unread or [one for one in waiting_for_review(resource.status) if is_old(one, now)]
    return PublishFirst(tuple(waits)) if waits else None


def is_old(record: BatchRecord, now: datetime) -> bool:
    return now >= record.intended_at + READABLE
