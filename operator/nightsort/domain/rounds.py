"""Create calls that the API does not take, time after time: they get rarer, and after some a person is asked."""

from __future__ import annotations

from datetime import datetime, timedelta

from nightsort.api.status import BatchRecord, BatchState, Status
from nightsort.domain.reasons import Reason
from nightsort.domain.record import in_state, put
from nightsort.domain.run_state import ConditionSummary, RunState

FIRST_PAUSE = timedelta(minutes=5)
LONGEST_PAUSE = timedelta(hours=1)
MOST_DOUBLINGS = 10
PATIENCE = 4
"""Rounds after which somebody should look."""
OTHERS_AFTER = 2
"""Rounds after which other tickets have a try, as long as they do not fare the same: it may lie in one batch."""


def not_taken(status: Status, record: BatchRecord, answer: str | None = None) -> Status:
    """The intent bought nothing, and nobody knows why the next one should: its range is sent again, but not at once."""
    update = {
        "state": BatchState.RELEASED,
        "seen": None,
        "rounds": record.rounds + 1,
        "answer": answer or record.answer,
    }
    return put(status, record.model_copy(update=update))


def due_at(record: BatchRecord) -> datetime:
    """When what was released may be sent again.

    Where no answer with a code came, the process or the network ended in the middle of the call: the API has refused
    nothing, and the intent has waited its grace out already.
    """
    if not record.rounds or (record.rounds < PATIENCE and not has_code(record.answer)):
        return record.intended_at
    doubled: timedelta = FIRST_PAUSE * 2 ** min(record.rounds - 1, MOST_DOUBLINGS)
    return record.intended_at + min(doubled, LONGEST_PAUSE)


def has_code(answer: str | None) -> bool:
    """Whether the server said something, by its HTTP status; the name of an error says that nothing came."""
    return answer is not None and answer[:3].isdigit()


def held_back(status: Status, now: datetime) -> list[BatchRecord]:
    """What was released and is not to be sent yet."""
    return [record for record in in_state(status, BatchState.RELEASED) if now < due_at(record)]


def holds_all(status: Status, held: list[BatchRecord]) -> bool:
    """Whether nothing else is sent either: one batch may be to blame, two are not.

    One whose outcome is still looked for counts, too, where the server has answered: else each new part of the source
    would have a try while the others are waited for.
    """
    vain = [record for record in in_state(status, BatchState.RELEASED) if record.rounds]
    vain += [record for record in in_state(status, BatchState.INTENDED) if has_code(record.answer)]
    return len(vain) > 1 or any(record.rounds < OTHERS_AFTER for record in held)


def summary_of_held(status: Status, now: datetime) -> ConditionSummary | None:
    """What is said while something is held back, or has been tried in vain so often that it may be held back again."""
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
