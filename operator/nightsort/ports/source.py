"""Where tickets come from."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Protocol, runtime_checkable

from nightsort.domain.snapshot import Snapshot
from nightsort.domain.ticket import Ticket


class Source(Protocol):
    """Where tickets come from, in a fixed order of cursors."""

    async def check(self) -> Sequence[str]:
        """What is odd and in nobody's way, in words: a file of 0 bytes, where others have tickets or there are none.

        Raises:
            Waiting, Stalled, Rejected: the tickets cannot be read, or their ids are not unique.
        """
        ...

    async def count(self) -> int:
        """How many tickets there are now.

        Raises:
            Waiting, Stalled, Rejected: see `check`.
        """
        ...

    def tickets(self, after: str | None = None, through: str | None = None) -> AsyncIterator[Sequence[Ticket]]:
        """Pages of tickets behind the cursor `after`, up to and with `through`.

        Raises:
            SourceChanged: what a cursor stands for is not there any more; at `through` it may show after the last page.
        """
        ...

    async def by_ids(self, ids: Sequence[str]) -> Sequence[Ticket]:
        """Those of the tickets that are still there, in any order. At most 1,000 ids a call."""
        ...


@runtime_checkable
class ChangingSource(Source, Protocol):
    """A source whose tickets are other ones while a run reads it, as those of a query with a LIMIT."""

    async def snapshot(self) -> Snapshot:
        """Which tickets there are now, all seen at the same moment.

        Raises:
            Rejected, Stalled: the source would choose other ones at each read.
        """
        ...

    def among(self, ids: Sequence[str]) -> AsyncIterator[Sequence[Ticket]]:
        """Pages of those of the tickets that are still there, in the order of a snapshot. At most 5,000 ids a call."""
        ...

    async def outdated(self, ids: Sequence[str]) -> Sequence[str]:
        """Of tickets whose label is in the results: those that the source gives only since it does not see that.

        None of them where it cannot be told. At most 1,000 ids a call.
        """
        ...
