"""A run that waits, and one that goes on: what stops it now, and the event that says that this is over."""

from __future__ import annotations

from nightsort.domain.errors import Interruption
from nightsort.domain.reasons import Reason
from nightsort.domain.waits import Obstacle, continues, ended, obstacle, was_told
from nightsort.flow.run.run import Run


def obstacle_of(run: Run, interruption: Interruption) -> Obstacle:
    """Counts one more failure of the run."""
    wait, memory = run.waited, run.memory
    if wait is None or not continues(wait, interruption):
        memory.tries = 1
    else:
        memory.tries = 1 + (wait.tries if memory.tries is None else memory.tries)
    return obstacle(wait, interruption, memory.tries, run.now(), run.services.patience)


async def goes_on(run: Run, *, told: bool) -> None:
    """Ends the wait that the pass has found; a later one begins anew.

    A step that another process had done meanwhile ends nothing: the record still tells of the wait.
    """
    if run.status.waiting is not None:
        run.waited = run.status.waiting
        return
    wait, run.waited, run.memory.tries = run.waited, None, 0
    if told and wait is not None and was_told(wait):
        await run.note(Reason.WAIT_OVER, ended(wait, run.now()))
