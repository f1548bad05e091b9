"""Compares the categories of a run that ends with those of the runs before it over the same source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nightsort.api.resource import Resource
from nightsort.api.status import Status
from nightsort.domain.category_set import hash_in_rows
from nightsort.domain.conditions import COMPLETE, is_true
from nightsort.domain.dependence import settings_of
from nightsort.domain.drift import MOST_NIGHTS, Drift, drift_of
from nightsort.domain.errors import Interruption
from nightsort.domain.overlap import age_key, is_older, is_same
from nightsort.flow.run.run import Run

UNKNOWN = "(unknown)"


async def shift_of(run: Run, status: Status) -> Drift | None:
    """What sets the run apart from the last ones that asked the same; None where nothing does, or nothing is known.

    It is a remark on a run that has ended well: if the ledger cannot be read now, the run does not wait for it.
    """
    if run.spec.source.inline is not None or not status.tickets.labeled:
        return None
    try:
        ended = await run.services.ledger.ended(run.resource.meta)
    except Interruption:
        return None
    found = drift_of(counts_of(status), [counts_of(each.status) for each in before(run.resource, ended)])
    return found if found is not None and found.is_shift else None


def before(resource: Resource, ended: Sequence[Resource]) -> list[Resource]:
    """The newest of the older runs over the same source that asked the same question and are Complete."""
    asked = question_of(resource)
    alike = [
        each
        for each in ended
        if is_older(each, resource)
        and is_true(each.status, COMPLETE)
        and is_same(each.spec.source, resource.spec.source)
        and question_of(each) == asked
    ]
    return sorted(alike, key=age_key, reverse=True)[:MOST_NIGHTS]


def question_of(resource: Resource) -> object:
    """What a run has asked. The categories of a set are known by its hash: only a run's own set is at hand."""
    return settings_of(resource.spec.as_written), hash_in_rows(resource)


def counts_of(status: Status) -> Mapping[str, int]:
    """The answered tickets by category; those without one as a category of their own."""
    categories = {one.name: one.tickets for one in status.categories}
    answered = status.tickets.labeled + status.tickets.unknown
    return {**categories, UNKNOWN: max(answered - sum(categories.values()), 0)}
