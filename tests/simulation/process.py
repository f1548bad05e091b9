"""One process of the operator: its memory, its looks at the resources, its end."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, BinaryIO, TypeVar

from nightsort.api.resource import Meta
from nightsort.api.status import Status
from nightsort.domain.caching_plan import RULES
from nightsort.domain.conditions import is_finished
from nightsort.domain.errors import Conflict, Gone, Interruption
from nightsort.flow.ending.cancel import Finalizer
from nightsort.flow.reconcile import Reconciler
from nightsort.flow.run.services import Services
from nightsort.testing.nearest import indexed
from tests.simulation.chaos import WELL, Blow, Fault, Killed
from tests.simulation.faulty_ports import Connections, EventsDoor, LedgerDoor, ScratchDoor
from tests.simulation.scenario import CACHED
from tests.simulation.sets import SetsDoor

if TYPE_CHECKING:
    from nightsort.domain.answer import Answer
    from nightsort.domain.ticket import Ticket
    from tests.simulation.world import World

T = TypeVar("T")
FAREWELL_SECONDS = 30.0
PIECES = 3
"""In which a body is read."""


class Process:
    """All that it knows is in `services` and `reconciler`, and ends with it."""

    def __init__(self, world: World, number: int) -> None:
        self.world = world
        self.number = number
        self.dead = False
        self.services = Services(
            ledger=LedgerDoor(self, world.truth),
            connections=Connections(self),
            events=EventsDoor(self),
            clock=world.new_clock(),
            new_tag=world.new_tag,
            enqueued_requests=world.scenario.room,
            scratch=ScratchDoor(self),
            places=world.scenario.places,
            index=indexed,
            category_sets=SetsDoor(self),
            caching=RULES if world.scenario.cached is None else CACHED,
        )
        self.blows = 0
        self.disk_faults = 0
        self.services = world.spoil(self.services)
        self.bells: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self.reconciler = Reconciler(self.services, jitter=world.rng.random, call=lambda uid: self.bells[uid].set())
        self.finalizer = Finalizer(self.services, self.reconciler.memory, timedelta(seconds=FAREWELL_SECONDS))

    def start(self) -> None:
        for meta in self.world.created:
            self.attend(meta)

    def attend(self, meta: Meta) -> None:
        self.world.spawn(self._attend(meta))

    async def _attend(self, meta: Meta) -> None:
        """What kopf's timer and the desk do: looks at a resource when it is due, until it is finished or gone."""
        try:
            while not self.dead:
                self.bells[meta.uid].clear()
                seconds = await self._look(meta)
                if seconds is None:
                    return
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.bells[meta.uid].wait(), seconds)
        except Killed:
            pass

    async def _look(self, meta: Meta) -> float | None:
        resource = self.world.watched(meta)
        if resource is None or is_finished(resource.status):
            self.reconciler.forget(meta.uid)
            return None
        if resource.meta.deletion_timestamp is not None:
            return await self._finalize(meta, resource.status)
        self.world.count_look()
        blows, disk_faults = self.blows, self.disk_faults
        before = self.world.oracle.open_intents(meta)
        seconds = await self.reconciler.reconcile(resource)
        if disk_faults < self.disk_faults and blows == self.blows and self.world.is_alone(self):
            self.world.oracle.left_nothing_unsent(meta, before)
        if seconds is None and self.world.is_unsettled(meta):
            return 1.0  # the watch was behind, or its finalizer is due
        return seconds

    async def _finalize(self, meta: Meta, known: Status) -> float | None:
        begun = self.services.clock.now()
        await self.finalizer.finalize(meta, known)
        self.world.oracle.finalizer_took(meta, (self.services.clock.now() - begun).total_seconds())
        self.reconciler.forget(meta.uid)
        self.world.lose(meta)
        return None

    # --- what may happen to a call ---

    async def call(
        self,
        operation: str,
        effect: Callable[[], Awaitable[T]],
        before: Interruption,
        after: Interruption | None = None,
        *,
        about: str = "",
    ) -> T:
        return await self.suffer(self.blow(operation, about), effect, before, after or before)

    def blow(self, operation: str, about: str = "", more: Sequence[Fault] = ()) -> Blow:
        """Draws what happens to a call.

        Raises:
            Killed: the process ends here, or has ended already.
        """
        self.check()
        self.world.limits.count()
        blow = self.world.chaos.blow(operation, more)
        self.blows += blow.fault is not Fault.NONE
        self.world.trace(self.number, operation, about, blow)
        if blow.fault is Fault.KILL_BEFORE:
            self.die()
        return blow

    async def suffer(
        self, blow: Blow, effect: Callable[[], Awaitable[T]], before: Interruption, after: Interruption
    ) -> T:
        if blow.fault in (Fault.BEFORE, Fault.HALF, Fault.CUT):
            raise before
        if blow.fault is Fault.STALL:
            await asyncio.sleep(blow.seconds)  # on its way already: it arrives even if the process ends meanwhile
        try:
            result = await effect()
        except (Conflict, Gone, Interruption) as refused:
            self.world.trace(self.number, "  refused", f"{type(refused).__name__} {refused}", blow)
            raise
        finally:
            self.check()
        if blow.fault is Fault.KILL_AFTER:
            self.die()
        if blow.fault is Fault.AFTER:
            raise after
        if blow.fault is Fault.PAUSE:
            self.world.paused(self, blow.seconds)
            await asyncio.sleep(blow.seconds)
            self.check()
        return result

    async def upload(self, body: BinaryIO, size: int) -> bytes:
        """What is read of a body, in pieces; the process may pause between any two of them.

        No pause is left between the last piece and its way out: nobody could tell that it is too late by then.
        """
        sent = b""
        while piece := body.read(-(-size // PIECES)):
            sent += piece
            blow = self.world.chaos.blow("upload") if len(sent) < size else WELL
            if blow.fault is Fault.PAUSE:
                self.blows += 1
                self.world.trace(self.number, "upload", f"{len(sent)} of {size} bytes", blow)
                self.world.paused(self, blow.seconds)
                await asyncio.sleep(blow.seconds)
                self.check()
        return sent

    async def stream(
        self, operation: str, read: Callable[[], Awaitable[list[Answer]]], away: Interruption, *, about: str = ""
    ) -> list[Answer | Interruption]:
        """The lines that arrive; a stream that breaks off loudly ends with its error."""
        blow = self.blow(operation, about, more=(Fault.HALF, Fault.CUT))
        if blow.fault not in (Fault.HALF, Fault.CUT):
            return list(await self.suffer(blow, read, away, away))
        come = await read()
        arrived: list[Answer | Interruption] = list(come[: self.world.rng.randrange(len(come) + 1)])
        if blow.fault is Fault.HALF:
            return [*arrived, away]
        self.world.cut_short.add(about)
        return arrived

    async def stream_page(self, operation: str, page: Sequence[Ticket], away: Interruption) -> Sequence[Ticket]:
        async def read() -> Sequence[Ticket]:
            return page

        return await self.call(operation, read, away)

    def check(self) -> None:
        if self.dead:
            raise Killed

    def die(self) -> None:
        self.dead = True
        self.world.died(self)
        raise Killed
