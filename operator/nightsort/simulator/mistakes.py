"""Mistakes on demand: a model reads a ticket rightly, or takes it for another category, always in the same way."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence

import msgspec

from nightsort.simulator.answers import Category, Classifier

ANY_MODEL = ""
KEY_CHARS = 120
MOST_LINES = 40
FAVOURITE = 0.5
"""The share of a category's mistakes that go to one other category, as real models have their favourite confusions."""
HALF_RANGE = 1 << 64
LOW, HIGH = "low", "high"
"""The ends of a scale of confidence."""

Confusions = Mapping[str, Mapping[str, float]]
"""By true category: the shares of its tickets that get another answer, by that answer's category; the rest is right.

An answer under any other name, such as "", is none of the categories.
"""


class Mistakes(msgspec.Struct, frozen=True, kw_only=True):
    """How often models are wrong. A ticket's outcome depends on its text, the model and the seed alone."""

    accuracy: Mapping[str, float] = msgspec.field(default_factory=dict)
    """The share of tickets that a model reads rightly, by model; `ANY_MODEL` holds for the others."""
    confusions: Confusions = msgspec.field(default_factory=dict)
    """For tickets of these categories in the place of `accuracy`."""
    confidence: float = 0.0
    """The share of answers whose stated confidence goes with being right: high where it is, low where it is not.

    The others state any of the three, as the ticket's text has it: with 0, confidence says nothing.
    """
    seed: int = 0

    def are_asked_for(self, model: str) -> bool:
        return bool(self.confusions) or self._accuracy(model) is not None

    def read(self, model: str, truth: Category, text: str, categories: Sequence[Category]) -> Category | None:
        """The category that the model takes this ticket for; None is an answer that is none of the categories."""
        drawn, which = draws(str(self.seed), model, text)
        if (row := self.confusions.get(truth.name)) is not None:
            return _of_row(row, drawn, truth, categories)
        accuracy = self._accuracy(model)
        others = [category for category in categories if category.name != truth.name]
        if accuracy is None or drawn < accuracy or not others:
            return truth
        if which < FAVOURITE:
            place, _ = draws(str(self.seed), model, truth.name)
            return others[int(place * len(others))]
        return others[int((which - FAVOURITE) / (1 - FAVOURITE) * len(others))]

    def stated(self, model: str, text: str, *, right: bool) -> str | None:
        """The confidence that the model states; None where it does not go with being right."""
        drawn, _ = draws(str(self.seed), model, text, "confidence")
        return (HIGH if right else LOW) if drawn < self.confidence else None

    def _accuracy(self, model: str) -> float | None:
        return self.accuracy.get(model, self.accuracy.get(ANY_MODEL))


def _of_row(row: Mapping[str, float], drawn: float, truth: Category, categories: Sequence[Category]) -> Category | None:
    for name, rate in row.items():
        drawn -= rate
        if drawn < 0:
            return next((category for category in categories if category.name == name), None)
    return truth


def draws(*words: str) -> tuple[float, float]:
    """Two numbers from 0 to below 1 that only these words decide."""
    digest = hashlib.blake2b("\0".join(words).encode(), digest_size=16).digest()
    first, second = int.from_bytes(digest[:8]), int.from_bytes(digest[8:])
    below_one = math.nextafter(1.0, 0.0)
    return min(first / HALF_RANGE, below_one), min(second / HALF_RANGE, below_one)


class Truths:
    """The true categories of tickets, by their texts.

    A prompt's template may put words before a ticket's text, and cut it: a text is found at the start of a line,
    by its first 120 characters.
    """

    def __init__(self, known: Mapping[str, str] | None = None) -> None:
        self._known: dict[str, str] = {}
        self.add(known or {})

    def add(self, known: Mapping[str, str]) -> None:
        """`known`: the category's name by the ticket's text."""
        self._known.update((_key(text), name) for text, name in known.items() if text.strip())

    def of(self, text: str, classifier: Classifier) -> Category:
        """The category that is known for a ticket's text; of others, the one whose words it has."""
        found = self._find(text)
        return (classifier.named(found) if found is not None else None) or classifier.choose(text)

    def _find(self, text: str) -> str | None:
        if not self._known:
            return None
        start = 0
        for _ in range(MOST_LINES):
            if (found := self._known.get(_key(text[start:]))) is not None:
                return found
            start = text.find("\n", start) + 1
            if not start:
                return None
        return None


def _key(text: str) -> str:
    return text.lstrip()[:KEY_CHARS].rstrip()
