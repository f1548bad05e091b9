"""The tickets that a batch asks about, in few bytes: their number and a digest of their ids, whatever their order."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from hashlib import blake2b

DIGEST_BYTES = 16
_LIMIT = 1 << 8 * DIGEST_BYTES


class IdDigest:
    """The sum of the ids' hashes: an id can be added or taken away without knowing the others."""

    def __init__(self, ids: Iterable[str] = ()) -> None:
        self._sum = 0
        for one in ids:
            self.add(one)

    def add(self, ticket_id: str) -> None:
        self._sum = (self._sum + hash_of(ticket_id)) % _LIMIT

    def lacks(self, digest: str) -> int:
        """The value to be added to reach another digest."""
        return (int(digest, 16) - self._sum) % _LIMIT

    def __str__(self) -> str:
        return f"{self._sum:0{2 * DIGEST_BYTES}x}"


def hash_of(ticket_id: str) -> int:
    return int.from_bytes(blake2b(ticket_id.encode("utf-8", "surrogatepass"), digest_size=DIGEST_BYTES).digest())


def asked_of(digest: str | None, requests: int, seen: Collection[str], named: Collection[str]) -> set[str]:
    """The ids that a batch of this many requests asked about, as far as they can be known.

    `seen` are the ids of its answers, `named` those that the source names now: tickets may have left it since, and
    others may have come. The result is exact where the digest confirms it. Otherwise it has no more ids than were
    asked about, and prefers answered ids that the source names, too, since stray answers are rarer among them.
    """
    known = set(named)
    if digest is not None:
        for ids in (known, set(seen)):
            if len(ids) == requests and str(IdDigest(ids)) == digest:
                return ids
        if (almost := but_for_one(digest, requests, set(seen), known)) is not None:
            return almost
    both, gone = known & set(seen), sorted(set(seen) - known)
    if digest is not None and len(seen) >= requests:  # at least one of them was not asked about
        gone = gone[: max(requests - 1 - len(both), 0)]
    return set([*sorted(both), *gone, *sorted(known - both)][:requests])


def but_for_one(digest: str, requests: int, seen: set[str], named: set[str]) -> set[str] | None:
    """`seen` without one stray id, with one unanswered id, or both; None where neither fits the digest."""
    lacks = IdDigest(seen).lacks(digest)
    come = {hash_of(one): one for one in named - seen}
    if len(seen) == requests - 1 and lacks in come:
        return {*seen, come[lacks]}
    for stray in seen:
        left = (lacks + hash_of(stray)) % _LIMIT
        if len(seen) == requests + 1 and left == 0:
            return seen - {stray}
        if len(seen) == requests and left in come:
            return {*(seen - {stray}), come[left]}
    return None
