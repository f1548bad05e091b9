"""McNemar's test: is one reader better than another on the same tickets, or is the difference chance?

By hand for the reason in `evaluation`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil, comb, erfc, sqrt
from statistics import NormalDist

from nightsort.domain.evaluation import share

SIGNIFICANT = 0.05
POWER = 0.8
MOST_EXACT = 1000
"""Discordant tickets up to which the exact test is computed; its sums take a millisecond there."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Two readers on the same tickets. Tickets that both got right or both wrong say nothing about the difference."""

    tickets: int
    only_first: int
    """Tickets that only the first reader got right."""
    only_second: int

    @property
    def discordant(self) -> int:
        return self.only_first + self.only_second

    @property
    def accuracy(self) -> float:
        """How much more accurate the first reader was; negative where the second was."""
        return (self.only_first - self.only_second) / self.tickets if self.tickets else 0.0

    @property
    def p(self) -> float:
        """The probability of a difference of at least this size between readers that are equally accurate.

        Two-sided: the exact binomial test, for many discordant tickets the chi-squared test with Edwards's
        continuity correction.
        """
        if self.discordant <= MOST_EXACT:
            fewer = min(self.only_first, self.only_second)
            tail = sum(comb(self.discordant, count) for count in range(fewer + 1))
            return min(1.0, 2 * tail / (1 << self.discordant))
        distance = max(abs(self.only_first - self.only_second) - 1, 0)
        return erfc(sqrt(distance**2 / self.discordant / 2))

    def is_significant(self, among: int = 1) -> bool:
        """Whether it is more than chance, with 95 % confidence for all the comparisons `among` which this one is.

        Of many comparisons some seem large by chance, so that each must be clearer (Bonferroni).
        """
        return self.p * among < SIGNIFICANT

    def tickets_to_tell(self, among: int = 1) -> int | None:
        """Known tickets with which a difference as large as this one would be found in four of five samples.

        With 95 % confidence for all comparisons, and a power of 80 % (Connor, 1987); None where the readers do not
        differ.
        """
        gap = abs(self.accuracy)
        if not gap:
            return None
        normal, differing = NormalDist(), share(self.discordant, self.tickets)
        confidence, power = normal.inv_cdf(1 - SIGNIFICANT / among / 2), normal.inv_cdf(POWER)
        return ceil((confidence * sqrt(differing) + power * sqrt(differing - gap**2)) ** 2 / gap**2)


def difference(outcomes: Iterable[tuple[bool, bool]]) -> Difference:
    """`outcomes`: for each ticket, whether the first and whether the second reader got it right."""
    tickets = only_first = only_second = 0
    for first, second in outcomes:
        tickets += 1
        only_first += first and not second
        only_second += second and not first
    return Difference(tickets, only_first, only_second)
