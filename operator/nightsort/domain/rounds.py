"""Repeated create calls that the API does not accept: they become rarer, and after some of them a person has to act."""

from __future__ import annotations

from datetime import datetime, timedelta

from nightsort.api.batch_record import BatchRecord, BatchState
from nightsort.api.status import Status
from nightsort.domain.reasons import Reason
from nightsort.domain.record import in_state, put
from nightsort.domain.run_state import ConditionSummary, RunState

FIRST_PAUSE = timedelta(minutes=5)
LONGEST_PAUSE = timedelta(hours=1)
MOST_DOUBLINGS = 10
PATIENCE = 4
"""Rounds after which a person should look into it."""
OTHERS_AFTER = 2
"""Rounds after which other tickets are tried, unless they fail the same: the fault may lie in one batch."""


def not_taken(status: Status, record: BatchRecord, answer: str | None = None) -> Status:
    """Releases an intent that bought nothing for an unknown cause: its range is sent again, but not at once."""
    update = {
        "state": BatchState.RELEASED,
        "seen": None,
        "rounds": record.rounds + 1,
        "answer": answer or record.answer,
    }
    return put(status, record.model_copy(update=update))


def due_at(record: BatchRecord) -> datetime:
    """When a released range may be sent again.

    Where no answer with a code came, the process or the network failed in the middle of the call: the API has refused
    nothing, and the intent has waited for the end of its grace already.
    """
    if not record.rounds or (record.rounds < PATIENCE and not has_code(record.answer)):
        return record.intended_at
    doubled: timedelta = FIRST_PAUSE * 2 ** min(record.rounds - 1, MOST_DOUBLINGS)
    return record.intended_at + min(doubled, LONGEST_PAUSE)


def has_code(answer: str | None) -> bool:
    """Whether the server answered with an HTTP status; a mere error name means that no answer came."""
    return answer is not None and answer[:3].isdigit()


def held_back(status: Status, now: datetime) -> list[BatchRecord]:
    """Released ranges that may not be sent yet."""
    return [record for record in in_state(status, BatchState.RELEASED) if now < due_at(record)]


def holds_all(status: Status, held: list[BatchRecord]) -> bool:
    """Whether nothing else is sent either: one batch may be to blame, two are not.

    An intent with an open outcome counts, too, where the server has answered: otherwise each new part of the source
    would be tried while the others wait.
    """
    vain = [record for record in in_state(status, BatchState.RELEASED) if record.rounds]
    vain += [record for record in in_state(status, BatchState.INTENDED) if has_code(record.answer)]
    return len(vain) > 1 or any(record.rounds < OTHERS_AFTER for record in held)


def summary_of_held(status: Status, now: datetime) -> ConditionSummary | None:
    """The summary while a range is held back, or has failed so often that it may be held back again."""
    tried = [record for record in in_state(status, BatchState.RELEASED) if record.rounds]
    if not tried or not held_back(status, now):
        return None
    worst = max(tried, key=lambda record: record.rounds)
    answer = worst.answer or "none came"
    said = (
        f"the API has not taken a batch of {worst.requests:,} requests, tried {worst.rounds} times; "
        f"its last answer: {answer}. It is sent again by itself, at longer intervals"
    )
    if worst.rounds < PATIENCE and not answer.startswith(("3", "4")):
        return ConditionSummary.working(Reason.CREATE_FAILING, said)
    return ConditionSummary(
        RunState.STALLED,
        Reason.CREATE_REFUSED,
        f"{said}, an hour at the most. Check the base URL, and what stands between the operator and the API",
    )
