"""Compares labels with the known categories of the same tickets: accuracy, each category's figures, and confusions.

Written by hand and not by scikit-learn and scipy, as `mcnemar` and `drift` are: with numpy these would add 170 MB to
the image for some ten lines of arithmetic. The tests hold the figures of all three modules against theirs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, sqrt
from statistics import NormalDist

Pair = tuple[str, str | None]
"""The known category of a ticket, and the label that it got; None where it got none."""

CONFIDENCE_95 = NormalDist().inv_cdf(0.975)
"""The standard normal quantile of 97.5 %."""
FEW = 10
"""Known tickets below which a category's figures say nothing: with 9 of 9 right, the recall may still be 0.70."""
LARGEST_CONFUSIONS = 10


@dataclass(frozen=True, slots=True)
class Interval:
    """Shares between 0 and 1 that hold the true share with a confidence of 95 %."""

    low: float
    high: float


NOTHING_KNOWN = Interval(0.0, 1.0)


def wilson(hits: int, tries: int) -> Interval:
    """Wilson's score interval, at 95 %, for a share of which `hits` of `tries` were seen; without tries, 0 to 1.

    Unlike the normal approximation it holds for few tries and for shares near 0 and 1 (Wilson, 1927; Brown, Cai and
    DasGupta, 2001).

    Raises:
        ValueError: hits are not between 0 and tries.
    """
    if not 0 <= hits <= tries:
        raise ValueError(f"{hits} of {tries} is no share")
    if not tries:
        return NOTHING_KNOWN
    share, z2 = hits / tries, CONFIDENCE_95**2
    middle = (share + z2 / (2 * tries)) / (1 + z2 / tries)
    reach = CONFIDENCE_95 / (1 + z2 / tries) * sqrt(share * (1 - share) / tries + z2 / (4 * tries**2))
    # Rounding must not exclude what was seen: all right is 1 at the upper end, none right 0 at the lower.
    low = 0.0 if hits == 0 else max(0.0, middle - reach)
    return Interval(low, 1.0 if hits == tries else min(1.0, middle + reach))


def tickets_for(accuracy: float, reach: float) -> int:
    """Known tickets after which an accuracy like this one is known to plus or minus `reach`, at 95 %."""
    return ceil(CONFIDENCE_95**2 * max(accuracy * (1 - accuracy), reach * (1 - reach)) / reach**2)


@dataclass(frozen=True, slots=True)
class CategoryFigures:
    """Counts of one category: tickets that belong to it, tickets that were labelled with it, and those that are both.

    A share whose denominator is 0 is 0, as in scikit-learn with `zero_division=0`.
    """

    name: str
    support: int
    labeled: int
    correct: int

    @property
    def precision(self) -> float:
        return share(self.correct, self.labeled)

    @property
    def recall(self) -> float:
        return share(self.correct, self.support)

    @property
    def f1(self) -> float:
        return share(2 * self.correct, self.support + self.labeled)

    @property
    def recall_interval(self) -> Interval:
        return wilson(self.correct, self.support)

    @property
    def has_few(self) -> bool:
        """Whether too few known tickets belong to it to say anything."""
        return self.support < FEW


@dataclass(frozen=True, slots=True)
class Confusion:
    """Tickets of one category that got one other label, or none."""

    truth: str
    label: str | None
    tickets: int


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The figures of a reader's labels on tickets with a known category.

    A ticket without a label (unknown, refused, failed) counts as wrong: its category is known, and nobody got it.
    `matrix` has the tickets by category (rows) and label (columns), both in the order of `categories`; its last column
    has the tickets without a label.
    """

    categories: tuple[CategoryFigures, ...]
    matrix: tuple[tuple[int, ...], ...]

    @property
    def known(self) -> int:
        return sum(category.support for category in self.categories)

    @property
    def correct(self) -> int:
        return sum(category.correct for category in self.categories)

    @property
    def unanswered(self) -> int:
        return sum(row[-1] for row in self.matrix)

    @property
    def accuracy(self) -> float:
        return share(self.correct, self.known)

    @property
    def interval(self) -> Interval:
        """The interval of the accuracy."""
        return wilson(self.correct, self.known)

    @property
    def few(self) -> tuple[CategoryFigures, ...]:
        """Categories with too few known tickets to say anything."""
        return tuple(category for category in self.categories if category.has_few)

    def confusions(self, most: int = LARGEST_CONFUSIONS) -> tuple[Confusion, ...]:
        """The largest, and among equals in the order of the categories."""
        names: list[str | None] = [*(category.name for category in self.categories), None]
        found = [
            Confusion(category.name, label, tickets)
            for category, row in zip(self.categories, self.matrix, strict=True)
            for label, tickets in zip(names, row, strict=True)
            if tickets and label != category.name
        ]
        return tuple(sorted(found, key=lambda one: -one.tickets)[:most])

    def accuracy_for(self, frequencies: Mapping[str, int]) -> float | None:
        """The accuracy to expect where the categories occur as often as here: the recalls, weighted.

        A sample that was drawn evenly over the categories tells rare ones as well as frequent ones, so that its
        own accuracy is not that of the whole. None where an occurring category has no known ticket.
        """
        recalls = {category.name: category.recall for category in self.categories if category.support}
        if any(tickets and name not in recalls for name, tickets in frequencies.items()):
            return None
        whole = sum(frequencies.values())
        return (
            sum(tickets * recalls[name] for name, tickets in frequencies.items() if tickets) / whole if whole else None
        )


def evaluate(pairs: Iterable[Pair], categories: Sequence[str]) -> Evaluation:
    """The figures of these tickets.

    Raises:
        ValueError: a known category or a label is none of the categories.
    """
    counts = Counter(pairs)
    names = frozenset(categories)
    for truth, label in counts:
        if truth not in names or (label is not None and label not in names):
            raise ValueError(f"{truth if truth not in names else label} is none of the categories")
    columns: list[str | None] = [*categories, None]
    matrix = tuple(tuple(counts[truth, label] for label in columns) for truth in categories)
    labeled = [sum(column) for column in zip(*matrix, strict=True)]
    figures = tuple(
        CategoryFigures(name, sum(row), labeled[place], row[place])
        for place, (name, row) in enumerate(zip(categories, matrix, strict=True))
    )
    return Evaluation(figures, matrix)


def share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
