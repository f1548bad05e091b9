"""The queue for an account's room: an organisation may have only so many requests enqueued in batches at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heapreplace

from nightsort.api.status import Status

SHOWN_PLACES = 10


@dataclass(frozen=True, slots=True)
class Place:
    """A waiting resource: its requests, the time of its last try, and since when it waits, by the monotonic clock."""

    uid: str
    namespace: str
    requests: int
    asked: float
    since: float


@dataclass(frozen=True, slots=True)
class Load:
    """The requests that a resource has enqueued."""

    namespace: str
    requests: int


def enqueued(status: Status) -> int:
    """Requests of a resource that the API has, or may have: an intent counts until it is settled."""
    return sum(record.requests for record in status.batches if record.state.is_in_flight)


def front(lines: Mapping[str, Sequence[Place]], loads: Iterable[Load], most: int = SHOWN_PLACES) -> list[Place]:
    """The order of service: the namespace with the least enqueued goes first, and in it the first that came.

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
    """Whether this many more fit; a shard above the whole limit goes when nothing else is enqueued."""
    there = sum(load.requests for load in loads)
    return there + requests <= limit or there == 0


def going(first: Sequence[Place], loads: Iterable[Load], limit: int) -> Iterator[Place]:
    """The places that may go now: there is room for each of them and for those before it.

    None of them waits for those before it, which may be busy with something else.
    """
    there = sum(load.requests for load in loads)
    for place in first:
        if has_room(place.requests, [Load(place.namespace, there)], limit):
            yield place
        there += place.requests


def in_words(place: Place, first: Sequence[Place]) -> str:
    """The place in the queue. Far back it is rounded, since each step would be a write of the status."""
    for position, other in enumerate(first, 1):
        if other.uid == place.uid:
            return f"place {position}"
    return f"a place behind {len(first)}"
