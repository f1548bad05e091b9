"""Which of two resources that work on the same source goes first."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from nightsort.api.resource import Resource
from nightsort.api.spec import Spec
from nightsort.domain.conditions import is_finished

BEGINNING = datetime.min.replace(tzinfo=UTC)


def goes_after_others(spec: Spec) -> bool:
    """Whether a run waits for older ones on its source; inline tickets are everybody's own."""
    return spec.overlap_policy == "Wait" and spec.source.inline is None


def before_on_same_source(resource: Resource, others: Iterable[Resource]) -> Resource | None:
    """An unfinished resource of the same namespace with the same source that goes before one that has not begun.

    That is an older one, and one that has begun: it may have been there alone when it asked.
    """
    for other in others:
        if other.spec.source != resource.spec.source or is_finished(other.status):
            continue
        if other.status.plan is not None or is_older(other, resource):
            return other
    return None


def is_older(one: Resource, other: Resource) -> bool:
    """Kubernetes keeps seconds of the creation time; the uid decides between those of the same second."""
    return age_key(one) < age_key(other)


def age_key(resource: Resource) -> tuple[datetime, str]:
    return resource.meta.created_at or BEGINNING, resource.meta.uid
