"""Remembers which ticket's label is in which row, for columns that take different ids for one."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock

MOST_CLAIMS = 200_000


class Claims:
    """Labels that this process has stored, so that no row gets the label of another ticket of its run.

    Ids that are known before a purchase are compared with each other then; this is for later ids, and keeps the last
    MOST_CLAIMS labels, as hashes. A restart forgets them.
    """

    def __init__(self, most: int = MOST_CLAIMS) -> None:
        self._most = most
        self._owners: dict[int, int] = {}
        self._lock = Lock()

    def claim(self, place: str, row: Sequence[str], ticket_id: str) -> bool:
        """Whether the row may have this ticket's label: it has no other ticket's. `place` is a run and its table."""
        key, owner = hash((place, *row)), hash(ticket_id)
        with self._lock:
            if self._owners.setdefault(key, owner) != owner:
                return False
            if len(self._owners) > self._most:
                del self._owners[next(iter(self._owners))]
        return True
