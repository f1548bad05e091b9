"""The content of a page, as values: figures that add up, tickets without a category, samples, runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import assert_never

from nightsort.api.cost import Cost
from nightsort.api.counts import FieldCounts
from nightsort.api.evaluated import EvaluationStatus
from nightsort.api.reviewed import ReviewStatus
from nightsort.api.spec import Spec
from nightsort.domain.answer import Verdict
from nightsort.domain.field_counts import counted_values
from nightsort.domain.fields import Value, fields_of

MOST_UNUSABLE = 200
"""Tickets without a category that a page lists; the others are counted."""
MOST_SAMPLES = 5
"""Tickets that are shown of each category."""
MOST_SAMPLE_CHARS = 1000
MOST_RUNS = 31
"""Runs that a page shows one by one: a month of nights. Earlier ones are added up in one row."""
THOUSAND_TICKETS = 1000
NO_VALUE = "(none of them)"
"""Answers to a field that are none of its values."""
OTHER_VERDICTS = "any other"
"""The verdicts of failed tickets whose rows are not at hand, in one word."""


@dataclass(frozen=True, slots=True)
class Unusable:
    """A ticket without a category, and the cause."""

    id: str
    verdict: Verdict
    reason: str


@dataclass(frozen=True, slots=True)
class Sample:
    """A ticket of a category; its text as the model read it, None for a page without texts."""

    id: str
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """One purchase, or a run of a cluster together with its retries. Amounts are in USD."""

    began_at: datetime | None
    tickets: int
    cost: Cost
    name: str = ""
    """The run's name, where it has one."""

    @property
    def actual(self) -> Decimal | None:
        return None if self.cost.actual_usd is None else Decimal(self.cost.actual_usd)

    @property
    def standard(self) -> Decimal | None:
        return None if self.cost.standard_usd is None else Decimal(self.cost.standard_usd)


@dataclass(frozen=True, slots=True)
class Spent:
    """The total cost of runs, in USD, exactly as their figures add up; tickets of all of them."""

    runs: int
    tickets: int
    actual: Decimal
    standard: Decimal

    @property
    def saved(self) -> Decimal:
        return self.standard - self.actual

    @property
    def per_thousand(self) -> Decimal:
        """The cost of 1,000 tickets."""
        return self.actual * THOUSAND_TICKETS / self.tickets if self.tickets else Decimal(0)


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that a page shows.

    `categories` and `without` (tickets without a category, by cause) divide the same tickets that `verdicts` divide.
    `unusable` are the first `MOST_UNUSABLE` of the sent tickets without a category, `runs` the newest first.
    """

    file: str
    """The subject: a file of tickets, or the run of a cluster."""
    made_at: datetime
    simulated: bool
    spec: Spec
    categories: Mapping[str, int]
    without: Mapping[str, int]
    verdicts: Mapping[str, int]
    unusable: Sequence[Unusable]
    all_unusable: int
    samples: Mapping[str, Sequence[Sample]]
    runs: Sequence[Run]
    with_text: bool = False
    evaluation: EvaluationStatus | None = None
    review: ReviewStatus | None = None
    fields: Mapping[str, Mapping[str, int]] = dataclasses.field(default_factory=dict)
    """Answered tickets by the value of each further field that has values; a ticket with several counts for each."""
    notes: Sequence[str] = ()
    """What a reader must know before the figures."""
    about: Sequence[tuple[str, str]] = ()
    """Further settings, by name."""
    whole: str = "the labelled file has all of them"
    """The place of the tickets without a category that the page does not list."""
    texts: str = "; nightsort report --with-text shows what they say"
    """How a reader sees the texts of the samples; empty where they cannot be read."""

    @property
    def total(self) -> int:
        return sum(self.categories.values()) + sum(self.without.values())


def spent(runs: Sequence[Run]) -> Spent:
    """The sum of the runs with a known cost."""
    paid = [(run.tickets, run.actual, run.standard or Decimal(0)) for run in runs if run.actual is not None]
    return Spent(
        len(paid),
        sum(tickets for tickets, _, _ in paid),
        sum((actual for _, actual, _ in paid), Decimal(0)),
        sum((standard for _, _, standard in paid), Decimal(0)),
    )


def values_of(spec: Spec, answers: Iterable[Sequence[Value]]) -> dict[str, dict[str, int]]:
    """Tickets by the value of each field that has values, in the order of the spec; none of them last."""
    fields = fields_of(spec)
    counts = {field.name: dict.fromkeys((*field.values, NO_VALUE), 0) for field in fields if field.is_counted}
    for values in answers:
        for name, value in counted_values(fields, values):
            named = NO_VALUE if value is None else value
            counts[name][named] = counts[name].get(named, 0) + 1
    return without_empty(counts)


def values_of_status(counts: Iterable[FieldCounts]) -> dict[str, dict[str, int]]:
    """The same as the status of a run has it."""
    return without_empty(
        {one.name: {**{each.name: each.tickets for each in one.values}, NO_VALUE: one.unknown} for one in counts}
    )


def without_empty(counts: Mapping[str, Mapping[str, int]]) -> dict[str, dict[str, int]]:
    """Without fields that nobody has answered, and without a line for what nobody has answered wrongly."""
    return {
        name: {value: tickets for value, tickets in values.items() if tickets or value != NO_VALUE}
        for name, values in counts.items()
        if any(values.values())
    }


def meaning(verdict: Verdict) -> str:
    """A verdict in words that quote nothing: an answer of the model may repeat the ticket's text."""
    match verdict:
        case Verdict.LABELED:
            return "the answer is one of the categories"
        case Verdict.UNKNOWN:
            return "the answer is none of the categories"
        case Verdict.REFUSED:
            return "the model refused to answer"
        case Verdict.TRUNCATED:
            return "the answer ended before its category was certain"
        case Verdict.ERRORED:
            return "the API returned an error in the place of an answer"
        case Verdict.EXPIRED:
            return "not run within 24 hours"
        case Verdict.CANCELED:
            return "canceled before it was run"
        case Verdict.MISSING:
            return "no answer came"
        case Verdict.UNSENDABLE:
            return "there is no text to ask about"
        case _:
            assert_never(verdict)


def reason_of(unusable: Unusable, *, with_text: bool) -> str:
    """Why a ticket has no category; the model's own words only where texts are shown too."""
    quotes = unusable.verdict in (Verdict.UNKNOWN, Verdict.TRUNCATED)
    return meaning(unusable.verdict) if not unusable.reason or (quotes and not with_text) else unusable.reason
