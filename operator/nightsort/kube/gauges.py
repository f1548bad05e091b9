"""Counts the watched resources and their batches in flight, for the metrics."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from nightsort.api.batch_record import BatchState
from nightsort.api.status import Status
from nightsort.domain.conditions import COMPLETE, FAILED, HELD, STALLED, SUSPENDED, is_true
from nightsort.domain.resource_stats import ResourceStats
from nightsort.domain.run_state import RunState

PHASES = frozenset({"Pending", "Submitting", "Processing", "Collecting", *RunState})
FIRST = {
    FAILED: RunState.FAILED,
    COMPLETE: RunState.COMPLETE,
    SUSPENDED: RunState.SUSPENDED,
    HELD: RunState.HELD,
    STALLED: RunState.STALLED,
}
"""The first condition that is true decides: by Flux' words a failed or held run is stalled as well."""


@dataclass(frozen=True, slots=True)
class Entry:
    phase: str
    state: RunState
    states: tuple[BatchState, ...] = ()
    since: datetime | None = None
    """The intent time of the oldest batch that may be running."""


class ResourceGauges:
    """The last known state of each resource, by uid."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self._plain: dict[Entry, Entry] = {}

    def note(self, uid: str, status: Status) -> None:
        entry = entry_of(status)
        if not entry.states:
            entry = self._plain.setdefault(entry, entry)  # ten thousand finished resources share a few entries
        self._entries[uid] = entry

    def forget(self, uid: str) -> None:
        self._entries.pop(uid, None)

    def sight(self, now: datetime, queued: int) -> ResourceStats:
        entries = self._entries.values()
        since = min((entry.since for entry in entries if entry.since is not None), default=now)
        return ResourceStats(
            resources=Counter((entry.phase, entry.state.value) for entry in entries),
            batches=Counter(state.value for entry in entries for state in entry.states),
            stalled=sum(entry.state is RunState.STALLED for entry in entries),
            queued=queued,
            oldest_batch=max(now - since, timedelta(0)),
            held=sum(entry.state is RunState.HELD for entry in entries),
        )


def entry_of(status: Status) -> Entry:
    state = next((state for kind, state in FIRST.items() if is_true(status, kind)), RunState.WORKING)
    phase = status.phase if status.phase and status.phase in PHASES else "Pending"
    if state in (RunState.COMPLETE, RunState.FAILED):
        return Entry(phase, state)
    open_ones = [record for record in status.batches if record.state.is_open]
    running = [record.intended_at for record in open_ones if record.state.is_in_flight]
    return Entry(phase, state, tuple(record.state for record in open_ones), min(running, default=None))
