"""Where rows go."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Protocol, runtime_checkable

from nightsort.domain.answer import Row
from nightsort.domain.stored import Rehearsal, Stored, Summary


class Sink(Protocol):
    """Where rows go. Writing the same rows again changes nothing.

    What has a category is final: a row without one, perhaps of a process that was paused for long, does not replace it.
    Object storage cannot look: it has an object for each batch, which is replaced.
    """

    async def check(self, rehearsal: Rehearsal) -> None:
        """Raises Stalled or Rejected when such rows could not be delivered. Leaves nothing behind to be seen."""
        ...

    async def write(self, rows: AsyncIterator[Sequence[Row]]) -> Stored:
        """Stores rows, one per ticket id; returns when they are durable."""
        ...

    async def finish(self, summary: Summary) -> Stored:
        """All rows are there."""
        ...


@runtime_checkable
class KeyedSink(Sink, Protocol):
    """A sink whose rows are found by ids that have to fit what is there: it tries the run's first ones."""

    tries_ids: bool


@runtime_checkable
class LabeledSink(Sink, Protocol):
    """A sink that knows which tickets have their label, whichever run has given it."""

    async def labeled(self, ids: Sequence[str]) -> Sequence[str]:
        """Those of the tickets that have one."""
        ...


@runtime_checkable
class ClaimedSink(Sink, Protocol):
    """A sink whose place has a name that another resource may want as well."""

    async def claim(self) -> None:
        """Takes the name for this resource, durably; again, it changes nothing.

        Raises:
            Stalled: it belongs to somebody else. Waiting: the store cannot be reached.
        """
        ...
