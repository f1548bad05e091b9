"""From the words of an answer to one of the declared categories."""

from __future__ import annotations

from collections.abc import Iterable

from nightsort.api.spec import Category

_WRAPPING = " \t\r\n\"'`*.:\u201c\u201d\u2018\u2019"


class Labels:
    """The categories by every name that an answer may use: names and aliases, whatever their capitals."""

    def __init__(self, categories: Iterable[Category]) -> None:
        self._by_name: dict[str, str] = {}
        for category in categories:
            for name in (category.name, *category.aliases):
                self._by_name[normal(name)] = category.name

    def match(self, answer: str) -> str | None:
        """The category that an answer names, or None."""
        return self._by_name.get(normal(answer))


def normal(text: str) -> str:
    """Without capitals, quotes, full stops and a leading `Category:`."""
    return text.strip(_WRAPPING).casefold().removeprefix("category:").strip(_WRAPPING)
