"""Conditions by the rules of kstatus and Flux, with the Job's words beside them.

Ready is always there; Reconciling and Stalled only while True, never both. Complete, Failed and Suspended are the
Job's; Finished turns True on either outcome, for `kubectl wait`. Held is a run that waits for a person to look at its
evaluation.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, assert_never

from nightsort.api.condition import Condition
from nightsort.api.status import Status
from nightsort.domain.run_state import ConditionSummary, RunState

READY, RECONCILING, STALLED = "Ready", "Reconciling", "Stalled"
COMPLETE, FAILED, SUSPENDED, FINISHED, HELD = "Complete", "Failed", "Suspended", "Finished", "Held"


def true_when(state: RunState) -> tuple[str, ...]:
    """The conditions that are True in a run state."""
    match state:
        case RunState.WORKING:
            return (RECONCILING,)
        case RunState.STALLED:
            return (STALLED,)
        case RunState.SUSPENDED:
            return (SUSPENDED,)
        case RunState.HELD:
            return (STALLED, HELD)
        case RunState.COMPLETE:
            return (READY, COMPLETE, FINISHED)
        case RunState.FAILED:
            return (STALLED, FAILED, FINISHED)
        case _:
            assert_never(state)


def conditions_of(
    summary: ConditionSummary, before: Sequence[Condition], generation: int, now: datetime
) -> tuple[Condition, ...]:
    """The conditions of a summary; a transition time moves only when the condition's status flips."""
    true = true_when(summary.state)
    wanted = true if READY in true else (READY, *true)
    since = {condition.type: condition for condition in before}
    made = []
    for kind in wanted:
        status: Literal["True", "False"] = "True" if kind in true else "False"
        old = since.get(kind)
        made.append(
            Condition(
                type=kind,
                status=status,
                observed_generation=generation,
                last_transition_time=old.last_transition_time if old and old.status == status else now,
                reason=summary.reason,
                message=summary.message,
            )
        )
    return tuple(made)


def is_true(status: Status, kind: str) -> bool:
    return any(condition.type == kind and condition.status == "True" for condition in status.conditions)


def is_finished(status: Status) -> bool:
    return is_true(status, FINISHED)
