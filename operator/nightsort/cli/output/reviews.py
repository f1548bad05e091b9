"""A second reader in words: how often two models agree, and what became of the others."""

from __future__ import annotations

from collections.abc import Iterator

from nightsort.api.status import Status
from nightsort.domain.reviewed import in_words

SECOND = "a second model"


def review_lines(status: Status) -> Iterator[tuple[str, str]]:
    """The agreement, what it cost, and why some tickets were not read, as names and values."""
    told = status.review
    if told is None or not (said := in_words(told, SECOND)):
        return
    cost = f"; ${told.cost_usd} of the cost" if told.cost_usd is not None else ""
    yield "review", f"{said}{cost}"
    if told.unread and told.message:
        yield "unread", told.message
