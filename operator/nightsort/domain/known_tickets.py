"""The known tickets of a run: those with a category that a person has given, and those chosen among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nightsort.api.categories import Category
from nightsort.domain.evaluation import CONFIDENCE_95
from nightsort.domain.truth import EvenSample, Truths


@dataclass(frozen=True, slots=True)
class KnownTickets:
    """Ids, and the category of each."""

    ids: tuple[str, ...] = ()
    truths: tuple[str, ...] = ()

    def by_id(self) -> Mapping[str, str]:
        return dict(zip(self.ids, self.truths, strict=True))


class KnownSample:
    """Chooses `sample` tickets from a stream, evenly over the categories; `seed` is the run's."""

    def __init__(self, seed: str, sample: int, categories: Sequence[Category]) -> None:
        self.truths = Truths(categories)
        self.available = 0
        """Known tickets so far."""
        self._sample = EvenSample(sample, f"{seed}\0")

    def see(self, ticket_id: str, value: str, *, sendable: bool) -> None:
        """Notes a known ticket. One without a text is none that could be compared."""
        self.available += 1
        category = self.truths.of(value)
        if category is not None and sendable:
            self._sample.offer(ticket_id, category)

    def chosen(self) -> KnownTickets:
        """The tickets, in an order that mixes the categories."""
        found = self._sample.categories()
        return KnownTickets(tuple(found), tuple(found.values()))


def least_for(min_accuracy: float) -> int:
    """The fewest known tickets whose interval can reach the threshold at all, if every label is right.

    Wilson's lower end is n / (n + z²) then.
    """
    squared = CONFIDENCE_95**2
    least = max(int(min_accuracy * squared / (1 - min_accuracy)), 1)
    while least / (least + squared) < min_accuracy:
        least += 1
    return least
