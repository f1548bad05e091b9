"""The display while runs are in progress, for seconds or for hours."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from rich.console import Console

from nightsort.api.batch_record import BatchState
from nightsort.api.resource import Resource
from nightsort.api.status import Status
from nightsort.cli.output.display import Display
from nightsort.domain.conditions import is_finished
from nightsort.domain.printable import printable
from nightsort.domain.reasons import Reason
from nightsort.domain.record import in_state
from nightsort.domain.report import minute, plural

LONGEST = timedelta(hours=24)
"""Hours after which unanswered requests of a batch expire (vendor's documentation, 2026-11-22)."""
REMINDER_SECONDS = 1800.0
TOLD_BY_THE_TABLE = frozenset({Reason.COMPLETE, Reason.NO_TICKET_LABELED})


class Journal(Display):
    """Shows runs, each change once. `back` is the command that comes back to them."""

    def __init__(self, out: Console, err: Console, back: str | None) -> None:
        super().__init__(out, err)
        self._back = back
        self._told = ""
        self._hinted = False
        self._statuses: dict[str, Status] = {}
        self._task = self._live.add_task("preparing", total=None)

    def begin(self, resource: Resource) -> None:
        """Reports what an earlier process has left."""
        self._note(resource)
        flying = in_state(resource.status, BatchState.SUBMITTED)
        if resource.status.batches:
            what = f": {of(resource.status)}" if flying else ""
            self.line(f"going on with the run of {minute(resource.meta.created_at)}{what}")
        self._hint(resource.status)

    def tell(self, resource: Resource, *, trouble: bool = False) -> None:
        self._note(resource)
        message = resource.status.message or ""
        if trouble:
            self._once(message, trouble=True)
        elif message and not is_finished(resource.status):
            flying = in_state(resource.status, BatchState.SUBMITTED)
            self._live.update(self._task, description=of(resource.status) if flying else printable(message))
            self._once(message)
        self._hint(resource.status)

    def event(self, name: str, reason: str, message: str, *, trouble: bool) -> None:
        if reason not in TOLD_BY_THE_TABLE:
            self._once(message, trouble=trouble, shown=f"{reason}: {message}" if trouble else message)

    async def remind(self) -> None:
        """Where no terminal shows the time, prints a line now and then to say that all is well."""
        while not self._out.is_terminal:
            await asyncio.sleep(REMINDER_SECONDS)
            flying = [of(status) for status in self._statuses.values() if in_state(status, BatchState.SUBMITTED)]
            if flying:
                self.line(f"{minute(datetime.now(UTC))}: {'; '.join(flying)}")

    def _note(self, resource: Resource) -> None:
        self._statuses[resource.meta.uid] = resource.status

    def _once(self, text: str, *, trouble: bool = False, shown: str | None = None) -> None:
        if text != self._told:
            self._told = text
            self.line(shown or text, trouble=trouble)

    def _hint(self, status: Status) -> None:
        """Says how long it may take, and that nobody has to wait for it here."""
        flying = in_state(status, BatchState.SUBMITTED)
        if self._hinted or self._back is None or not flying:
            return
        self._hinted = True
        last = max(record.submitted_at or record.intended_at for record in flying) + LONGEST
        self.line(f"most batches end within an hour; what is not answered by {minute(last)} expires, and is not paid")
        self.line(f"this terminal may be closed: to come back, type  {self._back}")


def of(status: Status) -> str:
    """The work in progress, and since when."""
    flying = in_state(status, BatchState.SUBMITTED)
    requests = sum(record.requests for record in flying)
    since = min(record.submitted_at or record.intended_at for record in flying)
    batches = plural(len(flying), "batch", "batches")
    return f"{batches} of {plural(requests, 'request')} under way since {minute(since)}"
