"""Divides the tickets of a run into parts for people: counts add up to the total, shares to 100 %."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nightsort.api.status import Status

UNKNOWN, FAILED, CANCELED = "(none: unknown)", "(none: failed)", "(none: canceled)"
NOT_ANSWERED = "(none: not answered)"
REUSED = "(reused: a row stands)"
"""The tickets that a run has left out, since an earlier one has labelled the same."""
THOUSAND = 1000
"""Shares are in tenths of a percent."""


@dataclass(frozen=True, slots=True)
class Part:
    """A category, or a cause for having none; `thousandths` is its share of all tickets."""

    name: str
    tickets: int
    thousandths: int

    @property
    def share(self) -> str:
        return f"{self.thousandths // 10}.{self.thousandths % 10}%"


def breakdown(status: Status) -> tuple[Part, ...]:
    """Every ticket once: the categories, largest first, then the tickets without one; empty parts are left out.

    A ticket that got its category from `Fallback` is counted there, though its verdict is Unknown.
    """
    tickets = status.tickets
    categories = sorted(((one.name, one.tickets) for one in status.categories), key=lambda one: -one[1])
    categorized = sum(count for _, count in categories)
    unknown = max(tickets.labeled + tickets.unknown - categorized, 0)
    unanswered = max(tickets.total - categorized - unknown - tickets.failed - tickets.reused, 0)
    others = [
        (UNKNOWN, unknown),
        (FAILED, tickets.failed),
        (NOT_ANSWERED, unanswered),
        (REUSED, tickets.reused),
    ]
    return parts_of([(name, count) for name, count in (*categories, *others) if count])


def parts_of(counts: Sequence[tuple[str, int]]) -> tuple[Part, ...]:
    """The parts of a whole, with shares that add up to 100 %."""
    shares = shares_of([count for _, count in counts])
    return tuple(Part(name, count, share) for (name, count), share in zip(counts, shares, strict=True))


def shares_of(counts: Sequence[int]) -> list[int]:
    """Shares in thousandths that add up to a thousand: the rest after rounding down goes to the largest remainders."""
    whole = sum(counts)
    if not whole:
        return [0 for _ in counts]
    shares = [count * THOUSAND // whole for count in counts]
    by_remainder = sorted(range(len(counts)), key=lambda place: -(counts[place] * THOUSAND % whole))
    for place in by_remainder[: THOUSAND - sum(shares)]:
        shares[place] += 1
    return shares
