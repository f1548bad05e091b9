"""Which ticket's label stands in which row, where a column takes ids for one that are not the same."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock

MOST_CLAIMS = 200_000


class Claims:
    """What this process has stored, so that no row gets the label of another ticket of its run.

    All ids that are known before a purchase are held against each other then; this is for those that come later, and
    knows the last MOST_CLAIMS labels, as hashes. A restart forgets them.
    """

    def __init__(self, most: int = MOST_CLAIMS) -> None:
        self._most = most
        self._owners: dict[int, int] = {}
        self._lock = Lock()

    def claim(self, place: str, row: Sequence[str], ticket_id: str) -> bool:
        """Whether the row may have this ticket's label: no other ticket's is there. `place` is a run and its table."""
        key, owner = hash((place, *row)), hash(ticket_id)
        with self._lock:
            if self._owners.setdefault(key, owner) != owner:
                return False
            if len(self._owners) > self._most:
                del self._owners[next(iter(self._owners))]
        return True
