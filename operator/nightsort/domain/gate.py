"""Whether a run may buy and publish the labels of other tickets than the known ones."""

from __future__ import annotations

from nightsort.api.evaluated import Outcome
from nightsort.api.resource import Resource
from nightsort.domain.canary import is_canary
from nightsort.domain.record import Submission


def is_evaluated_first(resource: Resource) -> bool:
    """Whether pre-flight has chosen known tickets, whose answers decide first."""
    plan = resource.status.plan
    return plan is not None and plan.evaluation is not None


def outcome_of(resource: Resource) -> Outcome | None:
    evaluation = resource.status.evaluation
    return evaluation.outcome if evaluation is not None else None


def is_open(resource: Resource) -> bool:
    """Whether the evaluation has passed, a person has released the run, or nothing is evaluated."""
    if not is_evaluated_first(resource):
        return True
    evaluation = resource.status.evaluation
    if evaluation is None or evaluation.outcome is None:
        return False
    reports = resource.spec.evaluation is not None and resource.spec.evaluation.on_failure == "Report"
    return evaluation.outcome is Outcome.PASSED or evaluation.released or reports


def has_failed(resource: Resource) -> bool:
    """Whether the labels are not good enough, and nobody has released the run."""
    return outcome_of(resource) is Outcome.FAILED and not is_open(resource)


def is_held(resource: Resource) -> bool:
    """Whether the run waits for a person's word."""
    rule = resource.spec.evaluation
    ends = rule is not None and rule.on_failure == "Fail"
    return has_failed(resource) and not ends and resource.status.stop is None


def may_be_sent(resource: Resource, submission: Submission) -> bool:
    return is_canary(resource.status, submission) or is_open(resource)
