"""The columns of a resource's file: named by the resource, else by `id`, `subject` and `body`, else by known names.

Messages stand in a status, and a file without a header has a ticket in its first line. So they show the names of the
columns only where one of these is known to be a name, or is named by the resource.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from nightsort.api.files import FileColumns, TicketFile
from nightsort.domain.column_names import is_name
from nightsort.formats.column_words import BODY, ID, SUBJECT
from nightsort.formats.columns import Columns, UnknownColumns, named, recognised
from nightsort.formats.unusable import listed

FIELDS = {ID: "columns.id", SUBJECT: "columns.subject", BODY: "columns.body"}
TEXT = "textColumns"
ITS_OWN = frozenset(FIELDS)
"""Fields of a template that stand for columns of other names."""


def source_columns(header: Sequence[str], source: TicketFile, fields: Collection[str]) -> Columns:
    """The columns of the id, and of the fields that the template names.

    Raises:
        UnknownColumns: one is missing, or two could be meant. The message names the field that decides.
    """
    try:
        columns = found(header, source, fields)
    except UnknownColumns as unknown:
        raise UnknownColumns(str(unknown) if is_shown(header, source) else no_header(header)) from None
    others = sorted(set(fields) - ITS_OWN)
    for name in others:
        if is_doubled(header, name):
            raise UnknownColumns(f"there is more than one column {name!r}, which prompt.template names")
    missing = [name for name in others if name not in header]
    if missing:
        shown = f"; its columns are {listed(header)}" if is_shown(header, source) else ""
        raise UnknownColumns(f"there is no column {missing[0]!r}, which prompt.template names{shown}")
    return columns


def found(header: Sequence[str], source: TicketFile, fields: Collection[str]) -> Columns:
    told, text = source.columns or FileColumns(), source.text_columns or ()
    given = {ID: told.id, SUBJECT: told.subject, BODY: told.body}
    wanted = [ID, *(field for field in (BODY, SUBJECT) if field in fields)]
    places = {field: named(header, name, FIELDS[field]) for field, name in given.items() if name is not None}
    parts = tuple(dict.fromkeys(named(header, name, TEXT) for name in text))
    taken = {*places.values(), *parts}
    for field in wanted:
        if field not in places and not (field == BODY and parts):
            places[field] = own_or_recognised(header, field, taken, searched=field != SUBJECT or not parts)
    body = parts or ((places[BODY],) if BODY in places else ())
    notes = told_by(header, places, body) if places_were_found(given, places) else ()
    return Columns(tuple(header), places[ID], places.get(SUBJECT), body, tuple(notes))


def own_or_recognised(header: Sequence[str], field: str, taken: set[int], *, searched: bool) -> int:
    """The column with the field's own name, else the one that is known for it, where that is searched."""
    is_there = field in header and not is_doubled(header, field)
    place = header.index(field) if is_there and header.index(field) not in taken else None
    if place is None and searched:
        place = recognised(header, field, taken, FIELDS)
    if place is None:
        why = "which names each ticket" if field == ID else "which prompt.template names"
        raise UnknownColumns(
            f"no column is known to be the {field}, {why}: say which is with {FIELDS[field]}; "
            f"its columns are {listed(header)}"
        )
    taken.add(place)
    return place


def is_doubled(header: Sequence[str], name: str) -> bool:
    """Whether two columns have this name; tables tell the second one apart by a number."""
    return name in header and f"{name} (2)" in header


def places_were_found(given: dict[str, str | None], places: dict[str, int]) -> bool:
    return any(given[field] is None for field in places)


def told_by(header: Sequence[str], places: dict[str, int], body: Sequence[int]) -> Iterator[str]:
    """The choice in words, one remark for each field."""
    for field in (ID, SUBJECT):
        if field in places:
            yield f"{field}: {header[places[field]]!r}"
    if body:
        yield f"body: {', '.join(repr(header[place]) for place in body)}"


def is_shown(header: Sequence[str], source: TicketFile) -> bool:
    """Whether the first line is certainly no ticket's."""
    told = source.columns or FileColumns()
    names = {told.id, told.subject, told.body, *(source.text_columns or ())}
    return any(name in names or is_name(name) for name in header)


def no_header(header: Sequence[str]) -> str:
    return (
        f"none of its {len(header):,} columns has a name that is known or given: is its first line a ticket? Above it "
        "belongs a line with the names of the columns; or say which they are with columns"
    )
