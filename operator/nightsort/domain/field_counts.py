"""Counts of tickets for readers: by the values of fields, and by the branches of a tree of categories."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from nightsort.api.counts import CategoryCount, FieldCounts
from nightsort.domain.fields import AskedField, Value

BRANCH = "/"


def counted_values(fields: Sequence[AskedField], values: Sequence[Value]) -> Iterator[tuple[str, str | None]]:
    """The fields with values that an answer has, each with its value, or with each of several; None: Unknown."""
    for field, value in zip(fields, values, strict=False):
        if not field.is_counted:
            continue
        if value is None:
            yield field.name, None
        for each in value if isinstance(value, list) else (value,):
            if each is not None:
                yield field.name, str(each)


def in_order(counts: Iterable[FieldCounts], fields: Sequence[AskedField]) -> tuple[FieldCounts, ...]:
    """The counts in the order in which fields and values were declared, without empty ones."""
    found = {field.name: field for field in counts}
    ordered = []
    for field in fields:
        if (counted := found.get(field.name)) is not None:
            by_value = {each.name: each for each in counted.values}
            values = tuple(by_value[value] for value in field.values if value in by_value)
            ordered.append(counted.model_copy(update={"values": values}))
    return tuple(ordered)


def groups_of(counts: Iterable[CategoryCount]) -> tuple[CategoryCount, ...]:
    found = by_branch({count.name: count.tickets for count in counts})
    return tuple(CategoryCount(name=name, tickets=tickets) for name, tickets in found.items())


def by_branch(counts: Mapping[str, int]) -> Mapping[str, int]:
    """The tickets under each branch, as `billing` for billing/refund and billing/invoice, in the categories' order.

    A category that has the branch's own name counts there, too. Without slashes there are no branches.
    """
    totals: Counter[str] = Counter()
    for name, tickets in counts.items():
        for branch in branches_of(name):
            totals[branch] += tickets
    for name, tickets in counts.items():
        if name in totals:
            totals[name] += tickets
    return totals


def branches_of(name: str) -> Iterator[str]:
    """`billing` and `billing/refund` for billing/refund/partial."""
    parts = name.split(BRANCH)
    if all(part.strip() for part in parts):
        yield from (BRANCH.join(parts[:end]) for end in range(1, len(parts)))
