"""Finds the columns with a ticket's id, subject and body: named by the user, else by the names that help desks give.

A wrong guess would buy the wrong text, or take two tickets for one. So the user is asked in doubt: names are accepted
only where one column has a known one, or where the exports of a help desk are known to have several.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from nightsort.domain.column_names import is_name, plain
from nightsort.formats.column_words import BODY, ID, KNOWN_TOGETHER, LAST_PARTS, STEPS, SUBJECT
from nightsort.formats.unusable import listed

DOUBLED = re.compile(r" \(\d+\)\Z")
FLAGS = {ID: "--id", SUBJECT: "--subject", BODY: "--body"}


class UnknownColumns(ValueError):
    """The message names the existing columns, and the flag that decides."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Positions in the header. Without `id`, the row's number and a hash of its text make up the id.

    `text` are the columns that make up the body, one below the other; `notes` gives each choice and its reason.
    """

    header: tuple[str, ...]
    id: int | None
    subject: int | None
    text: tuple[int, ...]
    notes: tuple[str, ...] = ()

    @property
    def others(self) -> tuple[int, ...]:
        """Columns that are in no field of the ticket."""
        taken = {self.id, self.subject, *self.text}
        return tuple(place for place in range(len(self.header)) if place not in taken)


def find_columns(
    header: Sequence[str],
    *,
    id: str | None = None,
    subject: str | None = None,
    body: str | None = None,
    text: Sequence[str] = (),
) -> Columns:
    """The columns of id, subject and body; the user's choice comes first. `text` makes the body of several.

    With `text`, no column becomes the subject by its name, since `text` may contain it already.

    Raises:
        UnknownColumns: a named one is missing, two could be meant, or there is no text at all.
    """
    if body and text:
        raise UnknownColumns("--body and --text both say what the text is: give one of them")
    taken: set[int] = set()
    found_text = tuple(dict.fromkeys(named(header, name, "--text") for name in text))
    taken.update(found_text)
    found_body = named(header, body, FLAGS[BODY]) if body else None
    found_subject = named(header, subject, FLAGS[SUBJECT]) if subject else None
    found_id = named(header, id, FLAGS[ID]) if id else None
    taken.update(place for place in (found_body, found_subject, found_id) if place is not None)
    found_id = recognised(header, ID, taken) if found_id is None else found_id
    if not text:
        found_body = recognised(header, BODY, taken) if found_body is None else found_body
        found_subject = recognised(header, SUBJECT, taken) if found_subject is None else found_subject
    found_text = found_text or (() if found_body is None else (found_body,))
    if not found_text and found_subject is None:
        raise UnknownColumns(no_text(header))
    notes = tuple(told(header, found_id, found_subject, found_text))
    return Columns(tuple(header), found_id, found_subject, found_text, notes)


def named(header: Sequence[str], name: str, flag: str) -> int:
    """The column that the user means: by its exact name, else with other capitals, spaces and marks."""
    if name in header:
        return header.index(name)
    same = [place for place, column in enumerate(header) if compact(column) == compact(name) and compact(name)]
    if len(same) == 1:
        return same[0]
    if same:
        columns = listed([header[place] for place in same])
        raise UnknownColumns(f"{flag} {name!r} could be any of the columns {columns}: write it as it stands there")
    raise UnknownColumns(f"there is no column {name!r} for {flag}: the file has {listed(header)}")


def recognised(header: Sequence[str], field: str, taken: set[int], flags: Mapping[str, str] = FLAGS) -> int | None:
    """The column that is known as this field; None where none is."""
    free = [(place, compact(first_of(name, header))) for place, name in enumerate(header) if place not in taken]
    for step in STEPS[field]:
        known = {compact(name) for name in step}
        found = [place for place, name in free if name in known]
        if found:
            place = one_of(header, field, found, flags)
            taken.add(place)
            return place
    for part in LAST_PARTS.get(field, ()):
        found = [
            place for place, _ in free if "." in header[place] and compact(header[place].rpartition(".")[2]) == part
        ]
        if found:
            shortest = min(header[place].count(".") for place in found)
            nearest = [place for place in found if header[place].count(".") == shortest]
            place = one_of(header, field, nearest, flags)
            taken.add(place)
            return place
    return None


def one_of(header: Sequence[str], field: str, found: Sequence[int], flags: Mapping[str, str] = FLAGS) -> int:
    """The single column, or the right one of two that help desks are known to export together."""
    if len(found) == 1:
        return found[0]
    places = {compact(header[place]): place for place in found}
    for first, second in KNOWN_TOGETHER:
        if set(places) == {compact(first), compact(second)} and len(found) == 2:
            return places[compact(first)]
    columns = [header[place] for place in found]
    raise UnknownColumns(
        f"{len(found)} columns could be the {field}, {listed(columns)}: say which with "
        f"{flags[field]} {shell(columns[0])}"
    )


def first_of(name: str, header: Sequence[str]) -> str:
    """`Comment` for `Comment (2)`, the name given to a second column of that name."""
    first = DOUBLED.sub("", name)
    return first if first in header else name


def compact(name: str) -> str:
    """`Ticket #`, `Ticket-ID` and `ticketId` without the differences between exports."""
    return plain(name.replace("#", " number ").replace("№", " number ").replace("n°", "no")).replace(" ", "")


def no_text(header: Sequence[str]) -> str:
    if not any(map(is_name, header)):
        return (
            f"no column is known to be a subject or a body, in {listed(header)}: say which is with --body COLUMN; "
            "if this is a ticket, put a line with the names of the columns above it"
        )
    return (
        f"no column is known to be a subject or a body: say which is with --body COLUMN; the file has {listed(header)}"
    )


def told(header: Sequence[str], id: int | None, subject: int | None, text: Iterable[int]) -> Iterable[str]:
    """The remarks on the choice, line by line."""
    yield (
        f"id: {header[id]!r}"
        if id is not None
        else "id: no column is one, so the row's number and a hash of its text are"
    )
    if subject is not None:
        yield f"subject: {header[subject]!r}"
    names = [repr(header[place]) for place in text]
    yield f"body: {', '.join(names)}" if names else "body: no column is one, so the subject alone is read"


def shell(name: str) -> str:
    return f'"{name}"' if not name.isidentifier() else name
