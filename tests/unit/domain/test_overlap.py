"""Which of two resources that work on the same source goes first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from nightsort.api.resource import Meta, Resource
from nightsort.api.spec import Spec
from nightsort.api.status import Status
from nightsort.domain.conditions import conditions_of
from nightsort.domain.overlap import before_on_same_source, goes_after_others
from nightsort.domain.reasons import Reason
from nightsort.domain.run_state import ConditionSummary, RunState
from tests.support.manifests import CONFIG_MAP, INLINE, manifest

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SAME: dict[str, Any] = {"configMap": CONFIG_MAP}


def resource(
    name: str, minutes: int | None, source: dict[str, Any] = SAME, standing: RunState = RunState.WORKING
) -> Resource:
    created = None if minutes is None else NOON + timedelta(minutes=minutes)
    status = Status(conditions=conditions_of(ConditionSummary(standing, Reason.SUBMITTING, "m"), (), 1, NOON))
    spec = Spec.model_validate(manifest(source=source)["spec"])
    return Resource(Meta("support", name, uid=name, created_at=created), spec, status)


NEW = resource("new", 0)


@pytest.mark.parametrize(
    ("other", "goes_first"),
    [
        (resource("old", -1), True),
        (resource("old", -1, standing=RunState.STALLED), True),
        (resource("old", -1, {"configMap": CONFIG_MAP | {"delimiter": ";", "columns": {"id": "Ticket ID"}}}), True),
        (resource("old", -1, standing=RunState.SUSPENDED), True),
        (resource("of unknown age", None), True),
        (resource("a uid that sorts before", 0), True),
        (resource("z uid that sorts behind", 0), False),
        (resource("younger", 1), False),
        (resource("old", -1, standing=RunState.COMPLETE), False),
        (resource("old", -1, standing=RunState.FAILED), False),
        (resource("old", -1, source={"configMap": CONFIG_MAP | {"key": "other.csv"}}), False),
        (resource("old", -1, source={"inline": INLINE}), False),
    ],
)
def test_an_older_unfinished_resource_on_the_same_source_goes_first(other: Resource, goes_first: bool) -> None:
    assert before_on_same_source(NEW, [other]) == (other if goes_first else None)


def test_of_two_that_wait_for_each_other_one_goes() -> None:
    one, other = resource("one", 0), resource("other", 0)

    assert (before_on_same_source(one, [other]), before_on_same_source(other, [one])) == (None, one)


def test_inline_tickets_are_everybodys_own() -> None:
    inline = resource("new", 0, {"inline": INLINE}).spec

    assert goes_after_others(inline) is False
    assert goes_after_others(resource("new", 0).spec) is True
