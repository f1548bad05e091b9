"""The likeness of texts by the number of words that they share."""

from __future__ import annotations

from collections.abc import Sequence

from nightsort.domain.examples import Example


class NearestByCount:
    """Implements `domain.examples.Nearest`."""

    def __init__(self, examples: Sequence[Example]) -> None:
        self._examples = [(example, frozenset(example.text.lower().split())) for example in examples]

    def of(self, ticket_id: str, text: str, k: int) -> Sequence[Example]:
        words = frozenset(text.lower().split())
        found = [(-len(words & theirs), each.id, each) for each, theirs in self._examples if words & theirs]
        return [each for _, example_id, each in sorted(found, key=lambda one: one[:2]) if example_id != ticket_id][:k]


async def indexed(examples: Sequence[Example], namespace: str = "", /) -> NearestByCount:
    """Implements `ports.Indexer`."""
    return NearestByCount(examples)
