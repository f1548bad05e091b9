"""Stores of tickets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Protocol, runtime_checkable

from nightsort.domain.snapshot import Snapshot
from nightsort.domain.ticket import Ticket


class Source(Protocol):
    """A store of tickets, in a fixed order of cursors."""

    async def check(self) -> Sequence[str]:
        """Remarks on harmless oddities, in words: a file of 0 bytes, where others have tickets or there are none.

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
            SourceChanged: the cursor's ticket is gone or changed; at `through` this may show after the last page.
        """
        ...

    async def by_ids(self, ids: Sequence[str]) -> Sequence[Ticket]:
        """The tickets among these that still exist, in any order. At most 1,000 ids a call."""
        ...


@runtime_checkable
class DescribedSource(Source, Protocol):
    """A source of files whose columns and dialects may be found rather than told."""

    @property
    def description(self) -> str:
        """What `check` has found, in words and without a ticket's text; empty where nothing was to be found."""
        ...


@runtime_checkable
class ChangingSource(Source, Protocol):
    """A source whose tickets may change while a run reads it, such as a query with a LIMIT."""

    async def snapshot(self) -> Snapshot:
        """The present tickets, all seen at the same moment.

        Raises:
            Rejected, Stalled: the source would choose different ones at each read.
        """
        ...

    def among(self, ids: Sequence[str]) -> AsyncIterator[Sequence[Ticket]]:
        """Pages of the tickets among these that still exist, in the order of a snapshot. At most 5,000 ids a call."""
        ...

    async def outdated(self, ids: Sequence[str]) -> Sequence[str]:
        """Of tickets with a label in the results: those that the source gives only because it does not see the label.

        None of them where this cannot be known. At most 1,000 ids a call.
        """
        ...
