"""The columns of the fields that a template names, where several may make up the body."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from nightsort.api.columns import BODY, TicketColumns
from nightsort.domain.ticket import body_of

PART = "\0body {:02}"
"""No template can name such a field."""


def columns_of(columns: TicketColumns, text: Sequence[str], fields: Collection[str]) -> dict[str, str]:
    """The column of each field; of a body that `text` makes up, of each part."""
    mapped: dict[str, str] = columns.model_dump(by_alias=False, exclude={"key"})
    wanted = {name: mapped.get(name, name) for name in fields}
    if text and wanted.pop(BODY, None) is not None:
        wanted |= {PART.format(place): column for place, column in enumerate(text)}
    return wanted


def with_body(fields: Mapping[str, str], text: Sequence[str]) -> Mapping[str, str]:
    """The fields of a ticket with the body in the place of its parts."""
    names = [PART.format(place) for place in range(len(text))]
    if not names or names[0] not in fields:
        return fields
    body = body_of([fields[name] for name in names])
    return {name: value for name, value in fields.items() if name not in names} | {BODY: body}
