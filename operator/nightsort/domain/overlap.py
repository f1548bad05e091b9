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


def older_on_same_source(resource: Resource, others: Iterable[Resource]) -> Resource | None:
    """An older unfinished resource of the same namespace with the same source."""
    for other in others:
        if other.spec.source == resource.spec.source and not is_finished(other.status) and is_older(other, resource):
            return other
    return None


def is_older(one: Resource, other: Resource) -> bool:
    """Kubernetes keeps seconds of the creation time; the uid decides between those of the same second."""
    return age_key(one) < age_key(other)


def age_key(resource: Resource) -> tuple[datetime, str]:
    return resource.meta.created_at or BEGINNING, resource.meta.uid
