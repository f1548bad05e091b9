"""Failures of a resource's passes: the pause after each, and the message for exceptions that nobody foresaw."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection
from pathlib import Path
from traceback import extract_tb

from nightsort.api.batch_record import BatchRecord, BatchState
from nightsort.domain.actions import Action, Collect, name_of, poll_pause
from nightsort.domain.errors import Interruption, Stalled, Waiting
from nightsort.domain.reasons import Reason
from nightsort.domain.record import in_state
from nightsort.flow.run.run import Run

FIRST_BACKOFF_SECONDS = 2.0
LONGEST_BACKOFF_SECONDS = 300.0
MOST_DOUBLINGS = 10  # the result would be cut anyway, and a float overflows after about a thousand
STALLED_SECONDS = 30.0
LONGEST_STALLED_SECONDS = 240.0
LONGEST_SECRET_SECONDS = 60.0
"""A corrected Secret or key is seen soon: its reads are shared, and an account is asked once for all resources."""
OF_SECRETS = frozenset(
    {
        Reason.SECRET_MISSING,
        Reason.SECRET_KEY_MISSING,
        Reason.SECRET_NOT_ALLOWED,
        Reason.SECRET_INVALID,
        Reason.CREDENTIALS_MISSING,
        Reason.CREDENTIALS_REFUSED,
    }
)
MOST_TRIES = 6
"""Tries of a step that ends in an unforeseen exception, until every try is taken to end so: about two minutes."""
LOOKING, ADOPTING = "looking at what is in flight", "looking for what a lost create call bought"
PACKAGE = Path(__file__).parents[2]


class Accidents:
    """How often in a row each step of a resource has ended in an exception that nobody foresaw.

    A restart counts anew: a later version may know better.
    """

    def __init__(self) -> None:
        self._tries: defaultdict[str, dict[str, int]] = defaultdict(dict)

    def happened(self, uid: str, step: str, error: Exception) -> Interruption:
        """Counts the error. The message has its name and place, which help most to repair it, and not its text."""
        tries = self._tries[uid][step] = self._tries[uid].get(step, 0) + 1
        what = f"{step}: an unexpected {type(error).__name__}{place_of(error)}, told in the operator's log"
        if tries < MOST_TRIES:
            return Waiting(f"{what}; it is tried again", reason=Reason.INTERNAL_ERROR)
        return Stalled(
            f"{what}, each time that it is tried. Please report it. It goes on by itself where it can; suspend, "
            "activeDeadlineSeconds, cancel and delete work all the same",
            reason=Reason.INTERNAL_ERROR,
        )

    def over(self, uid: str, step: str) -> None:
        self._tries[uid].pop(step, None)

    def known(self, uid: str) -> Collection[str]:
        """Batches whose collection has ended so at each try."""
        steps = self._tries.get(uid, {})
        return {step.removeprefix(COLLECTING) for step, tries in steps.items() if tries >= MOST_TRIES}

    def forget(self, uid: str) -> None:
        self._tries.pop(uid, None)


COLLECTING = "collecting batch "


def step_of(action: Action) -> str:
    """An action in words for people, the same at each try."""
    if isinstance(action, Collect):
        return f"{COLLECTING}{action.batch.id}"
    batch_id = batch_of(action)
    return name_of(action) + (f" of batch {batch_id}" if batch_id else "")


def batch_of(action: Action) -> str | None:
    """The id of the action's batch; None where it has no batch with a known id."""
    record: BatchRecord | None = getattr(action, "record", None)
    return record.id if record else None


def place_of(error: Exception) -> str:
    """File and line of our own code that the error passed last."""
    own = [frame for frame in extract_tb(error.__traceback__) if PACKAGE in Path(frame.filename).parents]
    return f" at {Path(own[-1].filename).name}:{own[-1].lineno}" if own else ""


def pause(interruption: Interruption, failures: int, jitter: float) -> float:
    """Seconds until the next pass, after this many failures.

    Either a steady interval, or a delay that doubles each time and is at least the server's `retry-after`.
    `jitter` is between 0 and 1. While a person has to act, a change of the spec ends the pause; otherwise, after the
    first failure, there is at most one pass a minute, and jitter makes them rarer.
    """
    if isinstance(interruption, Stalled) and interruption.reason != Reason.INTERNAL_ERROR:
        longest = LONGEST_SECRET_SECONDS if interruption.reason in OF_SECRETS else LONGEST_STALLED_SECONDS
        return min(STALLED_SECONDS * 2.0 ** min(failures - 1, MOST_DOUBLINGS), longest) * (1 + jitter / 4)
    if isinstance(interruption, Waiting) and interruption.every is not None:
        return interruption.every
    retry_after = interruption.retry_after if isinstance(interruption, Waiting) else None
    backoff = min(FIRST_BACKOFF_SECONDS * 2.0 ** min(failures - 1, MOST_DOUBLINGS), LONGEST_BACKOFF_SECONDS)
    return max(retry_after or 0.0, backoff) * (1 + jitter / 2)


def until_others(run: Run, interruption: Interruption) -> float:
    """Seconds until another batch is due, where only the collection of one has failed; else infinite."""
    flying = [record for record in in_state(run.status, BatchState.SUBMITTED) if run.step != f"{COLLECTING}{record.id}"]
    asked_to_wait = isinstance(interruption, Waiting) and interruption.retry_after is not None
    if not flying or not run.step.startswith(COLLECTING) or asked_to_wait:
        return math.inf
    return poll_pause(run.resource, run.now())
