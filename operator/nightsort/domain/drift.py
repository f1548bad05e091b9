"""Tells whether a night's categories differ from those of the nights before by more than chance, and by enough.

By hand for the reason in `evaluation`; Python's own library has no chi-squared distribution.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import exp, lgamma, log

from nightsort.domain.evaluation import share

MOST_NIGHTS = 14
LEAST_NIGHTS = 3
"""Fewer nights do not tell how much nights differ from each other."""
CHANCE = 0.001
"""The greatest probability of a shift by chance: one false alarm in about three years of nights."""
ENOUGH = 0.1
"""The part of the tickets that have to be in other categories: large nights show smaller shifts, which nobody needs."""
LEAST_EXPECTED = 1.0
"""Expected tickets below which a category counts together with other rare ones: the test does not hold for them."""
MOST_MOVED = 3
Counts = Mapping[str, int]
RARE = "(rare)"
"""The name of the rare categories together, within this module."""


@dataclass(frozen=True, slots=True)
class Moved:
    """A category whose share has changed; shares are between 0 and 1."""

    name: str
    before: float
    now: float


@dataclass(frozen=True, slots=True)
class Drift:
    """A night beside `nights` earlier ones.

    `distance` is the part of the tickets that would have to be in other categories (total variation distance), `p` the
    probability of such a difference by chance. `moved` are the categories that have moved most.
    """

    nights: int
    distance: float
    p: float
    moved: tuple[Moved, ...]

    @property
    def is_shift(self) -> bool:
        return self.p < CHANCE and self.distance >= ENOUGH


def drift_of(night: Counts, former: Sequence[Counts]) -> Drift | None:
    """Pearson's chi-squared test of the night against the former ones together.

    Nights differ among themselves by more than chance: weekends, invoices at the end of a month. The test's statistic
    is divided by how much the former ones do (the dispersion of quasi-likelihood, at least 1). None where there are
    too few of them, or no tickets.
    """
    former = [each for each in former if sum(each.values())][:MOST_NIGHTS]
    tickets = sum(night.values())
    if len(former) < LEAST_NIGHTS or not tickets:
        return None
    before = together(former)
    statistic, freedom = chi_squared([night, before])
    spread, of = chi_squared(former)
    dispersion = max(1.0, spread / of) if of else 1.0
    p = chi_squared_above(statistic / dispersion, freedom) if freedom else 1.0
    return Drift(len(former), distance(night, before), p, moved(night, before))


def together(nights: Iterable[Counts]) -> Counts:
    whole: Counter[str] = Counter()
    for night in nights:
        whole.update(night)
    return whole


def chi_squared(nights: Sequence[Counts]) -> tuple[float, int]:
    """The statistic of the hypothesis that all have the same distribution, and its degrees of freedom."""
    sums = [sum(night.values()) for night in nights]
    whole, total = together(nights), sum(sums)
    least = min(sums)
    rare = {name for name, count in whole.items() if count * least / total < LEAST_EXPECTED}
    nights = [folded(night, rare) for night in nights]
    whole = folded(whole, rare)
    statistic = 0.0
    for name, count in whole.items():
        for night, tickets in zip(nights, sums, strict=True):
            if expected := count * tickets / total:
                statistic += (night.get(name, 0) - expected) ** 2 / expected
    return statistic, (len(whole) - 1) * (len(nights) - 1)


def folded(night: Counts, rare: set[str]) -> Counts:
    found = {name: count for name, count in night.items() if name not in rare and count}
    left = sum(night.values()) - sum(found.values())
    return {**found, RARE: left} if left else found


def distance(night: Counts, before: Counts) -> float:
    return sum(abs(one.now - one.before) for one in shares(night, before)) / 2


def moved(night: Counts, before: Counts) -> tuple[Moved, ...]:
    largest = sorted(shares(night, before), key=lambda one: (-round(abs(one.now - one.before), 9), one.name))
    return tuple(one for one in largest[:MOST_MOVED] if one.now != one.before)


def shares(night: Counts, before: Counts) -> list[Moved]:
    now_all, before_all = sum(night.values()), sum(before.values())
    names = dict.fromkeys((*before, *night))
    return [Moved(name, share(before.get(name, 0), before_all), share(night.get(name, 0), now_all)) for name in names]


def chi_squared_above(statistic: float, freedom: int) -> float:
    """The probability that a chi-squared variable exceeds this: the upper regularized incomplete gamma function.

    By its series below, and by its continued fraction above the mean (Lentz's method; Press and others, Numerical
    Recipes, 6.2).
    """
    a, x = freedom / 2, statistic / 2
    if x <= 0:
        return 1.0
    front = exp(a * log(x) - x - lgamma(a))
    if x < a + 1:
        term = whole = 1 / a
        step = a
        while term > whole * 1e-15:
            step += 1
            term *= x / step
            whole += term
        return max(0.0, 1 - front * whole)
    tiny = 1e-300
    b = x + 1 - a
    c, d = 1 / tiny, 1 / b
    found = d
    for step in range(1, 10_000):
        factor = -step * (step - a)
        b += 2
        d = 1 / (factor * d + b or tiny)
        c = b + factor / c or tiny
        found *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return front * found


def in_words(found: Drift) -> str:
    """A shift in a sentence: the categories that moved, with their shares before and now."""
    told = ", ".join(f"{one.name} {one.now * 100:.1f}% ({one.before * 100:.1f}% before)" for one in found.moved)
    return f"the categories differ from those of the {found.nights} runs before: {told}"
