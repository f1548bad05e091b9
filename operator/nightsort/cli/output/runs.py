"""Runs in words: a table of several, and the whole story of one; for a cluster and for this machine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from rich.console import Console
from rich.table import Table

from nightsort.api.batch_record import BatchState
from nightsort.api.status import Status
from nightsort.cli.output.evaluations import evaluation_lines
from nightsort.cli.output.reviews import review_lines
from nightsort.domain.cost import money
from nightsort.domain.fields import CONFIDENCE
from nightsort.domain.printable import printable
from nightsort.domain.record import in_state
from nightsort.domain.report import minute, plural

BATCH_LASTS = timedelta(hours=24)
"""Hours after which unanswered requests of a batch expire (vendor's documentation, 2026-11-22)."""
COLUMNS = ("run", "began", "phase", "tickets", "labeled", "unknown", "failed", "cost")
UNKNOWN_PHASE = "Pending"
MOST_VALUES = 20
MOST_BATCHES = 10


@dataclass(frozen=True, slots=True)
class Line:
    """A run in the table of runs; `word` is its phase."""

    name: str
    began: datetime | None
    word: str
    status: Status


def table_of(lines: Iterable[Line]) -> Table:
    table = Table(box=None, pad_edge=False, show_edge=False)
    for name in COLUMNS:
        table.add_column(name, justify="left" if name in COLUMNS[:3] else "right", overflow="fold")
    for line in lines:
        tickets = line.status.tickets
        counts = (tickets.total, tickets.labeled, tickets.unknown, tickets.failed)
        table.add_row(
            printable(line.name),
            minute(line.began) if line.began else "",
            line.word,
            *(f"{count:,}" for count in counts),
            f"${line.status.cost.actual_usd}" if line.status.cost.actual_usd else "",
        )
    return table


def bill_of(statuses: Sequence[Status]) -> str:
    """What these runs have cost together, in a sentence; empty where nothing was paid."""
    costs = [status.cost for status in statuses]
    actual = sum((Decimal(cost.actual_usd) for cost in costs if cost.actual_usd), Decimal(0))
    unpriced = sum(cost.unpriced or 0 for cost in costs)
    without = f", without {plural(unpriced, 'request')} whose cost is not known" if unpriced else ""
    return f"{plural(len(statuses), 'run')}, ${money(actual)}{without}" if actual or unpriced else ""


def story_of(status: Status, began: datetime | None, now: datetime) -> Iterator[tuple[str, str]]:
    """The state of a run, as names and values."""
    phase = status.phase or UNKNOWN_PHASE
    yield "phase", f"{phase}: {status.message}" if status.message else phase
    if began is not None:
        yield "began", f"{minute(began)} ({ago(began, now)})"
    if status.completion_time is not None:
        yield "ended", minute(status.completion_time)
    yield "tickets", tickets_of(status)
    yield from field_lines(status)
    yield from (("batch", text) for text in batches_of(status, now))
    yield from evaluation_lines(status)
    yield from review_lines(status)
    yield "cost", cost_of(status)


def conditions_of(status: Status, now: datetime) -> Iterator[tuple[str, str]]:
    """The conditions that hold, the newest first; the phase has their messages."""
    held = [one for one in status.conditions if one.status == "True"]
    for one in sorted(held, key=lambda one: one.last_transition_time, reverse=True):
        since = one.last_transition_time
        yield "holds", f"{one.type} ({one.reason}) since {minute(since)} ({ago(since, now)})"


def tickets_of(status: Status) -> str:
    tickets = status.tickets
    open_ones = tickets.total - tickets.labeled - tickets.unknown - tickets.failed - tickets.reused
    parts = [(tickets.labeled, "labeled"), (tickets.unknown, "unknown"), (tickets.failed, "failed")]
    parts += [(tickets.reused, "reused"), (open_ones, "not answered yet")]
    words = [f"{count:,} {what}" for count, what in parts if count]
    same = f" ({tickets.duplicates:,} of them with the text of another one)" if tickets.duplicates else ""
    return f"{tickets.total:,}{': ' if words else ''}{', '.join(words)}{same}"


def field_lines(status: Status) -> Iterator[tuple[str, str]]:
    """The branches of a tree of categories, and the answers to fields with values, each on a line."""
    if status.groups:
        yield "branches", ", ".join(f"{group.tickets:,} {printable(group.name)}" for group in status.groups)
    for field in status.fields:
        counts = [f"{each.tickets:,} {printable(each.name)}" for each in field.values[:MOST_VALUES]]
        more = [f"{len(field.values) - MOST_VALUES:,} further values"] if len(field.values) > MOST_VALUES else []
        unknown = [f"{field.unknown:,} unknown"] if field.unknown else []
        own = " (the model's own statement)" if field.name == CONFIDENCE else ""
        yield field.name, f"{', '.join([*counts, *more, *unknown])}{own}"


def batches_of(status: Status, now: datetime) -> Iterator[str]:
    """The batches that may be under way, the oldest first."""
    flying = in_state(status, BatchState.SUBMITTED)
    for record in flying[:MOST_BATCHES]:
        sent = record.submitted_at or record.intended_at
        last = sent + BATCH_LASTS
        over = "expires" if last > now else "was to expire"
        asked = "; it was asked to end" if record.canceled else ""
        yield (
            f"{record.id}: {plural(record.requests, 'request')}, sent {minute(sent)} ({ago(sent, now)}), "
            f"{over} {minute(last)}{asked}"
        )
    if len(flying) > MOST_BATCHES:
        yield f"{len(flying) - MOST_BATCHES:,} more"
    for record in in_state(status, BatchState.INTENDED):
        yield (
            f"not known yet: {plural(record.requests, 'request')}, a create call of {minute(record.intended_at)} whose "
            "answer was lost"
        )


def cost_of(status: Status) -> str:
    cost = status.cost
    without = f" without {cost.unpriced:,} requests whose cost is not known" if cost.unpriced else ""
    if cost.actual_usd is None or not in_state(status, BatchState.COLLECTED):
        return (
            f"estimated ${cost.estimated_usd}; the bill comes with the answers" if cost.estimated_usd else "not known"
        )
    so_far = "" if status.completion_time else " so far"
    saved = f", saved ${cost.saved_usd}" if cost.saved_usd else ""
    estimate = f"; estimated ${cost.estimated_usd}" if cost.estimated_usd else ""
    standard = f", at the standard price ${cost.standard_usd}" if cost.standard_usd else ""
    return f"${cost.actual_usd}{without}{so_far}{standard}{saved}{estimate}"


def ago(then: datetime, now: datetime) -> str:
    """How long since, to the minute."""
    minutes = max(int((now - then).total_seconds()) // 60, 0)
    days, hours = minutes // 1440, minutes // 60 % 24
    if days:
        return f"{plural(days, 'day')} {hours} h ago"
    return f"{hours} h {minutes % 60} min ago" if hours else f"{minutes} min ago"


def show_story(console: Console, name: str, story: Iterable[tuple[str, str]]) -> None:
    """A run's story below its name, with aligned values that are never cut."""
    console.print(printable(name), soft_wrap=True)
    for what, value in story:
        console.print(f"  {what:<9}{printable(value)}", soft_wrap=True)
