"""How long a run waits and what for; what only time was to cure becomes a person's matter when the patience is over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from nightsort.api.waiting import Ends, Wait
from nightsort.domain.errors import Interruption, Stalled, Waiting
from nightsort.domain.reasons import Reason
from nightsort.domain.report import minute, plural

TOLD_ELSEWHERE = frozenset({Reason.INTERNAL_ERROR, Reason.COST_LIMIT_NEAR})
"""Waits that have events of their own: when a fault of our own stalls, and when pre-flight sees the limit coming."""
TOLD_FROM = 2
"""The try from which a wait is told in an event: what is over at the next look is none."""


@dataclass(frozen=True, slots=True)
class Obstacle:
    """What stops a run now: its wait, and the words for it, which are Stalled once the patience is over."""

    wait: Wait
    told: Interruption

    def begins(self, before: Wait | None) -> bool:
        """Whether the wait is to be told now: a turn that is waited for at once, a failure when it comes again.

        Waits with events of their own are not told once more.
        """
        if self.wait.reason in TOLD_ELSEWHERE:
            return False
        first = 0 if self.wait.tries == 0 else TOLD_FROM
        known = before is not None and (before.since, before.tries) == (self.wait.since, self.wait.tries)
        return self.wait.tries == first and not known


def obstacle(
    before: Wait | None, interruption: Interruption, tries: int, now: datetime, patience: timedelta
) -> Obstacle:
    """`before` is the wait that this one may go on, `tries` the failures in a row, this one included."""
    wait = wait_for(before, interruption, tries, now)
    over = wait.ends is Ends.BY_ITSELF and wait.tries > 0 and now - wait.since >= patience
    return Obstacle(wait, impatient(interruption, wait) if over else interruption)


def wait_for(before: Wait | None, interruption: Interruption, tries: int, now: datetime) -> Wait:
    """The wait, which keeps its beginning while the same side has to end it, whatever its reason is by now."""
    since = before.since if before is not None and continues(before, interruption) else now.replace(microsecond=0)
    ends = ends_of(interruption)
    failed = shown(tries) if ends is Ends.BY_ITSELF else 1
    return Wait(reason=interruption.reason, ends=ends, since=since, tries=0 if is_turn(interruption) else failed)


def continues(before: Wait, interruption: Interruption) -> bool:
    """Whether an interruption goes on with a wait; else it begins one, whose tries are counted anew."""
    return before.ends is ends_of(interruption) and (before.tries == 0) == is_turn(interruption)


def ends_of(interruption: Interruption) -> Ends:
    return Ends.BY_YOU if isinstance(interruption, Stalled) else Ends.BY_ITSELF


def is_turn(interruption: Interruption) -> bool:
    """Whether nothing has failed, and the run waits for its turn."""
    return isinstance(interruption, Waiting) and interruption.every is not None


def shown(tries: int) -> int:
    """The number that is written: at each doubling, since a write for each try would cost more than it tells."""
    return 1 << (max(tries, 1).bit_length() - 1)


def impatient(interruption: Interruption, wait: Wait) -> Stalled:
    return Stalled(
        f"{interruption.message}: so it is since {minute(wait.since)}, and it goes on by itself when that is over",
        reason=interruption.reason,
    )


def was_told(wait: Wait) -> bool:
    if wait.reason in TOLD_ELSEWHERE and wait.ends is Ends.BY_ITSELF:
        return False
    return wait.tries == 0 or wait.tries >= TOLD_FROM or wait.ends is Ends.BY_YOU


def ended(wait: Wait, now: datetime) -> str:
    """A wait that is over, in a sentence."""
    counted = wait.tries and wait.ends is Ends.BY_ITSELF
    tries = f" and {plural(wait.tries, 'try', 'tries')} or more" if counted else ""
    return f"{wait.reason} is over, after {duration(now - wait.since)}{tries}"


def duration(time: timedelta) -> str:
    """A duration for people, in its largest two units."""
    seconds = max(int(time.total_seconds()), 0)
    hours, minutes = divmod(seconds // 60, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds % 60} s" if minutes else f"{seconds} s"
