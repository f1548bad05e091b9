"""How the API cuts its lists into pages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

import msgspec

from nightsort.simulator.wire import ApiFailure

MAX_LIMIT = 1000


class Named(Protocol):
    """Something with an id."""

    @property
    def id(self) -> str:
        """The id that a page can start from."""


T = TypeVar("T", bound=Named)


class Window(msgspec.Struct, frozen=True):
    """The requested part of a list: after one entry, before one, or from the start."""

    limit: int = 20
    after_id: str | None = None
    before_id: str | None = None

    @classmethod
    def of(cls, query: dict[str, str]) -> Window:
        """The window that a query string describes.

        Raises:
            ApiFailure: 400.
        """
        unknown = set(query) - {"limit", "after_id", "before_id", "beta"}
        if unknown:
            raise ApiFailure(400, f"{min(unknown)}: Extra inputs are not permitted")
        limit = query.get("limit", "20")
        if not limit.isdecimal() or not 1 <= int(limit) <= MAX_LIMIT:
            raise ApiFailure(400, f"limit: Input should be a number from 1 to {MAX_LIMIT}")
        window = cls(int(limit), query.get("after_id"), query.get("before_id"))
        if window.after_id and window.before_id:
            raise ApiFailure(400, "Only one of after_id and before_id may be given")
        return window

    def cut(self, entries: Sequence[T]) -> tuple[Sequence[T], bool]:
        """The entries in the window, and whether there are more in its direction."""
        if self.before_id:
            earlier = entries[: _place(entries, self.before_id)]
            return earlier[-self.limit :], len(earlier) > self.limit
        later = entries[_place(entries, self.after_id) + 1 :] if self.after_id else entries
        return later[: self.limit], len(later) > self.limit


def _place(entries: Sequence[Named], id: str) -> int:
    for place, entry in enumerate(entries):
        if entry.id == id:
            return place
    raise ApiFailure(400, f"{id} is not in the list")
