"""Changes the condition by which a query leaves out the tickets that have their label: `category IS NULL`.

A person who reviews wants to read those tickets, and a retry has to leave out more. The query stays as it is but for
that condition; one that cannot be parsed, or says it in other words, stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nightsort.adapters.sql.query_conditions import Labels, Reader, conditions, inner_sources
from nightsort.adapters.sql.query_parser import DIALECTS, parsed, tokens, without_end

if TYPE_CHECKING:
    from sqlglot import exp

ALWAYS = "1 = 1"
PLAIN = re.compile(r"[a-z_][a-z0-9_]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a query has such a condition; `qualifier` is what stands before the column's name, as `t.` in `t.label`."""

    start: int
    end: int
    qualifier: str


def with_labeled(query: str, places: Sequence[Labels], family: str) -> str:
    """The query with the rows that have their labels in these places."""
    for labels in places:
        query = changed(query, labels, family, lambda condition, qualifier: ALWAYS)
    return query


def without(query: str, labels: Labels, ids: Collection[str]) -> str | None:
    """The query without the tickets of these ids; None where that cannot be said in it.

    Every kind of database reads a quoted text as the type of the column beside it.
    """
    if not PLAIN.fullmatch(labels.id):
        return None  # quotes are not the same everywhere
    if any("\\" in each or "\0" in each for each in ids):
        return None  # MySQL takes a backslash for the beginning of something else
    listed = ", ".join("'{}'".format(each.replace("'", "''")) for each in sorted(ids))

    def and_none_of_these(condition: str, qualifier: str) -> str:
        return f"{condition} AND {qualifier}{labels.id} NOT IN ({listed})"

    made = {changed(query, labels, family, and_none_of_these) for family in DIALECTS} - {query}
    return made.pop() if len(made) == 1 else None


def changed(query: str, labels: Labels, family: str, change: Callable[[str, str], str]) -> str:
    text = without_end(query, family)
    for place in sorted(places_in(text, labels, family), key=lambda one: one.start, reverse=True):
        text = text[: place.start] + change(text[place.start : place.end], place.qualifier) + text[place.end :]
    return text


def places_in(query: str, labels: Labels, family: str) -> Iterator[Place]:
    from sqlglot import exp

    tree, reader = parsed(query, family), Reader(labels, family)
    for select in tree.find_all(exp.Select) if tree is not None else ():
        sources = inner_sources(select)
        alone = len(sources) == 1 and not select.args.get("joins")
        for name, source in sources.items():
            if isinstance(source, exp.Table) and reader.is_labels_table(source):
                found = (each for each in conditions(select) if reader.is_null(each, name, alone=alone))
                yield from filter(None, (place_of(query, each, family) for each in found))


def place_of(query: str, condition: exp.Expr, family: str) -> Place | None:
    """None where it is not written as a column, IS and NULL."""
    from sqlglot import exp

    column = condition.this
    if not isinstance(column, exp.Column):
        return None
    spans = [(part.meta.get("start", -1), part.meta.get("end", -1)) for part in column.parts]
    (first, _), (name, last) = spans[0], spans[-1]
    if query[name : last + 1].strip('"`[]') != column.name:
        return None  # the parser does not tell where it is
    behind = [word for word in tokens(query, family) if word.start > last][:2]
    if [word.token_type.name for word in behind] != ["IS", "NULL"]:
        return None
    return Place(first, behind[1].end + 1, query[first:name])
