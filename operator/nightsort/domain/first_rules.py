"""The rules that judged answers before records named their rules: they still tell which tickets await a retry.

A batch whose answers were counted by these rules has rows for the answers that they call final, and for no others.
"""

from __future__ import annotations

from collections.abc import Iterable

from nightsort.api.categories import Category, spelled

_WRAPPING = "\u00a0 \t\r\n\"'`*.:\u201c\u201d\u2018\u2019"


class FirstLabels:
    """Names and aliases without capitals, quotes, full stops and a leading `Category:`."""

    def __init__(self, categories: Iterable[Category]) -> None:
        named = [(name, category.name) for category in categories for name in (category.name, *category.aliases)]
        self._spelled = {spelled(name): category for name, category in named}
        meant: dict[str, set[str]] = {}
        for name, category in named:
            meant.setdefault(normal(name), set()).add(category)
        self._meant = {form: category for form, (category, *others) in meant.items() if form and not others}

    def match(self, answer: str) -> str | None:
        return self._spelled.get(spelled(answer)) or self._meant.get(normal(answer))

    def is_cut(self, answer: str, category: str | None, stop_reason: str) -> bool:
        return category is None and stop_reason == "max_tokens"


def normal(text: str) -> str:
    return spelled(text).strip(_WRAPPING).removeprefix("category:").strip(_WRAPPING)
