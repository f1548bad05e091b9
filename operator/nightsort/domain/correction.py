"""A person's word on a ticket: the category that it belongs to, whatever a model has said."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

import msgspec
from msgspec.structs import replace

from nightsort.domain.answer import Row
from nightsort.domain.fields import AskedField, FieldKind, padded

MOST_NAME_CHARS = 64
MODEL_CATEGORY, CORRECTED_BY = "model_category", "corrected_by"
COLUMNS = (
    AskedField(MODEL_CATEGORY, FieldKind.TEXT, most=MOST_NAME_CHARS),
    AskedField(CORRECTED_BY, FieldKind.TEXT, most=MOST_NAME_CHARS),
)
"""Two further columns of results, where anything was corrected: the category that the model gave, and who reviewed."""


class Correction(msgspec.Struct, frozen=True):
    """`answer` is the category that the model had given, None where it gave none; `by` decided at that time.

    `fields` are subject, body and whatever else the prompt had of the ticket, so that it can be asked about again.
    """

    id: str
    category: str
    answer: str | None
    by: str
    at: datetime
    fields: Mapping[str, str] = {}

    @property
    def is_change(self) -> bool:
        """Whether the person disagrees with the model."""
        return self.category != self.answer


Corrections = Mapping[str, Correction]
"""By the tickets' ids, in the order in which they were decided first."""
Edit = Callable[[Corrections], Mapping[str, Correction | None]]
"""What changes in the corrections that there are now, by id; None takes one back. It may be asked more than once."""


def edited(now: Corrections, changes: Mapping[str, Correction | None]) -> dict[str, Correction]:
    """The corrections with these changes."""
    made = dict(now)
    for ticket_id, correction in changes.items():
        if correction is None:
            made.pop(ticket_id, None)
        else:
            made[ticket_id] = correction
    return made


def newer(found: Corrections) -> Edit:
    """Takes these in, as far as nobody has decided later about the same ticket."""

    def edit(now: Corrections) -> Mapping[str, Correction | None]:
        return {one.id: one for one in found.values() if one.id not in now or now[one.id].at < one.at}

    return edit


def categories_of(corrections: Corrections) -> dict[str, str]:
    return {one.id: one.category for one in corrections.values()}


def with_columns(row: Row, corrections: Corrections, fields: int) -> Row:
    """The row with the person's category, and with `COLUMNS` behind so many values of fields."""
    found, values = corrections.get(row.id), padded(row.values, fields)
    if found is None:
        return replace(row, values=(*values, None, None))
    return replace(row, category=found.category, values=(*values, row.category, found.by))
