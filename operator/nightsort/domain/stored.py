"""The values that sinks are given and that they return."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from nightsort.api.category_set_use import CategorySetUse
from nightsort.api.evaluated import EvaluationStatus
from nightsort.domain.evaluation import Pair
from nightsort.domain.fields import Value


@dataclass(frozen=True, slots=True)
class Summary:
    """Figures that a sink may add at the end of a run: counts by category and verdict, cost in USD as in the status."""

    resource: str
    model: str
    tickets: int
    categories: Mapping[str, int]
    verdicts: Mapping[str, int]
    actual_usd: str | None
    standard_usd: str | None
    category_set: CategorySetUse | None = None


@dataclass(frozen=True, slots=True)
class EvaluationReport:
    """How the labels of a run compare with known categories; `answers` are tickets by known category and label."""

    resource: str
    model: str
    min_accuracy: str | None
    figures: EvaluationStatus
    answers: Mapping[Pair, int]


@dataclass(frozen=True, slots=True)
class Stored:
    """Where a sink has put the rows."""

    where: Mapping[str, object] = field(default_factory=dict)
    """Fields of `status.results` that name the place."""
    without_row: int = 0
    """Labels of this write that are not in the table: it lacks their rows, or the database dropped them."""
    collision: str = ""
    """The remark about tickets whose row has the label of another ticket of the run, and keeps it."""


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """The content of a run, as far as it is known before anything is bought.

    `ids` are those of its first tickets, for sinks that try them (KeyedSink).
    `all_ids` reads the ids of all tickets, in pages, which takes time.
    """

    tickets: int
    categories: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    model: str = ""
    all_ids: Callable[[], AsyncIterator[Sequence[str]]] | None = None
    values: tuple[tuple[Value, ...], ...] = ()
    """Answers to the spec's fields: rows that have each value of each field, and its longest one."""
