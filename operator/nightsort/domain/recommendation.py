"""Which of several readers to take, in sentences: by their labels on the same known tickets, and by what they cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from nightsort.domain.cost import money
from nightsort.domain.evaluation import Evaluation, Pair, tickets_for
from nightsort.domain.mcnemar import Difference, difference

NARROW = 0.02
"""The reach of an interval that most decisions need: two points to either side."""
THOUSAND = 1000
ENOUGH = 1.1
"""Parts of the tickets that an interval as narrow as that needs; below, nothing is said about more of them."""


@dataclass(frozen=True, slots=True)
class Reader:
    """A model with a prompt, and its labels on the known tickets, in the same order as those of every other reader.

    `per_thousand` is what 1,000 tickets cost as a batch, in USD; None where it is not known.
    """

    name: str
    pairs: Sequence[Pair]
    evaluation: Evaluation
    per_thousand: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """McNemar's test for two readers; `among` is the number of comparisons that are made."""

    first: Reader
    second: Reader
    difference: Difference
    among: int

    @property
    def p(self) -> float:
        """The probability of the difference by chance, corrected for the number of comparisons (Bonferroni)."""
        return min(1.0, self.difference.p * self.among)

    @property
    def is_significant(self) -> bool:
        return self.difference.is_significant(self.among)

    @property
    def tickets_to_tell(self) -> int | None:
        return self.difference.tickets_to_tell(self.among)


@dataclass(frozen=True, slots=True)
class Recommendation:
    reader: Reader
    sentences: tuple[str, ...]


def comparisons(readers: Sequence[Reader]) -> list[Comparison]:
    """Every two of the readers, in their order."""
    among = len(readers) * (len(readers) - 1) // 2
    return [
        Comparison(first, second, difference_of(first, second), among)
        for place, first in enumerate(readers)
        for second in readers[place + 1 :]
    ]


def difference_of(first: Reader, second: Reader) -> Difference:
    """Raises ValueError: they did not read the same number of tickets."""
    pairs = zip(first.pairs, second.pairs, strict=True)
    return difference((one[0] == one[1], two[0] == two[1]) for one, two in pairs)


def recommendation(readers: Sequence[Reader]) -> Recommendation:
    """The cheapest of the readers that are not surely worse than the best one."""
    best = min(readers, key=lambda reader: (-reader.evaluation.correct, dearness(reader)))
    if len(readers) == 1:
        return Recommendation(best, tuple(alone(best)))
    among = len(readers) * (len(readers) - 1) // 2
    others = [Comparison(best, reader, difference_of(best, reader), among) for reader in readers if reader is not best]
    like = [each for each in others if not each.is_significant]
    chosen = min([best, *(each.second for each in like)], key=dearness)
    told = [sentence for each in others for sentence in compared(each)]
    return Recommendation(chosen, (*told, *choice(chosen, best, like)))


def dearness(reader: Reader) -> Decimal:
    """Readers whose price is not known come last."""
    return Decimal("Infinity") if reader.per_thousand is None else reader.per_thousand


def alone(reader: Reader) -> Iterator[str]:
    found = reader.evaluation
    yield f"{reader.name} is right on {percent(found.accuracy)} of such tickets, {between(found)} with 95% confidence"
    needed = tickets_for(found.accuracy, NARROW)
    if needed > found.known * ENOUGH:
        yield f"about {needed:,} known tickets would tell it to {NARROW * 100:.0f} points up or down"


def compared(one: Comparison) -> Iterator[str]:
    first, second = one.first, one.second
    shares = f"{percent(first.evaluation.accuracy)} against {percent(second.evaluation.accuracy)}"
    if one.is_significant:
        more = f"{first.name} is more accurate than {second.name}"
        yield f"{more}: {shares}, which is more than chance ({probability(one.p)})"
        yield from dearer(first, second)
        return
    if not one.difference.discordant:
        yield f"{first.name} and {second.name} are right on the same tickets: the sample shows no difference"
        return
    yield (
        f"the sample is too small to tell {first.name} and {second.name} apart: {shares} of {one.difference.tickets:,} "
        f"known tickets ({probability(one.p)})"
    )
    if needed := one.tickets_to_tell:
        yield f"about {needed:,} known tickets would tell, if the difference is as large as it seems"


def dearer(first: Reader, second: Reader) -> Iterator[str]:
    """The price of being right more often."""
    if first.per_thousand is None or second.per_thousand is None or first.per_thousand <= second.per_thousand:
        return
    more = (first.evaluation.accuracy - second.evaluation.accuracy) * THOUSAND
    yield (
        f"of 1,000 tickets {first.name} reads about {more:.0f} more rightly, for "
        f"${money(first.per_thousand - second.per_thousand)} more"
    )


def choice(chosen: Reader, best: Reader, like: Sequence[Comparison]) -> Iterator[str]:
    if chosen.per_thousand is None:
        yield f"recommended: {chosen.name}; what the readers cost is not known"
        return
    cost = f"${money(chosen.per_thousand)} for 1,000 tickets"
    if like:
        yield f"recommended: {chosen.name}, as the cheapest that is not shown to be worse, at {cost}"
    else:
        yield f"recommended: {chosen.name}, at {cost}"


def percent(share: float) -> str:
    return f"{share * 100:.1f}%"


def between(found: Evaluation) -> str:
    return f"between {percent(found.interval.low)} and {percent(found.interval.high)}"


def probability(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
