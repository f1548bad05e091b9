"""The queue for an account's room: an organisation may have only so many requests enqueued in batches at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heapreplace

from nightsort.api.status import Status

SHOWN_PLACES = 10


@dataclass(frozen=True, slots=True)
class Place:
    """Somebody who waits: for how many requests, when last heard of, and since when, by the monotonic clock."""

    uid: str
    namespace: str
    requests: int
    asked: float
    since: float


@dataclass(frozen=True, slots=True)
class Load:
    """What a resource has enqueued, in requests."""

    namespace: str
    requests: int


def enqueued(status: Status) -> int:
    """Requests of a resource that the API has, or may have: an intent counts until it is settled."""
    return sum(record.requests for record in status.batches if record.state.is_in_flight)


def front(lines: Mapping[str, Sequence[Place]], loads: Iterable[Load], most: int = SHOWN_PLACES) -> list[Place]:
    """Who goes first, of the namespaces' lines: the namespace with the least enqueued, and in it who came first.

    Each place counts as if those before it had been served, so that namespaces take turns.
    """
    taken = dict.fromkeys(lines, 0)
    for load in loads:
        if load.namespace in taken:
            taken[load.namespace] += load.requests
    turns = [(requests, namespace, 0) for namespace, requests in taken.items() if lines[namespace]]
    heapify(turns)
    first: list[Place] = []
    while turns and len(first) < most:
        requests, namespace, position = turns[0]
        place = lines[namespace][position]
        first.append(place)
        if position + 1 < len(lines[namespace]):
            heapreplace(turns, (requests + place.requests, namespace, position + 1))
        else:
            heappop(turns)
    return first


def has_room(requests: int, loads: Iterable[Load], limit: int) -> bool:
    """Whether so many more fit; what is larger than the limit itself goes when nothing else is there."""
    there = sum(load.requests for load in loads)
    return there + requests <= limit or there == 0


def may_go(mine: Place, first: Sequence[Place], loads: Iterable[Load], limit: int) -> bool:
    """Whether somebody in the queue goes now: there is room, also for those who go before.

    These may do something else just now, and are not waited for.
    """
    there = sum(load.requests for load in loads)
    for place in first:
        if place.uid == mine.uid:
            return has_room(mine.requests, [Load(mine.namespace, there)], limit)
        there += place.requests
    return False


def in_words(place: Place, first: Sequence[Place]) -> str:
    """Far back the place is not told exactly, since each step would be a write of the status."""
    for position, other in enumerate(first, 1):
        if other.uid == place.uid:
            return f"place {position}"
    return f"a place behind {len(first)}"
