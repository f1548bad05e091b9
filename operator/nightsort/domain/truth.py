"""Known categories as people write them, and the tickets that are chosen to measure labels with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from hashlib import blake2b
from heapq import heappush, heappushpop
from itertools import islice

from nightsort.api.categories import Category, spelled
from nightsort.domain.printable import printable

SHOWN_STRANGERS = 5
SHOWN_VALUE_CHARS = 64
MOST_STRANGERS = 500
"""Values that are kept: a column of something else has another one for each ticket."""


def first_in_words(values: Collection[str]) -> str:
    """The first of some foreign values for a message, each cut and in quotes."""
    shown = (repr(printable(value[:SHOWN_VALUE_CHARS])) for value in islice(values, SHOWN_STRANGERS))
    return ", ".join(shown) + ", …" * (len(values) > SHOWN_STRANGERS)


class Truths:
    """The categories by their names and aliases, as a column of known categories may spell them.

    Capitals and spaces around a name do not count. Everything else does: known categories decide about the labels of
    a whole run, so that no value is guessed.
    """

    def __init__(self, categories: Sequence[Category]) -> None:
        names = [(spelled(alias), category.name) for category in categories for alias in category.aliases]
        names += [(spelled(category.name), category.name) for category in categories]
        self._names = dict(names)
        self.strangers: Counter[str] = Counter()
        """Values that are no category, with their tickets, in the order in which they came; some hundreds of them."""
        self.strange = 0
        """Tickets with a value that is no category."""

    def of(self, value: str | None) -> str | None:
        """The category that a value names; None where the ticket's category is not known."""
        if value is None or not value.strip():
            return None
        found = self._names.get(spelled(value))
        if found is None:
            self.strange += 1
            if len(self.strangers) < MOST_STRANGERS or value.strip() in self.strangers:
                self.strangers[value.strip()] += 1
        return found


class EvenSample:
    """Chooses tickets evenly over the categories, the same ones whenever the same tickets are offered in any order.

    A ticket's place is a digest of its id, so that a file which has grown keeps most of its sample, and what was
    bought for it; another `seed` chooses others. Memory is bounded by `size` ids for each category.
    """

    def __init__(self, size: int, seed: str = "") -> None:
        self._size, self._seed = size, seed
        self._chosen: dict[str, list[tuple[int, str]]] = {}
        self.known: Counter[str] = Counter()
        """All tickets that were offered, by category."""

    def offer(self, id: str, category: str) -> None:
        self.known[category] += 1
        first = self._chosen.setdefault(category, [])
        place = (-self._place(id), id)
        if len(first) < self._size:
            heappush(first, place)
        else:
            heappushpop(first, place)

    def _place(self, id: str) -> int:
        key = f"{self._seed}{id}".encode("utf-8", "surrogatepass")
        return int.from_bytes(blake2b(key, digest_size=8).digest())

    def chosen(self) -> frozenset[str]:
        """The ids of at most `size` tickets; what a rare category leaves goes to the others."""
        return frozenset(self.categories())

    def categories(self) -> dict[str, str]:
        """The category of each chosen id, in the order of their places, which mixes the categories."""
        quotas = even_quotas({name: len(first) for name, first in self._chosen.items()}, self._size)
        found = [
            (-place, id, name)
            for name, first in self._chosen.items()
            for place, id in sorted(first, reverse=True)[: quotas[name]]
        ]
        return {id: name for _, id, name in sorted(found)}


def even_quotas(available: dict[str, int], size: int) -> dict[str, int]:
    """How many tickets each category gives, as equal as their numbers allow, `size` or all of them in total."""
    quotas, left = {}, size
    rarest_first: Iterable[tuple[str, int]] = sorted(available.items(), key=lambda one: (one[1], one[0]))
    for place, (name, count) in enumerate(rarest_first):
        quotas[name] = min(count, left // (len(available) - place))
        left -= quotas[name]
    return quotas
