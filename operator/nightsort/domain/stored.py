"""What sinks are told and what they tell."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Summary:
    """What a sink may add at the end of a run: counts by category and verdict, cost in USD as the status shows it."""

    resource: str
    model: str
    tickets: int
    categories: Mapping[str, int]
    verdicts: Mapping[str, int]
    actual_usd: str | None
    standard_usd: str | None


@dataclass(frozen=True, slots=True)
class Stored:
    """Where a sink has put the rows."""

    where: Mapping[str, object] = field(default_factory=dict)
    """Fields of `status.results` that name the place."""
    without_row: int = 0
    """Labels of this write that are not in the table: their rows are not there, or the database dropped them."""
    collision: str = ""
    """What is to be said of tickets whose row has the label of another ticket of the run, which it keeps."""


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What a run will write, as far as it is known before anything is bought.

    `ids` are those of its first tickets, where a sink tries them (KeyedSink).
    `all_ids` reads those of all, in pages, which takes its time.
    """

    tickets: int
    categories: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    model: str = ""
    all_ids: Callable[[], AsyncIterator[Sequence[str]]] | None = None
