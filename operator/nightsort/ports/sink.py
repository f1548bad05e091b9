"""Stores for rows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Protocol, runtime_checkable

from nightsort.domain.answer import Row
from nightsort.domain.stored import EvaluationReport, Rehearsal, Stored, Summary


class Sink(Protocol):
    """A store for rows. Writing the same rows again changes nothing.

    A row with a category is final: a row without one does not replace it, as a process that was paused for long may
    try to. It does where both have a hash, and not the same one: the label was for another text or other settings.
    Object storage cannot compare: it has an object for each batch, which is replaced.
    """

    async def check(self, rehearsal: Rehearsal) -> None:
        """Raises Stalled or Rejected when such rows could not be delivered. Leaves nothing visible behind."""
        ...

    async def write(self, rows: AsyncIterator[Sequence[Row]]) -> Stored:
        """Stores rows, one per ticket id; returns when they are durable."""
        ...

    async def finish(self, summary: Summary) -> Stored:
        """Called when all rows are stored."""
        ...


@runtime_checkable
class KeyedSink(Sink, Protocol):
    """A sink that finds rows by ids, which must fit its existing data: it tries the run's first ones."""

    tries_ids: bool


@runtime_checkable
class LabeledSink(Sink, Protocol):
    """A sink that knows which tickets have their label, from this or any other run."""

    async def labeled(self, ids: Sequence[str]) -> Sequence[str]:
        """The tickets among these that have a label."""
        ...


@runtime_checkable
class ReportingSink(Sink, Protocol):
    """A sink that keeps an evaluation beside its rows."""

    async def report(self, report: EvaluationReport) -> None:
        """Stores it whole or not at all, in the place of an earlier one.

        Raises:
            Waiting, Stalled: as for rows.
        """
        ...


@runtime_checkable
class ReusableSink(Sink, Protocol):
    """A sink whose rows of earlier runs may stand for tickets that have not changed."""

    reuses: bool
    """Whether it keeps the rows' hashes, as the resource asks for."""

    async def unchanged(self, hashes: Mapping[str, str]) -> Collection[str]:
        """The tickets, of these hashes by id, whose row has this hash, of whatever run. At most 100,000 a call.

        Raises:
            Waiting, Stalled: the rows cannot be read.
        """
        ...


@runtime_checkable
class ClaimedSink(Sink, Protocol):
    """A sink whose place has a name that another resource may claim as well."""

    async def claim(self) -> None:
        """Claims the name for this resource, durably; a repeated claim changes nothing.

        Raises:
            Stalled: it belongs to another resource. Waiting: the store cannot be reached.
        """
        ...
