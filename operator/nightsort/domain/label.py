"""From the words of an answer to one of the declared categories."""

from __future__ import annotations

from collections.abc import Iterable

from nightsort.api.categories import Category, spelled

_WRAPPING = "\u00a0 \t\r\n\"'`*.:\u201c\u201d\u2018\u2019"


class Labels:
    """The categories by every name that an answer may use: names and aliases, whatever their capitals.

    An answer in quotes or with a full stop is looked for without them, as long as that is one category's name only:
    beside `NET` there may be `.NET`.
    """

    def __init__(self, categories: Iterable[Category]) -> None:
        named = [(name, category.name) for category in categories for name in (category.name, *category.aliases)]
        self._spelled = {spelled(name): category for name, category in named}
        meant: dict[str, set[str]] = {}
        for name, category in named:
            meant.setdefault(normal(name), set()).add(category)
        self._meant = {form: category for form, (category, *others) in meant.items() if form and not others}

    def match(self, answer: str) -> str | None:
        """The category that an answer names, or None."""
        return self._spelled.get(spelled(answer)) or self._meant.get(normal(answer))


def normal(text: str) -> str:
    """Without capitals, quotes, full stops and a leading `Category:`."""
    return spelled(text).strip(_WRAPPING).removeprefix("category:").strip(_WRAPPING)
