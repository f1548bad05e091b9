"""Works on the resources of a manifest file side by side, until only a person can do more."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from nightsort.api.resource import Resource
from nightsort.api.status import Status
from nightsort.api.waiting import Ends
from nightsort.domain.conditions import STALLED, SUSPENDED, is_finished, is_true
from nightsort.domain.reasons import Reason
from nightsort.domain.record import is_in_flight
from nightsort.flow.reconcile import Reconciler
from nightsort.flow.run.services import Services


class Teller(Protocol):
    """Shows people the state of their resources."""

    def begin(self, resource: Resource) -> None: ...

    def tell(self, resource: Resource, *, trouble: bool = False) -> None: ...


class LocalRunner:
    """Runs resources. A run that waits for a person is given up: nothing outside the file changes during a wait."""

    def __init__(self, services: Services, progress: Teller) -> None:
        self._services = services
        self._progress = progress
        self._bells: dict[str, asyncio.Event] = {}
        self._reconciler = Reconciler(services, call=lambda uid: self._bells[uid].set())
        self._running: set[str] = set()
        self._waiting: set[str] = set()
        self._blocked = False
        self.timed_out = False
        """Whether the last run ended since its time was over."""

    async def run(self, resources: Sequence[Resource], timeout: float | None = None) -> list[Resource]:
        """Runs the resources, for at most `timeout` seconds; returns them in their last state, in the same order."""
        self._running = {resource.meta.key for resource in resources}
        try:
            async with asyncio.timeout(timeout):
                return list(await asyncio.gather(*(self._run(resource) for resource in resources)))
        except TimeoutError:
            self.timed_out = True
            return [await self._load(resource) for resource in resources]

    async def _run(self, resource: Resource) -> Resource:
        newest = await self._load(resource)
        self._progress.begin(newest)
        bell = self._bells[newest.meta.uid] = asyncio.Event()
        while True:
            bell.clear()
            seconds = await self._reconciler.reconcile(newest)
            newest = await self._load(newest)
            missing = seconds is not None and self._waits_in_vain(newest)
            self._progress.tell(newest, trouble=missing)
            if seconds is None or missing:
                self._running.discard(newest.meta.key)
                self._blocked = self._blocked or missing
                return newest
            await self._rest(seconds, bell)

    async def _rest(self, seconds: float, bell: asyncio.Event) -> None:
        """Rests for so many seconds, or until the bell rings."""
        ends = [asyncio.ensure_future(self._services.clock.sleep(seconds)), asyncio.ensure_future(bell.wait())]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for end in ends:
                end.cancel()

    async def _load(self, resource: Resource) -> Resource:
        return await self._services.ledger.load(resource.meta) or resource

    def _waits_in_vain(self, resource: Resource) -> bool:
        if needs_a_person(resource.status):
            return True
        self._waiting.discard(resource.meta.key)
        if has_reason(resource.status, Reason.OVERLAP):
            self._waiting.add(resource.meta.key)
            # All remaining resources wait for one that has been given up.
            return self._blocked and self._waiting >= self._running
        return False


def needs_a_person(status: Status) -> bool:
    if is_finished(status):
        return False
    suspended = is_true(status, SUSPENDED) and not is_in_flight(status)
    passes = status.waiting is not None and status.waiting.ends is Ends.BY_ITSELF
    return suspended or (is_true(status, STALLED) and not passes) or has_reason(status, Reason.SOURCE_MISSING)


def has_reason(status: Status, reason: Reason) -> bool:
    return any(condition.reason == reason for condition in status.conditions)
