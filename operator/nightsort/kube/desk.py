"""Between kopf and the flow: parses bodies, knows when each resource is due, and lets one look at a time at each."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from nightsort.api.resource import InvalidResource, Meta, Resource, parse_status
from nightsort.domain.conditions import is_finished
from nightsort.flow.cancel import Farewell
from nightsort.flow.reconcile import Reconciler
from nightsort.flow.refuse import refuse
from nightsort.flow.run import Tools
from nightsort.kube.expiry import Expiry

logger = logging.getLogger(__name__)
SILENCE = timedelta(minutes=2)


class Desk:
    """Schedules live in memory only: after a restart every unfinished resource is looked at once."""

    def __init__(self, tools: Tools, farewell: timedelta) -> None:
        self._tools = tools
        self._reconciler = Reconciler(tools)
        self._farewell = Farewell(tools, farewell)
        self._expiry = Expiry(tools)
        self._ticks: dict[str, datetime] = {}
        self._due: dict[str, tuple[int, datetime | None]] = {}
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def look(self, body: Mapping[str, Any]) -> None:
        """Looks at a resource if it is due, or if its spec has changed since the last look."""
        meta = Meta.of(body)
        self._ticks[meta.uid] = self._tools.clock.now()
        generation, due = self._due.get(meta.uid, (meta.generation, self._tools.clock.now()))
        if generation == meta.generation and (due is None or due > self._tools.clock.now()):
            return
        async with self._locks[meta.uid]:
            seconds = await self._look(meta, body)
            next_due = None if seconds is None else self._tools.clock.now() + timedelta(seconds=seconds)
            self._due[meta.uid] = (meta.generation, next_due)

    async def _look(self, meta: Meta, body: Mapping[str, Any]) -> float | None:
        try:
            resource = Resource.of(body)
        except InvalidResource as invalid:
            return await refuse(self._tools, meta, str(invalid))
        return await self._reconciler.look(resource)

    async def farewell(self, body: Mapping[str, Any]) -> None:
        """Cancels what a deleted resource has running; never takes longer than its deadline."""
        meta = Meta.of(body)
        async with self._locks[meta.uid]:
            await self._farewell.say(meta)
        self.forget(meta.uid)

    def see(self, kind: str | None, body: Mapping[str, Any]) -> None:
        """Takes note of a change, whether by us or by somebody else."""
        uid = str(body["metadata"]["uid"])
        if kind == "DELETED":
            self.forget(uid)
            return
        self._expiry.consider(body)
        if is_finished(parse_status(body)) or body["metadata"].get("deletionTimestamp"):
            self._ticks.pop(uid, None)
        else:
            self._ticks.setdefault(uid, self._tools.clock.now())

    def silent(self) -> list[str]:
        """Unfinished resources whose timer has not rung for so long that it must have died. One under work is not."""
        latest = self._tools.clock.now() - SILENCE
        return [uid for uid, tick in self._ticks.items() if tick < latest and not self._locks[uid].locked()]

    def forget(self, uid: str) -> None:
        self._expiry.forget(uid)
        self._ticks.pop(uid, None)
        self._due.pop(uid, None)
        self._locks.pop(uid, None)
