"""Decides which of two resources that work on the same source goes first."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from nightsort.api.credentials import SecretRef
from nightsort.api.resource import Resource
from nightsort.api.source import Source
from nightsort.api.spec import Spec
from nightsort.domain.conditions import is_finished

BEGINNING = datetime.min.replace(tzinfo=UTC)


def goes_after_others(spec: Spec) -> bool:
    """Whether a run waits for older ones on its source; inline tickets belong to one resource alone."""
    return spec.overlap_policy == "Wait" and spec.source.inline is None


def before_on_same_source(resource: Resource, others: Iterable[Resource]) -> Resource | None:
    """An unfinished resource with the same namespace and source that precedes a run that has not begun.

    That is an older run, or one that has begun: it may have been alone when it checked.
    """
    for other in others:
        if is_same(other.spec.source, resource.spec.source) and goes_before(other, resource):
            return other
    return None


def is_same(one: Source, other: Source) -> bool:
    """Whether both name the same tickets, however each reads them."""
    return without_reading(one) == without_reading(other)


def without_reading(source: Source) -> Source:
    """The source without what says how a file is read."""
    kinds = {"config_map": source.config_map, "object_store": source.object_store}
    return source.model_copy(update={kind: file and file.without_reading() for kind, file in kinds.items()})


def before_in_same_table(resource: Resource, others: Iterable[Resource]) -> list[Resource]:
    """The runs that precede one that has not begun, and keep results of other tickets in the same table.

    An Update fills rows of the tickets themselves; a run that allows overlaps shares a table as well.
    """
    table = table_of_results(resource.spec)
    if table is None or resource.spec.overlap_policy != "Wait":
        return []
    beside = [each for each in others if table_of_results(each.spec) == table]
    others_tickets = (each for each in beside if not is_same(each.spec.source, resource.spec.source))
    return [each for each in others_tickets if goes_before(each, resource)]


def table_of_results(spec: Spec) -> tuple[SecretRef, str] | None:
    """The table with a run's results: an Upsert makes rows by the ids of tickets, whatever their source."""
    database = spec.results.database
    return (database.url_secret_ref, database.table) if database and database.mode == "Upsert" else None


def goes_before(other: Resource, resource: Resource) -> bool:
    begun = other.status.plan is not None
    return not is_finished(other.status) and (begun or is_older(other, resource))


def is_older(one: Resource, other: Resource) -> bool:
    """The key of the order. Kubernetes keeps seconds of the creation time; within a second the uid decides."""
    return age_key(one) < age_key(other)


def age_key(resource: Resource) -> tuple[datetime, str]:
    return resource.meta.created_at or BEGINNING, resource.meta.uid
