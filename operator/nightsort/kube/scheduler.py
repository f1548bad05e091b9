"""Between kopf and the flow: parses bodies, knows when each resource is due, and runs one pass at a time for each."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any

from nightsort.api.resource import InvalidResource, Meta, Resource, parse_status
from nightsort.api.status import Status
from nightsort.domain.conditions import is_finished
from nightsort.flow.ending.acknowledge import acknowledge
from nightsort.flow.ending.cancel import Finalizer
from nightsort.flow.ending.refuse import refuse
from nightsort.flow.reconcile import Reconciler
from nightsort.flow.run.services import Services
from nightsort.kube.expiry import Expiry
from nightsort.kube.gauges import ResourceGauges
from nightsort.system.fair_room import FairRoom, Target

logger = logging.getLogger(__name__)
SILENCE = timedelta(minutes=2)
FIRST_LOOKS_PER_SECOND = 100
LOOKS_AT_ONCE = 128
"""Passes at once, of which a single namespace gets 48. A thousand that begin together would delay the answers to their
own writes until these time out."""
LONGEST_REST = 60.0
"""Seconds; far below SILENCE, after which a timer is taken for dead."""
SETTLING_SECONDS = 0.25
"""Seconds until a new resource has its finalizer: an earlier pass would only end in a conflict with that write."""


class ResourceScheduler:
    """Schedules live in memory only: after a restart every unfinished resource is reconciled at once."""

    def __init__(self, services: Services, finalizer_timeout: timedelta) -> None:
        self._services = services
        self._reconciler = Reconciler(services, call=self._call)
        self._finalizer_timeout = finalizer_timeout
        self._expiry = Expiry(services)
        self._gauges = ResourceGauges()
        self._ticks: dict[str, float] = {}
        self._due: dict[str, tuple[int, float | None]] = {}
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._work: dict[str, asyncio.Task[float | None]] = {}
        self.room = FairRoom(LOOKS_AT_ONCE, clock=services.clock.monotonic)
        self._under_way: set[str] = set()
        """Resources whose pass is running, or waits for a place."""
        self._bells: dict[str, asyncio.Event] = {}
        self._called: set[str] = set()
        """Resources that were called during their pass: the next one follows at once."""
        self._turns: dict[str, float] = {}
        """By namespace, the time of its next resource's first turn; only namespaces with turns still to come."""
        self._background: set[asyncio.Task[None]] = set()

    def turn(self, namespace: str) -> float:
        """Seconds until a new resource has its first pass: a few of a namespace at a time.

        No namespace waits behind ten thousand resources of another. The n-th namespace with turns still to come gets
        the n-th part of the pace: a thousand of them together make seven times as much as one.
        """
        now = self._passed()
        self._turns = {each: at for each, at in self._turns.items() if at > now}
        mine = max(self._turns.pop(namespace, now), now + SETTLING_SECONDS)
        self._turns[namespace] = mine + (len(self._turns) + 1) / FIRST_LOOKS_PER_SECOND
        return mine - now

    def _passed(self) -> float:
        """Seconds of a clock that nobody can set: a clock set back would keep every resource from being reconciled."""
        return self._services.clock.monotonic()

    async def reconcile(self, body: Mapping[str, Any], stopped: Callable[[], bool] = lambda: False) -> None:
        """Reconciles a resource if it is due, or if its spec has changed since the last pass."""
        meta = Meta.of(body)
        self._ticks[meta.uid] = self._passed()
        generation, due = self._due.get(meta.uid, (meta.generation, self._passed()))
        if generation == meta.generation and (due is None or due > self._passed()):
            return
        self._under_way.add(meta.uid)
        try:
            async with self.room.place(Target(meta.namespace)):  # before the lock, for which a deletion does not wait
                if not stopped():
                    await self._look_alone(meta, body, stopped)
        finally:
            self._under_way.discard(meta.uid)

    async def _look_alone(self, meta: Meta, body: Mapping[str, Any], stopped: Callable[[], bool]) -> None:
        """One pass at a time for each resource; each resource has a lock of its own."""
        async with self._locks[meta.uid]:
            self._called.discard(meta.uid)
            work = self._work[meta.uid] = asyncio.create_task(self._look(meta, body, stopped))
            try:
                await asyncio.wait({work})
            finally:
                self._work.pop(meta.uid, None)
            if work.cancelled():
                return
            seconds = work.result()
            if seconds is not None and meta.uid in self._called:
                seconds = 0.0
            next_due = None if seconds is None else self._passed() + seconds
            self._due[meta.uid] = (meta.generation, next_due)

    async def rest(self, uid: str, tick: float, stopped: Callable[[], Awaitable[object]]) -> None:
        """Keeps a timer that fires every `tick` seconds from firing again long before its resource is due.

        Each firing costs kopf a third of a millisecond, which adds up for a thousand resources. Ends early when the
        resource has changed, and when the timer must stop.
        """
        _, due = self._due.get(uid, (0, None))
        seconds = due - self._passed() - tick if due is not None else 0.0
        if seconds <= tick:
            return
        bell = self._bells[uid] = asyncio.Event()
        ends = [asyncio.ensure_future(bell.wait()), asyncio.ensure_future(stopped())]
        try:
            await asyncio.wait(ends, timeout=min(seconds, LONGEST_REST), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._bells.pop(uid, None)
            for end in ends:
                end.cancel()

    async def _look(self, meta: Meta, body: Mapping[str, Any], stopped: Callable[[], bool]) -> float | None:
        try:
            resource = Resource.served(body)
        except InvalidResource as invalid:
            return await refuse(self._services, meta, parse_status(body), str(invalid))
        return await self._reconciler.reconcile(resource, stopped)

    async def finalize(self, body: Mapping[str, Any]) -> None:
        """Cancels the running batches of a deleted resource; ends by its deadline, even if a pass hangs."""
        meta = Meta.of(body)
        ends = self._passed() + self._finalizer_timeout.total_seconds()
        if work := self._work.get(meta.uid):
            await asyncio.wait({work}, timeout=self._finalizer_timeout.total_seconds())
            work.cancel()  # no effect on a pass that has ended
        async with self._locks[meta.uid]:
            await Finalizer(self._services, self._reconciler.memory, timedelta(seconds=ends - self._passed())).finalize(
                meta, parse_status(body)
            )
        self.forget(meta.uid)

    def see(self, kind: str | None, body: Mapping[str, Any]) -> None:
        """Notes a change, whether by us or by somebody else."""
        uid = str(body["metadata"]["uid"])
        if kind == "DELETED":
            self.forget(uid)
            return
        self._expiry.consider(body)
        self._wake(uid, int(body["metadata"].get("generation", 1)))
        status = parse_status(body)
        self._gauges.note(uid, status)
        if is_finished(status) or body["metadata"].get("deletionTimestamp"):
            self._ticks.pop(uid, None)
        else:
            self._ticks.setdefault(uid, self._passed())
        if is_finished(status):
            self._reconciler.forget(uid)  # an earlier leader may have ended it; this process does not count that end
            self._acknowledge(Meta.of(body), status)

    def _acknowledge(self, meta: Meta, status: Status) -> None:
        """A finished resource has no timer, but parts of its spec may change, such as how long it is kept."""
        if meta.generation == status.observed_generation or meta.deletion_timestamp is not None:
            return
        task = asyncio.ensure_future(acknowledge(self._services, meta, status))
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    def measure(self) -> None:
        """Reports the present counts to the metrics."""
        self._services.metrics.sees(self._gauges.sight(self._services.clock.now(), self._reconciler.queued()))

    def _wake(self, uid: str, generation: int) -> None:
        """Ends the wait of a resource whose spec has changed, or that is being deleted: both raise its generation."""
        known, _ = self._due.get(uid, (generation, None))
        if known != generation and uid in self._bells:
            self._bells[uid].set()

    def _call(self, uid: str) -> None:
        """Makes a resource due that waits for nothing but its time."""
        generation, due = self._due.get(uid, (0, None))
        if uid in self._work:
            self._called.add(uid)
        if due is not None:
            self._due[uid] = (generation, min(due, self._passed()))
        if uid in self._bells:
            self._bells[uid].set()

    def problems(self) -> list[str]:
        """For the liveness probe: a timer that has died, which kopf itself does not notice."""
        silent = self.silent()
        return [f"{len(silent)} unfinished resources are not looked at any more"] if silent else []

    def silent(self) -> list[str]:
        """Unfinished resources whose timer has been silent for too long to be alive; running ones are alive."""
        latest = self._passed() - SILENCE.total_seconds()
        return [uid for uid, tick in self._ticks.items() if tick < latest and uid not in self._under_way]

    def forget(self, uid: str) -> None:
        self._expiry.forget(uid)
        self._gauges.forget(uid)
        self._reconciler.forget(uid)
        self._ticks.pop(uid, None)
        self._due.pop(uid, None)
        self._called.discard(uid)
        self._locks.pop(uid, None)
