"""The tickets of a run in figures."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from nightsort.api.status_model import StatusModel


class TicketCounts(StatusModel):
    """Tickets by where they stand; `labeled + unknown + failed + reused = total` once the run has ended."""

    total: int = 0
    """All tickets of the run, as far as they are known."""
    labeled: int = 0
    """Those that got a category."""
    unknown: int = 0
    """Those whose answer is none of the categories."""
    failed: int = 0
    """Those that got no usable answer."""
    in_flight: int = 0
    """Those of batches that are not collected, and those that are to be sent again."""
    reused: int = 0
    """Those that were left out, as `reuse: Unchanged` says: their row of an earlier run stands."""
    duplicates: int = 0
    """Of the total, those that are not asked about, as `dedupe: Exact` says: they get the row of the ticket that has
    the same text."""
    cut: int = 0
    """Of the total, those of which a text was cut to prompt.maxBodyChars before it was sent."""


class CategoryCount(StatusModel):
    """How many tickets a category got."""

    name: Annotated[str, StringConstraints(max_length=64)]
    """The category's name."""
    tickets: int
    """How many tickets got it."""


class FieldCounts(StatusModel):
    """What the tickets' answers to a field of the spec are, for a field with values."""

    name: Annotated[str, StringConstraints(max_length=64)]
    """The field's name."""
    values: Annotated[tuple[CategoryCount, ...], Field(max_length=200)] = ()
    """How many tickets have each value, in the order of the spec; a ticket with several counts for each of them."""
    unknown: int = 0
    """Answered tickets whose answer to this field is none of its values."""
