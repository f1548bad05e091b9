"""Decides about a run by the answers to its known tickets."""

from __future__ import annotations

from datetime import datetime

from nightsort.api.resource import Resource
from nightsort.api.status import Stop
from nightsort.domain.actions import Action, Evaluate, Facts, Halt, Requeue, Resume
from nightsort.domain.gate import has_failed, is_evaluated_first, outcome_of
from nightsort.domain.matrix import in_words
from nightsort.domain.reasons import Reason
from nightsort.domain.record import is_in_flight


def decide_by_known_tickets(resource: Resource, facts: Facts, now: datetime) -> Action | None:
    """Evaluates once every known ticket has its answer; nothing else has been bought until then."""
    status = resource.status
    if not is_evaluated_first(resource) or outcome_of(resource) is not None:
        return None
    return None if status.stop is not None or is_in_flight(status) else Evaluate()


def hold_what_is_not_good_enough(resource: Resource, facts: Facts, now: datetime) -> Action | None:
    rule, evaluation = resource.spec.evaluation, resource.status.evaluation
    if evaluation is None or not has_failed(resource) or resource.status.stop is not None:
        return None
    if rule is not None and rule.on_failure == "Fail":
        message = f"{in_words(evaluation)}; evaluation.minAccuracy is {rule.min_accuracy}"
        return Halt(Stop(reason=Reason.ACCURACY_TOO_LOW, message=message))
    return Resume() if rule is not None and rule.release else Requeue(resource.spec.poll_interval_seconds)
